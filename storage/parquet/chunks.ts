/**
 * The values of one column for one row group, gathered from as many blocks as it takes, then given as pages. No object
 * is made per row, and what is gathered is handed over without a copy.
 */
import { BOOLEAN, type Entries } from '../../src/model/columns.ts';
import {
  constantLevels,
  levelParts,
  packBits,
  packedHead,
  packedLength,
  repeated,
} from './hybrid.ts';
import { PlainStrings } from './plain-strings.ts';

/** A column chunk: perhaps a dictionary, and one data page as parts that lie one behind the other. */
export interface Pages {
  /** Rows; of a map its entries, and one for each row without any. */
  readonly values: number;
  readonly dictionary: { readonly count: number; readonly bytes: Uint8Array } | undefined;
  readonly data: readonly Uint8Array[];
}

export interface Chunk {
  /** One per leaf of the column. Views, valid until `clear`. */
  pages(): Pages[];
  clear(): void;
}

/** A chunk whose rows may lack a value. */
export interface OptionalChunk extends Chunk {
  addAbsent(rows: number): void;
}

/** Definition levels of an optional column: a byte per row, 1 = present. */
class Presence {
  #levels = new Uint8Array(0);
  rows = 0;

  /** Room for that many more rows, to be written by the caller at `rows` and after. */
  grow(rows: number): Uint8Array {
    this.#levels = reserved(this.#levels, this.rows, rows);
    return this.#levels;
  }

  addAbsent(rows: number): void {
    this.grow(rows).fill(0, this.rows, this.rows + rows);
    this.rows += rows;
  }

  parts(present: number): Uint8Array[] {
    if (present === 0 || present === this.rows) {
      return constantLevels(present === 0 ? 0 : 1, this.rows, 1);
    }
    return levelParts(this.#levels, this.rows, 1);
  }
}

/**
 * Strings as indices into the dictionaries of their blocks, one behind the other (equal strings of two blocks stay two
 * entries). Where every row has an entry of its own the dictionary itself is the data.
 */
export class StringChunk implements OptionalChunk {
  readonly #presence = new Presence();
  readonly #entries = new PlainStrings();
  #codes = new Uint32Array(0);
  #present = 0;

  get bytes(): number {
    return this.#entries.length;
  }

  /** Codes as blocks have them: 0 = absent, else 1 + index of the entry. */
  add(codes: Uint32Array, rows: number, entries: Entries): void {
    const base = this.#entries.count - 1;
    this.#entries.add(entries);
    this.#codes = reserved(this.#codes, this.#present, rows);
    const out = this.#codes;
    const levels = this.#presence.grow(rows);
    let row = this.#presence.rows;
    let present = this.#present;
    for (let i = 0; i < rows; i++) {
      const code = codes[i] as number;
      const isPresent = code === 0 ? 0 : 1;
      out[present] = code + base; // overwritten by the next one if this is absent
      present += isPresent;
      levels[row++] = isPresent;
    }
    this.#presence.rows = row;
    this.#present = present;
  }

  addAbsent(rows: number): void {
    this.#presence.addAbsent(rows);
  }

