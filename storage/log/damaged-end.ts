/**
 * The newest file of a journal from its first bad block on. Mostly a crash has torn it, and nothing whole lies behind. Where a whole
 * block does, the disk has damaged what may have been acknowledged, or a power cut has kept later pages and lost earlier ones.
 * Then what is whole stays in the log at its offsets, and all that was found is kept in a file beside the journal.
 */

import { readdirSync } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { AT, BLOCK_KIND, blockChecksumHolds, blockLengthAt } from '../../src/model/block-format.ts';
import type { Logger } from '../../src/model/logger.ts';
import { viewOf } from '../../src/model/view-of.ts';
import { DAMAGED_END_TRIED_BYTES_MAX, DAMAGED_ENDS_MAX } from '../limits.ts';
import type { Disk } from './disk.ts';
import { logIo, syncDirectory, UNFINISHED } from './journal-file.ts';

export interface BlockCount {
  blocks: number;
  events: number;
}

/** Positions are bytes from the first bad block on. */
export interface EndOfLog {
  /** Bad blocks, joined where they touch, that have a whole one behind them. Each has room for a block. */
  readonly damaged: readonly { readonly from: number; readonly to: number }[];
  /** Where the last block ends that can stay in the log; 0 if none can. */
  readonly end: number;
  /** Whole blocks before `end`. */
  readonly staying: BlockCount;
  /** Whole blocks behind `end`. */
  readonly unreachable: BlockCount;
  /** False if there were too many places to look at: more blocks may be unreachable. */
  readonly isCounted: boolean;
}

/**
 * `bytes` begin with the first bad block. The next block is where the header of a bad one says that it ends. Where that leads to
 * none, blocks are looked for everywhere, but only to count them: what looks like one may be a text that somebody has sent.
 */
export function readEnd(bytes: Uint8Array): EndOfLog {
  const view = viewOf(bytes);
  const damaged: { from: number; to: number }[] = [];
  const staying = { blocks: 0, events: 0 };
  let end = 0;
  for (let at = 0; ; ) {
    const length = blockLengthAt(view, at);
    if (length === undefined || at + length > bytes.length) break;
    if (blockChecksumHolds(bytes, at, length)) {
      if (at > end) damaged.push({ from: end, to: at });
      countBlock(staying, view, at);
      end = at + length;
    }
    at += length;
  }
  return { damaged, end, staying, ...countUnreachable(bytes, end) };
}

function countUnreachable(
  bytes: Uint8Array,
  from: number,
): Pick<EndOfLog, 'unreachable' | 'isCounted'> {
  const view = viewOf(bytes);
  const unreachable = { blocks: 0, events: 0 };
  let triedBytes = 0;
  for (let at = from; at < bytes.length; at += 8) {
    const length = blockLengthAt(view, at);
    if (length === undefined || at + length > bytes.length) continue;
    triedBytes += length;
    if (triedBytes > DAMAGED_END_TRIED_BYTES_MAX) return { unreachable, isCounted: false };
    if (!blockChecksumHolds(bytes, at, length)) continue;
    countBlock(unreachable, view, at);
    at += length - 8;
  }
  return { unreachable, isCounted: true };
}

function countBlock(count: BlockCount, view: DataView, at: number): void {
  count.blocks += 1;
  const hasEvents = view.getUint8(at + AT.kind) === BLOCK_KIND.events;
  if (hasEvents) count.events += view.getUint32(at + AT.rows, true);
}

/** What a person needs to know of a damaged end. */
export interface DamagedEnd {
  readonly path: string;
  readonly byteOffset: number;
  /** The file that has all bytes from there on as they were found, and their number. */
  readonly keptIn: string;
  readonly bytes: number;
  /** Whole blocks behind the first bad one that are in the log, and those that are in that file alone. */
  readonly staying: BlockCount;
  readonly unreachable: BlockCount;
  /** Files of earlier damage that were deleted, because more than `DAMAGED_ENDS_MAX` are not kept. */
  readonly deleted: readonly string[];
}

const ENDING = '.damaged';

/** Durable when this resolves. The same bytes are kept once, however often that is tried. Rejects with `log_io`. */
export async function keepDamagedEnd(
  disk: Disk,
  dir: string,
  found: { readonly path: string; readonly byteOffset: number; readonly bytes: Uint8Array },
): Promise<Pick<DamagedEnd, 'keptIn' | 'deleted'>> {
  const checksum = crc32(found.bytes).toString(16).padStart(8, '0');
  const keptIn = `${found.path}-${found.byteOffset}-${checksum}${ENDING}`;
  const unfinished = keptIn + UNFINISHED;
  try {
    const fd = await disk.open(unfinished, 'w');
    try {
      await disk.write(fd, [found.bytes], 0);
      await disk.sync(fd);
    } finally {
      await disk.close(fd);
    }
    await rename(unfinished, keptIn);
    await syncDirectory(disk, dir);
  } catch (cause) {
    throw logIo('keeping a copy of the damaged end of the log', keptIn, cause);
  }
  return { keptIn, deleted: await deleteOldest(dir, keptIn) };
}

/** Paths of the copies in a journal's folder. */
export const damagedEndsIn = (dir: string): string[] =>
  readdirSync(dir)
    .filter((name) => name.endsWith(ENDING))
    .map((name) => join(dir, name));

async function deleteOldest(dir: string, newest: string): Promise<string[]> {
  const others = damagedEndsIn(dir).filter((path) => path !== newest);
  const aged = await Promise.all(
    others.map(async (path) => ({ path, writtenMs: (await stat(path)).mtimeMs })),
  );
  aged.sort((a, b) => b.writtenMs - a.writtenMs);
  const tooMany = aged.slice(DAMAGED_ENDS_MAX - 1).map(({ path }) => path);
  for (const path of tooMany) await rm(path, { force: true });
  return tooMany;
}

/** `what`: "the log", or what else the journal is. */
export function tellDamagedEnd(logger: Logger, damagedEnd: DamagedEnd, what: string): void {
  logger.error(
    damagedEnd,
    `near the end of ${what} a block is damaged, and whole ones lie behind it: "staying" are read as before, "unreachable" are in a copy of all that was found alone. Check the disk, have the senders send again what is missing, and then delete the copy, which no erasure reaches`,
  );
}
