/**
 * The newest closed buckets of a frozen rollup's finest tier, kept in memory for whoever follows it: asked every few
 * hundred milliseconds, they are found here long before anybody would have to read the store.
 */
import type { GroupRows } from './open-bucket.ts';

export interface ClosedBucket {
  readonly bucketMs: number;
  readonly rows: GroupRows;
}

/** Beside what is not committed. More let a follower stall longer before it reads the store instead. */
const BUCKETS_KEPT_MAX = 16;
/** What a bucket takes in memory beside its bytes. */
const BUCKET_BYTES = 300;

export class ClosedRows {
  /** Closed buckets that begin at or behind it and are not here are empty; those before it are stored. */
  fromMs: number;
  readonly #stepMs: number;
  /** Ascending, as they closed. */
  readonly #buckets: ClosedBucket[] = [];
  #bytes = 0;
  /** How many of them are stored. */
  #committed = 0;

  constructor(stepMs: number, closedToMs: number) {
    this.#stepMs = stepMs;
    this.fromMs = closedToMs;
  }

  add(bucketMs: number, rows: GroupRows): void {
    this.#buckets.push({ bucketMs, rows });
    this.#bytes += bytesOf(rows);
  }

  /** Everything that was added is stored. */
  committed(): void {
    this.#committed = this.#buckets.length;
  }

  /** Forgets the oldest of what is stored until the rest takes about `bytesMax`. */
  trim(bytesMax: number): void {
    let drop = 0;
    while (drop < this.#committed) {
      const isSmall = this.#bytes <= bytesMax && this.#buckets.length - drop <= BUCKETS_KEPT_MAX;
      if (isSmall) break;
      this.#bytes -= bytesOf((this.#buckets[drop] as ClosedBucket).rows);
      drop++;
    }
    if (drop === 0) return;
    this.fromMs = (this.#buckets[drop - 1] as ClosedBucket).bucketMs + this.#stepMs;
    this.#buckets.splice(0, drop);
    this.#committed -= drop;
  }

  /** Those that begin at or behind `fromMs`, ascending. */
  since(fromMs: number): readonly ClosedBucket[] {
    let at = this.#buckets.length;
    while (at > 0 && (this.#buckets[at - 1] as ClosedBucket).bucketMs >= fromMs) at--;
    return this.#buckets.slice(at);
  }
}

function bytesOf(rows: GroupRows): number {
  return rows.reduce((sum, row) => sum + (row?.byteLength ?? 0), BUCKET_BYTES);
}
