/** What is logged but not applied yet, from block headers alone: the `pending` of the ledger. */
import { AT, BLOCK_HEADER_BYTES, BLOCK_KIND, blockLengthAt } from '../../src/model/block-format.ts';
import { AppError } from '../../src/model/errors.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { BACKLOG_BLOCKS_MAX, BACKLOG_READ_BYTES } from '../limits.ts';
import { nodeDisk } from './disk.ts';
import { JournalCursor } from './journal-cursor.ts';
import { readHead, viewOf } from './journal-file.ts';
import { durableEnd, type JournalShared } from './journal-shared.ts';

/** Of one partition, tenant and stream. */
export interface BacklogEntry {
  readonly partition: number;
  readonly tenant: string;
  readonly stream: string;
  readonly blocks: number;
  readonly bytes: number;
  /** Rows of event blocks. */
  readonly events: number;
  /** Sums of the header fields of the same names. */
  readonly received: number;
  readonly rejected: number;
}

export interface Backlog {
  readonly entries: readonly BacklogEntry[];
  /** The offset up to which was counted: the durable end, unless the bound on headers ended it before. */
  readonly through: Offset;
  readonly complete: boolean;
}

type Sums = { -readonly [K in keyof BacklogEntry]: BacklogEntry[K] };

const decoder = new TextDecoder();

/**
 * Counts the durable blocks at or behind `applied`, the first offset not applied of each partition. Reads at most
 * `BACKLOG_BLOCKS_MAX` headers. Rejects as a reader does; nothing is checked but where blocks start.
 */
export async function countBacklog(
  dir: string,
  shared: JournalShared,
  applied: ReadonlyMap<number, Offset>,
): Promise<Backlog> {
  const end = durableEnd(shared) ?? offset(0);
  const sums = new Map<string, Sums>();
  const start = offset(Math.min(end, ...applied.values()));
  const cursor = new JournalCursor(nodeDisk, dir, start);
  let blocks = 0;
  try {
    while (cursor.offset < end && blocks < BACKLOG_BLOCKS_MAX) {
      const { bytes, path, byteOffset } = await cursor.read(readHead, BACKLOG_READ_BYTES, end);
      if (bytes.length === 0) continue;
      const walked = addHeaders(bytes, cursor.offset, applied, sums);
      if (walked.blocks === 0) {
        throw new AppError('block_corrupt', 'expected the start of a block', { path, byteOffset });
      }
      blocks += walked.blocks;
      cursor.advance(walked.bytes);
    }
  } finally {
    await cursor.close();
  }
  return { entries: [...sums.values()], through: cursor.offset, complete: cursor.offset >= end };
}

/** Adds each block whose header lies in `head`; the last one's body may lie behind it. Answers how far that goes. */
function addHeaders(
  head: Uint8Array,
  start: Offset,
  applied: ReadonlyMap<number, Offset>,
  sums: Map<string, Sums>,
): { blocks: number; bytes: number } {
  const view = viewOf(head);
  let blocks = 0;
  let at = 0;
  for (;;) {
    const length = blockLengthAt(view, at);
    if (length === undefined) break;
    const streamAt = at + BLOCK_HEADER_BYTES + view.getUint16(at + AT.tenantLength, true);
    const namesEnd = streamAt + view.getUint16(at + AT.streamLength, true);
    if (namesEnd > head.length) break;
    const partition = view.getUint16(at + AT.partition, true);
    const from = applied.get(partition);
    if (from !== undefined && start + at >= from) {
      const tenant = decoder.decode(head.subarray(at + BLOCK_HEADER_BYTES, streamAt));
      const stream = decoder.decode(head.subarray(streamAt, namesEnd));
      const sum = sumsOf(sums, partition, tenant, stream);
      sum.blocks += 1;
      sum.bytes += length;
      if (view.getUint8(at + AT.kind) === BLOCK_KIND.events) {
        sum.events += view.getUint32(at + AT.rows, true);
      }
      sum.received += view.getUint32(at + AT.received, true);
      sum.rejected += view.getUint32(at + AT.rejected, true);
    }
    blocks += 1;
    at += length;
  }
  return { blocks, bytes: at };
}

function sumsOf(all: Map<string, Sums>, partition: number, tenant: string, stream: string): Sums {
  const key = `${partition}/${tenant}/${stream}`;
  let sums = all.get(key);
  if (sums === undefined) {
    const zero = { blocks: 0, bytes: 0, events: 0, received: 0, rejected: 0 };
    sums = { partition, tenant, stream, ...zero };
    all.set(key, sums);
  }
  return sums;
}
