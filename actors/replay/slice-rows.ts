/** The rows of a slice: gathered from row groups, put into the order of partition and time, and given as batches. */
import { setImmediate as turn } from 'node:timers/promises';
import type { KeyOrder } from './key-order.ts';
import { BATCH_ROWS } from './limits.ts';
import type { RowBatch } from './row-batch.ts';
import type { GroupRows } from './segment-groups.ts';
import type { FieldRows } from './segment-rows.ts';
import type { Slice } from './slices.ts';
import { type Texts, TextTable } from './text-table.ts';

type Values = Uint32Array | Float64Array | Uint8Array;

/** Values of one kind, by row; `absent` where a row has none. */
export class SliceColumn<T extends Values> {
  values: T;
  /** Some row of the slice may have a value; else what is in `values` means nothing. */
  isThere = false;
  readonly #make: (length: number) => T;
  readonly #absent: number;

  constructor(make: (length: number) => T, absent: number) {
    this.values = make(0);
    this.#make = make;
    this.#absent = absent;
  }

  /** Room for more behind the first `at`, to be written by the caller. */
  reserve(at: number, capacity: number): T {
    if (this.values.length < capacity) {
      const grown = this.#make(capacity);
      grown.set(this.values);
      this.values = grown;
    }
    if (!this.isThere) this.values.fill(this.#absent, 0, at);
    this.isThere = true;
    return this.values;
  }

  addAbsent(at: number, count: number, capacity: number): void {
    if (this.isThere) this.reserve(at, capacity).fill(this.#absent, at, at + count);
  }
}

export class FieldColumns {
  texts: Texts = new TextTable();
  readonly codes = new SliceColumn((length) => new Uint32Array(length), 0);
  readonly numbers = new SliceColumn((length) => new Float64Array(length), Number.NaN);
  readonly booleans = new SliceColumn((length) => new Uint8Array(length), 0);

  clear(texts: Texts): void {
    this.texts = texts;
    for (const column of [this.codes, this.numbers, this.booleans]) column.isThere = false;
  }

  /** Adds `rows[0..count)` of a row group behind the first `at`. */
  add(from: FieldRows, rows: Uint32Array, count: number, at: number, capacity: number): void {
    const { text, numbers, booleans } = from;
    if (text === undefined) this.codes.addAbsent(at, count, capacity);
    else this.texts.copy(text, rows, count, this.codes.reserve(at, capacity), at);
    if (numbers === undefined) this.numbers.addAbsent(at, count, capacity);
    else pick(numbers, rows, 0, count, this.numbers.reserve(at, capacity), at);
    if (booleans === undefined) this.booleans.addAbsent(at, count, capacity);
    else pick(booleans, rows, 0, count, this.booleans.reserve(at, capacity), at);
  }
}

export class SliceRows {
  count = 0;
  readonly fields: readonly FieldColumns[];
  #slice: Slice = { fromMs: 0, toMs: 0 };
  /** Partition and time as one number: `partition * span + time - fromMs`. */
  #keys = new Float64Array(0);

  constructor(fields: number) {
    this.fields = Array.from({ length: fields }, () => new FieldColumns());
  }

  /** For another slice, with tables of each field's texts. */
  clear(slice: Slice, texts: readonly Texts[]): void {
    this.#slice = slice;
    this.count = 0;
    for (const [i, field] of this.fields.entries()) field.clear(texts[i] as Texts);
  }

  /** Those of the row group that are in the slice, and count. */
  add(group: GroupRows): void {
    const added = this.#select(group);
    if (added === 0) return;
    for (const [i, field] of this.fields.entries()) {
      const rows = group.rows.fields[i] as FieldRows;
      field.add(rows, selected, added, this.count, this.#keys.length);
    }
    this.count += added;
  }

  /** One after the other by partition, in it by time. Each is in the same `batch`, overwritten by the next. */
  async *batches(batch: RowBatch, sorter: KeyOrder): AsyncGenerator<RowBatch> {
    const { fromMs, toMs } = this.#slice;
    const span = toMs - fromMs;
    sorter.sort(this.#keys, this.count);
    const { keys, order } = sorter;
    for (let from = 0; from < this.count; ) {
      const partition = Math.floor((keys[from] as number) / span);
      const begin = partition * span;
      let to = Math.min(this.count, from + BATCH_ROWS);
      if ((keys[to - 1] as number) >= begin + span) to = firstAtLeast(keys, begin + span, from, to);
      batch.load(this.fields, order, from, to);
      batch.partition = partition;
      for (let i = from; i < to; i++) batch.times[i - from] = (keys[i] as number) - begin + fromMs;
      yield batch;
      from = to;
      // The next slice is being read meanwhile.
      await turn();
    }
  }

  /** Notes their keys, and in `selected` where they stand in the row group. */
  #select({ source, rows: group }: GroupRows): number {
    const { fromMs, toMs } = this.#slice;
    const span = toMs - fromMs;
    if (selected.length < group.rows) selected = new Uint32Array(group.rows);
    this.#reserve(group.rows);
    const keys = this.#keys;
    const { times, partitions, positions } = group;
    const range = source.positions;
    let at = this.count;
    for (let row = 0; row < group.rows; row++) {
      const time = times[row] as number;
      if (time < fromMs || time >= toMs) continue;
      const partition = partitions === undefined ? source.partition : partitions[row];
      if (partition === undefined) continue;
      if (range !== undefined) {
        const position = positions?.[row] ?? Number.NaN;
        const isInRange =
          position >= (range.from[partition] ?? 0) && position < (range.to[partition] ?? 0);
        if (!isInRange) continue;
      }
      selected[at - this.count] = row;
      keys[at++] = partition * span + time - fromMs;
    }
    return at - this.count;
  }

  #reserve(more: number): void {
    if (this.count + more <= this.#keys.length) return;
    const keys = new Float64Array(Math.max(this.#keys.length * 2, this.count + more));
    keys.set(this.#keys.subarray(0, this.count));
    this.#keys = keys;
  }
}

/** Rows of a row group, while they are added. */
let selected = new Uint32Array(0);

/** `values[rows[i]]` for `i` in `[from, to)`, to `out` from `at` on. */
export function pick(
  values: Values,
  rows: Uint32Array,
  from: number,
  to: number,
  out: Values,
  at: number,
): void {
  for (let i = from; i < to; i++) out[at + i - from] = values[rows[i] as number] as number;
}

/** Of ascending keys in `[from, to)`. */
function firstAtLeast(keys: Float64Array, key: number, from: number, to: number): number {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as number) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
