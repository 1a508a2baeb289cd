/**
 * Which stored series each measure counts: those of the query's condition, and of them those of the measure's own. Measures
 * of equal conditions share one; what a condition keeps is merged apart from what others keep.
 */
import type { RollupDefinition } from '../model/rollup.ts';
import { remainingWhere } from './coverage.ts';
import type { MeasureRequest } from './request.ts';
import { compileWhere, type LabelTest, type Where } from './where.ts';

export interface Condition {
  readonly keeps: LabelTest;
  /** The column groups that it is merged for. */
  readonly groups: readonly number[];
}

export interface Conditions {
  /** The first is the query's own, and decides which points there are; the others keep parts of what it keeps. */
  readonly conditions: readonly Condition[];
  /** Per measure its place in `conditions`. */
  readonly conditionOf: readonly number[];
}

/** @param groups the column group of each measure */
export function conditionsOf(
  rollup: RollupDefinition,
  where: Where | undefined,
  measures: readonly MeasureRequest[],
  groups: readonly number[],
): Conditions {
  const wheres: (Where | undefined)[] = [where];
  const places = new Map<string, number>();
  const conditionOf = measures.map((measure) => {
    if (measure.where === undefined) return 0;
    const key = JSON.stringify(measure.where);
    const place = places.get(key) ?? wheres.push(measure.where) - 1;
    places.set(key, place);
    return place;
  });
  const conditions = wheres.map((each, place): Condition => {
    const used = groups.filter((_, i) => conditionOf[i] === place);
    // Events are always counted: a group of a sketch leaves out series without a value, which have points all the same.
    if (place === 0 && wheres.length > 1) used.push(0);
    return {
      keeps: compileWhere(remainingWhere(rollup, each), rollup.dimensions),
      groups: [...new Set(used)],
    };
  });
  return { conditions, conditionOf };
}
