/**
 * What waits for the next commit beside open buckets: rows of closed buckets (absolute), and late deltas (to be merged
 * into what is stored). At most one entry per key leaves: a delta for a row that waits here itself is merged
 * into it.
 */
import type { BucketFold } from './bucket-fold.ts';
import { mergeRows } from './bucket-row.ts';
import { type FoldPool, type GroupRows, OpenBucket } from './open-bucket.ts';

export interface PendingBucket {
  readonly stepMs: number;
  readonly bucketMs: number;
  readonly mode: 'put' | 'merge';
  /** Encoded when first asked for. */
  rows(): GroupRows;
  /** Of one column group, and only that is encoded. */
  row(group: number): Uint8Array | undefined;
}

/**
 * Deltas that are kept as folds, about 5 KB each at least, the others as bytes. Late events of ordinary clients fall into
 * the last minute or two of seconds; those of a backfill into anything, and may cost more time.
 */
const HOT_DELTAS_MAX = 128;

/** What an entry and a row take in memory beside their content. */
const ENTRY_BYTES = 300;
const ROW_BYTES = 100;

interface Waiting {
  readonly stepMs: number;
  readonly bucketMs: number;
  put: GroupRows | undefined;
  delta: OpenBucket | undefined;
  /** Of the delta, as counted in `bytes`. */
  deltaBytes: number;
}

export class PendingRows {
  /** About what the rows take in memory, without what the last block added to known deltas. */
  bytes = 0;
  readonly #pool: FoldPool;
  readonly #waiting = new Map<string, Waiting>();
  /** Deltas that are folds, the least recently amended first. */
  readonly #hot = new Set<OpenBucket>();

  constructor(pool: FoldPool) {
    this.#pool = pool;
  }

  put(stepMs: number, bucketMs: number, rows: GroupRows): void {
    this.#at(stepMs, bucketMs).put = rows;
    for (const row of rows) this.bytes += row === undefined ? 0 : row.byteLength + ROW_BYTES;
  }

  /** The fold that takes in `events` late events of a bucket, to be filled right away. */
  amend(stepMs: number, bucketMs: number, events: number): BucketFold {
    const waiting = this.#at(stepMs, bucketMs);
    waiting.delta ??= new OpenBucket(bucketMs, this.#pool);
    waiting.delta.restated += events;
    this.#hot.delete(waiting.delta);
    this.#hot.add(waiting.delta);
    const [oldest] = this.#hot;
    if (this.#hot.size > HOT_DELTAS_MAX && oldest !== undefined) this.#cool(oldest);
    const fold = waiting.delta.edit();
    this.bytes += fold.memoryBytes - waiting.deltaBytes;
    waiting.deltaBytes = fold.memoryBytes;
    return fold;
  }

  /** In the order of first change; valid until the next change. */
  all(): PendingBucket[] {
    return Array.from(this.#waiting.values(), (waiting) => ({
      stepMs: waiting.stepMs,
      bucketMs: waiting.bucketMs,
      mode: waiting.put === undefined ? 'merge' : 'put',
      rows: () => this.#rowsOf(waiting),
      row: (group) => this.#rowOf(waiting, group),
    }));
  }

  clear(): void {
    for (const delta of this.#hot) this.#cool(delta);
    this.#waiting.clear();
    this.bytes = 0;
  }

  #rowsOf(waiting: Waiting): GroupRows {
    const { put, delta } = waiting;
    if (delta === undefined) return put ?? [];
    if (put === undefined) return delta.rows();
    this.#cool(delta);
    waiting.put = mergeGroups(put, delta.rows());
    waiting.delta = undefined;
    return waiting.put;
  }

  #rowOf(waiting: Waiting, group: number): Uint8Array | undefined {
    const { put, delta } = waiting;
    if (put === undefined) return delta?.row(group);
    return delta === undefined ? put[group] : this.#rowsOf(waiting)[group];
  }

  #cool(delta: OpenBucket): void {
    delta.release();
    this.#hot.delete(delta);
  }

  #at(stepMs: number, bucketMs: number): Waiting {
    const key = `${stepMs}/${bucketMs}`;
    let waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      waiting = { stepMs, bucketMs, put: undefined, delta: undefined, deltaBytes: 0 };
      this.#waiting.set(key, waiting);
      this.bytes += ENTRY_BYTES;
    }
    return waiting;
  }
}

function mergeGroups(a: GroupRows, b: GroupRows): GroupRows {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, group) => {
    const [first, second] = [a[group], b[group]];
    if (first === undefined || second === undefined) return first ?? second;
    return mergeRows(first, second);
  });
}
