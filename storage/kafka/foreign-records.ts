/**
 * Records that other programs wrote, found in what a broker answered without an object for each: keys, headers, times, and
 * nothing of transactions that were aborted.
 */
import { crc32c } from '@platformatic/kafka';
import {
  APPEND_TIME,
  AT,
  CONTROL,
  HEADER_BYTES,
  MAGIC,
  TRANSACTIONAL,
  unpacked,
} from './batch-format.ts';
import { Varints } from './varints.ts';

/** Of a control record's key, behind its version. */
const ABORT = 0;

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

/** The record that is visited; its bytes are gone with the next. */
export class ForeignRecord {
  offset = 0;
  /** As its producer or its broker says; negative if neither does. */
  timestampMs = 0;
  bytes: Buffer = Buffer.alloc(0);
  /** Lengths of -1 stand for null. */
  keyAt = 0;
  keyLength = -1;
  valueAt = 0;
  valueLength = -1;
  #headersAt = 0;

  get key(): Buffer | undefined {
    return this.keyLength < 0 ? undefined : this.#part(this.keyAt, this.keyLength);
  }

  get value(): Buffer | undefined {
    return this.valueLength < 0 ? undefined : this.#part(this.valueAt, this.valueLength);
  }

  /** The value of the last header of that name; undefined if there is none, or it is null. */
  header(name: Buffer): Buffer | undefined {
    let found: Buffer | undefined;
    for (const [header, value] of this.headers()) if (header.equals(name)) found = value;
    return found;
  }

  *headers(): Generator<readonly [name: Buffer, value: Buffer | undefined]> {
    const cursor = new Varints(this.bytes, this.#headersAt);
    for (let left = cursor.take(); left > 0; left--) {
      const name = this.#take(cursor) ?? Buffer.alloc(0);
      yield [name, this.#take(cursor)];
    }
  }

  /** Reads the record at the cursor, of a batch that begins with this offset and time; moves behind it. */
  read(cursor: Varints, baseOffset: number, baseTimestampMs: number, isAppendTime: boolean): void {
    const length = cursor.take();
    const end = cursor.at + length;
    if (length < 0 || end > cursor.bytes.length) throw new RangeError('a record is cut off');
    cursor.at += 1; // attributes
    const delta = cursor.takeLong();
    this.timestampMs = isAppendTime ? baseTimestampMs : baseTimestampMs + delta;
    this.offset = baseOffset + cursor.take();
    this.bytes = cursor.bytes;
    this.keyLength = cursor.take();
    this.keyAt = cursor.at;
    cursor.skip(this.keyLength);
    this.valueLength = cursor.take();
    this.valueAt = cursor.at;
    cursor.skip(this.valueLength);
    this.#headersAt = cursor.at;
    cursor.at = end;
  }

  #take(cursor: Varints): Buffer | undefined {
    const length = cursor.take();
    const at = cursor.at;
    cursor.skip(length);
    return length < 0 ? undefined : this.#part(at, length);
  }

  #part(at: number, length: number): Buffer {
    return this.bytes.subarray(at, at + length);
  }
}

/** One batch of a fetched partition. */
export interface ForeignBatch {
  readonly baseOffset: number;
  /** Behind its last record, also where the last ones were compacted away. */
  readonly nextOffset: number;
  /** Why its records cannot be read; no retry makes that better. */
  readonly problem: string | undefined;
  /** Its bytes as they came, for whoever looks for the reason. */
  readonly raw: Buffer;
  /** Calls for each record that lies at `from` or behind it. Only where there is no `problem`; may end in one. */
  visit(from: number, record: ForeignRecord, each: () => void): string | undefined;
}

/** The batches that are there as a whole, without those that only mark the ends of transactions and those that were aborted. */
export function* foreignBatches(
  fetched: Buffer,
  aborted: readonly AbortedTransaction[],
): Generator<ForeignBatch> {
  const open = new OpenTransactions(aborted);
  for (const raw of wholeBatches(fetched)) yield batchOf(raw, open);
}

/** Behind the last record of the batches that are there as a whole; `from` if there is none. */
export function fetchedEnd(fetched: Buffer, from: number): number {
  let end = from;
  for (const raw of wholeBatches(fetched)) end = Math.max(end, nextOffsetOf(raw));
  return end;
}

