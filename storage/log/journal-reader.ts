/**
 * Reads the journal's files from any thread, up to the durable end that the writer publishes. Live and replay are
 * the same path: what is new is in the page cache. Blocks are views into one fresh buffer per read.
 */

import { ok as assert } from 'node:assert';
import { AT, BLOCK_HEADER_BYTES, blockLengthAt, checkBlock } from '../../src/model/block-format.ts';
import { AppError } from '../../src/model/errors.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { viewOf } from '../../src/model/view-of.ts';
import { JOURNAL_READ_BYTES } from '../limits.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { type JournalBytes, JournalCursor } from './journal-cursor.ts';
import { readRun } from './journal-file.ts';
import type { LoggedBlock, LogRead, LogReader } from './log.ts';
import { type LogShared, logEnd, logEndMovedFrom, wakeReaders } from './log-shared.ts';

export interface JournalReaderOptions {
  readonly dir: string;
  readonly shared: LogShared;
  /** First wanted offset of each partition to read; at least one partition. */
  readonly from: ReadonlyMap<number, Offset>;
  readonly disk?: Disk;
}

/**
 * One per partition thread, for all of its partitions. May be opened before the writer: its first read waits for
 * that. A waiting read costs nothing, and does not keep an otherwise idle thread alive.
 */
export function openJournalReader(options: JournalReaderOptions): LogReader {
  return new JournalReader(options);
}

class JournalReader implements LogReader {
  readonly #dir: string;
  readonly #shared: LogShared;
  readonly #cursor: JournalCursor;
  /** Per partition what was delivered: its blocks before this are passed over. */
  readonly #delivered: Map<number, Offset>;
  #seeks = 0;
  #reading = false;
  #closed = false;

  constructor({ dir, shared, from, disk = nodeDisk }: JournalReaderOptions) {
    assert(from.size > 0, 'a reader needs at least one partition to read');
    this.#dir = dir;
    this.#shared = shared;
    this.#delivered = new Map(from);
    this.#cursor = new JournalCursor(disk, dir, offset(Math.min(...from.values())));
  }

  async read(bytesMax: number): Promise<LogRead> {
    assert(!this.#reading, 'read was called again before it had answered');
    this.#reading = true;
    try {
      return await this.#read(Math.max(BLOCK_HEADER_BYTES, Math.min(bytesMax, JOURNAL_READ_BYTES)));
    } catch (error) {
      // The next read looks for the file anew: somebody may have put a sound one in its place.
      await this.#cursor.close();
      throw error;
    } finally {
      this.#reading = false;
      if (this.#closed) await this.#cursor.close();
    }
  }

  seek(partition: number, to: Offset): void {
    const at = this.#cursor.offset;
    if (to < at) {
      // What lies before the cursor is delivered, though their own blocks may have ended long before it.
      for (const [other, delivered] of this.#delivered) {
        if (delivered < at) this.#delivered.set(other, at);
      }
      this.#cursor.seek(to);
    }
    this.#delivered.set(partition, to);
    this.#seeks += 1;
    wakeReaders(this.#shared);
  }

  release(partition: number): void {
    this.#delivered.delete(partition);
    const first = Math.min(...this.#delivered.values());
    if (this.#delivered.size === 0 || first <= this.#cursor.offset) return;
    this.#cursor.seek(offset(first));
    this.#seeks += 1;
    wakeReaders(this.#shared);
  }

  close(): void {
    this.#closed = true;
    if (this.#reading) wakeReaders(this.#shared);
    else void this.#cursor.close();
  }

  async #read(wanted: number): Promise<LogRead> {
    while (!this.#closed) {
      const at = this.#cursor.offset;
      const end = logEnd(this.#shared, 0);
      if (end === undefined || at === end) {
        await logEndMovedFrom(this.#shared, 0, end);
        // Woken for nothing: the file may have been replaced, and this would keep the old one on the disk.
        if (logEnd(this.#shared, 0) === end) await this.#cursor.close();
        continue;
      }
      if (at > end) throw this.#beyond(at, end);
      const seeks = this.#seeks;
      const run = await this.#cursor.read(readRun, wanted, end);
      // What was read before a seek may lie behind the place it asked for: the partition would miss what is between.
      if (seeks !== this.#seeks) continue;
      // Past a gap: nothing is delivered, but every partition has been read up to here.
      return run.bytes.length === 0 ? { blocks: [], readTo: this.#readTo() } : this.#deliver(run);
    }
    return { blocks: [], readTo: this.#readTo() };
  }

  /** The wanted blocks of a run. A bad one ends it early, and is reported by the read that starts there. */
  #deliver({ bytes, path, byteOffset }: JournalBytes): LogRead {
    const view = viewOf(bytes);
    const start = this.#cursor.offset;
    const blocks: LoggedBlock[] = [];
    let at = 0;
    for (;;) {
      const length = blockLengthAt(view, at);
      if (length === undefined || at + length > bytes.length) break;
      const partition = view.getUint16(at + AT.partition, true);
      const delivered = this.#delivered.get(partition);
      if (delivered !== undefined && start + at >= delivered) {
        const block = bytes.subarray(at, at + length);
        try {
          checkBlock(block, { path, byteOffset: byteOffset + at });
        } catch (error) {
          if (at === 0) throw error;
          break;
        }
        const nextOffset = offset(start + at + length);
        blocks.push({ partition, offset: offset(start + at), nextOffset, bytes: block });
        this.#delivered.set(partition, nextOffset);
      }
      at += length;
    }
    if (at === 0) {
      throw new AppError('block_corrupt', 'expected the start of a block', { path, byteOffset });
    }
    this.#cursor.advance(at);
    return { blocks, readTo: this.#readTo() };
  }

  /** As of now, though the answer may be asked later. */
  #readTo(): LogRead['readTo'] {
    const cursor = this.#cursor.offset;
    const delivered = new Map(this.#delivered);
    return (partition) => offset(Math.max(cursor, delivered.get(partition) ?? 0));
  }

  #beyond(at: Offset, end: Offset): AppError {
    return new AppError(
      'log_truncated',
      `offset ${at} lies behind the log's end at ${end}: this log is not the one that was read before`,
      { path: this.#dir },
    );
  }
}
