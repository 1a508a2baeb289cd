/** The query side: merges stored rows of many buckets and partitions into the answer's points. */
import type { Measure, RollupDefinition } from '../model/rollup.ts';

export interface Answer {
  /** Null where no event had a value. */
  readonly value: number | null;
  /** Absolute: the true value lies within value ± errorBound (distinct: in 95 % of cases). 0 = exact. */
  readonly errorBound: number;
}

/** The asked measures: `q` only for quantiles. */
export interface AskedMeasure {
  readonly measure: Measure;
  readonly q?: number;
}

/** Accumulates one output step. Output series are small integers that the caller chooses. */
export declare class StepAccumulator {
  constructor(def: RollupDefinition);
  /** True if a merged row had been amended after it was closed. */
  readonly restated: boolean;
  /** `outputOf[partition's series id]` = output series, or -1 for a series that is not wanted. Merges only wanted ones. */
  add(group: number, row: Uint8Array, outputOf: Int32Array): void;
  /** Output series that have events, ascending. */
  series(): number[];
  answer(outputSeries: number, asked: AskedMeasure): Answer;
}
