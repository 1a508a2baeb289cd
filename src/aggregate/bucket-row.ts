/**
 * Stored rows: all series of one bucket, one column group, packed by column (byte drawing: storage/FORMAT.md,
 * "Rollup rows"). Columns have one width each, so that a reader finds any series' values without decoding the
 * others, and a row describes itself, so that two can be merged without the definition.
 */
import assert from 'node:assert/strict';
import { BucketFold, type Scalars, type SketchTable } from './bucket-fold.ts';
import { EndTable } from './end-value.ts';
import type { RowLayout } from './layout.ts';
import { QuantileTable } from './quantile-sketch.ts';
import { ByteReader, ByteWriter, type ColumnWidth, corruptRow, widthOf } from './row-bytes.ts';
import { TopTable } from './top-sketch.ts';

export const ROW_VERSION = 1;
export const ROW_KIND = {
  scalars: 0,
  quantile: 1,
  distinct: 2,
  top: 3,
  first: 4,
  last: 5,
} as const;
/** Byte offsets of the header fields. */
const AT = { version: 0, kind: 1, fields: 2, series: 4, restated: 8 } as const;
const HEADER_BYTES = 12;

const out = new ByteWriter();
const payloads = new ByteWriter();
let gathered = new Float64Array(1024);
/** Of the sketches of the row that is being packed: where each ends, and its slot. */
let ends = new Float64Array(1024);
let present = new Uint32Array(1024);
/** Slot of each series of the row that is being merged; -1 = not wanted. */
let slotOfIndex = new Int32Array(1024);
/** Of the series of that row: their events, and those that have a number in one field. */
let countOfIndex = new Float64Array(1024);
let numbersOfIndex = new Float64Array(1024);

/**
 * Packs one column group; undefined if no series has anything in it. `restated`: how many of its events
 * came after the bucket had been closed.
 */
export function encodeRow(
  fold: BucketFold,
  group: number,
  restated = 0,
): Uint8Array<ArrayBuffer> | undefined {
  return group === 0 ? encodeScalars(fold, restated) : encodeSketch(fold, group, restated);
}

/**
 * 0 for a row that was never amended after its bucket had closed. Else, for scalars, how many late events it took in;
 * for a sketch, where not every event has a value, 1.
 */
export function restatedOf(row: Uint8Array): number {
  const at = AT.restated;
  if (row.length < at + 4) throw corruptRow('its header is cut off');
  // Each row of a question is asked: a view of its bytes would cost more than all else here.
  const low = (row[at] as number) | ((row[at + 1] as number) << 8);
  return (low | ((row[at + 2] as number) << 16) | ((row[at + 3] as number) << 24)) >>> 0;
}

/**
 * Merges a row into a fold of the same layout. `seriesTo[id]` says which series of the fold gets series `id`
 * of the row, -1 = none; without it ids stay. `fieldsWanted[i]` says whether field `i` of the scalars is merged; without it all
 * are. Throws `state_corrupt`.
 */
export function mergeRowInto(
  fold: BucketFold,
  group: number,
  row: Uint8Array,
  seriesTo?: Int32Array,
  fieldsWanted?: readonly boolean[],
): void {
  const reader = new ByteReader(row);
  const { kind, fields, series } = readHeader(reader);
  const sketch = fold.sketches[group - 1];
  const expected = kindOf(sketch);
  const isAsWide =
    sketch === undefined ? fields === fold.scalars.length : fields === fieldsOf(sketch);
  if (kind !== expected || !isAsWide) {
    throw corruptRow(`expected kind ${expected}, received kind ${kind} with ${fields} fields`);
  }
  reserve(series);
  if (sketch === undefined) mergeScalars(fold, reader, fields, series, seriesTo, fieldsWanted);
  else {
    visitPayloads(fold, reader, series, seriesTo, (slot, end) =>
      sketch.mergePayload(slot, reader, end),
    );
  }
}

/** Whether rows of this layout can be taken out again: whole numbers can, sums of fractions would not be the same bits. */
export const isSubtractable = ({ scalars, sketches }: RowLayout): boolean =>
  scalars.length === 0 && sketches.every(({ op }) => op === 'quantile');

