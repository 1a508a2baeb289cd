/**
 * Reads an event block. Columns are copied into typed arrays that the caller owns and reuses, at memory
 * speed and in one width, so that the loops over them stay monomorphic; no object is made per event.
 */

import {
  AT,
  BLOCK_HEADER_BYTES,
  BLOCK_KIND,
  BLOCK_VERSION_ERASED,
  type BlockKind,
} from './block-format.ts';
import {
  DIRECTORY_ENTRY_BYTES,
  NUMBER_ENCODING,
  packBlock,
  STRING_ENCODING,
} from './block-writer.ts';
import { COLUMN_KIND, type ColumnKind, type Entries, ROLE, type Role } from './columns.ts';
import { AppError } from './errors.ts';
import { multiplesOf } from './multiples.ts';

/** One column's place in its block. */
export interface BlockColumn {
  readonly kind: ColumnKind;
  readonly role: Role;
  readonly name: string;
  readonly encoding: number;
  readonly dataOffset: number;
  readonly dataLength: number;
  readonly entryCount: number;
}

const decoder = new TextDecoder();

/** What can be said of a block whose columns cannot be read. */
export type BlockHead = Pick<Block, 'tenant' | 'stream' | 'arrivalMs' | 'rows' | 'received'>;

export function headOf(bytes: Uint8Array): BlockHead {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    ...namesOf(bytes, view),
    arrivalMs: view.getFloat64(AT.arrivalMs, true),
    rows: view.getUint32(AT.rows, true),
    received: view.getUint32(AT.received, true),
  };
}

function namesOf(bytes: Uint8Array, view: DataView): { tenant: string; stream: string } {
  const streamAt = BLOCK_HEADER_BYTES + view.getUint16(AT.tenantLength, true);
  const streamEnd = streamAt + view.getUint16(AT.streamLength, true);
  return {
    tenant: textAt(bytes, BLOCK_HEADER_BYTES, streamAt, 0),
    stream: textAt(bytes, streamAt, streamEnd, 1),
  };
}

/**
 * The names of the last blocks, by their place in one. Nearly all blocks have those of the one before, and a small one would
 * cost its reader more in them than in its rows. Bounded by both.
 */
const knownNames: { readonly bytes: Uint8Array; readonly text: string }[] = [];
const NAMES_KNOWN_MAX = 256;
const NAME_BYTES_KNOWN_MAX = 64;

function textAt(bytes: Uint8Array, from: number, to: number, place: number): string {
  const known = knownNames[place];
  if (known !== undefined && isAt(bytes, from, to, known.bytes)) return known.text;
  const text = decoder.decode(bytes.subarray(from, to));
  if (place <= knownNames.length && place < NAMES_KNOWN_MAX && to - from <= NAME_BYTES_KNOWN_MAX) {
    // Not `slice`, which for a buffer is a view of the block.
    knownNames[place] = { bytes: Uint8Array.from(bytes.subarray(from, to)), text };
  }
  return text;
}

function isAt(bytes: Uint8Array, from: number, to: number, wanted: Uint8Array): boolean {
  if (to - from !== wanted.length || to > bytes.length) return false;
  for (let i = 0; i < wanted.length; i++) if (bytes[from + i] !== wanted[i]) return false;
  return true;
}

/** A view of a block whose checksum has been checked by whoever read it from outside (`checkBlock`). */
export class Block {
  readonly bytes: Uint8Array;
  readonly kind: BlockKind;
  readonly partition: number;
  readonly tenant: string;
  readonly stream: string;
  /** Wall clock of the edge when it sealed the block: the machine's only *now*. */
  readonly arrivalMs: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly sequence: number;
  readonly rows: number;
  readonly received: number;
  readonly rejected: number;
  readonly tsMinMs: number;
  readonly tsMaxMs: number;
  readonly columns: readonly BlockColumn[];
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    if (bytes.byteOffset % 8 !== 0) {
      throw new AppError(
        'block_corrupt',
        `a block must start 8-byte aligned, this one starts at ${bytes.byteOffset}`,
      );
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.bytes = bytes;
    this.#view = view;
    this.kind = view.getUint8(AT.kind) as BlockKind;
    this.partition = view.getUint16(AT.partition, true);
    this.arrivalMs = view.getFloat64(AT.arrivalMs, true);
    this.producerEpoch = view.getUint32(AT.producerEpoch, true);
    this.producerId = view.getUint32(AT.producerId, true);
    this.sequence = view.getFloat64(AT.sequence, true);
    this.rows = view.getUint32(AT.rows, true);
    this.received = view.getUint32(AT.received, true);
    this.rejected = view.getUint32(AT.rejected, true);
    this.tsMinMs = view.getFloat64(AT.tsMinMs, true);
    this.tsMaxMs = view.getFloat64(AT.tsMaxMs, true);
    const { tenant, stream } = namesOf(bytes, view);
    this.tenant = tenant;
    this.stream = stream;
    this.columns = readDirectory(bytes, view);
  }

