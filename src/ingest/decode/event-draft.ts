/**
 * One event being judged: flattened values that wait until the whole event is known to be good, and only then
 * become a row. This is where the meaning of an event is defined, for JSON and MessagePack alike; the shape path
 * takes only lines for which it does the same.
 *
 * - `id`: string, not empty, optional. `type`: string, not empty, required. `key`: string, optional.
 * - `ts`: epoch milliseconds (a fraction is cut off) or RFC 3339; arrival if absent.
 * - Other values: strings, numbers, booleans. An absent value is the same as null.
 * - `{"a":{"b":1}}` is the field `a.b`. If two ways lead to one name the later value wins.
 * - The partition key is `key`, else `user` (a number counts as its decimal text), else `id`; empty ones do not count.
 */
import { BOOLEAN } from '../../model/columns.ts';
import type { RejectionCode } from '../../model/errors.ts';
import { EPOCH_MS_MAX, EPOCH_MS_MIN } from '../../model/units.ts';
import { type ColumnBatch, SLOT, slotRole } from './column-batch.ts';
import type { EventTimes } from './event-times.ts';
import type { Given, GivenText } from './given.ts';
import { hashBytes, NO_PARTITION_HASH, placeableHash } from './hash.ts';
import { nameTooLong, tooManyColumns, tooManyFields, valueTooLong } from './limit-faults.ts';
import type { DecodeLimits } from './limits.ts';
import { parseRfc3339 } from './rfc3339.ts';

const KIND = { null: 0, string: 1, number: 2, boolean: 3 } as const;

const TEXT_BYTES_AT_FIRST = 1024;
/** Values that may be given beside the event's own: id, key, type. */
const GIVEN_MAX = 3;

/** Why the event is refused, and what it is about. */
export interface Fault {
  readonly code: RejectionCode;
  readonly detail?: string;
}

/** What a flattened name is called here, where a topic calls it otherwise. */
export type FieldNames = ReadonlyMap<string, string>;

export class EventDraft {
  readonly #limits: DecodeLimits;
  readonly #renamed: FieldNames | undefined;
  readonly #names: string[] = [];
  readonly #kinds: Uint8Array;
  readonly #numbers: Float64Array;
  /** Where each string lies in `#text`. */
  readonly #from: Uint32Array;
  readonly #to: Uint32Array;
  #text = Buffer.alloc(0);
  #view = new DataView(this.#text.buffer, 0, 0);
  #end = 0;
  #count = 0;

  constructor(limits: DecodeLimits, renamed?: FieldNames) {
    this.#limits = limits;
    this.#renamed = renamed;
    const valuesMax = limits.fieldsMax + GIVEN_MAX;
    this.#kinds = new Uint8Array(valuesMax);
    this.#numbers = new Float64Array(valuesMax);
    this.#from = new Uint32Array(valuesMax);
    this.#to = new Uint32Array(valuesMax);
    this.#reserve(TEXT_BYTES_AT_FIRST);
  }

  start(): void {
    this.#count = 0;
    this.#end = 0;
  }