/** Takes out a row that was merged, where `isSubtractable`. Its series stay, with fewer events or none. */
export function subtractRowFrom(fold: BucketFold, group: number, row: Uint8Array): void {
  const reader = new ByteReader(row);
  const { kind, series } = readHeader(reader);
  const sketch = fold.sketches[group - 1];
  assert(kind === (sketch === undefined ? ROW_KIND.scalars : ROW_KIND.quantile));
  reserve(series);
  if (sketch instanceof QuantileTable) {
    visitPayloads(fold, reader, series, undefined, (slot, end) =>
      sketch.subtractPayload(slot, reader, end),
    );
    return;
  }
  const idWidth = reader.u8();
  const countWidth = reader.u8();
  readSlots(fold, reader, series, idWidth, undefined);
  readInto(reader, series, countWidth, gathered);
  for (let i = 0; i < series; i++) {
    const slot = slotOfIndex[i] as number;
    fold.counts[slot] = (fold.counts[slot] as number) - (gathered[i] as number);
  }
}

/** All of `rows`, of one key, as one. Associative and commutative (float sums up to rounding). Throws `state_corrupt`. */
export function mergeRows(first: Uint8Array, ...others: readonly Uint8Array[]): Uint8Array {
  if (others.length === 0) return first;
  const layout = layoutOfRow(first);
  const group = layout.sketches.length;
  const fold = new BucketFold(layout);
  let restated = 0;
  for (const row of [first, ...others]) {
    mergeRowInto(fold, group, row);
    restated += restatedOf(row);
  }
  return encodeRow(fold, group, restated) ?? first;
}

/** Calls `visit` with each series of a row and its event count (0 for a sketch), ascending. */
export function visitSeries(row: Uint8Array, visit: (series: number, count: number) => void): void {
  const reader = new ByteReader(row);
  const { kind, fields, series } = readHeader(reader);
  const ids = new Float64Array(series);
  const counts = new Float64Array(series);
  if (kind === ROW_KIND.scalars) reader.skip(fields, 4);
  const idWidth = reader.u8();
  const countWidth = reader.u8();
  reader.column(reader.skip(series, idWidth), series, idWidth, ids);
  if (kind === ROW_KIND.scalars) {
    reader.column(reader.skip(series, countWidth), series, countWidth, counts);
  }
  for (let i = 0; i < series; i++) visit(ids[i] as number, counts[i] as number);
}

function encodeScalars(fold: BucketFold, restated: number): Uint8Array<ArrayBuffer> | undefined {
  if (fold.slots === 0) return undefined;
  const order = fold.order();
  const series = order.length;
  reserve(series);
  writeHeader(ROW_KIND.scalars, fold.scalars.length, series, restated);
  const heads = out.at;
  for (const _ of fold.scalars) out.u32(0);
  const widths = out.at;
  out.u16(0);
  out.setU8(widths, writeColumn(fold.series, order));
  out.setU8(widths + 1, writeColumn(fold.counts, order));
  fold.scalars.forEach((scalars, f) => {
    const { n, sum, min, max, field } = scalars;
    const head = heads + f * 4;
    out.setU8(head, isSame(n, fold.counts, fold.slots) ? 0 : writeColumn(n, order));
    if (field.sum) out.setU8(head + 1, writeColumn(sum, order));
    if (field.min) out.setU8(head + 2, writeColumn(min, order, n));
    if (field.max) out.setU8(head + 3, writeColumn(max, order, n));
  });
  return out.take();
}

