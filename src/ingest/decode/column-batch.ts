/**
 * The growing columns of one tenant's stream: decoders append rows of many requests, `packBlock` reads them, `reset`
 * makes room for the next batch and keeps what is worth keeping (buffers, names, dictionaries).
 */
import {
  BOOLEAN,
  type BooleanColumn,
  COLUMN_KIND,
  type Column,
  type NumberColumn,
  ROLE,
  type Role,
  type StringColumn,
} from '../../model/columns.ts';
import { Dictionary } from './dictionary.ts';
import type { EventTimes } from './event-times.ts';
import { type DecodeLimits, DICTIONARY_BYTES_MAX } from './limits.ts';

const ROWS_AT_FIRST = 64;
/** Columns that no row of the last batch used are dropped once there are more than this share of the limit. */
const COLUMNS_KEPT_SHARE = 1 / 4;

/** What a top-level name means to the decoder; every other name is a `field`. `user` only stands in for `key`. */
export const SLOT = { field: 0, ts: 1, id: 2, type: 3, key: 4, user: 5 } as const;
export type SlotRole = (typeof SLOT)[keyof typeof SLOT];

export class StringSink implements StringColumn {
  readonly kind = COLUMN_KIND.string;
  readonly role: Role;
  readonly name: string;
  codes: Uint32Array;
  readonly entries: Dictionary;

  constructor(role: Role, name: string, capacity: number) {
    this.role = role;
    this.name = name;
    this.codes = new Uint32Array(capacity);
    this.entries = new Dictionary(role === ROLE.id);
  }
}

export class NumberSink implements NumberColumn {
  readonly kind = COLUMN_KIND.number;
  readonly role: Role;
  readonly name: string;
  values: Float64Array;

  constructor(role: Role, name: string, capacity: number) {
    this.role = role;
    this.name = name;
    this.values = new Float64Array(capacity).fill(Number.NaN);
  }
}

export class BooleanSink implements BooleanColumn {
  readonly kind = COLUMN_KIND.boolean;
  readonly role: Role = ROLE.field;
  readonly name: string;
  values: Uint8Array;

  constructor(name: string, capacity: number) {
    this.name = name;
    this.values = new Uint8Array(capacity);
  }
}

type Sink = StringSink | NumberSink | BooleanSink;

/** One name and its columns, one per kind of value that was seen; each is made when it is first needed. */
export class Slot {
  readonly name: string;
  readonly role: SlotRole;
  strings: StringSink | undefined;
  numbers: NumberSink | undefined;
  booleans: BooleanSink | undefined;

  constructor(name: string) {
    this.name = name;
    this.role = slotRole(name);
  }
}

/** Flattened names contain a dot, so these are top-level names. */
export function slotRole(name: string): SlotRole {
  switch (name) {
    case 'ts':
      return SLOT.ts;
    case 'id':
      return SLOT.id;
    case 'type':
      return SLOT.type;
    case 'key':
      return SLOT.key;
    case 'user':
      return SLOT.user;
    default:
      return SLOT.field;
  }
}

export class ColumnBatch {
  readonly limits: DecodeLimits;
  /** Rows so far, and the index of the row in the making. */
  rows = 0;
  /** Per row: where it belongs (`hashBytes` of key, else user, else id), or `NO_PARTITION_HASH`. */
  partitionHash = new Uint32Array(ROWS_AT_FIRST);
  /** Grows by one whenever slots are dropped: what was learned about columns before is void. */
  generation = 0;
  readonly #onFull: (batch: ColumnBatch) => void;
  #slots = new Map<string, Slot>();
  readonly #ts = new NumberSink(ROLE.ts, 'ts', ROWS_AT_FIRST);
  #columns: Sink[] = [this.#ts];
  /** Rows that every column has memory for. */
  #capacity = ROWS_AT_FIRST;
  #bytes = 0;
  #dropped = false;

  /**
   * `onFull` is called between two rows when the next one may not fit: it packs the batch and resets it, or the
   * decoder fails. A body may so end up in several batches.
   */
  constructor(limits: DecodeLimits, onFull: (batch: ColumnBatch) => void) {
    this.limits = limits;
    this.#onFull = onFull;
  }

