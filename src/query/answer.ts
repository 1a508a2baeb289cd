/** What a timeseries query answers. Plain data, as the API shows it. */
import type { HistogramBucket } from '../aggregate/histogram.ts';
import type { TopEntry } from '../aggregate/top-sketch.ts';
import type { ColumnTexts, PointColumns } from './columns.ts';
import type { PackedSeries } from './packed-series.ts';

export interface Label {
  readonly name: string;
  /** Null where the events had no such field. */
  readonly value: string | null;
}

export interface MeasuredValue {
  /** Null where no event had the field. */
  readonly value: number | null;
  /** The true value lies within value ± errorBound (`distinct`: in 95 % of cases); 0 = exact. */
  readonly errorBound: number;
  /** Of `histogram` alone. */
  readonly buckets?: readonly HistogramBucket[];
  /** Of `top` alone, the heaviest first. */
  readonly entries?: readonly TopEntry[];
}

export interface Point {
  /** Start of the step, epoch ms. */
  readonly t: number;
  /** Where it ends, exclusive. */
  readonly end: number;
  /** In the order of the asked measures and expressions. */
  readonly values: readonly MeasuredValue[];
}

/** How much a point is in memory and on its way, in points of plain numbers. */
export const weightOf = ({ values }: Point): number =>
  values.reduce((sum, { buckets = [], entries = [] }) => sum + buckets.length + entries.length, 1);

export interface Series {
  readonly labels: readonly Label[];
  /** Ascending; a step without events has no point. Of a wide answer they are made when they are read. */
  readonly points: readonly Point[];
  /** Where they can be cut without that, and to be asked for once then: the columns of `points`. */
  readonly columns?: PointColumns;
  /** The same as they lie in the steps of the answer, where they do. */
  readonly packed?: PackedSeries | undefined;
  /** The same as JSON, where most of it may have been written for an earlier answer. */
  readonly columnTexts?: ColumnTexts | undefined;
  /** Where a comparison was asked for: its points, ascending. */
  readonly compared?: readonly ComparedPoint[];
}

export interface ComparedPoint {
  /** Start of the answer's step beside which it stands, epoch ms. */
  readonly t: number;
  /** Start of its own step. */
  readonly before: number;
  readonly values: readonly MeasuredValue[];
}

export type TimeseriesSource = 'ROLLUP' | 'SEGMENTS';

/** What was read for an answer, in whole files. */
export interface Scanned {
  readonly files: number;
  readonly events: number;
}

export interface TimeseriesAnswer {
  /** The range that was answered, `toMs` exclusive: the asked one, rounded outward to the buckets that answered. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
  readonly source: TimeseriesSource;
  /** Which rollup answered, and the step of its buckets. Of segments null, and 1: of events the millisecond is known. */
  readonly rollup: string | null;
  readonly resolutionMs: number;
  /** Why not a rollup, or what the rollup's answer lacks. */
  readonly note: string | null;
  /** Null where no event was read. */
  readonly scanned: Scanned | null;
  /** Events at or before it are all in; null if no partition has said anything yet. */
  readonly watermarkMs: number | null;
  /** The watermark has passed the range and every partition has answered. */
  readonly complete: boolean;
  /** A closed bucket was amended by late events. */
  readonly restated: boolean;
  /** Partitions that did not answer: of them only what was committed is in. */
  readonly missingPartitions: readonly number[];
  /** Of the values of each point. */
  readonly names: readonly string[];
  /** Series that matched, of which `limit` are given. */
  readonly seriesFound: number;
  readonly series: readonly Series[];
  /** What the series are compared with; its points are in them. */
  readonly compared?: Omit<TimeseriesAnswer, 'series'>;
}
