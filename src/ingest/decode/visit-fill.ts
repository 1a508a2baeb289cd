/**
 * Fields of a visit in the rows of one body: where an event says one of them itself, that stays. Who visits is the device that a page
 * has told, and only without one what the request says.
 */
import { BOOLEAN } from '../../model/columns.ts';
import type { VisitFields } from '../../model/visit.ts';
import type { ColumnBatch, Slot, StringSink } from './column-batch.ts';
import { GivenText } from './given.ts';

const text = new GivenText();
const NO_BYTES = new Uint8Array(0);

/** Of the rows from `from` on. What would be a column too many is left out. */
export function fillVisit(batch: ColumnBatch, from: number, fields: VisitFields): void {
  const { visitor, ...others } = fields;
  for (const [name, value] of Object.entries(others)) {
    if (typeof value === 'boolean') fillBoolean(batch, from, name, value);
    else fillText(batch, from, name, value);
  }
  if (visitor !== undefined) fillVisitor(batch, from, visitor);
}

function fillBoolean(batch: ColumnBatch, from: number, name: string, value: boolean): void {
  const slot = batch.slot(name);
  if (slot.booleans === undefined && !batch.reserve(1)) return;
  const { values } = batch.booleans(slot);
  for (let row = from; row < batch.rows; row++) {
    if (isAbsent(slot, row)) values[row] = value ? BOOLEAN.true : BOOLEAN.false;
  }
}

function fillText(batch: ColumnBatch, from: number, name: string, value: string): void {
  const slot = batch.slot(name);
  const column = stringsOf(batch, slot);
  if (column === undefined) return;
  text.setText(value);
  for (let row = from; row < batch.rows; row++)
    if (isAbsent(slot, row)) putText(batch, column, row);
}

/**
 * An event that says neither its `key` nor its `user` is placed by its visitor, so that a session's events are together. An `id` alone
 * would scatter them.
 */
function fillVisitor(batch: ColumnBatch, from: number, visitor: string): void {
  const slot = batch.slot('visitor');
  const column = stringsOf(batch, slot);
  if (column === undefined) return;
  const devices = batch.find('device')?.strings;
  const placing = [batch.find('key'), batch.find('user')];
  for (let row = from; row < batch.rows; row++) {
    if (!isAbsent(slot, row)) continue;
    text.set(textAt(devices, row));
    if (text.isEmpty) text.setText(visitor);
    putText(batch, column, row);
    if (placing.every((each) => each === undefined || isAbsent(each, row))) {
      batch.partitionHash[row] = text.placeHash;
    }
  }
}

/** The slot's column of texts; undefined if the batch may not have one more. */
function stringsOf(batch: ColumnBatch, slot: Slot): StringSink | undefined {
  if (slot.strings === undefined && !batch.reserve(1)) return undefined;
  return batch.strings(slot);
}

/** Puts `text` there. */
function putText(batch: ColumnBatch, { codes, entries }: StringSink, row: number): void {
  codes[row] = entries.intern(text.view, 0, text.length, text.hash);
  batch.addBytes(text.length);
}

/** Empty if there is none. */
function textAt(column: StringSink | undefined, row: number): Uint8Array {
  const code = column?.codes[row] ?? 0;
  if (column === undefined || code === 0) return NO_BYTES;
  const { offsets, bytes } = column.entries;
  return bytes.subarray(offsets[code - 1], offsets[code]);
}

const isAbsent = ({ strings, numbers, booleans }: Slot, row: number): boolean =>
  (strings === undefined || strings.codes[row] === 0) &&
  (numbers === undefined || Number.isNaN(numbers.values[row])) &&
  (booleans === undefined || booleans.values[row] === BOOLEAN.absent);