  /** The columns that hold at least one value, `ts` first; valid until the next row or reset. */
  columns(): Column[] {
    return this.#columns.filter((column) => hasValue(column, this.rows));
  }

  /** String bytes of the rows so far, as an upper bound. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The slot of a flattened name, made if it is new; it costs nothing until it gets a column. */
  slot(name: string): Slot {
    let slot = this.#slots.get(name);
    if (slot === undefined) {
      slot = new Slot(name);
      this.#slots.set(name, slot);
    }
    return slot;
  }

  /** The slot of that name if there is one. */
  find(name: string): Slot | undefined {
    return this.#slots.get(name);
  }

  /** True if one more row with that many new columns stays within the bounds of a batch. */
  fits(newColumns: number): boolean {
    const limits = this.limits;
    const columns = this.#columns.length + newColumns;
    return (
      this.rows < limits.batchRowsMax &&
      this.#bytes + limits.lineBytesMax <= limits.batchBytesMax &&
      (this.rows + 1) * columns <= limits.batchCellsMax
    );
  }

  /** Lets the owner pack and reset the batch, unless it is empty. Slots may be dropped. */
  seal(): void {
    if (this.rows === 0) return;
    this.#onFull(this);
    if (this.rows > 0) throw new Error('the owner of a full batch must reset it');
  }

