/** Measures over time, as single events are asked for them. All of it is plain data. */
import type { MeasureOp } from '../../src/model/rollup.ts';
import type { LabelWhere } from './field-sql.ts';

export interface SeriesMeasure {
  /** `rate` is answered as the count or sum that it is of. */
  readonly op: MeasureOp | 'rate';
  readonly field?: string;
  readonly q?: number;
}

export interface SeriesQuestion {
  readonly tenant: string;
  readonly stream: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
  readonly measures: readonly SeriesMeasure[];
  readonly groupBy: readonly string[];
  readonly where?: LabelWhere;
  readonly limit: number;
  /** `measure` by its place, over the whole range. */
  readonly orderBy: { readonly measure: number; readonly descending: boolean };
  /** Events in all files that are read, whether they are of the range or not. */
  readonly scanRowsMax: number;
}

export interface FoundSeries {
  /** In the order of `groupBy`. */
  readonly labels: readonly (string | null)[];
  /** Ascending; step `i` begins at `fromMs + i * stepMs`. */
  readonly steps: readonly number[];
  /** Per measure a value for each of `steps`; null where no event had the field. */
  readonly values: readonly (readonly (number | null)[])[];
}

export interface SeriesAnswer {
  /** The first ones in the asked order. */
  readonly series: readonly FoundSeries[];
  /** Of all. */
  readonly seriesFound: number;
  /** That were read, and the events in them. */
  readonly files: number;
  readonly events: number;
}
