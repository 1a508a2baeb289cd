/**
 * The journal's writing side: one sequence of blocks for the whole server, in files named by base offset.
 *
 * Group commit: a round takes what waits (up to one largest block's worth), writes and syncs it on libuv's threads,
 * then resolves the appends that it completed. What arrives meanwhile is the next round, so the more callers
 * there are, the more of them share a sync, and a caller waits for two at most while the disk keeps up.
 */

import { ok as assert } from 'node:assert';
import { rename, rm, stat } from 'node:fs/promises';
import { AT, BLOCK_HEADER_BYTES, BLOCK_KIND, blockLengthAt } from '../../src/model/block-format.ts';
import type { Clock } from '../../src/model/clock.ts';
import { AppError, FAULT } from '../../src/model/errors.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { viewOf } from '../../src/model/view-of.ts';
import {
  DISK_CHECK_INTERVAL_MS,
  DISK_RESERVE_BYTES,
  JOURNAL_BYTES_MAX,
  JOURNAL_FILE_BYTES,
  JOURNAL_PENDING_BYTES_MAX,
  JOURNAL_ROUND_BYTES_MAX,
} from '../limits.ts';
import { AppendQueue, type Round } from './append-queue.ts';
import type { Disk } from './disk.ts';
import {
  createJournalFile,
  JOURNAL_HEADER_BYTES,
  type JournalHeader,
  logIo,
  syncDirectory,
  unfinishedPath,
} from './journal-file.ts';
import type { JournalLock } from './journal-lock.ts';
import type { JournalFile, RecoveredJournal } from './journal-recovery.ts';
import type { LogRefusal, RewritableLog } from './log.ts';
import { type LogShared, publishEnd, publishRefusal, publishStart } from './log-shared.ts';

export interface JournalBounds {
  readonly fileBytes: number;
  /** At least two files' worth, since only whole files are deleted and the newest never is. */
  readonly bytesMax: number;
  readonly diskReserveBytes: number;
  readonly pendingBytesMax: number;
}

export interface JournalWriterOptions extends Partial<JournalBounds> {
  readonly dir: string;
  readonly shared: LogShared;
  readonly disk: Disk;
  readonly clock: Clock;
  /** Owned by the writer from now on. */
  readonly lock: JournalLock;
  readonly recovered: RecoveredJournal;
}

/** The file that takes the next block. */
interface OpenFile extends JournalFile {
  readonly fd: number;
}

export class JournalWriter implements RewritableLog {
  readonly #dir: string;
  readonly #shared: LogShared;
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #lock: JournalLock;
  readonly #bounds: JournalBounds;
  readonly #journalId: Uint8Array;
  readonly #queue = new AppendQueue();
  readonly #diskCheck: NodeJS.Timeout;
  /** Ascending; the last one is `#open`. */
  readonly #files: JournalFile[];
  #open: OpenFile;
  /** What all files take on disk. */
  #logBytes: number;
  /** What may still be written before the reserve is touched: asked for now and then, counted down between. */
  #roomBytes = 0;
  #durable: Offset;
  /** Where the next accepted block will start: ahead of `#durable` by the queue's bytes. */
  #next: Offset;
  #isCommitting = false;
  #committing: Promise<void> | undefined;
  #failure: AppError | undefined;
  #closed: Promise<void> | undefined;
  /** Whoever waits for the open file to be ended. */
  #endAsked: PromiseWithResolvers<void> | undefined;
  /** Files are deleted and replaced one at a time: a deleted one must not come back. */
  #fileTurn: Promise<unknown> = Promise.resolve();