function encodeSketch(
  fold: BucketFold,
  group: number,
  restated: number,
): Uint8Array<ArrayBuffer> | undefined {
  const sketch = fold.sketches[group - 1];
  if (sketch === undefined) throw new RangeError(`a rollup has no column group ${group}`);
  const order = fold.order();
  if (ends.length < order.length) {
    ends = new Float64Array(order.length * 2);
    present = new Uint32Array(order.length * 2);
  }
  let series = 0;
  for (let i = 0; i < order.length; i++) {
    const slot = order[i] as number;
    const before = payloads.at;
    sketch.writePayload(slot, payloads);
    if (payloads.at === before) continue;
    ends[series] = payloads.at;
    present[series++] = slot;
  }
  if (series === 0) return undefined;
  reserve(series);
  writeHeader(kindOf(sketch), fieldsOf(sketch), series, Math.min(restated, 1));
  const widths = out.at;
  out.u16(0);
  out.setU8(widths, writeColumn(fold.series, present.subarray(0, series)));
  const endWidth = widthOf(ends, series);
  out.setU8(widths + 1, endWidth);
  out.column(ends, series, endWidth);
  out.append(payloads);
  return out.take();
}

function kindOf(sketch: SketchTable | undefined): number {
  if (sketch === undefined) return ROW_KIND.scalars;
  if (sketch instanceof QuantileTable) return ROW_KIND.quantile;
  if (sketch instanceof TopTable) return ROW_KIND.top;
  return sketch instanceof EndTable ? ROW_KIND[sketch.op] : ROW_KIND.distinct;
}

/** What a sketch's row has in place of a number of fields. */
const fieldsOf = (sketch: SketchTable): number =>
  sketch instanceof TopTable ? sketch.capacity : 0;

