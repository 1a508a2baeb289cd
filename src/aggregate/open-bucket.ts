/**
 * A bucket that is not closed. While events arrive it is a fold; once it has been committed and left alone for a commit
 * interval it is put away as the bytes of its rows, a tenth of the memory, and taken out again by the next straggler.
 * Most of the time that a bucket waits for lateness to pass it waits as bytes.
 */
import type { BucketFold } from './bucket-fold.ts';
import { encodeRow, mergeRowInto } from './bucket-row.ts';

/** Lends cleared folds of one layout. */
export interface FoldPool {
  take(): BucketFold;
  give(fold: BucketFold): void;
}
/** By column group; undefined where no series has anything in it. */
export type GroupRows = readonly (Uint8Array | undefined)[];

export class OpenBucket {
  readonly bucketMs: number;
  /** Changed since it was last committed. */
  dirty = false;
  readonly #pool: FoldPool;
  #fold: BucketFold | undefined;
  /** What `#fold` encodes to; undefined after a change. */
  #rows: GroupRows | undefined;

  /** Empty, or from committed rows. */
  constructor(bucketMs: number, pool: FoldPool, rows?: GroupRows) {
    this.bucketMs = bucketMs;
    this.#pool = pool;
    this.#rows = rows;
  }

  /** The fold, to be changed by the caller right away. */
  edit(): BucketFold {
    this.#fold ??= this.#thaw();
    this.#rows = undefined;
    this.dirty = true;
    return this.#fold;
  }

  rows(): GroupRows {
    this.#rows ??= this.#fold === undefined ? [] : encodeGroups(this.#fold);
    return this.#rows;
  }

  /** To be called after every commit: what changed stays at hand, what did not is put away. */
  committed(): void {
    if (!this.dirty) this.release();
    this.dirty = false;
  }

  /** Keeps the rows and gives the fold back. */
  release(): void {
    if (this.#fold === undefined) return;
    this.rows();
    this.#pool.give(this.#fold);
    this.#fold = undefined;
  }

  #thaw(): BucketFold {
    const fold = this.#pool.take();
    this.#rows?.forEach((row, group) => {
      if (row !== undefined) mergeRowInto(fold, group, row);
    });
    return fold;
  }
}

/** Every column group of a fold, encoded. */
export function encodeGroups(fold: BucketFold, restated = 0): GroupRows {
  return Array.from({ length: fold.sketches.length + 1 }, (_, group) =>
    encodeRow(fold, group, restated),
  );
}