function* wholeBatches(fetched: Buffer): Generator<Buffer> {
  for (let at = 0; at + HEADER_BYTES <= fetched.length; ) {
    const end = at + AT.leaderEpoch + fetched.readInt32BE(at + AT.length);
    if (end > fetched.length || end < at + HEADER_BYTES) return;
    yield fetched.subarray(at, end);
    at = end;
  }
}

/** Of an older format's batch the other fields lie elsewhere: how many records it has is not known here. */
const nextOffsetOf = (raw: Buffer): number =>
  baseOffsetOf(raw) + (isOfFormat(raw) ? raw.readInt32BE(AT.lastOffsetDelta) + 1 : 1);

const baseOffsetOf = (raw: Buffer): number => Number(raw.readBigInt64BE(AT.baseOffset));
const isOfFormat = (raw: Buffer): boolean => raw.readInt8(AT.magic) === MAGIC;

function batchOf(raw: Buffer, open: OpenTransactions): ForeignBatch {
  const baseOffset = baseOffsetOf(raw);
  const nextOffset = nextOffsetOf(raw);
  const attributes = raw.readInt16BE(AT.attributes);
  const nothing = { baseOffset, nextOffset, raw, problem: undefined, visit: () => undefined };
  if (!isOfFormat(raw)) {
    const problem = `expected a record batch of format ${MAGIC}, which Kafka writes since 0.11`;
    return { ...nothing, problem };
  }
  const producerId = raw.readBigInt64BE(AT.producerId);
  const isControl = (attributes & CONTROL) !== 0;
  const isAborted = open.isAborted(producerId, nextOffset, (attributes & TRANSACTIONAL) !== 0);
  if (isControl) {
    if (isAbortMarker(raw)) open.end(producerId);
    return nothing;
  }
  if (isAborted) return nothing;
  if (crc32c(raw.subarray(AT.attributes)) !== raw.readUInt32BE(AT.crc)) {
    return { ...nothing, problem: 'the checksum of the record batch is wrong' };
  }
  return { ...nothing, visit: (from, record, each) => visitRecords(raw, from, record, each) };
}

function visitRecords(
  raw: Buffer,
  from: number,
  record: ForeignRecord,
  each: () => void,
): string | undefined {
  const attributes = raw.readInt16BE(AT.attributes);
  const baseOffset = baseOffsetOf(raw);
  const isAppendTime = (attributes & APPEND_TIME) !== 0;
  const timestampAt = isAppendTime ? AT.maxTimestamp : AT.baseTimestamp;
  const timestampMs = Number(raw.readBigInt64BE(timestampAt));
  let cursor: Varints;
  try {
    cursor = new Varints(unpacked(raw.subarray(HEADER_BYTES), attributes));
  } catch (error) {
    return `the record batch cannot be unpacked: ${wordsOf(error)}`;
  }
  for (let left = raw.readInt32BE(AT.count); left > 0; left--) {
    try {
      record.read(cursor, baseOffset, timestampMs, isAppendTime);
    } catch (error) {
      return `the record batch is broken: ${wordsOf(error)}`;
    }
    if (record.offset >= from) each();
  }
  return undefined;
}

const wordsOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

const isAbortMarker = (raw: Buffer): boolean => {
  const record = new ForeignRecord();
  record.read(new Varints(raw, HEADER_BYTES), 0, 0, false);
  return record.keyLength >= 4 && record.bytes.readInt16BE(record.keyAt + 2) === ABORT;
};

/**
 * Which transactions are known to have been aborted at the place that is read: from its first offset until its end is marked.
 * The list of an answer covers exactly the records in it.
 */
class OpenTransactions {
  /** Those that begin later, the next one last. */
  readonly #later: AbortedTransaction[];
  readonly #aborted = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#later = aborted.toSorted((a, b) => Number(b.firstOffset - a.firstOffset));
  }

  isAborted(producerId: bigint, nextOffset: number, isTransactional: boolean): boolean {
    for (;;) {
      const next = this.#later.at(-1);
      if (next === undefined || Number(next.firstOffset) >= nextOffset) break;
      this.#aborted.add(next.producerId);
      this.#later.pop();
    }
    return isTransactional && this.#aborted.has(producerId);
  }

  end(producerId: bigint): void {
    this.#aborted.delete(producerId);
  }
}
