/**
 * Packs columns into an event block (byte drawing: storage/FORMAT.md). One pass per column; dictionaries shrink to
 * the entries that the chosen rows use, numbers to the narrowest integers that hold them exactly.
 */
import { AT, BLOCK_HEADER_BYTES, type BlockKind, sealBlock } from './block-format.ts';
import { COLUMN_KIND, type Column, type NumberColumn, ROLE, type StringColumn } from './columns.ts';

export interface BlockHeader {
  readonly kind: BlockKind;
  readonly partition: number;
  readonly tenant: string;
  readonly stream: string;
  readonly arrivalMs: number;
  /** Which writer sealed the block, in which of its lives, as its how-manieth for this partition. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly sequence: number;
  /** Events that arrived for this block, and how many of them were refused. */
  readonly received: number;
  readonly rejected: number;
}

/** The rows to pack: `count` indices in `index`, or rows 0..count-1 when `index` is undefined. */
export interface RowSelection {
  readonly count: number;
  readonly index: Uint32Array | undefined;
}

export const DIRECTORY_ENTRY_BYTES = 24;
/** Bits of a string column's encoding byte: 0-1 code width (0 = identity: row i uses entry i), 2 = one length for all. */
export const STRING_ENCODING = { widthMask: 3, fixedLength: 4 } as const;
/** Values of a number column's encoding byte; `nullable` is or-ed in: a presence bitmap precedes the values. */
export const NUMBER_ENCODING = {
  float64: 0,
  delta8: 1,
  delta16: 2,
  delta32: 3,
  nullable: 4,
} as const;

const CODE_WIDTH_BYTES = [0, 1, 2, 4] as const;
const encoder = new TextEncoder();

/** Grows to the largest block that was packed and is reused: a block is copied out of it once. */
let scratch = new Uint8Array(1 << 20);
let scratchView = new DataView(scratch.buffer);
let scratchWords = new Uint32Array(scratch.buffer);
let scratchHalves = new Uint16Array(scratch.buffer);
let at = 0;

/** Per call: the selected rows' values of one column, gathered. */
let gatheredCodes = new Uint32Array(1 << 13);
let gatheredNumbers = new Float64Array(1 << 13);
/** Entry index -> code in the block; valid where `stamps` holds the current stamp, so it never needs clearing. */
let remap = new Uint32Array(1 << 13);
let stamps = new Uint32Array(1 << 13);
let stamp = 0;
let usedEntries = new Uint32Array(1 << 13);

/** Answers a sealed, immutable block of its own memory. */
export function packBlock(
  header: BlockHeader,
  columns: readonly Column[],
  rows: RowSelection,
): Uint8Array<ArrayBuffer> {
  reserveRows(rows.count);
  const front = frontOf(header.tenant, header.stream, columns);
  const { tenantLength, streamLength, directory } = front;
  at = 0;
  reserve(front.bytes.length);
  scratch.set(front.bytes);
  at = front.bytes.length;
  for (let i = 0; i < columns.length; i++) {
    align(8);
    writeColumn(columns[i] as Column, directory + i * DIRECTORY_ENTRY_BYTES, rows);
  }
  align(8);
  writeHeader(header, tenantLength, streamLength, directory, columns, rows);
  const block = scratch.slice(0, at);
  sealBlock(block);
  return block;
}

