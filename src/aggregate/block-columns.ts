/**
 * What folds and dedup read of one block, or of as many rows of a segment, each thing once, however many rollups ask. One
 * instance per partition thread is reused: everything it hands out is valid until the next `load` or `read`.
 */
import type { Block } from '../model/block.ts';
import { BOOLEAN, type Entries } from '../model/columns.ts';
import { BlockSource, type ColumnSource, type Strings } from './column-source.ts';
import { packRegister } from './distinct-sketch.ts';
import { hashEntries, LABEL_SEED } from './hash.ts';
import { normalizeText } from './normalizer.ts';
import { packBins } from './quantile-sketch.ts';

/** A column as strings: per row 0 = absent, else 1 + index of the entry. Several entries may hold equal bytes. */
export interface LabelColumn {
  readonly codes: Uint32Array;
  readonly entries: Entries;
  /** Hash of each entry by `LABEL_SEED`, both lanes. */
  readonly low: Uint32Array;
  readonly high: Uint32Array;
}

/** A column as strings, with their texts: of code 1 and more, cut to `TEXT_LENGTH_MAX`. */
export interface TextColumn {
  readonly codes: Uint32Array;
  readonly text: (code: number) => string;
}

/** UTF-16 units of a text that is kept by its value: longer ones would cost memory in every row that has them. */
export const TEXT_LENGTH_MAX = 256;

/** When each row counts. `minMs` and `maxMs` enclose the times, perhaps not tightly. */
export interface EventTimes {
  readonly values: Float64Array;
  readonly minMs: number;
  readonly maxMs: number;
  /** True if some time lay in the future beyond tolerance and was replaced by the arrival time. */
  readonly clamped: boolean;
}

