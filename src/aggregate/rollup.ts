/**
 * One rollup of one tenant in one partition: columns in, rows out. Pure and deterministic: the same blocks in the same
 * order give the same bytes, and `restore` of what was committed gives the same state as never having stopped.
 */
import type { RollupDefinition } from '../model/rollup.ts';
import type { BlockColumns } from './block-columns.ts';

/** Which row of the rollup: all series of one bucket, one column group (0 = scalars, 1.. = sketches). */
export interface RowAt {
  readonly stepMs: number;
  readonly group: number;
  readonly bucketMs: number;
}
export interface StoredRow extends RowAt {
  readonly bytes: Uint8Array;
}
/** `put` replaces the stored row; `merge` must be merged into it (`mergeRows`), or stored if there is none. */
export interface RowChange extends StoredRow {
  readonly mode: 'put' | 'merge';
}
/** A label is null where the event had no such field. Id 0 is the overflow series and is never listed. */
export interface SeriesLabels {
  readonly id: number;
  readonly labels: readonly (string | null)[];
}
/** Rows of a block that did not go the plain way into an open bucket. */
export interface FoldCounts {
  /** Aggregated at arrival time, because `ts` lay too far in the future. */
  readonly clamped: number;
  /** Older than every tier keeps: not aggregated. */
  readonly expired: number;
  /** Not meant for this rollup. */
  readonly filtered: number;
  /** Amended rows that were already closed. */
  readonly late: number;
}
export interface RowRange {
  readonly stepMs: number;
  readonly fromMs: number;
  readonly toMs: number;
}
export interface RollupChanges {
  readonly rows: readonly RowChange[];
  readonly newSeries: readonly SeriesLabels[];
}
export interface CollectRange {
  readonly fromMs: number;
  readonly toMs: number;
  readonly steps: readonly number[];
  readonly groups: readonly number[];
}
export interface Collected {
  /** Absolute: they replace stored rows of the same key. */
  readonly rows: readonly StoredRow[];
  /** To be merged into the stored row, or taken as the row if there is none; never the same key as one of `rows`. */
  readonly deltas: readonly StoredRow[];
  /** Series allocated since the last commit. */
  readonly newSeries: readonly SeriesLabels[];
}
/** What went into the overflow series, for an operator: which dimension has too many values, with examples. */
export interface OverflowReport {
  readonly series: number;
  readonly dimensions: readonly { name: string; refused: number; examples: readonly string[] }[];
}

/** The rows that `RollupState.restore` needs: open finest buckets, and finer rows of open coarser buckets. */
export declare function openRanges(def: RollupDefinition, watermarkMs: number): RowRange[];

/** Rows of this tier with `bucketMs + stepMs <= expiredBeforeMs` may be deleted: past retention and no open coarser bucket needs them. */
export declare function expiredBeforeMs(
  def: RollupDefinition,
  stepMs: number,
  watermarkMs: number,
  nowMs: number,
): number;

export declare class RollupState {
  readonly definition: RollupDefinition;
  /** Bytes of closed rows and late deltas that wait for the next commit: commit early when this grows. */
  readonly pendingBytes: number;
  /** True while a bucket waits for the watermark. */
  readonly waiting: boolean;

  constructor(def: RollupDefinition, watermarkMs?: number);
  /** Right after construction with the committed watermark: all committed series, and the rows of `openRanges`, in any order. */
  restore(series: readonly SeriesLabels[], rows: readonly StoredRow[]): void;
  /**
   * Folds a block: rows with `keep[i] === 0` are left out. `nowMs` is the block's arrival (monotone); `watermarkMs` is the
   * partition's watermark including this block: max over events of min(ts, arrival), lateness not subtracted.
   * Calls `advance(watermarkMs)` itself.
   */
  fold(
    columns: BlockColumns,
    keep: Uint8Array | undefined,
    watermarkMs: number,
    nowMs: number,
  ): FoldCounts;
  /** Moves the clock without a block of this stream (heartbeat, other streams' blocks). Never goes back. */
  advance(watermarkMs: number): void;
  /** Everything changed since `committed`; at most one entry per key. Nothing may be folded before `committed`. */
  changes(): RollupChanges;
  committed(): void;
  collect(range: CollectRange): Collected;
  /** Buckets of this tier that end at or before it are closed. */
  closedToMs(stepMs: number): number;
  overflow(): OverflowReport | undefined;
}
