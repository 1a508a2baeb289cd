/**
 * Values of the state store's small rows (drawing: storage/FORMAT.md, "State rows"). Rollup rows are bytes here: their form
 * belongs to the aggregates. Decoders throw `state_corrupt`.
 */
import { AppError } from '../../src/model/errors.ts';

/** What became of the events of one tenant's stream that arrived in one hour. */
export interface LedgerCounts {
  readonly received: number;
  readonly applied: number;
  readonly duplicate: number;
  readonly rejected: number;
  readonly clamped: number;
  readonly expired: number;
}

const LEDGER_FIELDS = [
  'received',
  'applied',
  'duplicate',
  'rejected',
  'clamped',
  'expired',
] as const;

/** Six doubles, little-endian, in the order of the interface. */
export function encodeLedger(counts: LedgerCounts): Uint8Array {
  const view = new DataView(new ArrayBuffer(LEDGER_FIELDS.length * 8));
  LEDGER_FIELDS.forEach((field, i) => {
    view.setFloat64(i * 8, counts[field], true);
  });
  return new Uint8Array(view.buffer);
}

export function decodeLedger(row: Uint8Array): LedgerCounts {
  if (row.length !== LEDGER_FIELDS.length * 8) throw corrupt('a ledger row', row);
  const view = new DataView(row.buffer, row.byteOffset);
  const at = (field: (typeof LEDGER_FIELDS)[number]) =>
    view.getFloat64(LEDGER_FIELDS.indexOf(field) * 8, true);
  return {
    received: at('received'),
    applied: at('applied'),
    duplicate: at('duplicate'),
    rejected: at('rejected'),
    clamped: at('clamped'),
    expired: at('expired'),
  };
}

/** One double, little-endian. */
export function encodeCount(count: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, count, true);
  return new Uint8Array(view.buffer);
}

export function decodeCount(row: Uint8Array): number {
  if (row.length !== 8) throw corrupt('a count', row);
  return new DataView(row.buffer, row.byteOffset).getFloat64(0, true);
}

/** Labels of a series, null where its events had no such field: a JSON array. */
export const encodeSeriesLabels = (labels: readonly (string | null)[]): Uint8Array =>
  Buffer.from(JSON.stringify(labels));

export function decodeSeriesLabels(row: Uint8Array): readonly (string | null)[] {
  const labels = parseJson('the labels of a series', row);
  if (!Array.isArray(labels)) throw corrupt('the labels of a series', row);
  return labels.map((label) => (typeof label === 'string' ? label : null));
}

/** A line that was refused, or an event that the partition could not apply. */
export interface StoredDeadLetter {
  readonly stream: string;
  readonly arrivalMs: number;
  /** Counted from 0 in its request. */
  readonly line: number;
  readonly code: string;
  readonly message: string;
  /** As it was sent, perhaps cut, perhaps not UTF-8. */
  readonly raw: Uint8Array;
}

const DEAD_LETTER_VERSION = 1;
const DEAD_LETTER_HEAD_BYTES = 24;

/** Version (u8), 3 zero bytes, line (u32), arrival (f64), lengths of stream, code (u16 each) and message (u32), then these and the raw bytes. */
export function encodeDeadLetter(letter: StoredDeadLetter): Uint8Array {
  const texts = [letter.stream, letter.code, letter.message].map((text) => Buffer.from(text));
  const head = Buffer.alloc(DEAD_LETTER_HEAD_BYTES);
  head.writeUInt8(DEAD_LETTER_VERSION, 0);
  head.writeUInt32LE(letter.line, 4);
  head.writeDoubleLE(letter.arrivalMs, 8);
  head.writeUInt16LE(texts[0]?.length ?? 0, 16);
  head.writeUInt16LE(texts[1]?.length ?? 0, 18);
  head.writeUInt32LE(texts[2]?.length ?? 0, 20);
  return Buffer.concat([head, ...texts, letter.raw]);
}

export function decodeDeadLetter(row: Uint8Array): StoredDeadLetter {
  const bytes = Buffer.from(row.buffer, row.byteOffset, row.length);
  if (bytes.length < DEAD_LETTER_HEAD_BYTES || bytes[0] !== DEAD_LETTER_VERSION) {
    throw corrupt('a dead letter', row);
  }
  let at = DEAD_LETTER_HEAD_BYTES;
  const text = (length: number): string => {
    at += length;
    return bytes.toString('utf8', at - length, at);
  };
  return {
    line: bytes.readUInt32LE(4),
    arrivalMs: bytes.readDoubleLE(8),
    stream: text(bytes.readUInt16LE(16)),
    code: text(bytes.readUInt16LE(18)),
    message: text(bytes.readUInt32LE(20)),
    raw: bytes.subarray(at),
  };
}

/** Which rows of a block were not applied: duplicates, and events that no attempt could apply. */
export interface Verdict {
  readonly rows: number;
  readonly dropped: number;
  /** False for a row that was applied. */
  isDropped(row: number): boolean;
}

const VERDICT_HEAD_BYTES = 8;

/** Rows (u32), dropped (u32), then a bit per row, least significant first, 1 = dropped; no bits if all are. */
export function encodeVerdict(keep: Uint8Array | undefined, rows: number): Uint8Array {
  if (keep === undefined) return verdictHead(rows, rows, 0);
  let dropped = 0;
  for (let row = 0; row < rows; row++) dropped += keep[row] === 0 ? 1 : 0;
  if (dropped === rows) return verdictHead(rows, rows, 0);
  const bytes = verdictHead(rows, dropped, Math.ceil(rows / 8));
  for (let row = 0; row < rows; row++) {
    if (keep[row] !== 0) continue;
    const at = VERDICT_HEAD_BYTES + (row >> 3);
    bytes[at] = (bytes[at] as number) | (1 << (row & 7));
  }
  return bytes;
}

export function decodeVerdict(bytes: Uint8Array): Verdict {
  if (bytes.length < VERDICT_HEAD_BYTES) throw corrupt('a verdict', bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const rows = view.getUint32(0, true);
  const dropped = view.getUint32(4, true);
  const bits = bytes.subarray(VERDICT_HEAD_BYTES);
  const isDropped = (row: number): boolean =>
    dropped === rows || ((bits[row >> 3] as number) & (1 << (row & 7))) !== 0;
  return { rows, dropped, isDropped };
}

function verdictHead(rows: number, dropped: number, bitBytes: number): Uint8Array {
  const bytes = new Uint8Array(VERDICT_HEAD_BYTES + bitBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, rows, true);
  view.setUint32(4, dropped, true);
  return bytes;
}

export function parseJson(what: string, row: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(row.buffer, row.byteOffset, row.length).toString());
  } catch (cause) {
    throw new AppError('state_corrupt', `${what} is not JSON`, {}, cause);
  }
}

const corrupt = (what: string, row: Uint8Array): AppError =>
  new AppError('state_corrupt', `${what} of ${row.length} bytes cannot be read`);
