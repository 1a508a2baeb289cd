/** What the query side is given by the composition root: the partitions, the stored rows, the definitions. */
import type {
  CollectReply,
  CollectRequest,
  LedgerReply,
  LedgerRequest,
  OverflowsReply,
  OverflowsRequest,
  PartialsAnswer,
  PartialsAsk,
  PartialsReply,
  PartialsRequest,
  SeriesLabels,
} from '../../actors/partition/protocol.ts';
import type { RollupDefinition } from '../model/rollup.ts';

export type {
  CollectReply,
  CollectRequest,
  LedgerReply,
  LedgerRequest,
  OverflowsReply,
  OverflowsRequest,
  PartialsAnswer,
  PartialsAsk,
  PartialsReply,
  PartialsRequest,
  SeriesLabels,
};

/** The partitions of this server, wherever their threads are. Partitions count from 0. */
export interface PartitionClient {
  readonly partitions: number;
  /**
   * Rejects with `query_timeout`, with the actor's fault while it restarts, or with `rollup_changing` while it
   * replays what was logged under another definition.
   */
  collect(partition: number, request: CollectRequest, timeoutMs: number): Promise<CollectReply>;
  ledger(partition: number, request: LedgerRequest, timeoutMs: number): Promise<LedgerReply>;
  overflows(
    partition: number,
    request: OverflowsRequest,
    timeoutMs: number,
  ): Promise<OverflowsReply>;
  /** Every block before it is applied and seen by the next `collect`. */
  appliedOffset(partition: number): number;
  /** No durable block of the partition lies at or behind it: what has applied up to it has applied all. */
  endOffset(partition: number): number;
  /** Calls back soon after applied offsets moved, once for many; answers what ends that. Costs nothing unused. */
  onApplied(listener: () => void): () => void;
  /** Absent where this server has all partitions. */
  readonly nodes?: PartitionNodes;
}

/** Where partitions are on several nodes. */
export interface PartitionNodes {
  /** Another number means that the partition came to another node since, or left this one: who has it may have less of it, for a while. */
  ownerEpoch(partition: number): number;
  /** Who has it, as far as is known; undefined: nobody. */
  nodeOf(partition: number): string | undefined;
  /** How old `endOffset` may be. */
  endAgeMs(partition: number): number;
}

/** The partitions as followers of frozen rollups ask them. */
export interface PartialsClient {
  readonly partitions: number;
  readonly nodes?: PartitionNodes;
  /** Rejects with `query_timeout`, or with the actor's fault while it restarts. */
  partials(partition: number, request: PartialsRequest, timeoutMs: number): Promise<PartialsReply>;
}

export interface TierRows {
  readonly partition: number;
  readonly tenant: string;
  readonly rollup: string;
  readonly stepMs: number;
  readonly group: number;
}

export interface RowScan extends TierRows {
  /** Buckets that start in `[fromMs, toMs)`. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** Stretches of rows, each visited once, in their order. */
export interface RowScans {
  /** As `StoredRollups.scanRows`. */
  visit(place: number, visit: (bucketMs: number, row: Uint8Array) => void): Promise<void>;
  /** No more are wanted. */
  close(): void;
}

/** How often rows were written, which only grows: read before the rows are, and the same later, it says that they are the same. */
export interface RowWriteCounts {
  /** Of rows whose buckets begin in `[fromMs, toMs)`. Undefined: they lie elsewhere, and nobody here knows. */
  ofRows(at: TierRows): ((fromMs: number, toMs: number) => number) | undefined;
  /** Of the series of a rollup; undefined as above. */
  ofSeries(partition: number, tenant: string, rollup: string): number | undefined;
  /** How often whole rollups were cleared, here: their series are numbered anew behind it. */
  clears(): number;
}

/** The committed state of all partitions. */
export interface StoredRollups {
  /** Visits rows in ascending time. `row` is only valid during the call. */
  scanRows(scan: RowScan, visit: (bucketMs: number, row: Uint8Array) => void): Promise<void>;
  /** Begins to fetch what is about to be visited. Absent: nothing is far away, and `scanRows` does as well. */
  scans?(scans: readonly RowScan[]): RowScans;
  /** Absent: nobody counts, and what was read is not good for long. */
  readonly writes?: RowWriteCounts | undefined;
  /** Of the first row that has events, at this step. Undefined: there is none. */
  firstBucketMs(
    at: Pick<RowScan, 'partition' | 'tenant' | 'rollup' | 'stepMs'>,
  ): Promise<number | undefined>;
  /** Series with an id above `afterId`, ascending. */
  series(
    partition: number,
    tenant: string,
    rollup: string,
    afterId: number,
  ): Promise<readonly SeriesLabels[]>;
  /**
   * The partition's committed watermark, lateness not subtracted. Undefined while what is committed is not of this
   * definition of the rollup: its rows and series may mean something else.
   */
  watermarkMs(partition: number, rollup: RollupDefinition): Promise<number | undefined>;
}

/** The rollups in effect; a change makes new definition objects. */
export interface RollupCatalog {
  rollups(tenant: string): readonly RollupDefinition[];
  /** Since when it counts the tenant's events; without end in either direction: as long as anybody knows, or not yet. */
  sinceMs(tenant: string, rollup: RollupDefinition): number;
}
