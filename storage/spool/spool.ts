/**
 * Blocks on the local disk that are to come into the log later: a journal of its own, of which the first part is in the log
 * already, and a note of how far that goes. The note is as old as the last produce request at most, so after a crash that much is
 * sent again; partitions drop it by the numbers of its blocks.
 */

import { AT } from '../../src/model/block-format.ts';
import { type Clock, systemClock } from '../../src/model/clock.ts';
import { isFault } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import type { SpoolCounts } from '../../src/model/spool-view.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { viewOf } from '../../src/model/view-of.ts';
import {
  DISK_RESERVE_BYTES,
  JOURNAL_PENDING_BYTES_MAX,
  SPOOL_FILE_BYTES,
  SPOOL_RUN_BYTES,
  SPOOL_RUN_LIVES_MAX,
} from '../limits.ts';
import type { Disk } from '../log/disk.ts';
import { type Journal, openJournal } from '../log/journal.ts';
import { walkJournal } from '../log/journal-walk.ts';
import type { JournalWriter } from '../log/journal-writer.ts';
import type { LoggedBlock, LogReader, LogRefusal } from '../log/log.ts';
import { createLogShared, type LogShared, logEnd } from '../log/log-shared.ts';
import { countOf, minus, NOTHING, plus } from './spool-counts.ts';
import { readNote, writeNote } from './spool-note.ts';
import { refuseUnreadable, tellRecovery } from './spool-recovery.ts';
import { surveySpool } from './spool-survey.ts';

export interface SpoolOptions {
  /** Its own directory; created if missing. */
  readonly dir: string;
  readonly partitions: number;
  readonly bytesMax: number;
  readonly diskReserveBytes?: number;
  /** What may wait for the disk; more than what may wait for the log, because all of that may come at once. */
  readonly pendingBytesMax?: number;
  readonly logger: Logger;
  readonly disk?: Disk;
  readonly clock?: Clock;
}

/** Blocks that follow each other. */
export interface SpoolPart {
  readonly counts: SpoolCounts;
  /** Of the spool, behind the last of them. */
  readonly end: Offset;
}

/** To be produced at once. */
export interface SpoolRun extends SpoolPart {
  readonly blocks: readonly Uint8Array[];
}

const LOST =
  'a part of the spool is damaged: what it held was acknowledged, and does not come into the log';

export class Spool {
  readonly bytesMax: number;
  readonly #dir: string;
  readonly #shared: LogShared;
  readonly #journal: Journal;
  readonly #logger: Logger;
  #drainedTo: Offset;
  #waiting: SpoolCounts;
  #reader: LogReader | undefined;
  /** What was read and is not part of a run yet; at most one read. */
  #read: readonly LoggedBlock[] = [];
  #readTo: Offset;
  /** The next run, read while the one before is on its way. */
  #ahead: Promise<SpoolRun | undefined> | undefined;
  #lostBytes: number;
  /** Behind what was lost last. */
  #lostTo = offset(0);
  /** What was told of, and has not been done since. */
  readonly #undone = new Set<string>();

  /** Rejects as `openJournal`, and with `config_invalid` if it holds blocks of a partition that is not there. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const { dir, partitions, bytesMax, logger, disk, clock = systemClock } = options;
    const shared = createLogShared(partitions);
    const drainedTo = await readNote(dir);
    const journal = await openJournal({
      dir,
      shared,
      durableBefore: drainedTo,
      bytesMax,
      fileBytes: Math.min(SPOOL_FILE_BYTES, Math.floor(bytesMax / 4)),
      diskReserveBytes: options.diskReserveBytes ?? DISK_RESERVE_BYTES,
      pendingBytesMax: options.pendingBytesMax ?? 2 * JOURNAL_PENDING_BYTES_MAX,
      clock,
      ...(disk && { disk }),
    }).catch(refuseUnreadable);
    const from = offset(Math.max(drainedTo, journal.recovery.start));
    const cutBytes = tellRecovery(logger, journal.recovery);
    try {
      const { waiting, lostBytes } = await surveySpool(dir, shared, from);
      const lost = lostBytes + cutBytes;
      if (lost > 0) logger.error({ bytes: lost }, LOST);
      return new Spool(options, { journal, shared, from, waiting, lostBytes: lost });
    } catch (error) {
      await journal.writer.close();
      throw error;
    }
  }

  private constructor(
    { dir, bytesMax, logger }: SpoolOptions,
    opened: {
      readonly journal: Journal;
      readonly shared: LogShared;
      readonly from: Offset;
      readonly waiting: SpoolCounts;
      readonly lostBytes: number;
    },
  ) {
    this.bytesMax = bytesMax;
    this.#dir = dir;
    this.#shared = opened.shared;
    this.#journal = opened.journal;
    this.#logger = logger;
    this.#drainedTo = opened.from;
    this.#readTo = opened.from;
    this.#waiting = opened.waiting;
    this.#lostBytes = opened.lostBytes;
  }

  /** Everything that was appended is in the log. */
  get isEmpty(): boolean {
    return this.#drainedTo === this.end && this.#writer.pendingBytes === 0;
  }

