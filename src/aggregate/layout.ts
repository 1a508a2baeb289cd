/**
 * Which column group of a rollup's rows holds which measure: 0 = scalars, 1.. = one group each for sketches, and for values that are
 * kept with their times.
 */
import type { Measure, MeasureOp, RollupDefinition, TopMeasure } from '../model/rollup.ts';

/** Scalars of one numeric field. How many events had a number in it is always kept. */
export interface ScalarField {
  readonly field: string;
  readonly sum: boolean;
  readonly min: boolean;
  readonly max: boolean;
}
export type SketchGroup =
  | { readonly op: 'quantile' | 'distinct' | 'first' | 'last'; readonly field: string }
  | TopMeasure;
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
    if (isSketch(measure)) {
      if (!sketches.some((sketch) => answers(sketch, measure))) sketches.push(measure);
      continue;
    }
    const { op, field } = measure;
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

const SKETCH_OPS: ReadonlySet<MeasureOp> = new Set([
  'quantile',
  'distinct',
  'first',
  'last',
  'top',
]);

export const isSketch = (measure: Measure): measure is SketchGroup => SKETCH_OPS.has(measure.op);

/** Whether a sketch that is kept has what the other would have: of the heaviest values at least as many. */
export function answers(kept: SketchGroup, asked: SketchGroup): boolean {
  if (kept.op !== asked.op || kept.field !== asked.field) return false;
  if (kept.op !== 'top' || asked.op !== 'top') return true;
  return kept.by === asked.by && kept.capacity >= asked.capacity;
}

/** The column group that answers the measure; undefined if the rollup does not keep it. `sum` also answers `avg`, and the reverse. */
export function groupOf(def: RollupDefinition, measure: Measure): number | undefined {
  if (measure.op === 'count') return 0;
  const { scalars, sketches } = layoutOf(def);
  if (isSketch(measure)) {
    const at = sketches.findIndex((sketch) => answers(sketch, measure));
    return at < 0 ? undefined : at + 1;
  }
  const { op, field } = measure;
  const scalar = scalars.find((s) => s.field === field);
  return scalar?.[op === 'avg' ? 'sum' : op] === true ? 0 : undefined;
}