  pages(): Pages[] {
    const levels = this.#presence.parts(this.#present);
    const { count, bytes } = this.#entries;
    const values = this.#presence.rows;
    if (this.#present === 0) return [{ values, dictionary: undefined, data: levels }];
    if (this.#isInOrder()) return [{ values, dictionary: undefined, data: [...levels, bytes] }];
    const indices = indexParts(this.#codes, this.#present, count);
    return [{ values, dictionary: { count, bytes }, data: [...levels, ...indices] }];
  }

  clear(): void {
    this.#presence.rows = 0;
    this.#present = 0;
    this.#entries.clear();
  }

  /** Row by row the next entry: none is used twice or left out. */
  #isInOrder(): boolean {
    if (this.#entries.count !== this.#present) return false;
    for (let i = 0; i < this.#present; i++) if (this.#codes[i] !== i) return false;
    return true;
  }
}

export class DoubleChunk implements OptionalChunk {
  readonly #presence = new Presence();
  #values = new Float64Array(0);
  #present = 0;

  /** NaN = absent. */
  add(values: Float64Array, rows: number): void {
    this.#values = reserved(this.#values, this.#present, rows);
    const out = this.#values;
    const levels = this.#presence.grow(rows);
    let row = this.#presence.rows;
    let present = this.#present;
    for (let i = 0; i < rows; i++) {
      const value = values[i] as number;
      // biome-ignore lint/suspicious/noSelfCompare: NaN is the one value that differs from itself, and a call is dearer
      const isPresent = value === value ? 1 : 0;
      out[present] = value;
      present += isPresent;
      levels[row++] = isPresent;
    }
    this.#presence.rows = row;
    this.#present = present;
  }

  addAbsent(rows: number): void {
    this.#presence.addAbsent(rows);
  }

  pages(): Pages[] {
    const data = [...this.#presence.parts(this.#present), bytesOf(this.#values, this.#present)];
    return [{ values: this.#presence.rows, dictionary: undefined, data }];
  }

  clear(): void {
    this.#presence.rows = 0;
    this.#present = 0;
  }
}

export class BooleanChunk implements OptionalChunk {
  readonly #presence = new Presence();
  #values = new Uint8Array(0);
  #present = 0;

  /** As blocks have them: `BOOLEAN`. */
  add(values: Uint8Array, rows: number): void {
    this.#values = reserved(this.#values, this.#present, rows);
    const levels = this.#presence.grow(rows);
    for (let i = 0; i < rows; i++) {
      const value = values[i] as number;
      levels[this.#presence.rows++] = value === BOOLEAN.absent ? 0 : 1;
      if (value !== BOOLEAN.absent) this.#values[this.#present++] = value === BOOLEAN.true ? 1 : 0;
    }
  }

  addAbsent(rows: number): void {
    this.#presence.addAbsent(rows);
  }

  pages(): Pages[] {
    const bits = packBits(this.#values, this.#present, 1);
    const data = [...this.#presence.parts(this.#present), bits];
    return [{ values: this.#presence.rows, dictionary: undefined, data }];
  }

  clear(): void {
    this.#presence.rows = 0;
    this.#present = 0;
  }
}

/** Required integers: row numbers, and times as milliseconds. */
export class Int32Chunk implements Chunk {
  #values = new Int32Array(0);
  #count = 0;

  add(values: Uint32Array, rows: number): void {
    this.#values = reserved(this.#values, this.#count, rows);
    this.#values.set(values.subarray(0, rows), this.#count);
    this.#count += rows;
  }

  pages(): Pages[] {
    const data = [bytesOf(this.#values, this.#count)];
    return [{ values: this.#count, dictionary: undefined, data }];
  }

  clear(): void {
    this.#count = 0;
  }
}

export class Int64Chunk implements Chunk {
  #words = new Uint32Array(0);
  #count = 0;

  /** Not negative, below 2^53; fractions are cut off. */
  add(values: Float64Array, rows: number): void {
    this.#words = reserved(this.#words, this.#count * 2, rows * 2);
    const out = this.#words;
    let at = this.#count * 2;
    for (let i = 0; i < rows; i++) {
      const value = values[i] as number;
      out[at++] = value;
      out[at++] = value / 2 ** 32;
    }
    this.#count += rows;
  }

  pages(): Pages[] {
    const data = [bytesOf(this.#words, this.#count * 2)];
    return [{ values: this.#count, dictionary: undefined, data }];
  }

  clear(): void {
    this.#count = 0;
  }
}

/** Integers that stay the same for a block: a dictionary entry and a run for each. */
export class RunChunk implements Chunk {
  readonly #words: 1 | 2;
  #values: number[] = [];
  #runs: number[] = [];
  #count = 0;

  constructor(bits: 32 | 64) {
    this.#words = bits === 32 ? 1 : 2;
  }

  /** Not negative, below 2^53. */
  add(value: number, rows: number): void {
    this.#count += rows;
    const last = this.#values.length - 1;
    if (this.#values[last] === value) {
      this.#runs[last] = (this.#runs[last] as number) + rows;
    } else {
      this.#values.push(value);
      this.#runs.push(rows);
    }
  }

  pages(): Pages[] {
    const count = this.#values.length;
    const words = new Uint32Array(count * this.#words);
    this.#values.forEach((value, i) => {
      words[i * this.#words] = value;
      if (this.#words === 2) words[i * 2 + 1] = value / 2 ** 32;
    });
    const width = indexWidth(count);
    const data = [Uint8Array.of(width), ...this.#runs.map((rows, i) => repeated(i, rows, width))];
    return [
      { values: this.#count, dictionary: { count, bytes: bytesOf(words, words.length) }, data },
    ];
  }

  clear(): void {
    this.#values = [];
    this.#runs = [];
    this.#count = 0;
  }
}

/**
 * A map of strings per row, null where it has no entries: `optional group (MAP) { repeated group key_value { required
 * key; required value } }` (parquet-format, LogicalTypes.md, "Maps").
 */
export class MapChunk implements OptionalChunk {
  readonly #keys = new PlainStrings();
  readonly #keyCodes = new Map<string, number>();
  readonly #values = new PlainStrings();
  #codes = new Uint32Array(0);
  /** Two levels a slot: an entry, or a row without one. */
  #repetition = new Uint8Array(0);
  #definition = new Uint8Array(0);
  #slots = 0;

  get bytes(): number {
    return this.#values.length;
  }

  /** The code of a key in this row group. */
  key(name: string): number {
    const known = this.#keyCodes.get(name);
    if (known !== undefined) return known;
    const code = this.#keys.count;
    this.#keyCodes.set(name, code);
    this.#keys.addText(name);
    return code;
  }

  /** An entry with the value `bytes[from, to)`; the first one of a row begins it. */
  add(key: number, bytes: Uint8Array, from: number, to: number, isFirst: boolean): void {
    this.#addSlot(key, isFirst);
    this.#values.addOne(bytes, from, to);
  }

  addText(key: number, value: string, isFirst: boolean): void {
    this.#addSlot(key, isFirst);
    this.#values.addText(value);
  }

  addAbsent(rows: number): void {
    this.#reserve(rows);
    this.#repetition.fill(0, this.#slots, this.#slots + rows);
    this.#definition.fill(0, this.#slots, this.#slots + rows);
    this.#slots += rows;
  }

  pages(): Pages[] {
    const values = this.#slots;
    const levels = [
      ...levelParts(this.#repetition, values, 1),
      ...levelParts(this.#definition, values, 2),
    ];
    const { count, bytes } = this.#keys;
    if (this.#values.count === 0) {
      const pages = { values, dictionary: undefined, data: levels };
      return [pages, pages];
    }
    const indices = indexParts(this.#codes, this.#values.count, count);
    return [
      { values, dictionary: { count, bytes }, data: [...levels, ...indices] },
      { values, dictionary: undefined, data: [...levels, this.#values.bytes] },
    ];
  }

  clear(): void {
    this.#keys.clear();
    this.#keyCodes.clear();
    this.#values.clear();
    this.#slots = 0;
  }

  #addSlot(key: number, isFirst: boolean): void {
    this.#reserve(1);
    const entries = this.#values.count;
    this.#codes = reserved(this.#codes, entries, 1);
    this.#codes[entries] = key;
    this.#repetition[this.#slots] = isFirst ? 0 : 1;
    this.#definition[this.#slots++] = 2;
  }

  #reserve(more: number): void {
    this.#repetition = reserved(this.#repetition, this.#slots, more);
    this.#definition = reserved(this.#definition, this.#slots, more);
  }
}

/** Bits of an index. Whole bytes only, so that packing is a copy. */
const indexWidth = (entries: number): 8 | 16 | 32 =>
  entries <= 2 ** 8 ? 8 : entries <= 2 ** 16 ? 16 : 32;

/** Indices into a dictionary: their width in bits as a byte, then all of them packed. */
function indexParts(codes: Uint32Array, count: number, entries: number): Uint8Array[] {
  const width = indexWidth(entries);
  const Packed = width === 8 ? Uint8Array : width === 16 ? Uint16Array : Uint32Array;
  const packed = new Packed(packedLength(count));
  packed.set(codes.subarray(0, count));
  return [Uint8Array.of(width), packedHead(count), bytesOf(packed, packed.length)];
}

const bytesOf = (
  array: Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array,
  count: number,
) => new Uint8Array(array.buffer, array.byteOffset, count * array.BYTES_PER_ELEMENT);

/** `array` with room for `more` behind its first `used`, which it keeps. */
function reserved<A extends Uint8Array | Uint32Array | Int32Array | Float64Array>(
  array: A,
  used: number,
  more: number,
): A {
  if (used + more <= array.length) return array;
  const Kind = array.constructor as new (length: number) => A;
  const grown = new Kind(Math.max(array.length * 2, used + more, 1024));
  grown.set(array.subarray(0, used));
  return grown;
}
