/**
 * Opening a journal after any end of the process that wrote it.
 *
 * Every file but the last was synced in full before its successor was created, and of the last one everything
 * before its last round was. So a bad block within one round of the end, with nothing whole behind it, is a torn write that
 * nobody was promised: it is cut. With whole blocks behind it, it makes room for a block that says nothing, and they stay
 * (`damaged-end.ts`). A bad block before that is damage to acknowledged data: nothing is cut, writing goes on in a new
 * file behind it, and readers report it when they get there.
 */

import { randomBytes } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  AT,
  blockChecksumHolds,
  blockLengthAt,
  PARTITION_OF_NONE,
  voidBlock,
} from '../../src/model/block-format.ts';
import { AppError } from '../../src/model/errors.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { viewOf } from '../../src/model/view-of.ts';
import { JOURNAL_ROUND_BYTES_MAX } from '../limits.ts';
import { type DamagedEnd, keepDamagedEnd, readEnd } from './damaged-end.ts';
import type { Disk } from './disk.ts';
import {
  filePosition,
  JOURNAL_HEADER_BYTES,
  JOURNAL_ID_BYTES,
  type JournalHeader,
  journalPath,
  listJournal,
  readHead,
  readJournalHeader,
  readRun,
  UNFINISHED,
} from './journal-file.ts';

/** Larger than a reader's, because nothing else wants the thread yet. */
const SCAN_BYTES = 4 * 1024 * 1024;

/** A place in a file that a person may want to look at. */
export interface JournalPlace {
  readonly path: string;
  readonly byteOffset: number;
}

export interface RecoveryReport {
  readonly start: Offset;
  readonly end: Offset;
  readonly files: number;
  readonly scannedBytes: number;
  /** The torn tail that was removed; it had not been acknowledged. */
  readonly cut?: JournalPlace & { readonly bytesCut: number };
  /** Its damage was taken out of the log, and is kept in a file. */
  readonly damagedEnd?: DamagedEnd;
  /** Acknowledged bytes that are missing or unreadable. Left as they are; offsets go on behind them. */
  readonly damage: readonly JournalPlace[];
}

export interface JournalFile {
  readonly base: Offset;
  readonly path: string;
  /** Size on disk, header included. */
  bytes: number;
  /** See `JournalHeader`. */
  readonly gapFrom?: Offset | undefined;
}

export interface RecoveredJournal {
  readonly report: RecoveryReport;
  readonly journalId: Uint8Array;
  /** Ascending. */
  readonly files: readonly JournalFile[];
  /** The last file, unless the next block must go to a new one. */
  readonly appendTo: JournalFile | undefined;
  /** Per partition the end of its last block in the last file. */
  readonly partitionEnds: ReadonlyMap<number, Offset>;
}

/**
 * Finds the files of `dir`, cuts a torn tail and syncs what is left: after a mere kill it lives in
 * the page cache only, and readers are about to be told that it is durable. `durableBefore` is the greatest
 * offset that anyone has committed: nothing before it is cut, and no offset before it is given out again.
 */
export async function recoverJournal(
  disk: Disk,
  dir: string,
  durableBefore: Offset,
): Promise<RecoveredJournal> {
  for (const name of await readdir(dir)) {
    if (name.endsWith(UNFINISHED)) await rm(join(dir, name));
  }
  const { files, journalId } = await readHeaders(disk, dir);
  const damage = findGaps(files);
  const last = files.at(-1);
  const scan =
    last === undefined
      ? { end: offset(0), scannedBytes: 0, partitionEnds: new Map<number, Offset>() }
      : await scanLast(disk, dir, last, durableBefore);
  if (scan.damage !== undefined) damage.push(scan.damage);
  if (scan.end < durableBefore && scan.damage === undefined) {
    damage.push({ path: last?.path ?? dir, byteOffset: last?.bytes ?? 0 });
  }
  const end = alignUp(Math.max(scan.end, durableBefore));
  const whole = scan.damage === undefined && end === scan.end;
  return {
    journalId,
    files,
    appendTo: whole ? last : undefined,
    partitionEnds: scan.partitionEnds,
    report: {
      start: files[0]?.base ?? end,
      end,
      files: files.length,
      scannedBytes: scan.scannedBytes,
      ...(scan.cut === undefined ? {} : { cut: scan.cut }),
      ...(scan.damagedEnd === undefined ? {} : { damagedEnd: scan.damagedEnd }),
      damage,
    },
  };
}

interface Scan {
  readonly end: Offset;
  readonly scannedBytes: number;
  readonly partitionEnds: ReadonlyMap<number, Offset>;
  readonly cut?: JournalPlace & { readonly bytesCut: number };
  readonly damagedEnd?: DamagedEnd;
  readonly damage?: JournalPlace;
}