  /** Not in the log yet. */
  get waiting(): SpoolCounts {
    return { ...this.#waiting, bytes: this.end - this.#drainedTo };
  }

  get from(): Offset {
    return this.#drainedTo;
  }

  get end(): Offset {
    return logEnd(this.#shared, 0) ?? offset(0);
  }

  get refusal(): LogRefusal | undefined {
    return this.#writer.refusal;
  }

  get pendingBytes(): number {
    return this.#writer.pendingBytes;
  }

  /** Damaged, and passed over, since it was opened or found then. */
  get lostBytes(): number {
    return this.#lostBytes;
  }

  get #writer(): JournalWriter {
    return this.#journal.writer;
  }

  /** Resolves once they survive a power cut. Rejects as a `LogWriter` does. */
  async append(blocks: readonly Uint8Array[]): Promise<SpoolPart> {
    const counts = countOf(blocks);
    const length = (blocks.at(-1) as Uint8Array).length;
    const offsets = await this.#writer.append(blocks);
    this.#waiting = plus(this.#waiting, counts);
    return { counts, end: offset((offsets.at(-1) as Offset) + length) };
  }

  /**
   * The next blocks that are durable; undefined if there are none now. Not to be called again before it has answered. Damage is
   * passed over, told and counted. Rejects with `log_io`; then `rewind`.
   */
  async next(): Promise<SpoolRun | undefined> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    return (await ahead) ?? this.#nextRun();
  }

  /** Reads what comes next already. */
  readAhead(): void {
    this.#ahead ??= this.#nextRun();
    // Told by `next`.
    this.#ahead.catch(() => undefined);
  }

  /** What lies before `end` is in the log: noted, and files of which nothing is left to be sent are deleted. Never rejects. */
  async drained({ end, counts }: SpoolPart): Promise<void> {
    this.#drainedTo = offset(Math.max(end, this.#drainedTo));
    this.#waiting = minus(this.#waiting, counts);
    await this.#tidy('how far the spool is drained could not be noted', () =>
      writeNote(this.#dir, end),
    );
    await this.#tidy('files of the spool could not be deleted', () =>
      this.#writer.deleteBefore(end),
    );
  }

  /** What was read and is not drained is read again. */
  async rewind(): Promise<void> {
    await this.#ahead?.catch(() => undefined);
    this.#ahead = undefined;
    this.#reader?.close();
    this.#reader = undefined;
    this.#read = [];
    this.#readTo = this.#drainedTo;
  }

  /** Gives the disk back what drained files take. */
  async shrink(): Promise<void> {
    await this.#writer.endFile();
    await this.#writer.deleteBefore(this.#drainedTo);
  }

  async close(): Promise<void> {
    await this.rewind();
    await this.#writer.close();
  }

  /** A disk that refuses does not keep what is on it from being drained. It is tried again with the next run, and told once. */
  async #tidy(undone: string, act: () => Promise<unknown>): Promise<void> {
    try {
      await act();
      this.#undone.delete(undone);
    } catch (error) {
      if (!this.#undone.has(undone)) this.#logger.warn({ err: error }, undone);
      this.#undone.add(undone);
    }
  }

  async #nextRun(): Promise<SpoolRun | undefined> {
    while (this.#read.length === 0) {
      if (this.#readTo >= this.end) return this.#tail();
      await this.#readOn();
    }
    const taken = this.#read.slice(0, oneRun(this.#read));
    this.#read = this.#read.slice(taken.length);
    const blocks = taken.map(({ bytes }) => bytes);
    const end = (taken.at(-1) as LoggedBlock).nextOffset;
    return { blocks, counts: countOf(blocks), end };
  }

  /** Of a spool whose end is damaged: a run of nothing, so that it can become empty. */
  #tail(): SpoolRun | undefined {
    if (this.#lostTo !== this.#readTo || this.#lostTo <= this.#drainedTo) return undefined;
    return { blocks: [], counts: NOTHING, end: this.#lostTo };
  }

  async #readOn(): Promise<void> {
    const partitions = Array.from({ length: this.#shared.partitions }, (_, i) => i);
    this.#reader ??= this.#journal.openReader(
      new Map(partitions.map((partition) => [partition, this.#readTo])),
    );
    try {
      const { blocks, readTo } = await this.#reader.read(SPOOL_RUN_BYTES);
      this.#read = blocks;
      this.#readTo = readTo(0);
    } catch (error) {
      this.#reader.close();
      this.#reader = undefined;
      if (!isFault(error, 'block_corrupt')) throw error;
      const behind = (await nextSound(this.#dir, this.#readTo)) ?? this.end;
      const bytes = behind - this.#readTo;
      this.#lostBytes += bytes;
      this.#logger.error({ err: error, bytes }, LOST);
      this.#readTo = behind;
      this.#lostTo = behind;
    }
  }
}

/** How many of these blocks are sent in one go: not of more lives of producers than partitions are sure to know again. */
function oneRun(blocks: readonly LoggedBlock[]): number {
  const lives = new Set<string>();
  for (const [index, { bytes }] of blocks.entries()) {
    const view = viewOf(bytes);
    lives.add(`${view.getUint32(AT.producerId, true)}/${view.getUint32(AT.producerEpoch, true)}`);
    if (lives.size > SPOOL_RUN_LIVES_MAX) return index;
  }
  return blocks.length;
}

/** Where the first block at or behind `at` starts that can be read. */
async function nextSound(dir: string, at: Offset): Promise<Offset | undefined> {
  let found: Offset | undefined;
  await walkJournal(dir, at, {
    block: (_, start) => {
      found ??= start;
    },
    file: () => undefined,
    damage: () => undefined,
    unfinished: () => undefined,
    read: () => undefined,
  });
  return found;
}
