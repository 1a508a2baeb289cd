/**
 * Rows of one row group of a segment, as far as rollups need them: read from our own Parquet, column by column. Texts stay codes
 * into the dictionary that the file has of them, so that no string is made of a row.
 */
import type { FileHandle } from 'node:fs/promises';
import { FUTURE_TOLERANCE_MS } from '../../src/aggregate/block-columns.ts';
import { hashEntries, LABEL_SEED } from '../../src/aggregate/hash.ts';
import type { Entries } from '../../src/model/columns.ts';
import { type ColumnPages, readPages } from '../../storage/parquet/column-pages.ts';
import {
  booleansOf,
  dictionaryOf,
  numbersOf,
  repetitionOf,
  type TextValues,
  textsOf,
} from '../../storage/parquet/column-values.ts';
import type { RowGroup } from '../../storage/parquet/row-groups.ts';
import { numberIn, type SliceField } from './slice-columns.ts';

/** By row, as `ColumnSource` has them: absent is 0, or NaN. Undefined: no row has a value of that kind. */
export interface FieldRows {
  readonly text: TextRows | undefined;
  readonly numbers: Float64Array | undefined;
  readonly booleans: Uint8Array | undefined;
}

/** Entries may be equal; `low` and `high` are their hashes by `LABEL_SEED`. */
export interface TextRows extends TextValues {
  readonly low: Uint32Array;
  readonly high: Uint32Array;
}

export interface SegmentRows {
  readonly rows: number;
  /** When each counts: as `BlockColumns.eventTimes` of the block it came in. */
  readonly times: Float64Array;
  /** Undefined: the file is of one partition. */
  readonly partitions: Float64Array | undefined;
  /** Undefined: they were not asked for. */
  readonly positions: Float64Array | undefined;
  /** In the order of the fields that were asked for. */
  readonly fields: readonly FieldRows[];
  /** About what it takes in memory. */
  readonly bytes: number;
}

/** What is read of a file. */
export interface SegmentColumns {
  readonly fields: readonly SliceField[];
  readonly hasPartitions: boolean;
  readonly hasPositions: boolean;
}

/** Columns of one row group by name, read and decompressed. */
type Pages = ReadonlyMap<string, ColumnPages>;

const REST = 'more';
const REST_KEY = `${REST}.key`;
const REST_VALUE = `${REST}.value`;
const NO_TEXTS: TextValues = {
  codes: new Uint32Array(0),
  entries: { count: 0, offsets: new Uint32Array(1), bytes: new Uint8Array(0) },
};

/** By name. */
export function columnsOf({ fields, hasPartitions, hasPositions }: SegmentColumns): Set<string> {
  const names = new Set(['ts', '_arrival']);
  if (hasPartitions) names.add('_partition');
  if (hasPositions) names.add('_position');
  for (const { text, number, boolean, isInRest } of fields) {
    for (const name of [text, number, boolean]) if (name !== undefined) names.add(name);
    if (isInRest) names.add(REST);
  }
  return names;
}

/** Reads and decompresses; `decodeRows` does the rest, which is this thread's work. */
export async function fetchRows(
  file: FileHandle,
  group: RowGroup,
  columns: SegmentColumns,
): Promise<Pages> {
  const { fields } = columns;
  const pages = new Map<string, ColumnPages>();
  const read = async (name: string): Promise<void> => {
    const place = group.columns.find((each) => nameOf(each.path) === name);
    if (place !== undefined) pages.set(name, await readPages(file, place));
  };
  await Promise.all([...columnsOf(columns)].map((name) => read(name === REST ? REST_KEY : name)));
  const keys = pages.get(REST_KEY);
  if (keys !== undefined && hasAnyKey(keys, fields)) await read(REST_VALUE);
  return pages;
}

export function decodeRows(pages: Pages, rows: number, { fields }: SegmentColumns): SegmentRows {
  const numbers = (name: string | undefined): Float64Array | undefined => {
    const column = name === undefined ? undefined : pages.get(name);
    return column && checked(numbersOf(column), rows);
  };
  const rest = restOf(pages, rows, fields);
  const decoded = fields.map((field): FieldRows => {
    const { isText, isNumber } = field;
    const found = rest.get(field.field);
    const column = field.text === undefined ? undefined : pages.get(field.text);
    const texts = column && textsOf(column);
    if (texts !== undefined) checked(texts.codes, rows);
    const booleans = field.boolean === undefined ? undefined : pages.get(field.boolean);
    return {
      text: isText ? hashed(withRest(texts, found, rows)) : undefined,
      numbers: isNumber
        ? numbersWithRest(numbers(field.number), found, rows)
        : numbers(field.number),
      booleans: booleans && checked(booleansOf(booleans), rows),
    };
  });
  const times = numbers('ts');
  const arrivals = numbers('_arrival');
  if (times === undefined || arrivals === undefined) throw new RangeError('rows without a time');
  const partitions = numbers('_partition');
  const positions = numbers('_position');
  let bytes = 8 * rows;
  for (const values of [partitions, positions]) bytes += values?.byteLength ?? 0;
  for (const field of decoded) bytes += bytesOf(field);
  return {
    ...{ rows, partitions, positions, bytes, fields: decoded },
    times: countedTimes(times, arrivals),
  };
}

