/** The blocks among fetched records of the log's topic, up to the first record that is none: a pure function of what came. */
import { checkBlock } from '../../src/model/block-format.ts';
import { AppError, isFault } from '../../src/model/errors.ts';
import { offset } from '../../src/model/units.ts';
import type { LoggedBlock } from '../log/log.ts';
import type { OffsetRun } from '../log/log-shared.ts';
import type { KafkaLogSource } from './connection.ts';
import { strayFault } from './reader-faults.ts';
import { visitRecords } from './record-batch.ts';
import { partitionOf } from './round.ts';

export interface FetchedRecords {
  readonly partition: number;
  /** First wanted record; what lies before it in the same batch is left out. */
  readonly from: number;
  readonly records: Buffer;
}

export interface FetchedBlocks {
  readonly blocks: LoggedBlock[];
  /** Behind the blocks, and behind records that the topic has for itself. */
  readonly next: number;
  /** Why it is not read on from there. */
  readonly fault: AppError | undefined;
  /** The records there that are no blocks, as offsets of the log. */
  readonly stray: OffsetRun | undefined;
}

/** May move the bytes of `records` about; blocks are views of it. */
export function fetchedBlocks(
  log: KafkaLogSource,
  { partition, from, records }: FetchedRecords,
): FetchedBlocks {
  const { offsetBase } = log;
  const blocks: LoggedBlock[] = [];
  let next = from;
  let fault: AppError | undefined;
  try {
    visitRecords(records, from, {
      record: (at, held, start, length) => {
        const own = offset(offsetBase + at);
        const bytes = aligned(held, start, length);
        blocks.push({ partition, offset: own, nextOffset: offset(own + 1), bytes });
      },
      end: (end) => {
        next = Math.max(next, end);
      },
    });
  } catch (cause) {
    const firstOfBatch = blocks.findIndex((block) => block.offset >= offsetBase + next);
    if (firstOfBatch >= 0) blocks.length = firstOfBatch;
    fault = strayFault(log, { partition, from: next, to: next + 1 }, cause);
  }
  const bad = blocks.findIndex((block) => problemOf(block) !== undefined);
  const first = blocks[bad];
  if (first === undefined) return { blocks, next, fault, stray: undefined };
  const behind = blocks.findIndex((block, i) => i > bad && !isCorrupt(problemOf(block)));
  const last = blocks.at(behind < 0 ? -1 : behind - 1) ?? first;
  const run = { from: first.offset, to: last.nextOffset };
  const problem = problemOf(first);
  next = run.from - offsetBase;
  blocks.length = bad;
  return {
    blocks,
    next,
    fault: strayFault(log, { partition, from: next, to: run.to - offsetBase }, problem),
    stray: isCorrupt(problem) ? run : undefined,
  };
}

const isCorrupt = (problem: unknown): boolean => isFault(problem, 'block_corrupt');

/** Why a record is no block of its partition. */
function problemOf({ bytes, partition }: LoggedBlock): unknown {
  try {
    checkBlock(bytes);
  } catch (fault) {
    return fault;
  }
  const own = partitionOf(bytes);
  if (own === partition) return undefined;
  const message = `expected a block of partition ${partition}, it is one of ${own}`;
  return new AppError('block_corrupt', message);
}

/** The bytes of a block where they are, moved down by at most 7 bytes over what stands before them. */
function aligned(held: Buffer, at: number, length: number): Uint8Array {
  if (length <= 0) return new Uint8Array(0);
  const to = at - ((held.byteOffset + at) % 8);
  // `copyWithin` takes memory that is shared byte by byte, and fifty times as long.
  if (to !== at) held.copy(held, to, at, at + length);
  return new Uint8Array(held.buffer, held.byteOffset + to, length);
}
