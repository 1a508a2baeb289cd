/**
 * Byte strings -> small integers, without a JavaScript string per lookup: open addressing over typed arrays, the bytes
 * in one arena. The owner bounds it by what it adds; looking up adds nothing.
 */
import type { Entries } from '../model/columns.ts';
import { hashEntries, LABEL_SEED } from './hash.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class LabelTable {
  /** Ids are 1..count; 0 means "none". */
  count = 0;
  /** Pairs of hash and id side by side: a miss is seen without a second look elsewhere. Id 0 = empty. */
  #cells = new Uint32Array(128);
  #mask = 63;
  #offsets = new Uint32Array(33);
  #arena = new Uint8Array(512);

  /** The id of entry `index`, or 0. `hash` is its low lane by `LABEL_SEED`. */
  find({ bytes, offsets }: Entries, index: number, hash: number): number {
    const cells = this.#cells;
    const mask = this.#mask;
    const from = offsets[index] as number;
    const length = (offsets[index + 1] as number) - from;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const id = cells[2 * at + 1] as number;
      if (id === 0) return 0;
      if (cells[2 * at] === hash && this.#equals(id, bytes, from, length)) return id;
    }
  }

  /** Adds an entry that `find` did not find. */
  add({ bytes, offsets }: Entries, index: number, hash: number): number {
    if (this.count * 2 > this.#mask) this.#grow();
    const from = offsets[index] as number;
    const length = (offsets[index + 1] as number) - from;
    const start = this.#offsets[this.count] as number;
    if (start + length > this.#arena.length) {
      const grown = new Uint8Array(Math.max(this.#arena.length * 2, start + length));
      grown.set(this.#arena);
      this.#arena = grown;
    }
    this.#arena.set(bytes.subarray(from, from + length), start);
    const id = ++this.count;
    this.#offsets[id] = start + length;
    this.#place(id, hash);
    return id;
  }

  /** `find`, else `add`, for one text. */
  intern(text: string): number {
    const bytes = encoder.encode(text);
    const entries = { count: 1, offsets: new Uint32Array([0, bytes.length]), bytes };
    const low = new Uint32Array(1);
    hashEntries(entries, LABEL_SEED.low, LABEL_SEED.high, low, new Uint32Array(1));
    const hash = low[0] as number;
    return this.find(entries, 0, hash) || this.add(entries, 0, hash);
  }

  /** All of them, in the order of their ids. What is added later is not in it. */
  get entries(): Entries {
    return { count: this.count, offsets: this.#offsets, bytes: this.#arena };
  }

  text(id: number): string {
    return decoder.decode(this.#arena.subarray(this.#offsets[id - 1], this.#offsets[id]));
  }

  #equals(id: number, bytes: Uint8Array, from: number, length: number): boolean {
    const start = this.#offsets[id - 1] as number;
    if ((this.#offsets[id] as number) - start !== length) return false;
    const arena = this.#arena;
    for (let i = 0; i < length; i++) if (arena[start + i] !== bytes[from + i]) return false;
    return true;
  }

  #place(id: number, hash: number): void {
    const mask = this.#mask;
    let at = hash & mask;
    while (this.#cells[2 * at + 1] !== 0) at = (at + 1) & mask;
    this.#cells[2 * at] = hash;
    this.#cells[2 * at + 1] = id;
  }

  #grow(): void {
    const old = this.#cells;
    this.#cells = new Uint32Array(old.length * 2);
    this.#mask = old.length - 1;
    for (let i = 0; i < old.length; i += 2) {
      if (old[i + 1] !== 0) this.#place(old[i + 1] as number, old[i] as number);
    }
    const offsets = new Uint32Array(old.length);
    offsets.set(this.#offsets);
    this.#offsets = offsets;
  }
}