/** Overwrites `times`. */
function countedTimes(times: Float64Array, arrivals: Float64Array): Float64Array {
  for (let row = 0; row < times.length; row++) {
    const arrivalMs = arrivals[row] as number;
    if ((times[row] as number) > arrivalMs + FUTURE_TOLERANCE_MS) times[row] = arrivalMs;
  }
  return times;
}

/** Columns have one name, the leaves of `more` are told apart by their last. */
const nameOf = (path: readonly string[]): string =>
  path.length === 1 ? String(path[0]) : `${path[0]}.${path.at(-1)}`;

function checked<T extends { readonly length: number }>(values: T, rows: number): T {
  if (values.length !== rows) throw new RangeError(`${values.length} values for ${rows} rows`);
  return values;
}

/** Whether some row may have one of the fields in `more`: its values are many, and mostly of others. */
function hasAnyKey(keys: ColumnPages, fields: readonly SliceField[]): boolean {
  const entries = dictionaryOf(keys);
  if (entries === undefined) return true;
  const names = new Set(fields.map(({ field }) => field));
  for (let i = 0; i < entries.count; i++) if (names.has(textAt(entries, i))) return true;
  return false;
}

/** What `more` has of each field, by row. */
function restOf(
  pages: Pages,
  rows: number,
  fields: readonly SliceField[],
): ReadonlyMap<string, TextValues> {
  const found = new Map<string, TextValues>();
  const keyPages = pages.get(REST_KEY);
  const valuePages = pages.get(REST_VALUE);
  if (keyPages === undefined || valuePages === undefined) return found;
  const keys = textsOf(keyPages);
  const values = textsOf(valuePages);
  checked(values.codes, keys.codes.length);
  for (const { field, isInRest } of fields) {
    if (isInRest) found.set(field, { codes: new Uint32Array(rows), entries: values.entries });
  }
  const codesOfKey = [undefined, ...textsIn(keys.entries).map((key) => found.get(key)?.codes)];
  const repetition = repetitionOf(keyPages);
  let row = -1;
  for (let i = 0; i < repetition.length; i++) {
    if (repetition[i] === 0) row++;
    const codes = codesOfKey[keys.codes[i] as number];
    if (codes !== undefined && codes[row] === 0) codes[row] = values.codes[i] as number;
  }
  if (row !== rows - 1) throw new RangeError(`${row + 1} maps for ${rows} rows`);
  return found;
}

/** The column's texts, and where it has none, what was found elsewhere. Overwrites the codes. */
function withRest(
  column: TextValues | undefined,
  rest: TextValues | undefined,
  rows: number,
): TextValues {
  const { codes, entries } = column ?? { ...NO_TEXTS, codes: new Uint32Array(rows) };
  if (rest === undefined) return { codes, entries };
  const parts = [entries.bytes.subarray(0, entries.offsets[entries.count])];
  const ends = [...entries.offsets.subarray(0, entries.count + 1)];
  for (let row = 0; row < rows; row++) {
    const code = rest.codes[row] as number;
    if (code === 0 || codes[row] !== 0) continue;
    const part = bytesAt(rest.entries, code - 1);
    parts.push(part);
    ends.push((ends.at(-1) as number) + part.length);
    codes[row] = ends.length - 1;
  }
  const offsets = Uint32Array.from(ends);
  return { codes, entries: { count: ends.length - 1, offsets, bytes: Buffer.concat(parts) } };
}

/** Overwrites the column. */
function numbersWithRest(
  column: Float64Array | undefined,
  rest: TextValues | undefined,
  rows: number,
): Float64Array | undefined {
  if (rest === undefined) return column;
  const numbers = column ?? new Float64Array(rows).fill(Number.NaN);
  for (let row = 0; row < rows; row++) {
    const code = rest.codes[row] as number;
    if (code === 0 || !Number.isNaN(numbers[row])) continue;
    numbers[row] = numberIn(textAt(rest.entries, code - 1));
  }
  return numbers;
}

function hashed({ codes, entries }: TextValues): TextRows | undefined {
  if (entries.count === 0) return undefined;
  const low = new Uint32Array(entries.count);
  const high = new Uint32Array(entries.count);
  hashEntries(entries, LABEL_SEED.low, LABEL_SEED.high, low, high);
  return { codes, entries, low, high };
}

function bytesOf({ text, numbers, booleans }: FieldRows): number {
  const ofText =
    text === undefined
      ? 0
      : text.codes.byteLength + text.entries.bytes.byteLength + 3 * text.low.byteLength;
  return ofText + (numbers?.byteLength ?? 0) + (booleans?.byteLength ?? 0);
}

const bytesAt = ({ bytes, offsets }: Entries, index: number): Uint8Array =>
  bytes.subarray(offsets[index], offsets[index + 1]);

const textAt = (entries: Entries, index: number): string =>
  Buffer.from(bytesAt(entries, index)).toString();

const textsIn = (entries: Entries): string[] =>
  Array.from({ length: entries.count }, (_, i) => textAt(entries, i));
