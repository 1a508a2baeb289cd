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
const PROBES_MAX = 16;
/** Bytes that may be read and written behind a string, so that copying and comparing go by words. */
const SLACK_BYTES = 8;

export class Dictionary implements Entries {
  count = 0;
  offsets = new Uint32Array(64);
  bytes = new Uint8Array(512);
  plain: boolean;
  readonly #alwaysPlain: boolean;
  #view = new DataView(this.bytes.buffer);
  /** Slot -> 1 + index of the entry, 0 = free; at most half full. */
  #table = new Uint32Array(128);
  #hashes = new Int32Array(64);
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
    const mask = this.#table.length - 1;
    let slot = hash & mask;
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const code = this.#table[slot] as number;
      if (code === 0) return this.#insert(source, from, to, hash, slot);
      if (this.#hashes[code - 1] === hash && this.#holds(code - 1, source, from, to)) return code;
      slot = (slot + 1) & mask;
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

  #insert(source: DataView, from: number, to: number, hash: number, slot: number): number {
    this.#misses++;
    const code = this.append(source, from, to);
    if (code > ENTRIES_MAX) return code;
    if (code > this.#hashes.length) {
      const hashes = new Int32Array(this.offsets.length);
      hashes.set(this.#hashes);
      this.#hashes = hashes;
    }
    this.#hashes[code - 1] = hash;
    this.#table[slot] = code;
    if (code * 2 > this.#table.length) this.#growTable();
    return code;
  }

  #holds(index: number, source: DataView, from: number, to: number): boolean {
    const start = this.offsets[index] as number;
    if ((this.offsets[index + 1] as number) - start !== to - from) return false;
    const view = this.#view;
    const apart = start - from;
    let at = from;
    for (const whole = to - 3; at < whole; at += 4) {
      if (view.getInt32(at + apart, true) !== source.getInt32(at, true)) return false;
    }
    if (at === to) return true;
    const mask = (1 << ((to - at) << 3)) - 1;
    return ((view.getInt32(at + apart, true) ^ source.getInt32(at, true)) & mask) === 0;
  }

  #growTable(): void {
    const table = new Uint32Array(this.#table.length * 2);
    const mask = table.length - 1;
    for (const code of this.#table) {
      if (code === 0) continue;
      let slot = (this.#hashes[code - 1] as number) & mask;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = code;
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
