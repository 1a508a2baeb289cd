/**
 * Values of a column's pages as arrays, a place per row; of a map's leaves a place per entry, and one for a row without any. Encodings:
 * those of Parquet version 1, which segments have. Whatever does not fit together is a `RangeError`.
 */
import { BOOLEAN, type Entries } from '../../src/model/columns.ts';
import type { ColumnPages, Page } from './column-pages.ts';
import { onlyValue, readHybrid } from './hybrid-reader.ts';
import { type ColumnPlace, PHYSICAL } from './row-groups.ts';

/** 0 = absent, else 1 + index of the entry; entries may be equal. */
export interface TextValues {
  readonly codes: Uint32Array;
  readonly entries: Entries;
}

// parquet.thrift: Encoding
const ENCODING = { plain: 0, plainDictionary: 2, rleDictionary: 8 } as const;
/** A length before levels and before each string. */
const LENGTH_BYTES = 4;

/** A data page behind its levels; `definition` is undefined where every value is there. */
interface Body {
  readonly page: Page;
  /** Where the first of its values belongs. */
  readonly first: number;
  readonly present: number;
  readonly definition: Uint8Array | undefined;
  /** Where values begin in the page's bytes. */
  readonly at: number;
}

/** NaN = absent. Times in milliseconds. */
export function numbersOf(column: ColumnPages): Float64Array {
  const { place } = column;
  const out = new Float64Array(place.values);
  let dictionary = new Float64Array(0);
  for (const page of column.pages) {
    if (page.isDictionary) {
      dictionary = new Float64Array(page.values);
      readPlainNumbers(place, page.bytes, 0, dictionary);
    }
  }
  for (const body of bodiesOf(column)) {
    const { page, first, present } = body;
    const values = out.subarray(first, first + present);
    if (isIndexed(page)) {
      const codes = new Uint32Array(present);
      readIndices(body, codes, 0, dictionary.length);
      for (let i = 0; i < present; i++) values[i] = dictionary[codes[i] as number] as number;
    } else {
      readPlainNumbers(place, page.bytes, body.at, values);
    }
    spread(out, body, place.definitionMax, Number.NaN);
  }
  return out;
}

export function textsOf(column: ColumnPages): TextValues {
  const { place } = column;
  if (place.physical !== PHYSICAL.byteArray) throw new RangeError(`${place.path} is no text`);
  const codes = new Uint32Array(place.values);
  const texts = new TextReader();
  for (const page of column.pages) if (page.isDictionary) texts.read(page.bytes, 0, page.values);
  const indexed = texts.count;
  for (const body of bodiesOf(column)) {
    const { page, first, present } = body;
    const values = codes.subarray(first, first + present);
    if (isIndexed(page)) {
      readIndices(body, values, 1, indexed);
    } else {
      let code = texts.count;
      texts.read(page.bytes, body.at, present);
      for (let i = 0; i < present; i++) values[i] = ++code;
    }
    spread(codes, body, place.definitionMax, 0);
  }
  return { codes, entries: texts.entries() };
}

/** A byte per row, of `BOOLEAN`. */
export function booleansOf(column: ColumnPages): Uint8Array {
  const { place } = column;
  if (place.physical !== PHYSICAL.boolean) throw new RangeError(`${place.path} is no boolean`);
  const out = new Uint8Array(place.values);
  for (const body of bodiesOf(column)) {
    const { page, first, present, at } = body;
    if (isIndexed(page)) throw new RangeError('booleans have no dictionary');
    if (at + ((present + 7) >>> 3) > page.bytes.length)
      throw new RangeError('booleans are missing');
    for (let i = 0; i < present; i++) {
      const bit = ((page.bytes[at + (i >>> 3)] as number) >>> (i & 7)) & 1;
      out[first + i] = bit === 0 ? BOOLEAN.false : BOOLEAN.true;
    }
    spread(out, body, place.definitionMax, BOOLEAN.absent);
  }
  return out;
}

/** The dictionary of a column of texts; undefined if some value is not in it. */
export function dictionaryOf(column: ColumnPages): Entries | undefined {
  const texts = new TextReader();
  for (const { page, present } of bodiesOf(column)) {
    if (present > 0 && !isIndexed(page)) return undefined;
  }
  for (const page of column.pages) if (page.isDictionary) texts.read(page.bytes, 0, page.values);
  return texts.entries();
}

/** For each place where it says 0 a row begins. */
export function repetitionOf({ place, pages }: ColumnPages): Uint8Array {
  const out = new Uint8Array(place.values);
  let first = 0;
  for (const page of pages) {
    if (page.isDictionary) continue;
    const { all, each } = levelsAt(page, 0, place.repetitionMax);
    if (each === undefined) out.fill(all ?? 0, first, first + page.values);
    else out.set(each, first);
    first += page.values;
  }
  return out;
}

