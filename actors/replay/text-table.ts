/** Texts of a field from many row groups: their rows get codes into one dictionary. */

import type { Strings } from '../../src/aggregate/column-source.ts';
import { LabelTable } from '../../src/aggregate/label-table.ts';
import type { TextRows } from './segment-rows.ts';

export interface Texts {
  readonly count: number;
  readonly bytes: number;
  /** What codes mean. Stays right for those that were given out before. */
  readonly dictionary: Pick<Strings, 'entries' | 'hashes'>;
  /** Writes the codes of `rows[0..count)` of the column to `out` from `at` on. */
  copy(column: TextRows, rows: Uint32Array, count: number, out: Uint32Array, at: number): void;
}

/** Each different text once, over slices. */
export class TextTable implements Texts {
  readonly #table = new LabelTable();
  #low = new Uint32Array(64);
  #high = new Uint32Array(64);
  /** Of each column that was met: by its code the one here, 0 = not looked up yet. */
  readonly #codes = new WeakMap<TextRows, Uint32Array>();

  get count(): number {
    return this.#table.count;
  }

  get bytes(): number {
    return this.#table.entries.bytes.byteLength;
  }

  get dictionary(): Pick<Strings, 'entries' | 'hashes'> {
    return { entries: this.#table.entries, hashes: { low: this.#low, high: this.#high } };
  }

  copy(column: TextRows, rows: Uint32Array, count: number, out: Uint32Array, at: number): void {
    const { codes } = column;
    let known = this.#codes.get(column);
    if (known === undefined) {
      known = new Uint32Array(column.entries.count + 1);
      this.#codes.set(column, known);
    }
    for (let i = 0; i < count; i++) {
      const code = codes[rows[i] as number] as number;
      // 0 stays 0: its place is never written.
      out[at + i] = (known[code] as number) || (code && this.#add(column, code, known));
    }
  }

  #add({ entries, low, high }: TextRows, code: number, known: Uint32Array): number {
    const hash = low[code - 1] as number;
    let own = this.#table.find(entries, code - 1, hash);
    if (own === 0) {
      own = this.#table.add(entries, code - 1, hash);
      if (own > this.#low.length) this.#grow();
      this.#low[own - 1] = hash;
      this.#high[own - 1] = high[code - 1] as number;
    }
    known[code] = own;
    return own;
  }

  #grow(): void {
    this.#low = grown(this.#low, this.#low.length * 2);
    this.#high = grown(this.#high, this.#high.length * 2);
  }
}

/**
 * Hashes alone, of one slice: where it is only asked how many different texts there are, to look each up would take longer than all
 * else that is done with it. Entries are empty, and texts that are equal have several.
 */
export class TextHashes implements Texts {
  count = 0;
  #low = new Uint32Array(1024);
  #high = new Uint32Array(1024);

  get bytes(): number {
    return this.#low.byteLength + this.#high.byteLength;
  }

  get dictionary(): Pick<Strings, 'entries' | 'hashes'> {
    const { count } = this;
    const entries = { count, offsets: new Uint32Array(count + 1), bytes: new Uint8Array(0) };
    return { entries, hashes: { low: this.#low, high: this.#high } };
  }

  copy(column: TextRows, rows: Uint32Array, count: number, out: Uint32Array, at: number): void {
    const { codes, entries } = column;
    const isShort = entries.count <= count;
    this.#reserve(isShort ? entries.count : count);
    const [low, high] = [this.#low, this.#high];
    const before = this.count;
    if (isShort) {
      low.set(column.low, before);
      high.set(column.high, before);
      this.count += entries.count;
    }
    for (let i = 0; i < count; i++) {
      const code = codes[rows[i] as number] as number;
      if (isShort || code === 0) {
        out[at + i] = code === 0 ? 0 : before + code;
        continue;
      }
      low[this.count] = column.low[code - 1] as number;
      high[this.count] = column.high[code - 1] as number;
      out[at + i] = ++this.count;
    }
  }

  #reserve(more: number): void {
    const length = this.count + more;
    if (length <= this.#low.length) return;
    this.#low = grown(this.#low, Math.max(length, this.#low.length * 2));
    this.#high = grown(this.#high, this.#low.length);
  }
}

function grown(from: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(length);
  to.set(from);
  return to;
}
