/**
 * Record batches of Kafka (magic 2): blocks packed into one for a partition, and records found in fetched ones without an
 * object for each.
 */
import { crc32c } from '@platformatic/kafka';
import { AT, CONTROL, HEADER_BYTES, MAGIC, unpacked } from './batch-format.ts';
import { Varints } from './varints.ts';

/** Attributes, timestamp delta and key length of our records: always one byte each, and so is their count of headers. */
const FIXED_BYTES = 3;
const NO_KEY = 1;

export interface BatchHead {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** Of the first record; brokers drop what they have had already. */
  readonly sequence: number;
  readonly timestampMs: number;
}

/** Most bytes that a record takes beside its value. */
export const RECORD_OVERHEAD_BYTES = 20;

/** One batch of uncompressed records without keys: the values, in their order. */
export function packBatch(values: readonly Uint8Array[], head: BatchHead): Buffer {
  let size = HEADER_BYTES;
  for (const [delta, { length }] of values.entries()) {
    const bytes = recordBytes(delta, length);
    size += varintBytes(bytes) + bytes;
  }
  const batch = Buffer.allocUnsafeSlow(size);
  let at = HEADER_BYTES;
  for (const [delta, value] of values.entries()) {
    at = putVarint(batch, at, recordBytes(delta, value.length));
    batch[at++] = 0;
    batch[at++] = 0;
    at = putVarint(batch, at, delta);
    batch[at++] = NO_KEY;
    at = putVarint(batch, at, value.length);
    batch.set(value, at);
    at += value.length;
    batch[at++] = 0;
  }
  putHeader(batch, values.length, head);
  return batch;
}

const recordBytes = (delta: number, length: number): number =>
  FIXED_BYTES + varintBytes(delta) + varintBytes(length) + length + 1;

function putHeader(batch: Buffer, records: number, head: BatchHead): void {
  const timestamp = BigInt(head.timestampMs);
  batch.writeBigInt64BE(0n, AT.baseOffset);
  batch.writeInt32BE(batch.length - AT.leaderEpoch, AT.length);
  batch.writeInt32BE(-1, AT.leaderEpoch);
  batch.writeInt8(MAGIC, AT.magic);
  batch.writeInt16BE(0, AT.attributes);
  batch.writeInt32BE(records - 1, AT.lastOffsetDelta);
  batch.writeBigInt64BE(timestamp, AT.baseTimestamp);
  batch.writeBigInt64BE(timestamp, AT.maxTimestamp);
  batch.writeBigInt64BE(head.producerId, AT.producerId);
  batch.writeInt16BE(head.producerEpoch, AT.producerEpoch);
  batch.writeInt32BE(head.sequence, AT.sequence);
  batch.writeInt32BE(records, AT.count);
  batch.writeUInt32BE(crc32c(batch.subarray(AT.attributes)), AT.crc);
}

export interface RecordVisitor {
  /** The value is `bytes[at, at + length)`, with at least 7 bytes of nobody's before it; a record without one has a length of -1. */
  record(offset: number, bytes: Buffer, at: number, length: number): void;
  /** Every record before this offset has been visited, also where some offsets have none. */
  end(offset: number): void;
}

/**
 * Visits the records of a fetched partition that lie at `from` or behind it: the first batch may begin before. A batch that the
 * answer has only in part ends it. Checksums are not looked at: blocks have their own. Throws where the bytes are no batch.
 */
export function visitRecords(fetched: Buffer, from: number, visitor: RecordVisitor): void {
  for (let at = 0; at + HEADER_BYTES <= fetched.length; ) {
    const length = fetched.readInt32BE(at + AT.length);
    const end = at + AT.leaderEpoch + length;
    if (end > fetched.length) return;
    const base = Number(fetched.readBigInt64BE(at + AT.baseOffset));
    if (end < at + HEADER_BYTES) throw new Error(`offset ${base}: a record batch is too short`);
    if (fetched.readInt8(at + AT.magic) !== MAGIC) {
      throw new Error(`offset ${base}: expected a record batch of format ${MAGIC}`);
    }
    const attributes = fetched.readInt16BE(at + AT.attributes);
    if ((attributes & CONTROL) === 0) {
      // We compress none, but a topic's own settings and tools that copy topics may.
      const count = fetched.readInt32BE(at + AT.count);
      const packed = fetched.subarray(at + HEADER_BYTES, end);
      visitBatch(unpacked(packed, attributes), { base, count, from }, visitor);
    }
    visitor.end(base + fetched.readInt32BE(at + AT.lastOffsetDelta) + 1);
    at = end;
  }
}

interface Place {
  readonly base: number;
  readonly count: number;
  readonly from: number;
}

function visitBatch(bytes: Buffer, { base, count, from }: Place, visitor: RecordVisitor): void {
  const cursor = new Varints(bytes);
  for (let i = 0; i < count; i++) {
    const length = cursor.take();
    const end = cursor.at + length;
    cursor.skip(1); // attributes
    cursor.takeLong(); // timestamp
    const offset = base + cursor.take();
    cursor.skip(cursor.take()); // key
    const valueBytes = cursor.take();
    const at = cursor.at;
    cursor.skip(valueBytes);
    if (offset >= from) visitor.record(offset, bytes, at, valueBytes);
    cursor.at = end; // behind headers, of which ours have none
  }
}

/** Of a number that is not negative; so is all that we pack. */
function putVarint(bytes: Buffer, at: number, value: number): number {
  let left = value * 2;
  let next = at;
  while (left > 0x7f) {
    bytes[next++] = (left & 0x7f) | 0x80;
    left >>>= 7;
  }
  bytes[next++] = left;
  return next;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let left = value * 2; left > 0x7f; left >>>= 7) bytes += 1;
  return bytes;
}