  /** The names with a role take no objects and no arrays. */
  nestedRoleFault(name: string): Fault | undefined {
    switch (slotRole(this.#renamed?.get(name) ?? name)) {
      case SLOT.ts:
        return { code: 'invalid_ts' };
      case SLOT.type:
        return { code: 'invalid_type' };
      case SLOT.id:
        return { code: 'invalid_id' };
      case SLOT.key:
        return { code: 'invalid_key' };
      default:
        return undefined;
    }
  }

  addNull(name: string): Fault | undefined {
    return this.#add(name, KIND.null, 0);
  }

  addBoolean(name: string, value: boolean): Fault | undefined {
    return this.#add(name, KIND.boolean, value ? BOOLEAN.true : BOOLEAN.false);
  }

  addNumber(name: string, value: number): Fault | undefined {
    if (!Number.isFinite(value)) return { code: 'number_out_of_range', detail: name };
    return this.#add(name, KIND.number, value);
  }

  /** A lone surrogate, which JSON can escape and UTF-8 cannot hold, becomes U+FFFD. */
  addString(name: string, value: string): Fault | undefined {
    const { valueBytesMax, lineBytesMax } = this.#limits;
    if (value.length > valueBytesMax) {
      return valueTooLong(name, Buffer.byteLength(value), this.#limits);
    }
    const written = this.#write(value);
    if (written > valueBytesMax || this.#end + written > lineBytesMax) {
      return valueTooLong(name, written, this.#limits);
    }
    return this.#addText(name, written);
  }

  /** The string `[from, to)` of `source`, which is valid UTF-8. */
  addBytes(name: string, source: Uint8Array, from: number, to: number): Fault | undefined {
    const { valueBytesMax, lineBytesMax } = this.#limits;
    if (to - from > valueBytesMax || this.#end + to - from > lineBytesMax) {
      return valueTooLong(name, to - from, this.#limits);
    }
    this.#reserve(to - from);
    this.#text.set(source.subarray(from, to), this.#end);
    return this.#addText(name, to - from);
  }

  /** Judges the event as a whole and appends it as a row of `batch`; answers nothing if it was good. */
  commit(
    batch: ColumnBatch,
    arrivalMs: number,
    given?: Given,
    times?: EventTimes,
  ): Fault | undefined {
    if (given !== undefined) this.#fill(given);
    let ts = arrivalMs;
    let typed = false;
    let keyHash: number = NO_PARTITION_HASH;
    let userHash: number = NO_PARTITION_HASH;
    let idHash: number = NO_PARTITION_HASH;
    for (let i = 0; i < this.#count; i++) {
      const kind = this.#kinds[i] as number;
      const given = kind !== KIND.null;
      const text = kind === KIND.string && this.#from[i] !== this.#to[i];
      switch (slotRole(this.#names[i] as string)) {
        case SLOT.ts:
          ts = given ? this.#timeAt(i) : arrivalMs;
          if (Number.isNaN(ts)) return { code: 'invalid_ts' };
          if (ts < EPOCH_MS_MIN || ts > EPOCH_MS_MAX) return { code: 'ts_out_of_range' };
          break;
        case SLOT.type:
          if (given && !text) return { code: 'invalid_type' };
          typed = given;
          break;
        case SLOT.id:
          if (given && !text) return { code: 'invalid_id' };
          idHash = this.#hashAt(i);
          break;
        case SLOT.key:
          if (given && kind !== KIND.string) return { code: 'invalid_key' };
          keyHash = this.#hashAt(i);
          break;
        case SLOT.user:
          userHash = this.#hashAt(i);
          break;
        case SLOT.field:
          break;
      }
    }
    if (!typed) return { code: 'missing_type' };
    const refusal = times?.refusal(ts);
    if (refusal !== undefined) return refusal;
    let newColumns = this.#newColumns(batch);
    if (!batch.fits(newColumns)) {
      batch.seal();
      newColumns = this.#newColumns(batch);
    }
    if (!batch.reserve(newColumns)) {
      const room = batch.dropUnused() && batch.reserve(this.#newColumns(batch));
      if (!room) return tooManyColumns(this.#limits);
    }
    for (let i = 0; i < this.#count; i++) this.#writeCell(batch, i);
    batch.commitRow(ts, keyHash || userHash || idHash, this.#end);
    return undefined;
  }

  #fill({ id, key, type }: Given): void {
    const own = this.#count;
    const says = (name: string) => {
      for (let i = 0; i < own; i++) {
        if (this.#names[i] === name && this.#kinds[i] !== KIND.null) return true;
      }
      return false;
    };
    if (!says('id')) this.#give('id', id);
    if (!says('key')) this.#give('key', key);
    if (!says('type')) this.#give('type', type);
  }

  #give(name: string, { bytes, length, isEmpty }: GivenText): void {
    if (isEmpty) return;
    this.#reserve(length);
    this.#text.set(bytes.subarray(0, length), this.#end);
    this.#names[this.#count] = name;
    this.#kinds[this.#count] = KIND.string;
    this.#count++;
    this.#textEnded(length);
  }

  #add(from: string, kind: number, number: number): Fault | undefined {
    const { fieldsMax, fieldNameBytesMax } = this.#limits;
    const name = this.#renamed?.get(from) ?? from;
    if (this.#count === fieldsMax) return tooManyFields(this.#limits);
    // UTF-16 units bound the bytes from below and their triple from above.
    const long = name.length > fieldNameBytesMax;
    if (
      long ||
      (name.length * 3 > fieldNameBytesMax && Buffer.byteLength(name) > fieldNameBytesMax)
    ) {
      return nameTooLong(name, this.#limits);
    }
    this.#names[this.#count] = name;
    this.#kinds[this.#count] = kind;
    this.#numbers[this.#count] = number;
    this.#count++;
    return undefined;
  }

  /** Adds a string whose bytes have been written at the end of the text. */
  #addText(name: string, length: number): Fault | undefined {
    const fault = this.#add(name, KIND.string, 0);
    if (fault !== undefined) return fault;
    this.#textEnded(length);
    return undefined;
  }

  /** The newest value is the text that has been written at the end. */
  #textEnded(length: number): void {
    this.#from[this.#count - 1] = this.#end;
    this.#end += length;
    this.#to[this.#count - 1] = this.#end;
  }

  /** Writes at the end of the text; answers the number of bytes. Short ASCII, the usual case, needs no native call. */
  #write(value: string): number {
    this.#reserve(value.length * 3);
    const text = this.#text;
    const at = this.#end;
    if (value.length <= 32) {
      let i = 0;
      for (; i < value.length; i++) {
        const unit = value.charCodeAt(i);
        if (unit >= 0x80) break;
        text[at + i] = unit;
      }
      if (i === value.length) return i;
    }
    return text.write(value, at);
  }

  /** Makes room for `more` bytes, and for the reads by word that go beyond a string. */
  #reserve(more: number): void {
    const needed = this.#end + more + 8;
    if (needed <= this.#text.length) return;
    const grown = new Uint8Array(needed * 2);
    grown.set(this.#text.subarray(0, this.#end));
    this.#text = Buffer.from(grown.buffer);
    this.#view = new DataView(grown.buffer);
  }

  /** NaN if the value is no time. */
  #timeAt(i: number): number {
    if (this.#kinds[i] === KIND.number) return Math.floor(this.#numbers[i] as number) + 0;
    if (this.#kinds[i] !== KIND.string) return Number.NaN;
    return parseRfc3339(this.#text, this.#from[i] as number, this.#to[i] as number);
  }

  /** What the value says about the partition. */
  #hashAt(i: number): number {
    const from = this.#from[i] as number;
    const to = this.#to[i] as number;
    if (this.#kinds[i] === KIND.string && from < to) {
      return placeableHash(hashBytes(this.#view, from, to));
    }
    if (this.#kinds[i] !== KIND.number) return NO_PARTITION_HASH;
    const length = this.#write(String(this.#numbers[i]));
    return placeableHash(hashBytes(this.#view, this.#end, this.#end + length));
  }

  /** How many columns the event needs that `batch` lacks. */
  #newColumns(batch: ColumnBatch): number {
    let missing = 0;
    for (let i = 0; i < this.#count; i++) {
      const kind = this.#kinds[i] as number;
      const name = this.#names[i] as string;
      if (kind === KIND.null || name === 'ts') continue;
      const slot = batch.find(name);
      const column =
        kind === KIND.string
          ? slot?.strings
          : kind === KIND.number
            ? slot?.numbers
            : slot?.booleans;
      if (column === undefined) missing++;
    }
    return missing;
  }

  #writeCell(batch: ColumnBatch, i: number): void {
    const kind = this.#kinds[i] as number;
    const name = this.#names[i] as string;
    if (name === 'ts') return;
    const slot = kind === KIND.null ? batch.find(name) : batch.slot(name);
    if (slot === undefined) return;
    const row = batch.rows;
    batch.clearCell(slot); // of an earlier value with the same flattened name
    if (kind === KIND.string) {
      const from = this.#from[i] as number;
      const to = this.#to[i] as number;
      const column = batch.strings(slot);
      column.codes[row] = column.entries.intern(
        this.#view,
        from,
        to,
        hashBytes(this.#view, from, to),
      );
    } else if (kind === KIND.number) {
      const column = batch.numbers(slot);
      column.values[row] = this.#numbers[i] as number;
    } else if (kind === KIND.boolean) {
      const column = batch.booleans(slot);
      column.values[row] = this.#numbers[i] as number;
    }
  }
}
