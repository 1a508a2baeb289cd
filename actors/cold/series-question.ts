/** Measures over time, as single events are asked for them. All of it is plain data. */
import type { Term } from '../../src/model/expression.ts';
import type { MeasureOp } from '../../src/model/rollup.ts';
import type { LabelWhere } from './field-sql.ts';

export interface SeriesMeasure {
  /** `rate` is answered as the count or sum that it is of. */
  readonly op: MeasureOp | 'rate' | 'histogram';
  readonly field?: string;
  readonly q?: number;
  /** Of a histogram the edges between them, ascending. */
  readonly buckets?: readonly number[];
  /** Of the heaviest values the field that they are weighed by, and how many are given. */
  readonly by?: string;
  readonly k?: number;
  /** Only of events for which it holds, too. */
  readonly where?: LabelWhere;
}

export interface SeriesQuestion {
  readonly tenant: string;
  readonly stream: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** From each to the next is a step: ascending, from `fromMs` to `toMs`. */
  readonly edges: readonly number[];
  /** Answered instead of steps: runs of them, `[first, end)`. */
  readonly windows?: readonly StepRun[];
  readonly measures: readonly SeriesMeasure[];
  readonly groupBy: readonly string[];
  readonly where?: LabelWhere;
  /** Labels of the series that alone are wanted, as many as `limit` at most. Default: all. */
  readonly only?: readonly (readonly (string | null)[])[];
  readonly limit: number;
  /** By what the term makes of `measures` over the whole range. */
  readonly orderBy: { readonly term: Term; readonly descending: boolean };
  /** Events in all files that are read, whether they are of the range or not. */
  readonly scanRowsMax: number;
}

export interface StepRun {
  readonly first: number;
  readonly end: number;
}

/** What all values of a field weigh, and the heaviest of them. */
export interface FoundTop {
  readonly total: number;
  readonly entries: readonly { readonly value: string; readonly count: number }[];
}

/** A number, or of a histogram how many are in each bucket; null where no event had the field. */
export type FoundValue = number | readonly number[] | FoundTop | null;

export interface FoundSeries {
  /** In the order of `groupBy`. */
  readonly labels: readonly (string | null)[];
  /** Ascending; places of steps, or of windows. */
  readonly steps: readonly number[];
  /** Per measure a value for each of `steps`. */
  readonly values: readonly (readonly FoundValue[])[];
}

/** In whole files. */
export interface FilesRead {
  readonly files: number;
  readonly events: number;
}

/** What is read for a question. */
export interface SeriesScan {
  readonly archived: FilesRead;
  /** Of the log behind the archive, as it is staged. */
  readonly log: FilesRead;
  /** Events times the windows that one is in at most: what `scanRowsMax` bounds. */
  readonly eventsCounted: number;
}

export interface SeriesAnswer extends FilesRead {
  /** The first ones in the asked order. */
  readonly series: readonly FoundSeries[];
  /** Of all. */
  readonly seriesFound: number;
}
