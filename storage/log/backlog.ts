/** What is logged but not applied yet, from block headers alone: the `pending` of the ledger. */

import { AT, BLOCK_HEADER_BYTES, BLOCK_KIND, blockLengthAt } from '../../src/model/block-format.ts';
import { AppError } from '../../src/model/errors.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { viewOf } from '../../src/model/view-of.ts';
import {
  BACKLOG_BLOCKS_MAX,
  BACKLOG_READ_BYTES,
  BACKLOG_TOPIC_BYTES_MAX,
  BACKLOG_TOPIC_MS_MAX,
  JOURNAL_READ_BYTES,
} from '../limits.ts';
import { nodeDisk } from './disk.ts';
import { JournalCursor } from './journal-cursor.ts';
import { readHead } from './journal-file.ts';
import type { OpenReader } from './log.ts';
import { type LogShared, logEnd } from './log-shared.ts';

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
  /** False: a bound ended the count before the durable end. */
  readonly complete: boolean;
}

export interface JournalBacklog extends Backlog {
  /** The offset up to which was counted. */
  readonly through: Offset;
}

type Sums = { -readonly [K in keyof BacklogEntry]: BacklogEntry[K] };

const decoder = new TextDecoder();

/**
 * Counts the durable blocks at or behind `applied`, the first offset not applied of each partition. Reads at most
 * `BACKLOG_BLOCKS_MAX` headers. Rejects as a reader does; nothing is checked but where blocks start.
 */
export async function countBacklog(
  dir: string,
  shared: LogShared,
  applied: ReadonlyMap<number, Offset>,
): Promise<JournalBacklog> {
  const end = logEnd(shared, 0) ?? offset(0);
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

/**
 * As `countBacklog`, of a topic: its blocks are read whole. Ends when it has taken too long, as it does while brokers are away.
 */
export async function countTopicBacklog(
  openReader: OpenReader,
  shared: LogShared,
  applied: ReadonlyMap<number, Offset>,
): Promise<Backlog> {
  const ends = new Map<number, Offset>();
  for (const [partition, from] of applied) {
    const end = logEnd(shared, partition) ?? from;
    if (end > from) ends.set(partition, end);
  }
  const sums = new Map<string, Sums>();
  if (ends.size === 0) return { entries: [], complete: true };
  const reader = openReader(new Map([...applied].filter(([partition]) => ends.has(partition))));
  let isLate = false;
  let isWhole = true;
  const timer = setTimeout(() => {
    isLate = true;
    reader.close();
  }, BACKLOG_TOPIC_MS_MAX);
  try {
    for (let bytes = 0; ends.size > 0 && bytes < BACKLOG_TOPIC_BYTES_MAX; ) {
      const read = await reader.read(JOURNAL_READ_BYTES).catch((error: unknown) => {
        const partition = error instanceof AppError ? error.location.partition : undefined;
        if (partition === undefined) throw error;
        isWhole = false;
        ends.delete(partition);
      });
      if (isLate) break;
      if (read === undefined) continue;
      for (const block of read.blocks) {
        bytes += block.bytes.length;
        if (block.offset >= (ends.get(block.partition) ?? 0)) continue;
        addHeaders(block.bytes, block.offset, applied, sums);
      }
      for (const [partition, end] of ends)
        if (read.readTo(partition) >= end) ends.delete(partition);
    }
  } finally {
    clearTimeout(timer);
    reader.close();
  }
  return { entries: [...sums.values()], complete: isWhole && ends.size === 0 };
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
