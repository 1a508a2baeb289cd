/**
 * A bucket that is not closed. While events arrive it is a fold; once it has been committed and left alone for a commit
 * interval it is put away as the bytes of its rows, a tenth of the memory, and taken out again by the next straggler.
 * Most of the time that a bucket waits for lateness to pass it waits as bytes.
 */
import { BucketFold } from './bucket-fold.ts';
import { encodeRow, mergeRowInto } from './bucket-row.ts';
import type { RowLayout } from './layout.ts';

/** Lends cleared folds of one layout. */
export interface FoldPool {
  take(): BucketFold;
  give(fold: BucketFold): void;
}
/** By column group; undefined where no series has anything in it. */
export type GroupRows = readonly (Uint8Array | undefined)[];

/** No bytes: no series has anything in the group. */
interface Encoded {
  readonly bytes: Uint8Array | undefined;
}

export class OpenBucket {
  readonly bucketMs: number;
  /** Changed since it was last committed. */
  dirty = false;
  /** How many of its events came after it had been closed: 0 unless it is a late delta. */
  restated = 0;
  readonly #pool: FoldPool;
  #fold: BucketFold | undefined;
  /** What is known of the rows; while there is a fold, as far as it was encoded since the last change. */
  #rows: (Encoded | undefined)[];

  /** Empty, or from committed rows. */
  constructor(bucketMs: number, pool: FoldPool, rows?: GroupRows) {
    this.bucketMs = bucketMs;
    this.#pool = pool;
    this.#rows = rows === undefined ? [] : Array.from(rows, (bytes) => ({ bytes }));
  }

  /** The fold, to be changed by the caller right away. */
  edit(): BucketFold {
    this.#fold ??= this.#thaw();
    this.#rows = [];
    this.dirty = true;
    return this.#fold;
  }

  rows(): GroupRows {
    const groups = this.#fold === undefined ? this.#rows.length : this.#fold.sketches.length + 1;
    return Array.from({ length: groups }, (_, group) => this.row(group));
  }

  /** The row of one column group. Those of sketches cost far more than scalars: who reads counts must not pay for them. */
  row(group: number): Uint8Array | undefined {
    const known = this.#rows[group];
    if (known !== undefined || this.#fold === undefined) return known?.bytes;
    const bytes = encodeRow(this.#fold, group, this.restated);
    this.#rows[group] = { bytes };
    return bytes;
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
    this.#rows.forEach((row, group) => {
      if (row?.bytes !== undefined) mergeRowInto(fold, group, row.bytes);
    });
    return fold;
  }
}

/** Makes folds as they are needed and keeps up to `spareMax` cleared ones. */
export function foldPool(layout: RowLayout, spareMax: number): FoldPool {
  const spare: BucketFold[] = [];
  return {
    take: () => spare.pop() ?? new BucketFold(layout),
    give: (fold) => {
      if (spare.length >= spareMax) return;
      fold.reset();
      spare.push(fold);
    },
  };
}
