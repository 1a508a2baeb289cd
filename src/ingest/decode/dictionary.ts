/**
 * The entries of one string column: distinct byte strings found by hash (open addressing over typed arrays, the
 * bytes in an arena), kept from batch to batch so that the steady state of a low-cardinality column inserts nothing.
 *
 * A column whose values hardly repeat (ids, sessions) becomes *plain*: every value is an entry of its own, nothing
 * is looked up, and the entries go with the batch.
 */
import type { Entries } from '../../model/columns.ts';

/**
 * Entries that are found again. More would make the packing of small batches slower, because its stamps span them;
 * fewer would turn columns plain that still repeat. Values past the bound are kept for their batch only.
 */
const ENTRIES_MAX = 65_535;
/** A dictionary below this size is too cheap to give up, whatever its miss rate. */
const ENTRIES_BEFORE_PLAIN = 4096;
/** Lookups after which the miss rate is judged; over a quarter of misses makes the column plain. */
const JUDGED_LOOKUPS = 4096;
/** Batches after which a plain column is tried as a dictionary again, because its data may have changed. */
const PLAIN_BATCHES = 1024;
/** Crafted collisions cost at most this many steps per value; past it a value is not found again. */
const PROBES_MAX = 32;
/** Bytes that may be read and written behind a string, so that copying and comparing go by words. */
const SLACK_BYTES = 8;

export class Dictionary implements Entries {
  count = 0;
  offsets = new Uint32Array(64);
  bytes = new Uint8Array(512);
  plain: boolean;
  readonly #alwaysPlain: boolean;
  #view = new DataView(this.bytes.buffer);
  /** Pairs of a hash and 1 + the index of its entry (0 = free), side by side for the cache; at most half full. */
  #table = new Int32Array(256);
  #lookups = 0;
  #misses = 0;
  #plainBatches = 0;

  constructor(alwaysPlain: boolean) {
    this.#alwaysPlain = alwaysPlain;
    this.plain = alwaysPlain;
  }

  get byteLength(): number {
    return this.offsets[this.count] as number;
  }

  /**
   * Answers 1 + the index of an entry with the bytes `[from, to)` of `source`. `hash` is their `hashBytes`;
   * 3 bytes behind `to` must be readable.
   */
  intern(source: DataView, from: number, to: number, hash: number): number {
    if (this.plain) return this.append(source, from, to);
    this.#lookups++;
    const table = this.#table;
    const mask = table.length - 2;
    let place = (hash << 1) & mask;
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const code = table[place + 1] as number;
      if (code === 0) return this.#insert(source, from, to, hash, place);
      if (table[place] === hash && this.#holds(code - 1, source, from, to)) return code;
      place = (place + 2) & mask;
    }
    this.#misses++;
    return this.append(source, from, to);
  }

  /** Makes an entry that nothing will find again; answers 1 + its index. */
  append(source: DataView, from: number, to: number): number {
    const start = this.offsets[this.count] as number;
    const end = start + to - from;
    if (end + SLACK_BYTES > this.bytes.length) this.#growBytes(end + SLACK_BYTES);
    if (this.count + 2 > this.offsets.length) this.#growOffsets();
    const view = this.#view;
    let out = start;
    let at = from;
    for (; at < to; at += 4, out += 4) view.setInt32(out, source.getInt32(at, true), true);
    this.count++;
    this.offsets[this.count] = end;
    return this.count;
  }

  /** Takes a plain column's newest entry back if `code` is it: an abandoned row leaves no bytes. */
  retract(code: number): void {
    if (this.plain && code !== 0 && code === this.count) this.count--;
  }

  /** Between batches: no code given out before is valid after it. */
  reset(): void {
    if (this.plain) {
      this.count = 0;
      if (!this.#alwaysPlain && ++this.#plainBatches >= PLAIN_BATCHES) this.#turn(false);
      return;
    }
    if (this.#lookups >= JUDGED_LOOKUPS) {
      const missed = this.#misses * 4 > this.#lookups;
      this.#lookups = 0;
      this.#misses = 0;
      if (missed && this.count >= ENTRIES_BEFORE_PLAIN) this.#turn(true);
    }
    if (this.count >= ENTRIES_MAX) this.clear();
  }

  /** Forgets every entry. A clear of the largest table takes some 30 us. */
  clear(): void {
    this.count = 0;
    this.#table.fill(0);
  }

  #turn(plain: boolean): void {
    this.clear();
    this.plain = plain;
    this.#plainBatches = 0;
  }

  #insert(source: DataView, from: number, to: number, hash: number, place: number): number {
    this.#misses++;
    const code = this.append(source, from, to);
    if (code > ENTRIES_MAX) return code;
    this.#table[place] = hash;
    this.#table[place + 1] = code;
    if (code * 4 > this.#table.length) this.#growTable();
    return code;
  }

  /** Compares the first and the last word, which may overlap, before what lies between: most strings are short. */
  #holds(index: number, source: DataView, from: number, to: number): boolean {
    const start = this.offsets[index] as number;
    const length = to - from;
    if ((this.offsets[index + 1] as number) - start !== length) return false;
    const view = this.#view;
    const first = view.getInt32(start, true) ^ source.getInt32(from, true);
    if (length < 4) return (first & ((1 << (length << 3)) - 1)) === 0;
    const last = length - 4;
    const ends = first | (view.getInt32(start + last, true) ^ source.getInt32(from + last, true));
    if (ends !== 0) return false;
    for (let i = 4; i < last; i += 4) {
      if (view.getInt32(start + i, true) !== source.getInt32(from + i, true)) return false;
    }
    return true;
  }

  #growTable(): void {
    const old = this.#table;
    const table = new Int32Array(old.length * 2);
    const mask = table.length - 2;
    for (let i = 0; i < old.length; i += 2) {
      if (old[i + 1] === 0) continue;
      let place = ((old[i] as number) << 1) & mask;
      while (table[place + 1] !== 0) place = (place + 2) & mask;
      table[place] = old[i] as number;
      table[place + 1] = old[i + 1] as number;
    }
    this.#table = table;
  }

  #growBytes(needed: number): void {
    const bytes = new Uint8Array(Math.max(this.bytes.length * 2, needed));
    bytes.set(this.bytes);
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  #growOffsets(): void {
    const offsets = new Uint32Array(this.offsets.length * 2);
    offsets.set(this.offsets);
    this.offsets = offsets;
  }
}
