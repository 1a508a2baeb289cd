/** How a timeseries would be answered, without answering it. Plain data, as the API shows it. */
import type { RollupDefinition } from '../model/rollup.ts';
import type { TimeseriesAnswer } from './answer.ts';
import type { SeriesScan } from './cold/cold-port.ts';
import type { ConsideredRollup } from './considered.ts';
import type { Span } from './partition-source.ts';

export interface Explanation {
  /** Null: nobody would answer, for the reason of `problem`. */
  readonly plan: AnswerPlan | null;
  readonly problem: string | null;
  /** Of the stream, in the order in which they are looked at. */
  readonly rollups: readonly ConsideredRollup[];
  /** Where a comparison was asked for, and there is something to compare. */
  readonly compared?: Explanation;
}

/** As of the answer that there would be, and what is read for it. */
export interface AnswerPlan
  extends Pick<
    TimeseriesAnswer,
    'source' | 'note' | 'fromMs' | 'toMs' | 'stepMs' | 'resolutionMs'
  > {
  readonly rollup: RollupDefinition | null;
  /** Of one series. */
  readonly points: number;
  /** Null of segments. */
  readonly rows: RowsPlan | null;
  /** Of a rollup. */
  readonly partitions: readonly PartitionPlan[];
  /** Null of a rollup. */
  readonly segments: (SeriesScan & { readonly eventsAllowed: number }) | null;
}

export interface RowsPlan {
  /** Of all partitions, where each bucket has events: a row has all series of one bucket. */
  readonly readMax: number;
  /** A row is merged for each condition that reads it. */
  readonly mergedMax: number;
  readonly mergedAllowed: number;
}

export interface PartitionPlan {
  readonly partition: number;
  /** Undefined where the server has all partitions, or nobody has this one. */
  readonly node: string | undefined;
  /** As of a `PartitionSource`. */
  readonly answered: boolean;
  readonly isReadable: boolean;
  readonly watermarkMs: number;
  /** Which buckets answer which time, the coarsest and oldest first. */
  readonly spans: readonly (Span & { readonly rowsMax: number })[];
  /** Of buckets that are open or not committed: they come from the partition itself and replace stored ones. */
  readonly changedRows: number;
}
