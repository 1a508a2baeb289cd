/** Which column group of a rollup's rows holds which measure: 0 = scalars, 1.. = one group per sketch. */
import type { Measure, RollupDefinition } from '../model/rollup.ts';

/** Scalars of one numeric field. How many events had a number in it is always kept. */
export interface ScalarField {
  readonly field: string;
  readonly sum: boolean;
  readonly min: boolean;
  readonly max: boolean;
}
export interface SketchGroup {
  readonly op: 'quantile' | 'distinct';
  readonly field: string;
}
/** Derived from the definition alone, so that fold, stored rows and query agree on it. Events are always counted. */
export interface RowLayout {
  readonly scalars: readonly ScalarField[];
  /** Sketch `i` is column group `i + 1`. */
  readonly sketches: readonly SketchGroup[];
}

/** Fields and sketches in the order in which the measures first name them. */
export function layoutOf(def: RollupDefinition): RowLayout {
  const scalars = new Map<string, ScalarField>();
  const sketches: SketchGroup[] = [];
  for (const measure of def.measures) {
    if (measure.op === 'count') continue;
    const { op, field } = measure;
    if (op === 'quantile' || op === 'distinct') {
      if (!sketches.some((s) => s.op === op && s.field === field)) sketches.push({ op, field });
      continue;
    }
    const known = scalars.get(field);
    scalars.set(field, {
      field,
      sum: known?.sum === true || op === 'sum' || op === 'avg',
      min: known?.min === true || op === 'min',
      max: known?.max === true || op === 'max',
    });
  }
  return { scalars: [...scalars.values()], sketches };
}

/** The column group that answers the measure; undefined if the rollup does not keep it. `sum` also answers `avg`, and the reverse. */
export function groupOf(def: RollupDefinition, measure: Measure): number | undefined {
  if (measure.op === 'count') return 0;
  const { scalars, sketches } = layoutOf(def);
  const { op, field } = measure;
  if (op === 'quantile' || op === 'distinct') {
    const at = sketches.findIndex((s) => s.op === op && s.field === field);
    return at < 0 ? undefined : at + 1;
  }
  const scalar = scalars.find((s) => s.field === field);
  return scalar?.[op === 'avg' ? 'sum' : op] === true ? 0 : undefined;
}
