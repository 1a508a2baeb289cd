/** Asking a broker for what comes behind some offsets: records stay as they came, without an object for each. */
import { fetchV13, type Reader, type Writer } from '@platformatic/kafka';
import { KAFKA_FETCH_WAIT_MS } from '../limits.ts';
import { apiOf } from './cluster.ts';

export interface FetchedPartition {
  readonly partition: number;
  readonly errorCode: number;
  /** Behind the newest record that all replicas in sync have; negative with an error. */
  readonly end: number;
  readonly start: number;
  /** Record batches; the first may begin before the wanted offset. */
  readonly records: Buffer | undefined;
}

export interface Fetched {
  readonly errorCode: number;
  readonly partitions: readonly FetchedPartition[];
  /** Pieces of the answer of which nothing is left but records, and these are copied. */
  readonly spent: readonly Buffer[];
}

export interface FetchWish {
  readonly topicId: string;
  /** The next wanted offset of each partition. The first of them that has something gets the room first. */
  readonly from: readonly (readonly [partition: number, offset: number])[];
  readonly bytesMax: number;
}

export const FETCH = apiOf(1, 13, parseFetched);

const READ_UNCOMMITTED = 0;
const NO_SESSION = { id: 0, epoch: -1 } as const;
const UUID_BYTES = 16;
const NO_EPOCH = -1;

/** Answered as soon as there is something, or with nothing after `KAFKA_FETCH_WAIT_MS`. */
export function fetchRequest({ topicId, from, bytesMax }: FetchWish): Writer {
  const partitions = from.map(([partition, offset]) => ({
    partition,
    currentLeaderEpoch: NO_EPOCH,
    fetchOffset: BigInt(offset),
    lastFetchedEpoch: NO_EPOCH,
    partitionMaxBytes: bytesMax,
  }));
  return fetchV13.createRequest(
    KAFKA_FETCH_WAIT_MS,
    1,
    bytesMax,
    READ_UNCOMMITTED,
    NO_SESSION.id,
    NO_SESSION.epoch,
    [{ topicId, partitions }],
    [],
    '',
  );
}

function parseFetched(_id: number, _key: number, _version: number, reader: Reader): Fetched {
  reader.readInt32(); // throttle time
  const errorCode = reader.readInt16();
  reader.readInt32(); // session
  const spent: Buffer[] = [];
  const topics = reader.readArray((each) => {
    each.skip(UUID_BYTES);
    return each.readArray((one) => parsePartition(one, spent));
  });
  return { errorCode, partitions: topics.flat(), spent };
}

function parsePartition(reader: Reader, spent: Buffer[]): FetchedPartition {
  const partition = reader.readInt32();
  const errorCode = reader.readInt16();
  const end = Number(reader.readInt64());
  reader.readInt64(); // last stable offset
  const start = Number(reader.readInt64());
  reader.readNullableArray((aborted) => aborted.skip(UUID_BYTES));
  reader.readInt32(); // preferred replica
  const records = readRecords(reader, spent);
  return { partition, errorCode, end, start, records };
}

/**
 * In memory that threads could share, though none does: V8 counts other buffers as part of the thread's heap, and would collect all of
 * it after each few megabytes that are read. The pieces that came are counted until they are `spent`; those at both ends stay so, and
 * see to it that V8 collects what was read at all.
 */
function readRecords(reader: Reader, spent: Buffer[]): Buffer | undefined {
  const length = reader.readUnsignedVarInt() - 1;
  if (length < 0) return undefined;
  const { buffers: pieces } = reader.buffer.subarray(reader.position, reader.position + length);
  reader.skip(length);
  if (pieces.length === 1) return pieces[0];
  const records = Buffer.from(new SharedArrayBuffer(length));
  let at = 0;
  for (const piece of pieces) at += piece.copy(records, at);
  spent.push(...pieces.slice(1, -1));
  return records;
}

/** Frees what the pieces of an answer came in. Only once the client is done with it, which counts their lengths until then. */
export function freePieces({ spent }: Fetched): void {
  for (const { buffer, byteLength } of spent) {
    if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
  }
}
