/**
 * How often rows of rollups, and their series, have been written: counters in memory that all threads share. Who keeps what it has made of
 * rows keeps their count with it, read before the rows were; while the count is the same, so are the rows. The store counts
 * each write before whoever wrote can say that it has, so no answer of a partition is ahead of the counters.
 *
 * A counter is that of a cell: 16 buckets of one partition, rollup, step and column group. Cells whose hashes meet share one, which
 * makes something be read again that has not changed, and never the reverse. Smaller cells would have less read again where time goes on, and take
 * longer to be summed up.
 */
import { ROW_KIND, type RollupRowAt, rollupRowKey, seriesKey } from './keys.ts';
import type { KeyRange, StateOp } from './state.ts';

export const CELL_BUCKETS = 16;
/** Of 4 bytes each. Only cells that are written just now take others with them, a few for each rollup. */
const COUNTERS = 2 ** 17;
/** Counts what may have been anything. */
const ANYTHING = 0;
/** What ends the keys of rows of rollups, behind a name, a step of 4 bytes and a column group of one; and those of series. */
const BUCKET_BYTES = 6;
const SERIES_ID_BYTES = 4;
const TIER_BYTES = 5;

/** What a column group of a tier is called, whatever the bucket. */
export type RowsAt = Omit<RollupRowAt, 'bucketMs'>;

export class RowWrites {
  /** To be handed to other threads. */
  readonly buffer: SharedArrayBuffer;
  /** They wrap around: a count that comes back needs 2^32 writes between two looks. */
  readonly #counters: Int32Array;

  constructor(buffer = new SharedArrayBuffer(COUNTERS * Int32Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#counters = new Int32Array(buffer);
  }

  /** To be called when all of them can be read, or may be. */
  wrote(ops: readonly StateOp[]): void {
    let last = -1;
    for (const { key } of ops) {
      const place = placeOfKey(key);
      // Rows of a commit lie beside each other.
      if (place === undefined || place === last) continue;
      this.#count(place);
      last = place;
    }
  }

  /** As `wrote`, of all rows of a range. */
  cleared({ from, to }: KeyRange): void {
    const place = placeOfRange(from, to);
    if (place !== undefined) this.#count(place);
  }

  /** The count of rows whose buckets begin in `[fromMs, toMs)`. Good for one look: neighbours share what one has read. */
  ofRows(at: RowsAt): (fromMs: number, toMs: number) => number {
    const head = hashOf(rollupRowKey({ ...at, bucketMs: 0 }), BUCKET_BYTES);
    const cellMs = CELL_BUCKETS * at.stepMs;
    const ofTier = this.#countAt(ANYTHING) + this.#countAt(placeOf(head));
    let [first, end, count] = [0, 0, ofTier];
    return (fromMs, toMs) => {
      const [from, to] = [Math.floor(fromMs / cellMs), Math.ceil(toMs / cellMs)];
      if (from === first && to === end) return count;
      [first, end, count] = [from, to, ofTier];
      for (let cell = from; cell < to; cell++) count += this.#countAt(placeOfCell(head, cell));
      return count;
    };
  }

  /** Of ranges that are more than a tier: whole rollups, whose series are numbered anew behind it. */
  clears(): number {
    return this.#countAt(ANYTHING);
  }

  ofSeries(partition: number, tenant: string, rollup: string): number {
    const head = hashOf(seriesKey(partition, tenant, rollup, 0), SERIES_ID_BYTES);
    return this.#countAt(ANYTHING) + this.#countAt(placeOf(head));
  }

  #count(place: number): void {
    Atomics.add(this.#counters, place, 1);
  }

  #countAt(place: number): number {
    return Atomics.load(this.#counters, place);
  }
}

/** Undefined: it is a row of another kind. */
function placeOfKey(key: Uint8Array): number | undefined {
  const kind = key[kindEnd(key) - 1];
  if (kind === ROW_KIND.series) return placeOf(hashOf(key, SERIES_ID_BYTES));
  if (kind !== ROW_KIND.rollup) return undefined;
  const at = key.length - BUCKET_BYTES;
  const stepMs = uintAt(key, at - TIER_BYTES, 4);
  const cell = Math.floor(uintAt(key, at, BUCKET_BYTES) / (CELL_BUCKETS * stepMs));
  return placeOfCell(hashOf(key, BUCKET_BYTES), cell);
}

/** Undefined: it has rows of other kinds alone. */
function placeOfRange(from: Uint8Array, to: Uint8Array): number | undefined {
  const end = kindEnd(from);
  if (end === 0 || !isSameTo(end, from, to)) return ANYTHING;
  const kind = from[end - 1];
  if (kind !== ROW_KIND.series && kind !== ROW_KIND.rollup) return undefined;
  const tierEnd = from.indexOf(0, end) + 1 + TIER_BYTES;
  const isOfOneTier =
    kind === ROW_KIND.rollup &&
    from.length === tierEnd + BUCKET_BYTES &&
    isSameTo(tierEnd, from, to);
  return isOfOneTier ? placeOf(hashOf(from, BUCKET_BYTES)) : ANYTHING;
}

/** Behind partition, tenant and kind; 0 where a key ends before. */
function kindEnd(key: Uint8Array): number {
  const tenantEnd = key.indexOf(0, 2);
  return tenantEnd < 0 || tenantEnd + 2 > key.length ? 0 : tenantEnd + 2;
}

function isSameTo(end: number, a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < end; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Big-endian. */
function uintAt(key: Uint8Array, at: number, bytes: number): number {
  let value = 0;
  for (let i = at; i < at + bytes; i++) value = value * 256 + (key[i] as number);
  return value;
}

/** FNV-1a, of all but the last `tailBytes`. */
function hashOf(key: Uint8Array, tailBytes: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length - tailBytes; i++) {
    hash = Math.imul(hash ^ (key[i] as number), 0x01000193);
  }
  return hash;
}

function placeOfCell(head: number, cell: number): number {
  return placeOf(Math.imul(head ^ cell, 0x9e3779b1));
}

/** The high bits are mixed best. */
const placeOf = (hash: number): number => (hash ^ (hash >>> 15)) & (COUNTERS - 1);