function writeHeader(
  header: BlockHeader,
  tenantLength: number,
  streamLength: number,
  directory: number,
  columns: readonly Column[],
  rows: RowSelection,
): void {
  const view = scratchView;
  view.setUint8(AT.kind, header.kind);
  view.setUint16(AT.partition, header.partition, true);
  view.setFloat64(AT.arrivalMs, header.arrivalMs, true);
  view.setUint32(AT.producerEpoch, header.producerEpoch, true);
  view.setUint32(AT.producerId, header.producerId, true);
  view.setFloat64(AT.sequence, header.sequence, true);
  view.setUint32(AT.rows, rows.count, true);
  view.setUint32(AT.received, header.received, true);
  view.setUint32(AT.rejected, header.rejected, true);
  view.setUint32(AT.columns, columns.length, true);
  view.setUint16(AT.tenantLength, tenantLength, true);
  view.setUint16(AT.streamLength, streamLength, true);
  view.setUint32(AT.directory, directory, true);
  const ts = columns.find((column) => column.role === ROLE.ts) as NumberColumn | undefined;
  let min = header.arrivalMs;
  let max = header.arrivalMs;
  if (ts !== undefined && rows.count > 0) {
    min = Number.POSITIVE_INFINITY;
    max = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < rows.count; i++) {
      const value = ts.values[rows.index === undefined ? i : (rows.index[i] as number)] as number;
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  view.setFloat64(AT.tsMinMs, min, true);
  view.setFloat64(AT.tsMaxMs, max, true);
}

/** What blocks of one batch begin with, the header still zeros. */
interface Front {
  readonly tenant: string;
  readonly stream: string;
  readonly names: readonly ColumnName[];
  readonly bytes: Uint8Array;
  readonly tenantLength: number;
  readonly streamLength: number;
  readonly directory: number;
}
type ColumnName = Pick<Column, 'kind' | 'role' | 'name'>;

/** Of the last block: those of all partitions of a batch begin alike, and a small block is hardly more than this. */
let lastFront: Front | undefined;

function frontOf(tenant: string, stream: string, columns: readonly Column[]): Front {
  const last = lastFront;
  const isSame =
    last?.tenant === tenant &&
    last.stream === stream &&
    last.names.length === columns.length &&
    columns.every((column, i) => isNamedAs(column, last.names[i] as ColumnName));
  lastFront = isSame ? last : makeFront(tenant, stream, columns);
  return lastFront;
}

const isNamedAs = (column: ColumnName, { kind, role, name }: ColumnName): boolean =>
  column.name === name && column.kind === kind && column.role === role;

function makeFront(tenant: string, stream: string, columns: readonly Column[]): Front {
  const tenantBytes = encoder.encode(tenant);
  const streamBytes = encoder.encode(stream);
  at = 0;
  reserve(BLOCK_HEADER_BYTES + tenantBytes.length + streamBytes.length);
  scratch.fill(0, 0, BLOCK_HEADER_BYTES);
  scratch.set(tenantBytes, BLOCK_HEADER_BYTES);
  scratch.set(streamBytes, BLOCK_HEADER_BYTES + tenantBytes.length);
  at = BLOCK_HEADER_BYTES + tenantBytes.length + streamBytes.length;
  align(8);
  const directory = at;
  writeDirectory(columns);
  return {
    tenant,
    stream,
    names: columns.map(({ kind, role, name }) => ({ kind, role, name })),
    bytes: scratch.slice(0, at),
    tenantLength: tenantBytes.length,
    streamLength: streamBytes.length,
    directory,
  };
}

/** Directory entries (data offset and length are filled in by `writeColumn`), then the names. */
function writeDirectory(columns: readonly Column[]): void {
  const directory = at;
  reserve(columns.length * DIRECTORY_ENTRY_BYTES);
  scratch.fill(0, at, at + columns.length * DIRECTORY_ENTRY_BYTES);
  at += columns.length * DIRECTORY_ENTRY_BYTES;
  for (let i = 0; i < columns.length; i++) {
    const { kind, role, name } = columns[i] as Column;
    const entry = directory + i * DIRECTORY_ENTRY_BYTES;
    reserve(name.length * 3);
    const { written } = encoder.encodeInto(name, scratch.subarray(at));
    scratchView.setUint8(entry, kind);
    scratchView.setUint8(entry + 2, role);
    scratchView.setUint16(entry + 4, written, true);
    scratchView.setUint32(entry + 20, at, true);
    at += written;
  }
}

function writeColumn(column: Column, entry: number, rows: RowSelection): void {
  const start = at;
  switch (column.kind) {
    case COLUMN_KIND.string:
      writeStrings(column, entry, rows);
      break;
    case COLUMN_KIND.number:
      writeNumbers(column, entry, rows);
      break;
    case COLUMN_KIND.boolean: {
      reserve(rows.count);
      for (let i = 0; i < rows.count; i++) {
        const row = rows.index === undefined ? i : (rows.index[i] as number);
        scratch[at++] = column.values[row] as number;
      }
      break;
    }
  }
  scratchView.setUint32(entry + 8, start, true);
  scratchView.setUint32(entry + 12, at - start, true);
}

function writeStrings(column: StringColumn, entry: number, rows: RowSelection): void {
  gatherCodes(column.codes, rows);
  reserveEntries(Math.max(column.entries.count, rows.count) + 1);
  const { used, identity } =
    column.entries.plain === true ? takeEntries(rows.count) : mapEntries(rows.count);
  const { bytesTotal, fixedLength } = measureEntries(column.entries.offsets, used);
  const width = identity ? 0 : used < 256 ? 1 : used < 65_536 ? 2 : 3;
  scratchView.setUint8(entry + 1, width | (fixedLength >= 0 ? STRING_ENCODING.fixedLength : 0));
  scratchView.setUint32(entry + 16, used, true);
  writeCodes(rows.count, CODE_WIDTH_BYTES[width] as number);
  align(4);
  writeEntryLengths(column.entries.offsets, used, fixedLength);
  reserve(bytesTotal);
  copyEntries(column.entries, used);
}

function gatherCodes(codes: Uint32Array, { count, index }: RowSelection): void {
  if (index === undefined) gatheredCodes.set(codes.subarray(0, count));
  else for (let i = 0; i < count; i++) gatheredCodes[i] = codes[index[i] as number] as number;
}

interface EntryUse {
  /** Entries in `usedEntries`. */
  readonly used: number;
  /** Row i uses entry i. */
  readonly identity: boolean;
}

/** Numbers the gathered codes anew, in the order of their first use. */
function mapEntries(count: number): EntryUse {
  const codes = gatheredCodes;
  stamp++;
  let used = 0;
  let identity = true;
  for (let i = 0; i < count; i++) {
    const code = codes[i] as number;
    let local = 0;
    if (code !== 0) {
      if (stamps[code] === stamp) {
        local = remap[code] as number;
      } else {
        stamps[code] = stamp;
        usedEntries[used++] = code - 1;
        local = used;
        remap[code] = local;
      }
    }
    if (local !== i + 1) identity = false;
    codes[i] = local;
  }
  return { used, identity };
}

/** The same where every row has an entry of its own. */
function takeEntries(count: number): EntryUse {
  const codes = gatheredCodes;
  let used = 0;
  for (let i = 0; i < count; i++) {
    const code = codes[i] as number;
    if (code === 0) continue;
    usedEntries[used++] = code - 1;
    codes[i] = used;
  }
  return { used, identity: used === count };
}

/** Bytes of the used entries together, and the length that all of them have, or -1. */
function measureEntries(
  offsets: Uint32Array,
  used: number,
): { readonly bytesTotal: number; readonly fixedLength: number } {
  let bytesTotal = 0;
  let fixedLength = 0;
  for (let i = 0; i < used; i++) {
    const index = usedEntries[i] as number;
    const length = (offsets[index + 1] as number) - (offsets[index] as number);
    bytesTotal += length;
    if (i === 0) fixedLength = length;
    else if (length !== fixedLength) fixedLength = -1;
  }
  return { bytesTotal, fixedLength };
}

function writeCodes(count: number, widthBytes: number): void {
  reserve(count * widthBytes);
  if (widthBytes === 0) return;
  if (widthBytes === 1) {
    for (let i = 0; i < count; i++) scratch[at + i] = gatheredCodes[i] as number;
  } else if (widthBytes === 2) {
    const to = at >>> 1;
    for (let i = 0; i < count; i++) scratchHalves[to + i] = gatheredCodes[i] as number;
  } else {
    scratchWords.set(gatheredCodes.subarray(0, count), at >>> 2);
  }
  at += count * widthBytes;
}

/** One u32 length if all entries have it, else `used + 1` u32 offsets. */
function writeEntryLengths(offsets: Uint32Array, used: number, fixedLength: number): void {
  if (fixedLength >= 0) {
    reserve(4);
    scratchView.setUint32(at, fixedLength, true);
    at += 4;
    return;
  }
  reserve((used + 1) * 4);
  const to = at >>> 2;
  let end = 0;
  for (let i = 0; i < used; i++) {
    scratchWords[to + i] = end;
    const index = usedEntries[i] as number;
    end += (offsets[index + 1] as number) - (offsets[index] as number);
  }
  scratchWords[to + used] = end;
  at += (used + 1) * 4;
}

/** Copies the used entries; runs that lie side by side in the source go in one move, short ones by words. */
function copyEntries({ offsets, bytes }: StringColumn['entries'], used: number): void {
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const view = scratchView;
  let out = at;
  let i = 0;
  while (i < used) {
    const firstIndex = usedEntries[i] as number;
    let last = firstIndex;
    i++;
    while (i < used && usedEntries[i] === last + 1) {
      last++;
      i++;
    }
    const from = offsets[firstIndex] as number;
    const to = offsets[last + 1] as number;
    const length = to - from;
    if (length > 64) {
      scratch.set(bytes.subarray(from, to), out);
    } else if (length >= 4) {
      for (let j = 0; j < length - 4; j += 4) {
        view.setInt32(out + j, source.getInt32(from + j, true), true);
      }
      view.setInt32(out + length - 4, source.getInt32(to - 4, true), true); // may overlap
    } else {
      for (let j = 0; j < length; j++) scratch[out + j] = bytes[from + j] as number;
    }
    out += length;
  }
  at = out;
}

function writeNumbers(column: NumberColumn, entry: number, rows: RowSelection): void {
  const { count } = rows;
  gatherNumbers(column.values, rows);
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let integers = true;
  let absent = 0;
  for (let i = 0; i < count; i++) {
    const value = gatheredNumbers[i] as number;
    if (Number.isNaN(value)) {
      absent++;
      continue;
    }
    if (value < min) min = value;
    if (value > max) max = value;
    if (value !== Math.floor(value) || (value === 0 && 1 / value < 0)) integers = false;
  }
  const span = max - min;
  const exact =
    integers && span >= 0 && max <= Number.MAX_SAFE_INTEGER && min >= -Number.MAX_SAFE_INTEGER;
  const encoding =
    !exact || span >= 2 ** 32
      ? NUMBER_ENCODING.float64
      : span < 256
        ? NUMBER_ENCODING.delta8
        : span < 65_536
          ? NUMBER_ENCODING.delta16
          : NUMBER_ENCODING.delta32;
  scratchView.setUint8(entry + 1, encoding | (absent > 0 ? NUMBER_ENCODING.nullable : 0));
  if (absent > 0) writePresence(count);
  if (encoding === NUMBER_ENCODING.float64) {
    reserve(count * 8);
    for (let i = 0; i < count; i++, at += 8) {
      scratchView.setFloat64(at, gatheredNumbers[i] as number, true);
    }
    return;
  }
  reserve(8 + count * 4);
  scratchView.setFloat64(at, min, true);
  at += 8;
  // What is absent, NaN, becomes 0.
  if (encoding === NUMBER_ENCODING.delta8) {
    for (let i = 0; i < count; i++) scratch[at + i] = (gatheredNumbers[i] as number) - min;
    at += count;
  } else if (encoding === NUMBER_ENCODING.delta16) {
    const to = at >>> 1;
    for (let i = 0; i < count; i++) scratchHalves[to + i] = (gatheredNumbers[i] as number) - min;
    at += count * 2;
  } else {
    const to = at >>> 2;
    for (let i = 0; i < count; i++) scratchWords[to + i] = (gatheredNumbers[i] as number) - min;
    at += count * 4;
  }
}

function gatherNumbers(values: Float64Array, { count, index }: RowSelection): void {
  if (index === undefined) gatheredNumbers.set(values.subarray(0, count));
  else for (let i = 0; i < count; i++) gatheredNumbers[i] = values[index[i] as number] as number;
}

/** A bit per row, least significant first, 1 = present; padded to 8 bytes. */
function writePresence(count: number): void {
  const length = Math.ceil(count / 64) * 8;
  reserve(length);
  scratch.fill(0, at, at + length);
  for (let i = 0; i < count; i++) {
    const value = gatheredNumbers[i] as number;
    if (!Number.isNaN(value))
      scratch[at + (i >> 3)] = (scratch[at + (i >> 3)] as number) | (1 << (i & 7));
  }
  at += length;
}

function align(boundary: number): void {
  reserve(boundary);
  while (at % boundary !== 0) scratch[at++] = 0;
}

/** Makes room for `more` bytes, and for the padding that may follow. */
function reserve(more: number): void {
  if (at + more + 16 <= scratch.length) return;
  // Whole words.
  const grown = new Uint8Array(Math.max(scratch.length * 2, Math.ceil((at + more + 16) / 8) * 8));
  grown.set(scratch.subarray(0, at));
  scratch = grown;
  scratchView = new DataView(scratch.buffer);
  scratchWords = new Uint32Array(scratch.buffer);
  scratchHalves = new Uint16Array(scratch.buffer);
}

function reserveRows(count: number): void {
  if (count <= gatheredCodes.length) return;
  gatheredCodes = new Uint32Array(count * 2);
  gatheredNumbers = new Float64Array(count * 2);
}

function reserveEntries(count: number): void {
  if (stamp >= 0xffff_fff0 || count > remap.length) {
    const size = Math.max(remap.length, count * 2);
    remap = new Uint32Array(size);
    stamps = new Uint32Array(size);
    usedEntries = new Uint32Array(size);
    stamp = 0;
  }
}
