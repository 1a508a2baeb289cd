/**
 * One file of the journal: its name, its header, and how whole blocks are read from it. Byte drawing:
 * storage/FORMAT.md. A file holds the blocks from its base offset to the base offset of the next one; block bytes
 * alone count in offsets, so a block lies at `JOURNAL_HEADER_BYTES + offset - base`.
 */

import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { blockLengthAt } from '../../src/model/block-format.ts';
import { AppError } from '../../src/model/errors.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { viewOf } from '../../src/model/view-of.ts';
import type { Disk } from './disk.ts';

export const JOURNAL_MAGIC = 0x314a4753; // "SGJ1"
export const JOURNAL_VERSION = 1;
/** Of a file that begins behind a gap: a release that takes every gap for damage refuses it. */
export const JOURNAL_VERSION_GAP = 2;
/** A multiple of 8, so that blocks are aligned in the file as they are in memory. */
export const JOURNAL_HEADER_BYTES = 64;
export const JOURNAL_ID_BYTES = 16;

/** Byte offsets of the header fields; what is between and behind them is zero. */
export const JOURNAL_AT = {
  magic: 0, // u32
  crc: 4, // u32, CRC-32 (ISO 3309) of bytes 8..64
  version: 8, // u32
  base: 16, // f64, offset of the first block
  createdMs: 24, // f64
  journalId: 32, // 16 random bytes, the same in every file of one journal
  gapFrom: 48, // f64, of version 2
} as const;

const NAME = /^(\d{16})\.journal$/;
/** A file that is being created has this ending until its header is durable. */
export const UNFINISHED = '.tmp';

export interface JournalHeader {
  readonly base: Offset;
  readonly createdMs: number;
  readonly journalId: Uint8Array;
  /** Offsets from here to the base are in no file, and never will be. Undefined: the file before ends at the base. */
  readonly gapFrom?: Offset | undefined;
}

/** 16 decimal digits hold every offset, so that names sort as offsets do. */
export const journalPath = (dir: string, base: Offset): string =>
  join(dir, `${String(base).padStart(16, '0')}.journal`);

/** Where what will be the file of `base` is written. */
export const unfinishedPath = (dir: string, base: Offset): string =>
  journalPath(dir, base) + UNFINISHED;

/** Base offsets of the files in `dir`, ascending. */
export async function listJournal(dir: string): Promise<Offset[]> {
  const bases: Offset[] = [];
  for (const name of await readdir(dir)) {
    const match = NAME.exec(name);
    if (match !== null) bases.push(offset(Number(match[1])));
  }
  return bases.sort((a, b) => a - b);
}

export const filePosition = (base: Offset, at: Offset): number => JOURNAL_HEADER_BYTES + at - base;