  /** The column of that role, or that field name and kind; undefined if no row of the block has it. */
  byRole(role: Role): BlockColumn | undefined {
    return this.columns.find((column) => column.role === role);
  }
  field(name: string, kind: ColumnKind): BlockColumn | undefined {
    if (name === 'type' && kind === COLUMN_KIND.string) return this.byRole(ROLE.type);
    return this.columns.find((c) => c.role === ROLE.field && c.kind === kind && c.name === name);
  }

  get #hasErased(): boolean {
    return this.#view.getUint8(AT.version) === BLOCK_VERSION_ERASED;
  }

  /** Writes `rows` codes: 0 = absent, else 1 + index into `entries`. */
  readCodes(column: BlockColumn, out: Uint32Array): void {
    const width = column.encoding & STRING_ENCODING.widthMask;
    const at = this.bytes.byteOffset + column.dataOffset;
    const buffer = this.bytes.buffer;
    if (width === 0) {
      for (let i = 0; i < this.rows; i++) out[i] = i + 1;
    } else if (width === 1) {
      const codes = new Uint8Array(buffer, at, this.rows);
      for (let i = 0; i < this.rows; i++) out[i] = codes[i] as number;
    } else if (width === 2) {
      const codes = new Uint16Array(buffer, at, this.rows);
      for (let i = 0; i < this.rows; i++) out[i] = codes[i] as number;
    } else {
      out.set(new Uint32Array(buffer, at, this.rows));
    }
  }

  /** The dictionary of a string column. Entries need not be distinct. */
  entries(column: BlockColumn): Entries {
    const stored = this.storedEntries(column);
    if (!this.#hasErased || this.kind !== BLOCK_KIND.events) return stored;
    // No row that counts has them, but who takes over a dictionary as a whole shall get UTF-8.
    return { ...stored, bytes: stored.bytes.map((byte) => (byte === ERASED_BYTE ? 0 : byte)) };
  }

  /** As `entries`, a view of the block, with what erasing has left. */
  storedEntries(column: BlockColumn): Entries {
    const width = column.encoding & STRING_ENCODING.widthMask;
    const codesBytes = this.rows * (width === 3 ? 4 : width);
    const at = column.dataOffset + ((codesBytes + 3) & ~3);
    const count = column.entryCount;
    const end = column.dataOffset + column.dataLength;
    if ((column.encoding & STRING_ENCODING.fixedLength) === 0) {
      const offsets = new Uint32Array(this.bytes.buffer, this.bytes.byteOffset + at, count + 1);
      return { count, offsets, bytes: this.bytes.subarray(at + (count + 1) * 4, end) };
    }
    const offsets = multiplesOf(this.#view.getUint32(at, true), count);
    return { count, offsets, bytes: this.bytes.subarray(at + 4, end) };
  }

  /** Writes `rows` values: NaN = absent. */
  readNumbers(column: BlockColumn, out: Float64Array): void {
    const nullable = (column.encoding & NUMBER_ENCODING.nullable) !== 0;
    const encoding = column.encoding & ~NUMBER_ENCODING.nullable;
    const rows = this.rows;
    const buffer = this.bytes.buffer;
    const bitmapAt = this.bytes.byteOffset + column.dataOffset;
    const at = bitmapAt + (nullable ? Math.ceil(rows / 64) * 8 : 0);
    if (encoding === NUMBER_ENCODING.float64) {
      out.set(new Float64Array(buffer, at, rows));
      return; // absent values are stored as NaN
    }
    const base = this.#view.getFloat64(at - this.bytes.byteOffset, true);
    if (encoding === NUMBER_ENCODING.delta8) {
      const deltas = new Uint8Array(buffer, at + 8, rows);
      for (let i = 0; i < rows; i++) out[i] = base + (deltas[i] as number);
    } else if (encoding === NUMBER_ENCODING.delta16) {
      const deltas = new Uint16Array(buffer, at + 8, rows);
      for (let i = 0; i < rows; i++) out[i] = base + (deltas[i] as number);
    } else {
      const deltas = new Uint32Array(buffer, at + 8, rows);
      for (let i = 0; i < rows; i++) out[i] = base + (deltas[i] as number);
    }
    if (!nullable) return;
    const bitmap = new Uint8Array(buffer, bitmapAt, Math.ceil(rows / 8));
    for (let i = 0; i < rows; i++) {
      if (((bitmap[i >> 3] as number) & (1 << (i & 7))) === 0) out[i] = Number.NaN;
    }
  }

  /**
   * A byte per row, 1 = erased: its values are gone, and it counts for nothing any more. Undefined if no row was. Erased is a
   * row without that text which every event has, its type; a dead letter has its code.
   */
  erasedRows(): Uint8Array | undefined {
    if (!this.#hasErased) return undefined;
    const erased = new Uint8Array(this.rows);
    const marked = markColumn(this);
    if (marked === undefined) return erased.fill(1);
    const codes = new Uint32Array(this.rows);
    this.readCodes(marked, codes);
    const { offsets, bytes } = this.storedEntries(marked);
    for (let row = 0; row < this.rows; row++) {
      const code = codes[row] as number;
      const isErased = code === 0 || bytes[offsets[code - 1] as number] === ERASED_BYTE;
      erased[row] = isErased ? 1 : 0;
    }
    return erased;
  }

  /** A view of `rows` bytes: 0 = absent, 1 = false, 2 = true. */
  booleans(column: BlockColumn): Uint8Array {
    return this.bytes.subarray(column.dataOffset, column.dataOffset + this.rows);
  }
}

/** What is written over texts that are erased: in no UTF-8 text, so that no other text begins with it. */
export const ERASED_BYTE = 0xff;

/** Every row of the block has a text here that is not empty, unless it was erased. */
export const markColumn = (block: Block): BlockColumn | undefined =>
  block.kind === BLOCK_KIND.deadLetters
    ? block.field('code', COLUMN_KIND.string)
    : block.byRole(ROLE.type);

function readDirectory(bytes: Uint8Array, view: DataView): BlockColumn[] {
  const count = view.getUint32(AT.columns, true);
  const directory = view.getUint32(AT.directory, true);
  const columns: BlockColumn[] = [];
  for (let i = 0; i < count; i++) {
    const entry = directory + i * DIRECTORY_ENTRY_BYTES;
    const nameAt = view.getUint32(entry + 20, true);
    const column: BlockColumn = {
      kind: view.getUint8(entry) as ColumnKind,
      encoding: view.getUint8(entry + 1),
      role: view.getUint8(entry + 2) as Role,
      name: textAt(bytes, nameAt, nameAt + view.getUint16(entry + 4, true), 2 + i),
      dataOffset: view.getUint32(entry + 8, true),
      dataLength: view.getUint32(entry + 12, true),
      entryCount: view.getUint32(entry + 16, true),
    };
    if (column.dataOffset + column.dataLength > bytes.byteLength) {
      throw new AppError('block_corrupt', `column "${column.name}" reaches beyond its block`);
    }
    columns.push(column);
  }
  return columns;
}

const NO_ROWS = { count: 0, index: undefined } as const;

export interface PlainBlockHeader {
  readonly partition: number;
  readonly arrivalMs: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly sequence: number;
}

/** A block without rows that only moves its partition's clock. */
export const packHeartbeat = (header: PlainBlockHeader): Uint8Array<ArrayBuffer> =>
  packBlock(
    { ...header, kind: BLOCK_KIND.heartbeat, tenant: '', stream: '', received: 0, rejected: 0 },
    [],
    NO_ROWS,
  );

/** A change of definitions, as JSON, that takes effect at its place in the log. */
export function packControl(header: PlainBlockHeader, control: unknown): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(control));
  const column = {
    kind: COLUMN_KIND.string,
    role: ROLE.field,
    name: 'control',
    codes: new Uint32Array([1]),
    entries: { count: 1, offsets: new Uint32Array([0, text.length]), bytes: text },
  };
  return packBlock(
    { ...header, kind: BLOCK_KIND.control, tenant: '', stream: '', received: 0, rejected: 0 },
    [column],
    { count: 1, index: undefined },
  );
}

/** The JSON of a control block. */
export function readControl(block: Block): unknown {
  const column = block.field('control', COLUMN_KIND.string);
  if (column === undefined) {
    throw new AppError('block_corrupt', 'a control block must have the column "control"');
  }
  return JSON.parse(decoder.decode(block.entries(column).bytes));
}
