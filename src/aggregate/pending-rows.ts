/**
 * Rows that wait for the next commit: of closed buckets (absolute), and late deltas (to be merged into what is
 * stored). At most one entry per key leaves: a delta for a row that waits here itself is merged into it.
 */
import { mergeRows } from './bucket-row.ts';
import type { GroupRows } from './open-bucket.ts';

export interface PendingBucket {
  readonly stepMs: number;
  readonly bucketMs: number;
  readonly mode: 'put' | 'merge';
  /** Merged when first asked for. */
  rows(): GroupRows;
}

/** Delta rows of one bucket that are kept apart before they are merged: merging each by itself would be quadratic. */
const PIECES_MAX = 16;

interface Waiting {
  readonly stepMs: number;
  readonly bucketMs: number;
  put: GroupRows | undefined;
  pieces: GroupRows[];
}

export class PendingRows {
  /** About what the rows take in memory. */
  bytes = 0;
  readonly #waiting = new Map<string, Waiting>();

  put(stepMs: number, bucketMs: number, rows: GroupRows): void {
    this.#at(stepMs, bucketMs).put = rows;
    this.bytes += sizeOf(rows);
  }

  merge(stepMs: number, bucketMs: number, rows: GroupRows): void {
    const waiting = this.#at(stepMs, bucketMs);
    waiting.pieces.push(rows);
    this.bytes += sizeOf(rows);
    if (waiting.pieces.length >= PIECES_MAX) this.#collapse(waiting);
  }

  /** In the order of first change; valid until the next change. */
  all(): PendingBucket[] {
    return Array.from(this.#waiting.values(), (waiting) => ({
      stepMs: waiting.stepMs,
      bucketMs: waiting.bucketMs,
      mode: waiting.put === undefined ? 'merge' : 'put',
      rows: () => this.#collapse(waiting),
    }));
  }

  clear(): void {
    this.#waiting.clear();
    this.bytes = 0;
  }

  /** Makes one of all that waits for a row. */
  #collapse(waiting: Waiting): GroupRows {
    const { put, pieces } = waiting;
    const all = put === undefined ? pieces : [put, ...pieces];
    const merged = mergeGroups(all);
    if (all.length === 1) return merged;
    this.bytes += sizeOf(merged) - all.reduce((sum, rows) => sum + sizeOf(rows), 0);
    waiting.put = put === undefined ? undefined : merged;
    waiting.pieces = put === undefined ? [merged] : [];
    return merged;
  }

  #at(stepMs: number, bucketMs: number): Waiting {
    const key = `${stepMs}/${bucketMs}`;
    let waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      waiting = { stepMs, bucketMs, put: undefined, pieces: [] };
      this.#waiting.set(key, waiting);
      this.bytes += 200; // the entry itself
    }
    return waiting;
  }
}

function mergeGroups(pieces: readonly GroupRows[]): GroupRows {
  const [first, ...others] = pieces;
  if (first === undefined || others.length === 0) return first ?? [];
  const groups = Math.max(...pieces.map((piece) => piece.length));
  return Array.from({ length: groups }, (_, group) => {
    const [head, ...tail] = pieces.flatMap((piece) => piece[group] ?? []);
    return head === undefined ? undefined : mergeRows(head, ...tail);
  });
}

function sizeOf(rows: GroupRows): number {
  return rows.reduce((sum, row) => sum + (row === undefined ? 0 : row.byteLength + 100), 0);
}
