/**
 * Takes rows out of a sealed block without moving anything: positions in the log name events for ever, so the block keeps its
 * length and every row its number. What an erased row held is overwritten, in dictionaries as well as in values; other rows
 * read as before. The block says which rows are erased (`Block.erasedRows`).
 */

import { Block, type BlockColumn, ERASED_BYTE } from './block.ts';
import { BLOCK_VERSION_ERASED, sealBlock } from './block-format.ts';
import { NUMBER_ENCODING, STRING_ENCODING } from './block-writer.ts';
import { BOOLEAN, COLUMN_KIND, ROLE } from './columns.ts';
import { viewOf } from './view-of.ts';

/** Events in which `field`, as text, is exactly `value`. Numbers as JSON writes them, booleans as `true` and `false`. */
export interface FieldValue {
  readonly field: string;
  readonly value: string;
}

/** A byte per row, 1 = it has the value. Undefined if none has. Rows that are erased have no values. */
export function rowsWith(block: Block, { field, value }: FieldValue): Uint8Array | undefined {
  const found = new Uint8Array(block.rows);
  const text = Buffer.from(value);
  let any = false;
  for (const column of block.columns) {
    if (!isCalled(column, field)) continue;
    any = markRows(block, column, text, value, found) || any;
  }
  return any ? found : undefined;
}

/** A copy of the block, of the same length, in which the rows that are 1 in `erased` hold nothing. */
export function eraseRows(bytes: Uint8Array, erased: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes);
  const block = new Block(copy);
  for (const column of block.columns) {
    switch (column.kind) {
      case COLUMN_KIND.string:
        eraseTexts(block, column, erased);
        break;
      case COLUMN_KIND.number:
        eraseNumbers(block, column, erased);
        break;
      case COLUMN_KIND.boolean: {
        const values = block.booleans(column);
        for (let row = 0; row < block.rows; row++)
          if (erased[row] === 1) values[row] = BOOLEAN.absent;
      }
    }
  }
  sealBlock(copy, BLOCK_VERSION_ERASED);
  return copy;
}

/** As applications call it: roles have names of their own. */
function isCalled({ role, name }: BlockColumn, field: string): boolean {
  switch (role) {
    case ROLE.field:
      return name === field;
    case ROLE.id:
      return field === 'id';
    case ROLE.type:
      return field === 'type';
    case ROLE.ts:
      return field === 'ts';
  }
}

/** Answers whether there was one. */
function markRows(
  block: Block,
  column: BlockColumn,
  text: Uint8Array,
  value: string,
  found: Uint8Array,
): boolean {
  let any = false;
  const mark = (row: number, isFound: boolean) => {
    if (!isFound) return;
    found[row] = 1;
    any = true;
  };
  if (column.kind === COLUMN_KIND.string) {
    const { count, offsets, bytes } = block.storedEntries(column);
    const isText = new Uint8Array(count + 1);
    for (let i = 0; i < count; i++) {
      const entry = bytes.subarray(offsets[i], offsets[i + 1]);
      isText[i + 1] = entry.length === text.length && Buffer.compare(entry, text) === 0 ? 1 : 0;
    }
    if (!isText.includes(1)) return false;
    const codes = new Uint32Array(block.rows);
    block.readCodes(column, codes);
    for (let row = 0; row < block.rows; row++) mark(row, isText[codes[row] as number] === 1);
  } else if (column.kind === COLUMN_KIND.number) {
    const number = numberOf(value);
    if (number === undefined) return false;
    const numbers = new Float64Array(block.rows);
    block.readNumbers(column, numbers);
    for (let row = 0; row < block.rows; row++) mark(row, numbers[row] === number);
  } else {
    const wanted = value === 'true' ? BOOLEAN.true : value === 'false' ? BOOLEAN.false : undefined;
    const values = block.booleans(column);
    for (let row = 0; row < block.rows; row++) mark(row, values[row] === wanted);
  }
  return any;
}

/** The number that is written so; undefined if none is. */
export function numberOf(text: string): number | undefined {
  const number = Number(text);
  return Number.isFinite(number) && String(number) === text ? number : undefined;
}

function eraseTexts(block: Block, column: BlockColumn, erased: Uint8Array): void {
  const entries = block.storedEntries(column);
  const codes = new Uint32Array(block.rows);
  block.readCodes(column, codes);
  const width = column.encoding & STRING_ENCODING.widthMask;
  const isUsed = new Uint8Array(entries.count + 1);
  for (let row = 0; row < block.rows; row++) {
    if (erased[row] === 0) isUsed[codes[row] as number] = 1;
    else if (width !== 0) writeCode(block, column, width, row, 0);
  }
  for (let i = 0; i < entries.count; i++) {
    if (isUsed[i + 1] === 1) continue;
    entries.bytes.fill(ERASED_BYTE, entries.offsets[i], entries.offsets[i + 1]);
  }
}

function writeCode(block: Block, column: BlockColumn, width: number, row: number, code: number) {
  const view = viewOf(block.bytes);
  const at = column.dataOffset;
  if (width === 1) view.setUint8(at + row, code);
  else if (width === 2) view.setUint16(at + row * 2, code, true);
  else view.setUint32(at + row * 4, code, true);
}

function eraseNumbers(block: Block, column: BlockColumn, erased: Uint8Array): void {
  const { rows, bytes } = block;
  const view = viewOf(bytes);
  const isNullable = (column.encoding & NUMBER_ENCODING.nullable) !== 0;
  const encoding = column.encoding & ~NUMBER_ENCODING.nullable;
  const values = new Float64Array(rows);
  block.readNumbers(column, values);
  for (let row = 0; isNullable && row < rows; row++) {
    if (erased[row] === 0) continue;
    const at = column.dataOffset + (row >> 3);
    view.setUint8(at, view.getUint8(at) & ~(1 << (row & 7)));
  }
  const at = column.dataOffset + (isNullable ? Math.ceil(rows / 64) * 8 : 0);
  if (encoding === NUMBER_ENCODING.float64) {
    for (let row = 0; row < rows; row++) {
      if (erased[row] === 1) view.setFloat64(at + row * 8, Number.NaN, true);
    }
    return;
  }
  // The base is the least value, perhaps of a row that goes: the others are counted from a base of their own.
  let base = Number.POSITIVE_INFINITY;
  for (let row = 0; row < rows; row++) {
    if (erased[row] === 0 && (values[row] as number) < base) base = values[row] as number;
  }
  view.setFloat64(at, base === Number.POSITIVE_INFINITY ? 0 : base, true);
  const width =
    encoding === NUMBER_ENCODING.delta8 ? 1 : encoding === NUMBER_ENCODING.delta16 ? 2 : 4;
  for (let row = 0; row < rows; row++) {
    const value = values[row] as number;
    const distance = erased[row] === 1 || Number.isNaN(value) ? 0 : value - base;
    const to = at + 8 + row * width;
    if (width === 1) view.setUint8(to, distance);
    else if (width === 2) view.setUint16(to, distance, true);
    else view.setUint32(to, distance, true);
  }
}