/** How far a client's clock may be ahead before its events count at their arrival instead. */
export const FUTURE_TOLERANCE_MS = 60_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class BlockColumns {
  #source: ColumnSource | undefined;
  readonly #words = new ArrayPool((length) => new Uint32Array(length));
  readonly #doubles = new ArrayPool((length) => new Float64Array(length));
  readonly #takeWords = (length: number) => this.#words.take(length);
  readonly #takeDoubles = (length: number) => this.#doubles.take(length);
  /** Everything derived from this block so far, by field. */
  readonly #labels = new Map<string, LabelColumn | undefined>();
  /** By field, then code: its text without ids, as far as rows were asked for that have it. */
  readonly #normalized = new Map<string, (string | undefined)[]>();
  readonly #texts = new Map<string, (string | undefined)[]>();
  readonly #numbers = new Map<string, Float64Array | undefined>();
  readonly #bins = new Map<string, Uint32Array | undefined>();
  readonly #registers = new Map<string, Uint32Array | undefined>();
  #times: EventTimes | undefined;
  #timesNowMs = 0;

  load(block: Block): this {
    return this.read(new BlockSource(block));
  }

  /** As `load`, from elsewhere. */
  read(source: ColumnSource): this {
    this.#source = source;
    this.#words.reclaim();
    this.#doubles.reclaim();
    this.#labels.clear();
    this.#normalized.clear();
    this.#texts.clear();
    this.#numbers.clear();
    this.#bins.clear();
    this.#registers.clear();
    this.#times = undefined;
    return this;
  }

  get source(): ColumnSource {
    if (this.#source === undefined) throw new Error('no block has been loaded');
    return this.#source;
  }
  get rows(): number {
    return this.source.rows;
  }

  /** `ts`, or the arrival `nowMs` where it is absent or more than the tolerance ahead. */
  eventTimes(nowMs: number): EventTimes {
    if (this.#times === undefined || this.#timesNowMs !== nowMs) {
      this.#times = this.#readTimes(nowMs);
      this.#timesNowMs = nowMs;
    }
    return this.#times;
  }

  /** The event ids; undefined if no row has one. */
  ids(): LabelColumn | undefined {
    return this.labels('id');
  }

  /** A field of any kind as text: a row's string, number or boolean. Undefined if no row has it. */
  labels(field: string): LabelColumn | undefined {
    return cached(this.#labels, field, () => this.#readLabels(field));
  }

  /**
   * As `labels`, each text without the ids in it (`normalizeText`), and only for `rows[0..count)`: the others' codes mean
   * nothing. A filter may leave few of a block's many texts, and looking at one costs as much as folding its row.
   */
  normalized(field: string, rows: Uint32Array, count: number): LabelColumn | undefined {
    const column = this.labels(field);
    if (column === undefined) return undefined;
    const texts = cached(this.#normalized, field, () => []) ?? [];
    const codes = this.#words.take(this.rows);
    const codeOf = new Map<string, number>();
    for (let j = 0; j < count; j++) {
      const row = rows[j] as number;
      const from = column.codes[row] as number;
      if (from === 0) {
        codes[row] = 0;
        continue;
      }
      texts[from] ??= normalizeText(textOf(column.entries, from - 1));
      const text = texts[from] as string;
      const code = codeOf.get(text) ?? codeOf.size + 1;
      if (code > codeOf.size) codeOf.set(text, code);
      codes[row] = code;
    }
    return this.#hashed(codes, entriesOf([...codeOf.keys()]));
  }

  /** As `labels`, with the texts, each made when it is first asked for. */
  texts(field: string): TextColumn | undefined {
    const column = this.labels(field);
    if (column === undefined) return undefined;
    const { codes, entries } = column;
    const texts = cached(this.#texts, field, () => []) ?? [];
    return {
      codes,
      text: (code) => {
        texts[code] ??= cutText(textOf(entries, code - 1));
        return texts[code];
      },
    };
  }

  /** Numbers of a field, NaN = absent; strings are not numbers. Undefined if no row has one. */
  numbers(field: string): Float64Array | undefined {
    return cached(this.#numbers, field, () => this.source.numbers(field, this.#takeDoubles));
  }

  /** Per row the quantile bin of its number, packed by `packBins`; 0 = absent. */
  bins(field: string): Uint32Array | undefined {
    return cached(this.#bins, field, () => {
      const values = this.numbers(field);
      if (values === undefined) return undefined;
      const out = this.#words.take(this.rows);
      packBins(values, this.rows, out);
      return out;
    });
  }

  /** Per row the HyperLogLog register of its text, packed by `packRegister`; 0 = absent. */
  registers(field: string): Uint32Array | undefined {
    return cached(this.#registers, field, () => {
      const labels = this.labels(field);
      if (labels === undefined) return undefined;
      const { codes, low, high } = labels;
      const count = labels.entries.count;
      const { rows } = this;
      if (count > rows) {
        // Of a dictionary of many blocks: few of its entries are in this one.
        const out = this.#words.take(rows);
        for (let row = 0; row < rows; row++) {
          const i = (codes[row] as number) - 1;
          out[row] = i < 0 ? 0 : packRegister(low[i] as number, high[i] as number);
        }
        return out;
      }
      const ofCode = this.#words.take(count + 1);
      ofCode[0] = 0;
      for (let i = 0; i < count; i++) {
        ofCode[i + 1] = packRegister(low[i] as number, high[i] as number);
      }
      const out = this.#words.take(this.rows);
      for (let row = 0; row < this.rows; row++) {
        out[row] = ofCode[codes[row] as number] as number;
      }
      return out;
    });
  }

  #readTimes(nowMs: number): EventTimes {
    const { rows } = this;
    const { times, tsMinMs, tsMaxMs } = this.source;
    if (times !== undefined) {
      return { values: times, minMs: tsMinMs, maxMs: tsMaxMs, clamped: false };
    }
    const source = this.numbers('ts');
    if (source === undefined) {
      const values = this.#doubles.take(rows).fill(nowMs, 0, rows);
      return { values, minMs: nowMs, maxMs: nowMs, clamped: false };
    }
    const limit = nowMs + FUTURE_TOLERANCE_MS;
    // The header's bounds do not know of absent times: NaN makes no bound.
    const values = source;
    let absent = false;
    let clamped = false;
    if (tsMaxMs > limit || !(tsMinMs <= tsMaxMs) || hasNaN(source, rows)) {
      const out = this.#doubles.take(rows);
      let minMs = nowMs;
      let maxMs = nowMs;
      for (let i = 0; i < rows; i++) {
        let t = source[i] as number;
        if (t > limit) {
          t = nowMs;
          clamped = true;
        } else if (Number.isNaN(t)) {
          t = nowMs;
          absent = true;
        }
        out[i] = t;
        if (t < minMs) minMs = t;
        if (t > maxMs) maxMs = t;
      }
      if (clamped || absent) return { values: out, minMs, maxMs, clamped };
    }
    return { values, minMs: tsMinMs, maxMs: tsMaxMs, clamped: false };
  }

  #readLabels(field: string): LabelColumn | undefined {
    const strings = this.source.strings(field, this.#takeWords);
    const numbers = this.numbers(field);
    const booleans = this.source.booleans(field);
    if (numbers === undefined && booleans === undefined) {
      return strings && this.#withHashes(strings);
    }
    const { rows } = this;
    const codes = strings?.codes ?? this.#words.take(rows).fill(0, 0, rows);
    const entries = appendTexts(codes, strings?.entries ?? NO_ENTRIES, rows, numbers, booleans);
    if (entries === strings?.entries) return this.#withHashes(strings);
    return this.#hashed(codes, entries);
  }

  #withHashes({ codes, entries, hashes }: Strings): LabelColumn {
    return hashes === undefined ? this.#hashed(codes, entries) : { codes, entries, ...hashes };
  }

  #hashed(codes: Uint32Array, entries: Entries): LabelColumn {
    const low = this.#words.take(entries.count);
    const high = this.#words.take(entries.count);
    hashEntries(entries, LABEL_SEED.low, LABEL_SEED.high, low, high);
    return { codes, entries, low, high };
  }
}