function* bodiesOf({ place, pages }: ColumnPages): Generator<Body> {
  let first = 0;
  for (const page of pages) {
    if (page.isDictionary) continue;
    if (first + page.values > place.values) throw new RangeError('a column has too many values');
    const behind = place.repetitionMax === 0 ? 0 : LENGTH_BYTES + lengthAt(page.bytes, 0);
    const { definitionMax } = place;
    const { end, all, each } = levelsAt(page, behind, definitionMax);
    let present = all === definitionMax ? page.values : 0;
    if (each !== undefined) {
      for (let i = 0; i < each.length; i++) if (each[i] === definitionMax) present++;
    }
    // Levels of zero where none is there.
    const definition = present === page.values ? undefined : (each ?? new Uint8Array(page.values));
    yield { page, first, present, definition, at: end };
    first += page.values;
  }
}

interface PageLevels {
  /** Where they end in the page's bytes. */
  readonly end: number;
  /** That of every value, where it is the same; else `each` has them. */
  readonly all: number | undefined;
  readonly each: Uint8Array | undefined;
}

/** Levels up to `max` of a page, at `at` in its bytes: if `max` is 0 there are none, and they are all 0. */
function levelsAt({ bytes, values }: Page, at: number, max: number): PageLevels {
  if (max === 0) return { end: at, all: 0, each: undefined };
  const from = at + LENGTH_BYTES;
  const end = from + lengthAt(bytes, at);
  if (end > bytes.length) throw new RangeError('levels end too early');
  const bitWidth = 32 - Math.clz32(max);
  const all = onlyValue(bytes, from, end, bitWidth, values);
  if (all !== undefined) return { end, all, each: undefined };
  const each = new Uint8Array(values);
  readHybrid(bytes, from, end, bitWidth, values, each);
  return { end, all, each };
}

function isIndexed({ encoding }: Page): boolean {
  if (encoding === ENCODING.plain) return false;
  if (encoding === ENCODING.rleDictionary || encoding === ENCODING.plainDictionary) return true;
  throw new RangeError(`a page of encoding ${encoding}`);
}

/** Indices below `entries`, each plus `added`. */
function readIndices(
  { page, at, present }: Body,
  out: Uint32Array,
  added: number,
  entries: number,
) {
  if (present === 0) return;
  const { bytes } = page;
  readHybrid(bytes, at + 1, bytes.length, bytes[at] as number, present, out, added);
  let greatest = 0;
  for (let i = 0; i < present; i++) if ((out[i] as number) > greatest) greatest = out[i] as number;
  if (greatest - added >= entries) throw new RangeError('an index lies beyond its dictionary');
}

/** As many as `out` has room for. */
function readPlainNumbers(place: ColumnPlace, bytes: Uint8Array, from: number, out: Float64Array) {
  const width = place.physical === PHYSICAL.int32 ? 4 : 8;
  if (from + out.length * width > bytes.length) throw new RangeError('numbers are missing');
  const view = new DataView(bytes.buffer, bytes.byteOffset + from, out.length * width);
  const { perMs } = place;
  switch (place.physical) {
    case PHYSICAL.double:
      for (let i = 0; i < out.length; i++) out[i] = view.getFloat64(8 * i, true);
      return;
    case PHYSICAL.int32:
      for (let i = 0; i < out.length; i++) out[i] = view.getInt32(4 * i, true);
      return;
    case PHYSICAL.int64:
      for (let i = 0; i < out.length; i++) {
        const value = view.getInt32(8 * i + 4, true) * 2 ** 32 + view.getUint32(8 * i, true);
        out[i] = perMs === 1 ? value : Math.floor(value / perMs);
      }
      return;
    default:
      throw new RangeError(`${place.path} is no number`);
  }
}

/** Moves values that stand one behind the other to where they belong. */
function spread(
  out: Float64Array | Uint32Array | Uint8Array,
  { page, first, present, definition }: Body,
  definitionMax: number,
  absent: number,
): void {
  if (definition === undefined) return;
  let from = first + present;
  for (let i = page.values - 1; i >= 0; i--) {
    out[first + i] = definition[i] === definitionMax ? (out[--from] as number) : absent;
  }
}

/** Strings in Parquet's PLAIN encoding as entries, one behind the other. */
class TextReader {
  count = 0;
  #offsets = new Uint32Array(1);
  #bytes = new Uint8Array(0);

  read(plain: Uint8Array, from: number, count: number): void {
    const room = this.#offsets[this.count] as number;
    const bytes = new Uint8Array(room + plain.length - from);
    bytes.set(this.#bytes.subarray(0, room));
    const offsets = new Uint32Array(this.count + count + 1);
    offsets.set(this.#offsets.subarray(0, this.count + 1));
    let at = from;
    let out = room;
    for (let i = this.count + 1; i < offsets.length; i++) {
      const length = lengthAt(plain, at);
      at += LENGTH_BYTES;
      if (at + length > plain.length) throw new RangeError('a text ends too early');
      if (length > 64) bytes.set(plain.subarray(at, at + length), out);
      else for (let j = 0; j < length; j++) bytes[out + j] = plain[at + j] as number;
      at += length;
      out += length;
      offsets[i] = out;
    }
    this.count += count;
    this.#offsets = offsets;
    this.#bytes = bytes;
  }

  entries(): Entries {
    return { count: this.count, offsets: this.#offsets, bytes: this.#bytes };
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  if (at + LENGTH_BYTES > bytes.length) throw new RangeError('a length is missing');
  const length =
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24);
  if (length < 0) throw new RangeError('a length is negative');
  return length;
}