/** The first `count`. */
function isSame(a: Float64Array, b: Float64Array, count: number): boolean {
  for (let i = 0; i < count; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Answers the width that it chose. Where `n` is 0 there is no value, and 0 is written. */
function writeColumn(
  values: Float64Array | Uint32Array,
  order: Uint32Array,
  n?: Float64Array,
): ColumnWidth {
  for (let i = 0; i < order.length; i++) {
    const slot = order[i] as number;
    gathered[i] = n?.[slot] === 0 ? 0 : (values[slot] as number);
  }
  const width = widthOf(gathered, order.length);
  out.column(gathered, order.length, width);
  return width;
}

function writeHeader(kind: number, fields: number, series: number, restated: number): void {
  out.u8(ROW_VERSION);
  out.u8(kind);
  out.u16(fields);
  out.u32(series);
  out.u32(Math.min(restated, 0xffffffff));
}

function readHeader(reader: ByteReader): { kind: number; fields: number; series: number } {
  const version = reader.u8();
  if (version !== ROW_VERSION) {
    throw corruptRow(`expected version ${ROW_VERSION}, received ${version}`);
  }
  const header = { kind: reader.u8(), fields: reader.u16(), series: reader.u32() };
  reader.at = HEADER_BYTES;
  return header;
}

/**
 * Reads the id column and fills `slotOfIndex`. Rows of one rollup have much the same series in the same order, and a question often adds
 * neighbours up: most are found beside the one before.
 */
function readSlots(
  fold: BucketFold,
  reader: ByteReader,
  series: number,
  width: number,
  seriesTo: Int32Array | undefined,
): void {
  reader.column(reader.skip(series, width), series, width, gathered);
  let slot = -1;
  for (let i = 0; i < series; i++) {
    const id = gathered[i] as number;
    const target = seriesTo === undefined ? id : (seriesTo[id] ?? -1);
    if (target >= 0) slot = fold.slotNear(slot, target);
    slotOfIndex[i] = target < 0 ? -1 : slot;
  }
}

function mergeScalars(
  fold: BucketFold,
  reader: ByteReader,
  fields: number,
  series: number,
  seriesTo: Int32Array | undefined,
  fieldsWanted: readonly boolean[] | undefined,
): void {
  const heads = reader.skip(fields, 4);
  const idWidth = reader.u8();
  const countWidth = reader.u8();
  readSlots(fold, reader, series, idWidth, seriesTo);
  readInto(reader, series, countWidth, countOfIndex);
  addInto(fold.counts, countOfIndex, series);
  for (let f = 0; f < fields; f++) {
    const at = heads + f * 4;
    const scalars = fold.scalars[f] as Scalars;
    const nWidth = reader.bytes[at] as number;
    const sumWidth = reader.bytes[at + 1] as number;
    const minWidth = reader.bytes[at + 2] as number;
    const maxWidth = reader.bytes[at + 3] as number;
    if (fieldsWanted?.[f] === false) {
      reader.skip(series, nWidth + sumWidth + minWidth + maxWidth);
      continue;
    }
    const n = nWidth === 0 ? countOfIndex : numbersOfIndex;
    if (nWidth !== 0) readInto(reader, series, nWidth, n);
    if (sumWidth !== 0) {
      readInto(reader, series, sumWidth, gathered);
      addInto(scalars.sum, gathered, series);
    }
    if (minWidth !== 0) {
      readInto(reader, series, minWidth, gathered);
      lowerTo(scalars.min, gathered, n, series);
    }
    if (maxWidth !== 0) {
      readInto(reader, series, maxWidth, gathered);
      raiseTo(scalars.max, gathered, n, series);
    }
    addInto(scalars.n, n, series);
  }
}

function readInto(reader: ByteReader, series: number, width: number, into: Float64Array): void {
  reader.column(reader.skip(series, width), series, width, into);
}

function addInto(bySlot: Float64Array, values: Float64Array, series: number): void {
  for (let i = 0; i < series; i++) {
    const slot = slotOfIndex[i] as number;
    if (slot >= 0) bySlot[slot] = (bySlot[slot] as number) + (values[i] as number);
  }
}

/** Where `n` is 0 there is no value. */
function lowerTo(
  bySlot: Float64Array,
  values: Float64Array,
  n: Float64Array,
  series: number,
): void {
  for (let i = 0; i < series; i++) {
    const slot = slotOfIndex[i] as number;
    if (slot < 0 || n[i] === 0) continue;
    if ((values[i] as number) < (bySlot[slot] as number)) bySlot[slot] = values[i] as number;
  }
}

function raiseTo(
  bySlot: Float64Array,
  values: Float64Array,
  n: Float64Array,
  series: number,
): void {
  for (let i = 0; i < series; i++) {
    const slot = slotOfIndex[i] as number;
    if (slot < 0 || n[i] === 0) continue;
    if ((values[i] as number) > (bySlot[slot] as number)) bySlot[slot] = values[i] as number;
  }
}

/** With the reader at each wanted series' sketch. */
function visitPayloads(
  fold: BucketFold,
  reader: ByteReader,
  series: number,
  seriesTo: Int32Array | undefined,
  visit: (slot: number, end: number) => void,
): void {
  const idWidth = reader.u8();
  const endWidth = reader.u8();
  readSlots(fold, reader, series, idWidth, seriesTo);
  readInto(reader, series, endWidth, gathered);
  const start = reader.at;
  for (let i = 0; i < series; i++) {
    const slot = slotOfIndex[i] as number;
    if (slot < 0) continue;
    reader.at = start + (i === 0 ? 0 : (gathered[i - 1] as number));
    visit(slot, start + (gathered[i] as number));
  }
}

const FIELD_SKETCHES = ['quantile', 'distinct', 'first', 'last'] as const;

/** The layout of a fold that can take this row as its last column group. Fields have no names in a row. */
function layoutOfRow(row: Uint8Array): RowLayout {
  const reader = new ByteReader(row);
  const { kind, fields } = readHeader(reader);
  if (kind === ROW_KIND.top) {
    return { scalars: [], sketches: [{ op: 'top', field: '', capacity: fields }] };
  }
  const op = FIELD_SKETCHES.find((each) => ROW_KIND[each] === kind);
  if (op !== undefined) return { scalars: [], sketches: [{ op, field: '' }] };
  const scalars = Array.from({ length: fields }, () => {
    const [, sum, min, max] = row.subarray(reader.at, reader.skip(1, 4) + 4);
    return { field: '', sum: sum !== 0, min: min !== 0, max: max !== 0 };
  });
  return { scalars, sketches: [] };
}

function reserve(series: number): void {
  if (series <= gathered.length) return;
  gathered = new Float64Array(series * 2);
  slotOfIndex = new Int32Array(series * 2);
  countOfIndex = new Float64Array(series * 2);
  numbersOfIndex = new Float64Array(series * 2);
}