const textOf = ({ bytes, offsets }: Entries, index: number): string =>
  decoder.decode(bytes.subarray(offsets[index], offsets[index + 1]));

/**
 * Where that cuts a character in two its half becomes U+FFFD, as it would be when it is written. A copy: V8 keeps the whole text in memory for
 * a slice of it.
 */
export const cutText = (text: string): string =>
  text.length <= TEXT_LENGTH_MAX ? text : Buffer.from(text.slice(0, TEXT_LENGTH_MAX)).toString();

/** Each text an entry of its own. */
export function entriesOf(texts: readonly string[]): Entries {
  const encoded = texts.map((text) => encoder.encode(text));
  const offsets = new Uint32Array(texts.length + 1);
  encoded.forEach((text, i) => {
    offsets[i + 1] = (offsets[i] as number) + text.length;
  });
  return { count: texts.length, offsets, bytes: Buffer.concat(encoded) };
}

const NO_ENTRIES: Entries = { count: 0, offsets: new Uint32Array(1), bytes: new Uint8Array(0) };

/** Gives rows without a string the text of their number or boolean: one entry per different value. */
function appendTexts(
  codes: Uint32Array,
  strings: Entries,
  rows: number,
  numbers: Float64Array | undefined,
  booleans: Uint8Array | undefined,
): Entries {
  const texts: string[] = [];
  const codeOf = new Map<number | boolean, number>();
  for (let i = 0; i < rows; i++) {
    if (codes[i] !== 0) continue;
    const number = numbers?.[i] ?? Number.NaN;
    const boolean = booleans?.[i] ?? BOOLEAN.absent;
    if (Number.isNaN(number) && boolean === BOOLEAN.absent) continue;
    const value = Number.isNaN(number) ? boolean === BOOLEAN.true : number;
    let code = codeOf.get(value);
    if (code === undefined) {
      code = strings.count + texts.push(String(value));
      codeOf.set(value, code);
    }
    codes[i] = code;
  }
  if (texts.length === 0) return strings;
  const added = encoder.encode(texts.join(''));
  const end = strings.offsets[strings.count] as number;
  const bytes = new Uint8Array(end + added.length);
  bytes.set(strings.bytes.subarray(0, end));
  bytes.set(added, end);
  const count = strings.count + texts.length;
  const offsets = new Uint32Array(count + 1);
  offsets.set(strings.offsets.subarray(0, strings.count + 1));
  // The text of a number or boolean is ASCII: its length is its bytes.
  for (let i = 0; i < texts.length; i++) {
    offsets[strings.count + i + 1] =
      (offsets[strings.count + i] as number) + (texts[i] as string).length;
  }
  return { count, offsets, bytes };
}

function hasNaN(values: Float64Array, count: number): boolean {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += values[i] as number;
  return Number.isNaN(sum);
}

function cached<T>(cache: Map<string, T | undefined>, key: string, make: () => T): T | undefined {
  if (cache.has(key)) return cache.get(key);
  const made = make();
  cache.set(key, made);
  return made;
}

/** Arrays that are handed out again after every `reclaim`; as many as the columns of one block needed at most. */
class ArrayPool<T extends Uint32Array | Float64Array> {
  readonly #make: (length: number) => T;
  readonly #arrays: T[] = [];
  #taken = 0;

  constructor(make: (length: number) => T) {
    this.#make = make;
  }

  /** At least `length` long, content undefined. */
  take(length: number): T {
    const index = this.#taken++;
    const known = this.#arrays[index];
    if (known !== undefined && known.length >= length) return known;
    const made = this.#make(Math.max(1024, length + (length >>> 2)));
    this.#arrays[index] = made;
    return made;
  }

  reclaim(): void {
    this.#taken = 0;
  }
}