export function encodeJournalHeader(header: JournalHeader): Uint8Array {
  const bytes = new Uint8Array(JOURNAL_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(JOURNAL_AT.magic, JOURNAL_MAGIC, true);
  const hasGap = header.gapFrom !== undefined;
  view.setUint32(JOURNAL_AT.version, hasGap ? JOURNAL_VERSION_GAP : JOURNAL_VERSION, true);
  if (hasGap) view.setFloat64(JOURNAL_AT.gapFrom, header.gapFrom, true);
  view.setFloat64(JOURNAL_AT.base, header.base, true);
  view.setFloat64(JOURNAL_AT.createdMs, header.createdMs, true);
  bytes.set(header.journalId, JOURNAL_AT.journalId);
  view.setUint32(JOURNAL_AT.crc, crc32(bytes.subarray(JOURNAL_AT.version)), true);
  return bytes;
}

/**
 * Makes the file of `header.base`, open for writing. It gets its name only once its header is durable, so a file
 * with a journal's name never has a torn header; when this returns, the name is durable too.
 */
export async function createJournalFile(
  disk: Disk,
  dir: string,
  header: JournalHeader,
): Promise<{ fd: number; path: string }> {
  const path = journalPath(dir, header.base);
  const unfinished = unfinishedPath(dir, header.base);
  const fd = await disk.open(unfinished, 'w+');
  try {
    await disk.write(fd, [encodeJournalHeader(header)], 0);
    await disk.sync(fd);
    await rename(unfinished, path);
    await syncDirectory(disk, dir);
    return { fd, path };
  } catch (error) {
    await disk.close(fd);
    // The file before is perhaps written on: it must not have a successor that begins before its end.
    await rm(path, { force: true });
    throw error;
  }
}

export async function syncDirectory(disk: Disk, dir: string): Promise<void> {
  const fd = await disk.open(dir, 'r');
  try {
    await disk.sync(fd);
  } finally {
    await disk.close(fd);
  }
}

/** Throws `log_version`, or `block_corrupt` for a header that is torn, damaged or of another place. */
export async function readJournalHeader(
  disk: Disk,
  fd: number,
  path: string,
  base: Offset,
): Promise<JournalHeader> {
  const bytes = new Uint8Array(JOURNAL_HEADER_BYTES);
  const length = await disk.read(fd, bytes, 0);
  const view = new DataView(bytes.buffer);
  const corrupt = (what: string): AppError =>
    new AppError(
      'block_corrupt',
      `the header of the journal file ${path} ${what}: restore the file from a backup`,
      { path, byteOffset: 0 },
    );
  if (length < JOURNAL_HEADER_BYTES)
    throw corrupt(`should be 64 bytes long, the file has ${length}`);
  if (view.getUint32(JOURNAL_AT.magic, true) !== JOURNAL_MAGIC) throw corrupt('has no "SGJ1" mark');
  const version = view.getUint32(JOURNAL_AT.version, true);
  if (version !== JOURNAL_VERSION && version !== JOURNAL_VERSION_GAP) {
    throw new AppError(
      'log_version',
      `expected journal version ${JOURNAL_VERSION} or ${JOURNAL_VERSION_GAP}, received ${version} in ${path}: run the release that wrote it, or a newer one`,
      { path, byteOffset: JOURNAL_AT.version },
    );
  }
  if (view.getUint32(JOURNAL_AT.crc, true) !== crc32(bytes.subarray(JOURNAL_AT.version))) {
    throw corrupt('fails its checksum');
  }
  const storedBase = view.getFloat64(JOURNAL_AT.base, true);
  if (storedBase !== base) throw corrupt(`says base offset ${storedBase}, its name says ${base}`);
  return {
    base,
    createdMs: view.getFloat64(JOURNAL_AT.createdMs, true),
    journalId: bytes.slice(JOURNAL_AT.journalId, JOURNAL_AT.journalId + JOURNAL_ID_BYTES),
    ...(version === JOURNAL_VERSION_GAP && {
      gapFrom: offset(view.getFloat64(JOURNAL_AT.gapFrom, true)),
    }),
  };
}

/** Names the journal in `dir` for good, in hex. Rejects as `readJournalHeader`, or with `log_io` if there is none. */
export async function readJournalId(disk: Disk, dir: string): Promise<string> {
  // The newest, which nobody deletes meanwhile.
  const base = (await listJournal(dir)).at(-1);
  if (base === undefined) throw new AppError('log_io', 'there is no journal', { path: dir });
  const path = journalPath(dir, base);
  const fd = await disk.open(path, 'r');
  try {
    const { journalId } = await readJournalHeader(disk, fd, path, base);
    return Buffer.from(journalId).toString('hex');
  } finally {
    await disk.close(fd);
  }
}

/** Reads what there is of `wanted` bytes before `limit` (a file position). Fresh memory, whose views stay valid. */
export const readHead = (
  disk: Disk,
  fd: number,
  position: number,
  wanted: number,
  limit: number,
): Promise<Uint8Array> => readFresh(disk, fd, position, Math.min(wanted, limit - position));

/** As `readHead`, but where a block starts at `position` and is longer than `wanted`, all of it. */
export async function readRun(
  disk: Disk,
  fd: number,
  position: number,
  wanted: number,
  limit: number,
): Promise<Uint8Array> {
  const run = await readHead(disk, fd, position, wanted, limit);
  const first = blockLengthAt(viewOf(run), 0);
  if (first === undefined || first <= run.length || position + first > limit) return run;
  return readFresh(disk, fd, position, first);
}

export const logIo = (what: string, path: string, cause: unknown): AppError =>
  new AppError(
    'log_io',
    `${what} failed: ${cause instanceof Error ? cause.message : cause}`,
    { path },
    cause,
  );

/** `allocUnsafeSlow`: neither zeroed, because it is overwritten, nor cut from the shared pool, which is unaligned. */
async function readFresh(
  disk: Disk,
  fd: number,
  position: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(length);
  const done = await disk.read(fd, bytes, position);
  return new Uint8Array(bytes.buffer, 0, done);
}
