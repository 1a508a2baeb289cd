/** A place in the journal and the file it lies in: finds files, goes on into the next one, names what is missing. */
import { AppError } from '../../src/model/errors.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import type { Disk } from './disk.ts';
import {
  filePosition,
  journalPath,
  listJournal,
  logIo,
  readJournalHeader,
} from './journal-file.ts';

/** Bytes that start at the cursor. */
export interface JournalBytes {
  readonly bytes: Uint8Array;
  readonly path: string;
  /** Of the first byte, in the file. */
  readonly byteOffset: number;
}

/** How the bytes are read once their file is found: `readRun` or `readFresh`. */
type Read = (
  disk: Disk,
  fd: number,
  position: number,
  wanted: number,
  limit: number,
) => Promise<Uint8Array>;

interface OpenFile {
  readonly base: Offset;
  readonly path: string;
  readonly fd: number;
}

export class JournalCursor {
  readonly #disk: Disk;
  readonly #dir: string;
  #offset: Offset;
  #file: OpenFile | undefined;
  #moved = false;

  constructor(disk: Disk, dir: string, at: Offset) {
    this.#disk = disk;
    this.#dir = dir;
    this.#offset = at;
  }

  get offset(): Offset {
    return this.#offset;
  }

  /** Past bytes that were read. */
  advance(bytes: number): void {
    this.#offset = offset(this.#offset + bytes);
  }

  /** May be called while a read is on its way, whose bytes then belong to the old place. */
  seek(to: Offset): void {
    this.#offset = to;
    this.#moved = true;
  }

  /**
   * Bytes from the cursor on, before `end` (which lies behind it and is durable). None only where the cursor has moved past a gap.
   * Rejects with `log_truncated`, `block_corrupt` where a file ends too early, and `log_io`.
   */
  async read(read: Read, wanted: number, end: Offset): Promise<JournalBytes> {
    const at = this.#offset;
    if (this.#moved) {
      // First, because a seek may come while the file is closed.
      this.#moved = false;
      await this.close();
    }
    for (;;) {
      this.#file ??= await this.#openFileOf(at);
      const { base, path, fd } = this.#file;
      const byteOffset = filePosition(base, at);
      let bytes: Uint8Array;
      try {
        bytes = await read(this.#disk, fd, byteOffset, wanted, byteOffset + end - at);
      } catch (cause) {
        throw logIo('reading the log', path, cause);
      }
      if (bytes.length > 0) return { bytes, path, byteOffset };
      // Durable bytes exist, so this file has ended and the next one starts here, or behind a gap.
      await this.close();
      this.#file = await this.#openFileOf(at);
      if (this.#file.base !== at) {
        await this.close();
        const behind = await this.#behindGap(at);
        if (behind !== undefined) {
          // Not if a seek came meanwhile: it says where to go on.
          if (!this.#moved) this.#offset = behind;
          return { bytes, path, byteOffset };
        }
        throw new AppError(
          'block_corrupt',
          `the file ends before offset ${at}, which was durable`,
          {
            path,
            byteOffset,
          },
        );
      }
    }
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) await this.#disk.close(file.fd);
  }

  /** Where the log goes on, if `at` lies in a gap. */
  async #behindGap(at: Offset): Promise<Offset | undefined> {
    const base = (await listJournal(this.#dir)).find((candidate) => candidate > at);
    if (base === undefined) return undefined;
    const path = journalPath(this.#dir, base);
    const fd = await this.#disk.open(path, 'r');
    try {
      const { gapFrom } = await readJournalHeader(this.#disk, fd, path, base);
      return gapFrom !== undefined && gapFrom <= at ? base : undefined;
    } finally {
      await this.#disk.close(fd);
    }
  }

  async #openFileOf(at: Offset): Promise<OpenFile> {
    const bases = await listJournal(this.#dir);
    const base = bases.findLast((candidate) => candidate <= at);
    if (base === undefined) throw this.#truncated(at, bases[0]);
    const path = journalPath(this.#dir, base);
    try {
      return { base, path, fd: await this.#disk.open(path, 'r') };
    } catch (cause) {
      const deleted = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
      throw deleted
        ? this.#truncated(at, undefined)
        : logIo('opening a file of the log', path, cause);
    }
  }

  #truncated(at: Offset, start: Offset | undefined): AppError {
    const kept = start === undefined ? 'it was deleted just now' : `the log starts at ${start}`;
    return new AppError('log_truncated', `offset ${at} is no longer kept: ${kept}`, {
      path: this.#dir,
    });
  }
}
