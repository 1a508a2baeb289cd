/**
 * Goes through a journal's files block by block and checks each, whoever else has them open: it only reads. Where there is no block it
 * looks for the next one and says what lies between. What a server writes just now is seen as an unfinished end.
 */

import { stat } from 'node:fs/promises';
import {
  AT,
  BLOCK_HEADER_BYTES,
  BLOCK_MAGIC,
  blockChecksumHolds,
  blockLengthAt,
  checkBlock,
} from '../../src/model/block-format.ts';
import { AppError } from '../../src/model/errors.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { viewOf } from '../../src/model/view-of.ts';
import { JOURNAL_ROUND_BYTES_MAX, JOURNAL_WALK_BYTES } from '../limits.ts';
import { type Disk, nodeDisk } from './disk.ts';
import {
  JOURNAL_HEADER_BYTES,
  type JournalHeader,
  journalPath,
  listJournal,
  readHead,
  readJournalHeader,
  readRun,
} from './journal-file.ts';

export interface WalkedFile extends JournalHeader {
  readonly path: string;
  /** Size on disk, header included. */
  readonly bytes: number;
}

/** Bytes of a file that are no block. */
export interface JournalDamage {
  readonly path: string;
  readonly byteOffset: number;
  readonly offset: Offset;
  readonly bytes: number;
  readonly problem: string;
}

export interface JournalVisitor {
  file(file: WalkedFile): void;
  /** `bytes` is valid during the call; its checksum holds. */
  block(bytes: Uint8Array, at: Offset): void;
  damage(damage: JournalDamage): void;
  /** The end of the newest file: what a crash has torn, or what is being written now. */
  unfinished(tail: JournalDamage): void;
  /** After each read. */
  read(bytes: number): void;
}

/** From the first block at or behind `from` to the end. Rejects with `log_io`, also if there is no journal in `dir`. */
export async function walkJournal(
  dir: string,
  from: Offset,
  visitor: JournalVisitor,
): Promise<void> {
  const bases = await basesIn(dir);
  const first = Math.max(
    0,
    bases.findLastIndex((base) => base <= from),
  );
  let expected: Offset | undefined;
  for (const [index, base] of bases.entries()) {
    if (index < first) continue;
    const isNewest = index === bases.length - 1;
    const walked = await walkFile(dir, base, from, isNewest, visitor);
    if (walked !== undefined && expected !== undefined && expected !== walked.begin) {
      visitor.damage({
        path: journalPath(dir, base),
        byteOffset: 0,
        offset: expected,
        bytes: Math.max(0, walked.begin - expected),
        problem: `expected a file that starts at ${expected}, where the one before ends`,
      });
    }
    // Behind one that was deleted, or was told as damage already, any file may begin.
    expected = walked?.end;
  }
}

/** Base offsets of the files of `dir`, ascending, at least one. */
export async function basesIn(dir: string): Promise<Offset[]> {
  let bases: Offset[];
  try {
    bases = await listJournal(dir);
  } catch (cause) {
    throw noJournal(dir, cause);
  }
  if (bases.length === 0) throw noJournal(dir);
  return bases;
}

/** The block that starts at `at`; else where the one starts that `at` lies in, if there is any. */
export async function findBlock(
  dir: string,
  at: Offset,
): Promise<{ readonly bytes: Uint8Array } | { readonly startsAt: Offset | undefined }> {
  const base = (await basesIn(dir)).findLast((candidate) => candidate <= at);
  let found: Uint8Array | undefined;
  let startsAt: Offset | undefined;
  if (base !== undefined) {
    const visitor: JournalVisitor = {
      block(bytes, start) {
        if (start === at) found = bytes.slice();
        if (start <= at && at < start + bytes.length) startsAt = start;
      },
      file: () => undefined,
      damage: () => undefined,
      unfinished: () => undefined,
      read: () => undefined,
    };
    await walkFile(dir, base, offset(0), true, visitor, at);
  }
  return found === undefined ? { startsAt } : { bytes: found };
}

/**
 * Answers where the file before should end (before the gap, if it begins behind one), and where the next one should begin. Undefined
 * if it was deleted meanwhile or its header is bad.
 */