async function readHeaders(
  disk: Disk,
  dir: string,
): Promise<{ files: JournalFile[]; journalId: Uint8Array }> {
  const files: JournalFile[] = [];
  let journalId: Uint8Array | undefined;
  for (const base of await listJournal(dir)) {
    const path = journalPath(dir, base);
    const fd = await disk.open(path, 'r');
    let header: JournalHeader;
    try {
      header = await readJournalHeader(disk, fd, path, base);
      journalId ??= header.journalId;
      if (!Buffer.from(journalId).equals(header.journalId)) {
        throw new AppError(
          'block_corrupt',
          `${path} belongs to another journal than the files before it: restore the directory from one source`,
          { path, byteOffset: 0 },
        );
      }
    } finally {
      await disk.close(fd);
    }
    files.push({ base, path, bytes: (await stat(path)).size, gapFrom: header.gapFrom });
  }
  return { files, journalId: journalId ?? randomBytes(JOURNAL_ID_BYTES) };
}

/** Places where a file does not end where its successor begins, or the gap before it. */
function findGaps(files: readonly JournalFile[]): JournalPlace[] {
  const gaps: JournalPlace[] = [];
  for (const [index, file] of files.entries()) {
    const next = files[index + 1];
    if (next === undefined) continue;
    if (filePosition(file.base, next.gapFrom ?? next.base) === file.bytes) continue;
    gaps.push({ path: file.path, byteOffset: file.bytes });
  }
  return gaps;
}

async function scanLast(
  disk: Disk,
  dir: string,
  file: JournalFile,
  durableBefore: Offset,
): Promise<Scan> {
  const fd = await disk.open(file.path, 'r+');
  try {
    const partitionEnds = new Map<number, Offset>();
    const bad = await scanBlocks(disk, fd, file, JOURNAL_HEADER_BYTES, partitionEnds);
    const whole = { end: offsetAt(file, bad), scannedBytes: bad, partitionEnds };
    if (bad === file.bytes) {
      await disk.syncData(fd);
      return whole;
    }
    if (file.bytes - bad > JOURNAL_ROUND_BYTES_MAX || whole.end < durableBefore) {
      const end = alignUp(offsetAt(file, file.bytes));
      return { ...whole, end, damage: { path: file.path, byteOffset: bad } };
    }
    const damagedEnd = await mend(disk, dir, fd, file, bad);
    const position = await scanBlocks(disk, fd, file, bad, partitionEnds);
    const bytesCut = file.bytes - position;
    await disk.truncate(fd, position);
    await disk.syncData(fd);
    file.bytes = position;
    return {
      ...{ end: offsetAt(file, position), scannedBytes: position, partitionEnds },
      ...(bytesCut > 0 && { cut: { path: file.path, byteOffset: position, bytesCut } }),
      ...(damagedEnd && { damagedEnd }),
    };
  } finally {
    await disk.close(fd);
  }
}

/** Undefined: nothing whole lies behind the bad block at `byteOffset`. A crash on the way leaves what the next start mends. */
async function mend(
  disk: Disk,
  dir: string,
  fd: number,
  { path, bytes: size }: JournalFile,
  byteOffset: number,
): Promise<DamagedEnd | undefined> {
  const bytes = await readHead(disk, fd, byteOffset, size - byteOffset, size);
  const found = readEnd(bytes);
  const { damaged, staying, unreachable } = found;
  if (damaged.length === 0 && unreachable.blocks === 0 && found.isCounted) return undefined;
  const kept = await keepDamagedEnd(disk, dir, { path, byteOffset, bytes });
  for (const { from, to } of damaged) {
    await disk.write(fd, [voidBlock(to - from)], byteOffset + from);
  }
  return { path, byteOffset, bytes: bytes.length, staying, unreachable, ...kept };
}

/** Walks the good blocks of a file from `start` on; answers the position of the first byte that is none. */
async function scanBlocks(
  disk: Disk,
  fd: number,
  file: JournalFile,
  start: number,
  partitionEnds: Map<number, Offset>,
): Promise<number> {
  let position = start;
  for (;;) {
    const run = await readRun(disk, fd, position, SCAN_BYTES, file.bytes);
    const view = viewOf(run);
    let at = 0;
    for (;;) {
      const length = blockLengthAt(view, at);
      if (length === undefined || at + length > run.length) break;
      if (!blockChecksumHolds(run, at, length)) return position + at;
      const partition = view.getUint16(at + AT.partition, true);
      at += length;
      if (partition === PARTITION_OF_NONE) continue;
      partitionEnds.set(partition, offsetAt(file, position + at));
    }
    if (at === 0) return position;
    position += at;
  }
}

const offsetAt = ({ base }: JournalFile, position: number): Offset =>
  offset(base + position - JOURNAL_HEADER_BYTES);

const alignUp = (value: number): Offset => offset(Math.ceil(value / 8) * 8);