  /** Takes memory for the row in the making; false if the batch may not have that many columns. */
  reserve(newColumns: number): boolean {
    const columns = this.#columns.length + newColumns;
    if (columns > this.limits.batchColumnsMax) return false;
    if (newColumns > 0) this.#shrink(columns);
    if (this.rows === this.#capacity) this.#resize(this.#capacity * 2);
    return true;
  }

  /** The string column of a slot, made if it is new. Memory for it must have been reserved. */
  strings(slot: Slot): StringSink {
    if (slot.strings === undefined) {
      const role =
        slot.role === SLOT.id ? ROLE.id : slot.role === SLOT.type ? ROLE.type : ROLE.field;
      slot.strings = this.#add(new StringSink(role, slot.name, this.#capacity));
    }
    return slot.strings;
  }

  numbers(slot: Slot): NumberSink {
    slot.numbers ??= this.#add(new NumberSink(ROLE.field, slot.name, this.#capacity));
    return slot.numbers;
  }

  booleans(slot: Slot): BooleanSink {
    slot.booleans ??= this.#add(new BooleanSink(slot.name, this.#capacity));
    return slot.booleans;
  }

  /** Takes back what the row in the making wrote into this slot. */
  clearCell({ strings, numbers, booleans }: Slot): void {
    const row = this.rows;
    if (strings !== undefined) {
      strings.entries.retract(strings.codes[row] as number);
      strings.codes[row] = 0;
    }
    if (numbers !== undefined) numbers.values[row] = Number.NaN;
    if (booleans !== undefined) booleans.values[row] = BOOLEAN.absent;
  }

  /** Ends the row in the making; `bytes` is an upper bound of its string bytes. */
  commitRow(tsMs: number, partitionHash: number, bytes: number): void {
    const row = this.rows++;
    this.#ts.values[row] = tsMs;
    this.partitionHash[row] = partitionHash;
    this.#bytes += bytes;
  }

  timeOf(row: number): number {
    return this.#ts.values[row] as number;
  }

  /** Of texts that rows have got behind their end. */
  addBytes(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Gives the rows from `from` on, which have the times that were sent, those that they are to have; answers how many were clamped. */
  settleTimes(from: number, times: EventTimes): number {
    const { values } = this.#ts;
    let clamped = 0;
    for (let row = from; row < this.rows; row++) {
      const sentMs = values[row] as number;
      const timeMs = times.timeOf(sentMs);
      if (timeMs !== sentMs + times.offsetMs) clamped++;
      values[row] = timeMs;
    }
    return clamped;
  }

  /** Empties the batch. Costs a fill of the cells that were used, at memory speed. */
  reset(): void {
    const { batchColumnsMax } = this.limits;
    const crowded = this.#columns.length > batchColumnsMax * COLUMNS_KEPT_SHARE;
    if (crowded || this.#slots.size > batchColumnsMax) this.dropUnused();
    this.#dropped = false;
    for (const column of this.#columns) {
      if (column.kind === COLUMN_KIND.string) {
        column.codes.fill(0, 0, this.rows);
        column.entries.reset();
      } else if (column.kind === COLUMN_KIND.number) {
        column.values.fill(Number.NaN, 0, this.rows);
      } else {
        column.values.fill(BOOLEAN.absent, 0, this.rows);
      }
    }
    this.#boundDictionaries();
    this.rows = 0;
    this.#bytes = 0;
  }

  /**
   * Drops the columns that no row of the batch uses, so that yesterday's names do not use up the limit of today's.
   * It looks at every cell, so once in a batch must do; false if nothing was dropped.
   */
  dropUnused(): boolean {
    if (this.#dropped) return false;
    this.#dropped = true;
    const used = (column: Sink | undefined) => column !== undefined && hasValue(column, this.rows);
    const columns = this.#columns.filter((column) => column === this.#ts || used(column));
    const stale = this.#slots.size > this.limits.batchColumnsMax;
    if (columns.length === this.#columns.length && !stale) return false;
    this.#columns = columns;
    const slots = new Map<string, Slot>();
    for (const slot of this.#slots.values()) {
      if (!used(slot.strings)) slot.strings = undefined;
      if (!used(slot.numbers)) slot.numbers = undefined;
      if (!used(slot.booleans)) slot.booleans = undefined;
      if (slot.strings ?? slot.numbers ?? slot.booleans) slots.set(slot.name, slot);
    }
    this.#slots = slots;
    this.generation++;
    return true;
  }

  /** A batch of many rows, then one of many columns, must not take memory for many of both. */
  #shrink(columns: number): void {
    let capacity = this.#capacity;
    while (capacity / 2 > this.rows && capacity * columns > this.limits.batchCellsMax * 2) {
      capacity /= 2;
    }
    if (capacity < this.#capacity) this.#resize(Math.max(capacity, ROWS_AT_FIRST));
  }

  #boundDictionaries(): void {
    const dictionaries = this.#columns.filter((column) => column.kind === COLUMN_KIND.string);
    const bytes = dictionaries.reduce((sum, { entries }) => sum + entries.byteLength, 0);
    if (bytes > DICTIONARY_BYTES_MAX) for (const { entries } of dictionaries) entries.clear();
  }

  #add<S extends Sink>(column: S): S {
    this.#columns.push(column);
    return column;
  }

  /** Gives every column memory for `capacity` rows; what is beyond them is lost. */
  #resize(capacity: number): void {
    for (const column of this.#columns) {
      if (column.kind === COLUMN_KIND.string) {
        const codes = new Uint32Array(capacity);
        codes.set(column.codes.subarray(0, capacity));
        column.codes = codes;
      } else if (column.kind === COLUMN_KIND.number) {
        const values = new Float64Array(capacity);
        values.set(column.values.subarray(0, capacity));
        values.fill(Number.NaN, column.values.length);
        column.values = values;
      } else {
        const values = new Uint8Array(capacity);
        values.set(column.values.subarray(0, capacity));
        column.values = values;
      }
    }
    const hashes = new Uint32Array(capacity);
    hashes.set(this.partitionHash.subarray(0, capacity));
    this.partitionHash = hashes;
    this.#capacity = capacity;
  }
}

/** Looks from the last row back, where a column in use soon has a value. */
function hasValue(column: Sink, rows: number): boolean {
  let row = rows - 1;
  if (column.kind === COLUMN_KIND.string) while (row >= 0 && column.codes[row] === 0) row--;
  else if (column.kind === COLUMN_KIND.boolean) while (row >= 0 && column.values[row] === 0) row--;
  else while (row >= 0 && Number.isNaN(column.values[row])) row--;
  return row >= 0;
}