async function walkFile(
  dir: string,
  base: Offset,
  from: Offset,
  isNewest: boolean,
  visitor: JournalVisitor,
  through = Number.POSITIVE_INFINITY,
): Promise<{ readonly begin: Offset; readonly end: Offset } | undefined> {
  const path = journalPath(dir, base);
  const fd = await openUnlessGone(nodeDisk, path);
  if (fd === undefined) return undefined;
  try {
    // Once: what is written from now on is not looked at.
    const { size } = await stat(path);
    let header: JournalHeader;
    try {
      header = await readJournalHeader(nodeDisk, fd, path, base);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const { message: problem } = error;
      visitor.damage({ path, byteOffset: 0, offset: base, bytes: size, problem });
      return undefined;
    }
    visitor.file({ ...header, path, bytes: size });
    await walkBlocks({ fd, path, base, size, from, through, isNewest, visitor });
    const end = offset(base + Math.max(0, size - JOURNAL_HEADER_BYTES));
    return { begin: header.gapFrom ?? base, end };
  } finally {
    await nodeDisk.close(fd);
  }
}

interface FileWalk {
  readonly fd: number;
  readonly path: string;
  readonly base: Offset;
  readonly size: number;
  readonly from: Offset;
  /** The walk ends behind this offset. */
  readonly through: number;
  readonly isNewest: boolean;
  readonly visitor: JournalVisitor;
}

async function walkBlocks(walk: FileWalk): Promise<void> {
  const { fd, path, base, size, from, through, isNewest, visitor } = walk;
  const offsetOf = (position: number): Offset => offset(base + position - JOURNAL_HEADER_BYTES);
  let position = JOURNAL_HEADER_BYTES;
  while (position < size && offsetOf(position) <= through) {
    const run = await readRun(nodeDisk, fd, position, JOURNAL_WALK_BYTES, size);
    visitor.read(run.length);
    const at = visitBlocks(run, offsetOf(position), from, visitor);
    position += at;
    if (at > 0) continue;
    const next = await nextBlock(fd, position + 8, size);
    const bytes = (next ?? size) - position;
    const place = { path, byteOffset: position, offset: offsetOf(position), bytes };
    const problem = problemAt(run);
    const isTail = next === undefined && isNewest && bytes <= JOURNAL_ROUND_BYTES_MAX;
    if (isTail) visitor.unfinished({ ...place, problem });
    else visitor.damage({ ...place, problem });
    position += bytes;
  }
}

/** Whole blocks at the beginning of `run`; answers their length. */
function visitBlocks(
  run: Uint8Array,
  start: Offset,
  from: Offset,
  visitor: JournalVisitor,
): number {
  const view = viewOf(run);
  let at = 0;
  for (;;) {
    const length = blockLengthAt(view, at);
    if (length === undefined || at + length > run.length) return at;
    if (!blockChecksumHolds(run, at, length)) return at;
    if (start + at >= from) visitor.block(run.subarray(at, at + length), offset(start + at));
    at += length;
  }
}

/** What is wrong at the beginning of `run`, in the words of whoever would read it. */
function problemAt(run: Uint8Array): string {
  const length = blockLengthAt(viewOf(run), 0);
  if (length === undefined) return 'expected the start of a block';
  if (length > run.length) return `a block of ${length} bytes ends behind the file`;
  try {
    checkBlock(run.subarray(0, length));
    return 'expected the start of a block';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Position of the next whole block at or behind `from`; undefined if there is none. Blocks are aligned to 8 bytes. */
async function nextBlock(fd: number, from: number, size: number): Promise<number | undefined> {
  let position = from;
  while (position < size) {
    const window = await readHead(nodeDisk, fd, position, JOURNAL_WALK_BYTES, size);
    if (window.length < 8) return undefined;
    const view = viewOf(window);
    for (let at = 0; at + 8 <= window.length; at += 8) {
      if (view.getUint32(at + AT.magic, true) !== BLOCK_MAGIC) continue;
      const run = await readRun(nodeDisk, fd, position + at, BLOCK_HEADER_BYTES, size);
      const length = blockLengthAt(viewOf(run), 0);
      if (length === undefined || length > run.length) continue;
      if (blockChecksumHolds(run, 0, length)) return position + at;
    }
    position += window.length - (window.length % 8);
  }
  return undefined;
}

async function openUnlessGone(disk: Disk, path: string): Promise<number | undefined> {
  try {
    return await disk.open(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

const noJournal = (dir: string, cause?: unknown): AppError =>
  new AppError(
    'log_io',
    `there is no journal in ${dir}: expected a data folder, which has a folder "journal" with files such as 0000000000000000.journal`,
    { path: dir },
    cause,
  );
