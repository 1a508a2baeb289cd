/**
 * A log's writer that goes on while the log is out of reach: blocks then go to a spool on the local disk, and from there into the log
 * when it is back.
 *
 * The order of blocks is kept, and with it the numbers by which partitions know copies: one append to the log is under way at a
 * time, and as long as anything is in the spool, all that is new goes behind it. What the log may have taken or not is spooled, too.
 *
 * When it changes ways: to the spool when an append fails, is not answered for `patienceMs`, or more waits for it than may. Back
 * when the spool is empty and the log has answered everything in half of that for `calmMs`. So a log that is slow, but there, is not
 * left and joined again every few seconds: all goes through the spool meanwhile, which costs a sync of the local disk.
 *
 * A log that is gone for good is not waited for: nothing more is taken, since it could never leave the spool.
 */
import type { Appended } from '../../src/model/appended.ts';
import type { Clock } from '../../src/model/clock.ts';
import { AppError, FAULT } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import type { SpoolCounts, SpoolReason } from '../../src/model/spool-view.ts';
import type { Offset } from '../../src/model/units.ts';
import { within } from '../../src/model/within.ts';
import {
  JOURNAL_PENDING_BYTES_MAX,
  JOURNAL_ROUND_BYTES_MAX,
  SPOOL_CALM_MS,
  SPOOL_PATIENCE_MS,
  SPOOL_RETRY_MS,
  SPOOL_RUN_BYTES,
} from '../limits.ts';
import type { LogRefusal, LogWriter } from '../log/log.ts';
import { type LogShared, logStart, publishRefusal } from '../log/log-shared.ts';
import { type HeldAppend, HeldAppends, type HeldRound } from './held-appends.ts';
import { type LinkTimes, LogLink, type LogLinkOptions, type Outcome } from './log-link.ts';
import type { Spool, SpoolPart } from './spool.ts';
import { minus, NOTHING, plus } from './spool-counts.ts';
import { publishSpool, type SpoolShared } from './spool-shared.ts';

export interface SpoolingWriterOptions {
  /** Owned by the writer from now on. */
  readonly spool: Spool;
  readonly connect: LogLinkOptions['connect'];
  readonly shared: LogShared;
  readonly numbers: SpoolShared;
  readonly pendingBytesMax?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Nothing but a new start may help. */
  readonly onFailed: (error: unknown) => void;
  readonly times?: Partial<LinkTimes>;
}

/** What is under way to the log itself. */
interface Flight {
  readonly round: HeldRound;
  readonly outcome: Promise<Outcome>;
}

/** What was under way when the spool began to be used. Of the spool it is the first part, if there was room. */
interface Late {
  readonly outcome: Promise<Outcome>;
  readonly part: Promise<SpoolPart | undefined>;
}

interface Spooling {
  readonly reason: SpoolReason;
  readonly sinceMs: number;
  /** What had been drained before. */
  readonly drained: SpoolCounts;
}

export class SpoolingWriter implements LogWriter {
  readonly #options: SpoolingWriterOptions;
  readonly #spool: Spool;
  readonly #link: LogLink;
  readonly #times: LinkTimes;
  readonly #pendingBytesMax: number;
  /** What waits for the log itself; while the spool is about to be empty, for that. */
  readonly #held = new HeldAppends();
  readonly #look: NodeJS.Timeout;
  /** Undefined: appends go to the log. */
  #spooling: Spooling | undefined;
  /** The spool is about to be empty: what comes is held until it is. */
  #isHandingOver = false;
  #flight: Flight | undefined;
  #isSending = false;
  #sending: Promise<void> | undefined;
  #draining: Promise<void> | undefined;
  #shrinking: Promise<void> | undefined;
  /** Resolves when the spool has more than a moment ago. */
  #news = Promise.withResolvers<void>();
  #spooled = NOTHING;
  #drained = NOTHING;
  #switches = 0;
  #closed: Promise<void> | undefined;

  /**
   * Takes appends at once, to the spool if it holds something or the log is not reached within the patience. Rejects if the log
   * can be reached and will not do as it is; then the spool is closed.
   */
  static async start(options: SpoolingWriterOptions): Promise<SpoolingWriter> {
    const writer = new SpoolingWriter(options);
    const connecting = writer.#link.connect();
    try {
      await within(connecting, writer.#times.patienceMs);
    } catch (error) {
      await writer.close();
      throw error;
    }
    connecting.catch(options.onFailed);
    writer.#begin();
    return writer;
  }

  private constructor(options: SpoolingWriterOptions) {
    const { spool, connect, logger, pendingBytesMax = JOURNAL_PENDING_BYTES_MAX } = options;
    this.#options = options;
    this.#spool = spool;
    this.#times = {
      patienceMs: SPOOL_PATIENCE_MS,
      calmMs: SPOOL_CALM_MS,
      retryMs: SPOOL_RETRY_MS,
      ...options.times,
    };
    this.#link = new LogLink({ connect, logger, times: this.#times });
    this.#pendingBytesMax = pendingBytesMax;
    // The spool's refusals change with the disk, too.
    this.#look = setInterval(() => this.#publish(), 1_000);
    this.#look.unref();
  }

