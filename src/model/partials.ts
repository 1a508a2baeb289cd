/**
 * The rows of frozen rollups as they close: what a follower of all partitions is given. A bucket is handed out once it is
 * closed in every partition, and is then a function of the logs alone, whenever and however often it is asked for.
 */
import type { RollupDefinition } from './rollup.ts';

/** Labels of a group, in the order of the rollup's dimensions; null where the events had no such field. */
export type GroupLabels = readonly (string | null)[];

/** One partition's row of a bucket and column group, for `StepAccumulator.add(group, bytes, outputOf)`. */
export interface PartialRow {
  readonly partition: number;
  /** Column group: 0 = scalars, 1.. = sketches. */
  readonly group: number;
  readonly bytes: Uint8Array;
  /** The partition's series id -> group of the rollup, for every series of this row. */
  readonly outputOf: Int32Array;
}

export interface PartialBucket {
  readonly bucketMs: number;
  /** By partition, then column group: merged in this order, float sums come out the same every time. */
  readonly rows: readonly PartialRow[];
}

/** What has closed of one rollup since the last poll. */
export interface RollupTicks {
  readonly rollup: RollupDefinition;
  /** Buckets that begin at or behind it have every event that was not late; what came before was not counted in full. */
  readonly sinceMs: number;
  /** Every bucket that begins in `[fromMs, closedToMs)` is closed and told of here, once; the two are equal if none is new. */
  readonly fromMs: number;
  readonly closedToMs: number;
  /** Ascending. A bucket of the range that is not among them is empty. */
  readonly buckets: readonly PartialBucket[];
  /**
   * Labels by group, of this and all earlier polls. Which number a group has depends on what was polled when: whatever
   * leaves must be ordered by labels.
   */
  readonly groups: readonly GroupLabels[];
}

/** Follows frozen rollups over all partitions. A partition that does not answer stalls it, and never fails it. */
export interface Partials {
  /**
   * Begins, or begins again, at the bucket of `fromMs`; without it where the rollup itself began, a little before its `sinceMs`. The rollup
   * must be declared with a `tenant` and as `frozen`; until all partitions have its definition nothing closes.
   */
  follow(rollup: RollupDefinition, fromMs?: number): void;
  /**
   * Whoever follows the rollup again, also after a crash, does so from `fromMs` at the earliest: rows that are its retention older may
   * go. Until it is called all are kept, for days.
   */
  release(rollup: string, fromMs: number): void;
  /** Drops what is known of a rollup by its name. */
  forget(rollup: string): void;
  /** Of every followed rollup that has something new. One call at a time. */
  poll(): Promise<readonly RollupTicks[]>;
  /**
   * Closed buckets of a followed rollup that begin in `[fromMs, toMs)`, at any of its steps. Groups are those of the ticks, in
   * `groups` of a later `RollupTicks` or of this answer. Undefined: some partition has not stored all of it yet; ask again.
   */
  history(
    rollup: string,
    stepMs: number,
    fromMs: number,
    toMs: number,
  ): Promise<PartialHistory | undefined>;
}

export interface PartialHistory {
  /** Ascending; a bucket that is missing is empty. */
  readonly buckets: readonly PartialBucket[];
  readonly groups: readonly GroupLabels[];
}
