/** What a partition actor is told and answers. Plain data: the same messages cross threads. */
import type { OverflowReport } from '../../src/aggregate/series-index.ts';
import type { LoggedBlock } from '../../storage/log/log.ts';

/** Identifies one stored row of a rollup: all series of one bucket, one column group. */
export interface RollupRowKey {
  readonly tenant: string;
  readonly rollup: string;
  readonly stepMs: number;
  /** 0 = scalars; 1.. = the sketch measures in the order of the definition. */
  readonly group: number;
  readonly bucketMs: number;
}

/** A row's absolute content, encoded as it is stored (src/aggregate/bucket-row.ts). */
export interface RollupRow extends RollupRowKey {
  readonly bytes: Uint8Array;
}

/** A series as allocated by its partition. A label is null where the event had no such field. */
export interface SeriesLabels {
  readonly id: number;
  readonly labels: readonly (string | null)[];
}

/** Asks for everything of a rollup that RocksDB may not hold yet. */
export interface CollectRequest {
  readonly tenant: string;
  readonly rollup: string;
  /** `identityOf` its definition: a partition that replays may still be at an older one of the same name. */
  readonly identity: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly steps: readonly number[];
  readonly groups: readonly number[];
}

export interface CollectReply {
  /** Events at or before it are complete; -Infinity before the first event or heartbeat. */
  readonly watermarkMs: number;
  /** Every block before it has been applied to this answer. */
  readonly appliedOffset: number;
  /** Per requested step: buckets that end at or before it are closed and answered at that step. */
  readonly closedToMs: readonly number[];
  /** Rows that changed since the last commit and open buckets: they replace stored rows of the same key. */
  readonly rows: readonly RollupRow[];
  /** Series allocated since the last commit. */
  readonly series: readonly SeriesLabels[];
}

/** Asks for what has closed of a frozen rollup's finest tier. */
export interface PartialsAsk {
  readonly tenant: string;
  readonly rollup: string;
  /** `identityOf` its definition. */
  readonly identity: string;
  /** Buckets that begin before it are not asked for. */
  readonly fromMs: number;
  /** Series up to this id are known to the asker. */
  readonly afterSeries: number;
  /** What the asker, begun again after a crash, reads on from at the earliest: retention counts from there. -Infinity: unknown. */
  readonly neededFromMs: number;
}

/** One message for all rollups, however many there are. */
export interface PartialsRequest {
  readonly asks: readonly PartialsAsk[];
}

export interface PartialsReply {
  /** Every row that closes at this watermark (lateness not subtracted) is stored, of all tiers. */
  readonly committedWatermarkMs: number;
  /** In the order of the asks; undefined for one whose definition is not in effect here, or not yet. */
  readonly answers: readonly (PartialsAnswer | undefined)[];
}

export interface PartialsAnswer {
  /** Another one means that the rollup has begun anew: rows and series of before are gone. */
  readonly generation: number;
  /** Buckets that begin at or behind it have every event that was not late. */
  readonly sinceMs: number;
  /**
   * Buckets that end at or before it are closed. Those that begin at or behind both `fromMs` and `rowsFromMs` are in `rows`,
   * or empty; those before `rowsFromMs` are stored.
   */
  readonly closedToMs: number;
  readonly rowsFromMs: number;
  /** By bucket, then column group. */
  readonly rows: readonly RollupRow[];
  /** Ascending, from `afterSeries` on: all that the rows before `closedToMs` name. */
  readonly series: readonly SeriesLabels[];
  /** Series that there are: the last one's id. */
  readonly seriesCount: number;
}

/** One line of the ledger: what became of the events of a tenant's stream that arrived in one hour. */
export interface LedgerEntry {
  readonly tenant: string;
  readonly stream: string;
  readonly arrivalHourMs: number;
  readonly received: number;
  readonly applied: number;
  readonly duplicate: number;
  readonly rejected: number;
  /** Of the applied: aggregated at arrival time because `ts` lay too far ahead. */
  readonly clamped: number;
  /** Of the applied: older than every kept tier of every rollup. */
  readonly expired: number;
  /** Of the applied: erased since, on request. */
  readonly erased: number;
}

/** How many rows in `[rowFrom, rowTo)` of the block at `offset` were dropped as duplicates. */
export interface VerdictRequest {
  readonly offset: number;
  readonly rowFrom: number;
  readonly rowTo: number;
}

export type PartitionCommand =
  | { readonly type: 'apply'; readonly block: LoggedBlock }
  /** Every block of the partition before it has been sent: nothing is missing, though none of its blocks moved it there. */
  | { readonly type: 'readTo'; readonly offset: number }
  | { readonly type: 'commit' }
  /** Commits, answers, and does nothing more until it is released: then the rollups are loaded as they are stored by that time. */
  | { readonly type: 'hold'; readonly released: Promise<void>; readonly replyTo: Reply<HeldAt> }
  | PartitionQuestion;

export type PartitionQuestion =
  | {
      readonly type: 'collect';
      readonly request: CollectRequest;
      readonly replyTo: Reply<CollectReply>;
    }
  | {
      readonly type: 'partials';
      readonly request: PartialsRequest;
      readonly replyTo: Reply<PartialsReply>;
    }
  | {
      readonly type: 'ledger';
      readonly request: LedgerRequest;
      readonly replyTo: Reply<LedgerReply>;
    }
  | {
      readonly type: 'overflows';
      readonly request: OverflowsRequest;
      readonly replyTo: Reply<OverflowsReply>;
    }
  | { readonly type: 'verdict'; readonly request: VerdictRequest; readonly replyTo: Reply<number> };

/** Where a partition stands still: everything before the position is committed. */
export interface HeldAt {
  readonly position: number;
  /** Lateness is not subtracted; -Infinity before the first event. */
  readonly watermarkMs: number;
}

/** Which of the tenant's rollups have more combinations of labels than series. */
export interface OverflowsRequest {
  readonly tenant: string;
}

/** As long as the partition has been running. */
export interface OverflowsReply {
  readonly overflows: readonly { readonly rollup: string; readonly report: OverflowReport }[];
}

/** Hours that start in `[fromMs, toMs)`. */
export interface LedgerRequest {
  readonly tenant: string;
  readonly fromMs: number;
  readonly toMs: number;
}

export interface LedgerReply {
  readonly entries: readonly LedgerEntry[];
  readonly appliedOffset: number;
  /** Behind the last block that is in the entries: it is committed soon, where that of an idle partition may not be. */
  readonly appliedEnd: number;
}

/** Called once with the answer; a partition that is restarting answers with the error. */
export type Reply<T> = (answer: T | Error) => void;