  get pendingBytes(): number {
    return this.#held.bytes + this.#spool.pendingBytes;
  }

  get refusal(): LogRefusal | undefined {
    if (this.#closed !== undefined) return 'log_closed';
    if (this.#link.gone !== undefined) return 'log_gone';
    return this.#goesToSpool ? this.#spool.refusal : undefined;
  }

  /** Undefined while blocks go to the log itself. */
  get spooling(): Pick<Spooling, 'reason' | 'sinceMs'> | undefined {
    return this.#spooling;
  }

  async append(blocks: readonly Uint8Array[]): Promise<Appended> {
    if (this.#closed !== undefined) throw new AppError('log_closed', FAULT.log_closed.meaning);
    if (blocks.length === 0) return [];
    const bytes = blocks.reduce((sum, block) => sum + block.length, 0);
    // One that is too large by itself is taken when nothing else waits: its bytes are in memory already.
    if (this.#held.bytes > 0 && this.#held.bytes + bytes > this.#pendingBytesMax) {
      if (this.#isHandingOver) this.#holdNoMore();
      else this.#turnToSpool('behind');
    }
    if (this.#goesToSpool) {
      await this.#keep(blocks);
      return 'spooled';
    }
    const appended = this.#held.push(blocks, bytes);
    this.#send();
    return appended;
  }

  async deleteBefore(before: Offset): Promise<Offset> {
    return this.#link.writer?.deleteBefore(before) ?? logStart(this.#options.shared, 0);
  }

  /** Resolves when what was accepted is durable. What is in the spool stays there for the next start. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    clearInterval(this.#look);
    if (this.#isHandingOver) this.#holdNoMore();
    await this.#sending;
    const closed = this.#link.close();
    this.#news.resolve();
    await this.#draining;
    await this.#shrinking;
    await closed;
    await this.#spool.close();
    this.#publish();
  }

  get #goesToSpool(): boolean {
    return this.#spooling !== undefined && !this.#isHandingOver;
  }

  #begin(): void {
    if (!this.#spool.isEmpty) this.#turnToSpool('left');
    else if (this.#link.writer === undefined) this.#turnToSpool('unreached');
    this.#publish();
  }

  /** Sends what is held, if nobody does. */
  #send(): void {
    if (this.#isSending || this.#spooling !== undefined) return;
    this.#isSending = true;
    this.#sending = this.#sendAll();
    this.#sending.catch(this.#options.onFailed);
  }

  async #sendAll(): Promise<void> {
    try {
      while (this.#spooling === undefined) {
        const round = this.#held.nextRound(JOURNAL_ROUND_BYTES_MAX);
        if (round.length === 0) return;
        const outcome = this.#link.append(round.flatMap(({ blocks }) => blocks));
        this.#flight = { round, outcome };
        const soon = await within(outcome, this.#times.patienceMs);
        // While it was under way more came than may wait: it is spooled.
        if (this.#flight === undefined) continue;
        if (soon === undefined) this.#turnToSpool('slow');
        else if (!('fault' in soon)) this.#held.complete(round, soon.offsets);
        else if (helpsLater(soon.fault)) this.#turnToSpool('refused', soon.fault);
        else this.#held.fail(round, soon.fault);
        this.#flight = undefined;
      }
    } finally {
      this.#isSending = false;
    }
  }

  /** Spools what is under way, what waits and then all that comes, in this order. */
  #turnToSpool(reason: SpoolReason, fault?: AppError): void {
    const { clock, logger } = this.#options;
    this.#spooling = { reason, sinceMs: clock.now(), drained: this.#drained };
    this.#switches += 1;
    this.#link.disturb();
    logger.warn(
      { reason, err: fault, ...this.#spool.waiting },
      'events go to the spool on the local disk',
    );
    const late = this.#spoolFlight();
    this.#spoolHeld();
    this.#draining = this.#drain(late);
    this.#draining.catch(this.#options.onFailed);
    this.#publish();
  }

  #spoolFlight(): Late | undefined {
    const flight = this.#flight;
    if (flight === undefined) return undefined;
    this.#flight = undefined;
    const { round, outcome } = flight;
    this.#held.leave(round);
    const part = Promise.all(round.map((append) => this.#keepHeld(append))).then((parts) => {
      const kept = parts.filter((each) => each !== undefined);
      const last = kept.at(-1);
      return last && { end: last.end, counts: kept.map((each) => each.counts).reduce(plus) };
    });
    return { outcome, part };
  }

  #spoolHeld(): void {
    const waiting = this.#held.nextRound(Number.POSITIVE_INFINITY);
    this.#held.leave(waiting);
    for (const append of waiting) void this.#keepHeld(append);
  }

  /** Answers its sender. Undefined: the spool refuses it. */
  async #keepHeld({ blocks, resolve, reject }: HeldAppend): Promise<SpoolPart | undefined> {
    try {
      const part = await this.#keep(blocks);
      resolve('spooled');
      return part;
    } catch (error) {
      reject(error);
      return undefined;
    }
  }

  async #keep(blocks: readonly Uint8Array[]): Promise<SpoolPart> {
    const { gone } = this.#link;
    if (gone !== undefined) throw gone;
    try {
      const part = await this.#spool.append(blocks);
      this.#spooled = plus(this.#spooled, part.counts);
      return part;
    } catch (error) {
      // Nobody knows what the disk holds now: only opening the spool anew finds out.
      if (this.#spool.refusal === 'log_io') this.#options.onFailed(error);
      throw error;
    } finally {
      this.#news.resolve();
      this.#publish();
    }
  }

  /** Until all of the spool is in the log and the log is well, or the writer is closed. */
  async #drain(late: Late | undefined): Promise<void> {
    if (late !== undefined) await this.#passOver(late);
    while (!this.#link.isClosed) {
      if (!this.#link.isReachable) this.#holdNoMore();
      await this.#link.whenReachable();
      if (this.#link.isClosed) return;
      try {
        if (await this.#drainSome()) return;
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        this.#link.disturb();
        this.#link.tell(error);
        this.#holdNoMore();
        await this.#spool.rewind();
        await this.#link.pause();
      }
    }
  }

  /** The log may have taken it after all. Otherwise it is sent again, and copies of it are known by their numbers. */
  async #passOver({ outcome, part }: Late): Promise<void> {
    const [ended, spooled] = await Promise.all([outcome, part]);
    if ('fault' in ended || spooled === undefined) return;
    await this.#spool.drained(spooled);
    await this.#spool.rewind();
  }

  /** One run, or a wait for one. True: appends go to the log again. Rejects with why the spool cannot be drained. */
  async #drainSome(): Promise<boolean> {
    const news = Promise.withResolvers<void>();
    this.#news = news;
    const run = await this.#spool.next();
    if (run === undefined) {
      const { calmInMs } = this.#link;
      if (this.#spool.isEmpty && (this.#isHandingOver || calmInMs === 0)) {
        // In the same turn: whatever comes now goes behind.
        this.#turnBack();
        return true;
      }
      if (this.#link.isClosed) return false;
      await within(news.promise, calmInMs > 0 ? calmInMs : this.#times.calmMs);
      return false;
    }
    this.#spool.readAhead();
    const outcome = this.#link.append(run.blocks);
    if ((await within(outcome, this.#times.patienceMs)) === undefined) this.#holdNoMore();
    const ended = await outcome;
    if ('fault' in ended) throw ended.fault;
    await this.#spool.drained(run);
    this.#drained = plus(this.#drained, run.counts);
    const { bytes } = this.#spool.waiting;
    const isNearlyEmpty = bytes + this.#spool.pendingBytes <= SPOOL_RUN_BYTES;
    this.#isHandingOver ||= isNearlyEmpty && this.#link.calmInMs === 0;
    this.#publish();
    return false;
  }

  /** What was held until the spool is empty is spooled, because that may take long. */
  #holdNoMore(): void {
    if (!this.#isHandingOver) return;
    this.#isHandingOver = false;
    this.#spoolHeld();
  }

  #turnBack(): void {
    const { clock, logger } = this.#options;
    const { sinceMs = 0, drained = NOTHING, reason } = this.#spooling ?? {};
    this.#spooling = undefined;
    this.#isHandingOver = false;
    const seconds = (clock.now() - sinceMs) / 1_000;
    logger.info(
      { reason, seconds, ...minus(this.#drained, drained) },
      'the spool is empty: events go to the log again',
    );
    this.#shrinking = this.#spool.shrink().catch((error: unknown) => {
      logger.warn({ err: error }, 'files of the spool could not be deleted');
    });
    this.#publish();
    this.#send();
  }

  #publish(): void {
    const { shared, numbers } = this.#options;
    publishRefusal(shared, this.refusal);
    const { gone } = this.#link;
    if (gone !== undefined) this.#link.tell(gone);
    const spool = this.#spool;
    publishSpool(numbers, {
      spooling: this.#spooling,
      from: spool.from,
      end: spool.end,
      bytesMax: spool.bytesMax,
      waiting: spool.waiting,
      spooled: this.#spooled,
      drained: this.#drained,
      switches: this.#switches,
      lostBytes: spool.lostBytes,
    });
  }
}

/** Whether the log may take the same blocks some time. */
const helpsLater = (fault: AppError): boolean => fault.retryable && fault.code !== 'log_gone';