  /** Part of `openJournal`: opens the file to append to and tells the readers what there is. */
  static async start(options: JournalWriterOptions): Promise<JournalWriter> {
    const { disk, dir, clock, shared, recovered } = options;
    const { journalId, report } = recovered;
    const open = recovered.appendTo
      ? { ...recovered.appendTo, fd: await disk.open(recovered.appendTo.path, 'r+') }
      : await createFile(disk, dir, { base: report.end, createdMs: clock.now(), journalId });
    const writer = new JournalWriter(options, open);
    await writer.checkDisk();
    for (const [partition, end] of recovered.partitionEnds) shared.partitionEnds[partition] = end;
    publishStart(shared, 0, recovered.files[0]?.base ?? open.base);
    publishEnd(shared, 0, report.end);
    return writer;
  }

  private constructor(options: JournalWriterOptions, open: OpenFile) {
    const { recovered } = options;
    this.#dir = options.dir;
    this.#shared = options.shared;
    this.#disk = options.disk;
    this.#clock = options.clock;
    this.#lock = options.lock;
    this.#bounds = {
      fileBytes: options.fileBytes ?? JOURNAL_FILE_BYTES,
      bytesMax: options.bytesMax ?? JOURNAL_BYTES_MAX,
      diskReserveBytes: options.diskReserveBytes ?? DISK_RESERVE_BYTES,
      pendingBytesMax: options.pendingBytesMax ?? JOURNAL_PENDING_BYTES_MAX,
    };
    assert(
      this.#bounds.bytesMax >= 2 * this.#bounds.fileBytes,
      `the log's size bound must be at least two files (2 x ${this.#bounds.fileBytes} bytes), received ${this.#bounds.bytesMax}`,
    );
    this.#journalId = recovered.journalId;
    this.#files = [...recovered.files.filter((file) => file.base < open.base), open];
    this.#open = open;
    this.#logBytes = this.#files.reduce((sum, file) => sum + file.bytes, 0);
    this.#durable = recovered.report.end;
    this.#next = this.#durable;
    this.#diskCheck = setInterval(() => void this.checkDisk(), DISK_CHECK_INTERVAL_MS);
    this.#diskCheck.unref();
  }

  get pendingBytes(): number {
    return this.#queue.bytes;
  }

  /** What the files take on disk. */
  get logBytes(): number {
    return this.#logBytes;
  }

  get refusal(): LogRefusal | undefined {
    return this.#refusalOf(BLOCK_HEADER_BYTES);
  }

  append(blocks: readonly Uint8Array[]): Promise<readonly Offset[]> {
    const bytes = blocks.reduce((sum, block) => sum + block.length, 0);
    const refusal = this.#refusalOf(bytes);
    if (refusal !== undefined) return Promise.reject(this.#refusalError(refusal));
    for (const block of blocks) assertSealed(block, this.#shared.partitions);
    if (blocks.length === 0) return Promise.resolve([]);
    const offsets: Offset[] = [];
    for (const block of blocks) {
      offsets.push(this.#next);
      this.#next = offset(this.#next + block.length);
    }
    const durable = this.#queue.push(blocks, bytes, offsets);
    this.#publishRefusal();
    // At once, so that a caller's round is on its way to the disk before it answers those of the last one.
    if (!this.#isCommitting) this.#committing = this.#commitRounds();
    return durable;
  }

  deleteBefore(before: Offset): Promise<Offset> {
    return this.#inTurn(() => this.#deleteBefore(before));
  }

  endFile(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#closed !== undefined) return Promise.reject(this.#refusalError('log_closed'));
    this.#endAsked ??= Promise.withResolvers();
    const { promise } = this.#endAsked;
    if (!this.#isCommitting) this.#committing = this.#commitRounds();
    return promise;
  }

  replaceFile(base: Offset): Promise<boolean> {
    return this.#inTurn(async () => {
      const file = this.#files.find((each) => each.base === base);
      const unfinished = unfinishedPath(this.#dir, base);
      assert(file !== this.#open, 'the file that is written to is never replaced');
      try {
        if (file === undefined) {
          await rm(unfinished, { force: true });
          return false;
        }
        const { size } = await stat(unfinished);
        assert(
          size === file.bytes,
          `expected ${file.bytes} bytes in ${unfinished}, it has ${size}`,
        );
        await rename(unfinished, file.path);
        await syncDirectory(this.#disk, this.#dir);
        return true;
      } catch (cause) {
        throw logIo('replacing a file of the log', unfinished, cause);
      }
    });
  }

  /** Looks at the free space now; called every second. A file system that does not answer counts as full. */
  async checkDisk(): Promise<void> {
    const free = await this.#disk.freeBytes(this.#dir).catch(() => 0);
    this.#roomBytes = free - this.#bounds.diskReserveBytes;
    this.#publishRefusal();
  }

  /** Refuses appends from now on, resolves when those accepted are durable and the directory is free for another. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    clearInterval(this.#diskCheck);
    await this.#committing;
    await this.#fileTurn;
    publishRefusal(this.#shared, 'log_closed');
    await this.#disk.close(this.#open.fd);
    await this.#lock.release();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#fileTurn.then(work);
    this.#fileTurn = done.catch(() => undefined);
    return done;
  }

  async #deleteBefore(before: Offset): Promise<Offset> {
    for (;;) {
      const [oldest, next] = this.#files;
      if (oldest === undefined || next === undefined || next.base > before) break;
      publishStart(this.#shared, 0, next.base);
      try {
        await rm(oldest.path, { force: true });
      } catch (cause) {
        throw logIo('deleting a file of the log', oldest.path, cause);
      }
      this.#files.shift();
      this.#logBytes -= oldest.bytes;
      this.#roomBytes += oldest.bytes;
      this.#publishRefusal();
    }
    return (this.#files[0] as JournalFile).base;
  }

  #refusalOf(bytes: number): LogRefusal | undefined {
    const waiting = this.#queue.bytes;
    const { bytesMax, pendingBytesMax } = this.#bounds;
    if (this.#closed !== undefined) return 'log_closed';
    if (this.#failure !== undefined) return 'log_io';
    if (this.#logBytes + waiting + bytes > bytesMax) return 'log_full';
    if (waiting + bytes > this.#roomBytes) return 'log_full';
    // One that is too large by itself is taken when nothing else waits: its bytes are in memory already.
    if (waiting > 0 && waiting + bytes > pendingBytesMax) return 'log_backpressure';
    return undefined;
  }

  #refusalError(refusal: LogRefusal): AppError {
    if (refusal === 'log_io' && this.#failure !== undefined) return this.#failure;
    return new AppError(refusal, `${FAULT[refusal].meaning}; ${this.#figures()}`, {
      path: this.#dir,
    });
  }

  #figures(): string {
    const { bytesMax, pendingBytesMax } = this.#bounds;
    return (
      `${this.#queue.bytes} of ${pendingBytesMax} bytes wait, ${this.#logBytes} of ${bytesMax} bytes are kept, ` +
      `${Math.max(0, this.#roomBytes)} bytes are free above the disk reserve`
    );
  }

  #publishRefusal(): void {
    publishRefusal(this.#shared, this.refusal);
  }

  /** Runs until nothing waits; never rejects. */
  async #commitRounds(): Promise<void> {
    this.#isCommitting = true;
    for (;;) {
      const endAsked = this.#endAsked;
      if (endAsked !== undefined) {
        await this.#endAsAsked(endAsked);
        continue;
      }
      const round = this.#queue.nextRound(JOURNAL_ROUND_BYTES_MAX);
      if (round === undefined) break;
      try {
        await this.#write(round);
      } catch (cause) {
        if (await this.#shedFull(cause)) break;
        await this.#fail(cause);
        break;
      }
      try {
        // After a failed sync the kernel may drop the pages and let the next sync succeed: it is never repeated.
        await this.#disk.syncData(this.#open.fd);
      } catch (cause) {
        await this.#fail(cause);
        break;
      }
      this.#complete(round);
    }
    this.#isCommitting = false;
    this.#endAsked?.reject(this.#failure ?? this.#refusalError('log_full'));
    this.#endAsked = undefined;
  }

  async #write(round: Round): Promise<void> {
    const blockBytes = this.#open.bytes - JOURNAL_HEADER_BYTES;
    if (blockBytes > 0 && blockBytes + round.bytes > this.#bounds.fileBytes) await this.#roll();
    await this.#disk.write(this.#open.fd, round.blocks, this.#open.bytes);
  }

  /** What is durable stays so whatever goes wrong here: then the open file is written on. */
  async #endAsAsked({ resolve, reject }: PromiseWithResolvers<void>): Promise<void> {
    this.#endAsked = undefined;
    try {
      if (this.#open.bytes > JOURNAL_HEADER_BYTES) await this.#roll();
      resolve();
    } catch (cause) {
      reject(logIo('beginning a file of the log', this.#dir, cause));
    }
  }

  async #roll(): Promise<void> {
    const header = {
      base: this.#durable,
      createdMs: this.#clock.now(),
      journalId: this.#journalId,
    };
    const previous = this.#open;
    this.#open = await createFile(this.#disk, this.#dir, header);
    this.#files.push(this.#open);
    this.#logBytes += this.#open.bytes;
    await this.#disk.close(previous.fd);
  }

  #complete(round: Round): void {
    this.#open.bytes += round.bytes;
    this.#logBytes += round.bytes;
    this.#roomBytes -= round.bytes;
    for (const block of round.blocks) {
      this.#durable = offset(this.#durable + block.length);
      const view = viewOf(block);
      const partition = view.getUint16(AT.partition, true);
      this.#shared.partitionEnds[partition] = this.#durable;
      if (view.getUint8(AT.kind) === BLOCK_KIND.events) {
        this.#shared.eventEnds[partition] = this.#durable;
      }
    }
    this.#queue.complete(round);
    this.#publishRefusal();
    publishEnd(this.#shared, 0, this.#durable);
  }

  /** A write that found no space took nothing: undone, and refused as `log_full` until there is space again. */
  async #shedFull(cause: unknown): Promise<boolean> {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC')) return false;
    try {
      await this.#disk.truncate(this.#open.fd, this.#open.bytes);
    } catch {
      return false;
    }
    this.#roomBytes = 0;
    this.#next = this.#durable;
    this.#queue.rejectAll((partlyDurable) =>
      partlyDurable
        ? logIo('writing the rest of an append', this.#open.path, cause)
        : this.#refusalError('log_full'),
    );
    this.#publishRefusal();
    return true;
  }

  /**
   * The disk refused a write or sync, so what it holds behind the durable end is unknown. Takes nothing more until
   * the journal is reopened, and cuts that tail if it can, so that a later recovery does not take for durable
   * what only the page cache has.
   */
  async #fail(cause: unknown): Promise<void> {
    const failure = logIo('writing or syncing the log', this.#open.path, cause);
    this.#failure = failure;
    await this.#disk.truncate(this.#open.fd, this.#open.bytes).catch(() => undefined);
    this.#queue.rejectAll(() => failure);
    this.#publishRefusal();
  }
}

async function createFile(disk: Disk, dir: string, header: JournalHeader): Promise<OpenFile> {
  const { fd, path } = await createJournalFile(disk, dir, header);
  return { base: header.base, path, bytes: JOURNAL_HEADER_BYTES, fd };
}

/** A block that no reader could read must not get between those that one can. */
function assertSealed(block: Uint8Array, partitions: number): void {
  const view = viewOf(block);
  const length = blockLengthAt(view, 0);
  assert(
    length === block.length,
    `expected a sealed block of ${block.length} bytes, its header says ${length}`,
  );
  const partition = view.getUint16(AT.partition, true);
  assert(partition < partitions, `expected a partition below ${partitions}, received ${partition}`);
}
