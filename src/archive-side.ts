/**
 * The archive as the rest of the server sees it. Its thread is started when there is something to do and ended when there has
 * been nothing for a while: with DuckDB in it it is a good part of an idle server's memory.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ArchiverNumbers } from '../actors/archiver/protocol.ts';
import type { ActorSnapshot } from '../actors/runtime.ts';
import { durableEnd, journalStart } from '../storage/log/journal-shared.ts';
import { archiveSettings } from './archive-settings.ts';
import type { Foundation } from './foundation.ts';
import { type Clock, systemClock } from './model/clock.ts';
import { AppError } from './model/errors.ts';
import type { HiveNumbers } from './model/hive-numbers.ts';
import type { ArchivePort, ArchiveView, SegmentPage, SegmentQuery } from './query/archive-port.ts';
import type { ArchiveThreadData } from './threads/archive-protocol.ts';
import { ARCHIVE_NOW_TIMEOUT_MS } from './threads/archive-protocol.ts';
import { ArchiveWorker } from './threads/archive-worker.ts';

/** How often it is looked whether the thread is wanted. */
const TEND_INTERVAL_MS = 1_000;
/** With no events to archive for so long it is ended. Each start claims the archive again, so not much shorter. */
const IDLE_END_MS = 15 * 60_000;
/** A thread that has ended by itself is not started again sooner. */
const RESTART_MS = 30_000;
/** How long a list may take, or the first word of an archive that is being opened. */
const ANSWER_TIMEOUT_MS = 10_000;

export interface ArchiveSide extends ArchivePort {
  /** The last that is known; starts nothing. */
  numbers(): ArchiverNumbers | undefined;
  /** Undefined without a Hive, and while the thread does not run. */
  hive(): HiveNumbers | undefined;
  actors(): Promise<readonly ActorSnapshot[]>;
  close(): Promise<void>;
}

/** Undefined if there is none. The journal must be open: its name is the archive's owner. */
export function startArchive(base: Foundation): ArchiveSide | undefined {
  if (!base.config.archive.enabled) return undefined;
  base.progress.archived.fill(0);
  return new ArchiveThread(base, systemClock);
}

class ArchiveThread implements ArchiveSide {
  readonly #base: Foundation;
  readonly #clock: Clock;
  readonly #timer: NodeJS.Timeout;
  /** The log's end when it was opened: what lies before it may hold events that nobody has archived. */
  readonly #openedEnd: number;
  #worker: ArchiveWorker | undefined;
  /** One thread ends before the next one starts. */
  #ended: Promise<void> = Promise.resolve();
  #numbers: ArchiverNumbers | undefined;
  #problem: string | undefined;
  /** When events were first seen to wait; 0: none do. */
  #waitingSinceMs = 0;
  #busyMs: number;
  #startsFromMs = 0;
  #isClosed = false;

  constructor(base: Foundation, clock: Clock) {
    this.#base = base;
    this.#clock = clock;
    this.#openedEnd = durableEnd(base.shared) ?? 0;
    this.#busyMs = clock.now();
    this.#timer = setInterval(() => this.#tend(), TEND_INTERVAL_MS);
  }

  numbers(): ArchiverNumbers | undefined {
    const numbers = this.#worker?.numbers ?? this.#numbers;
    if (numbers === undefined || this.#worker !== undefined) return numbers;
    const waitingSinceMs = this.#waitingSinceMs;
    return { ...numbers, waitingBytes: this.#waitingBytes(), waitingSinceMs };
  }

  hive(): HiveNumbers | undefined {
    return this.#worker?.hive;
  }

  async view(): Promise<ArchiveView> {
    if (this.numbers() === undefined) {
      const { opened } = await this.#started();
      await Promise.race([opened, sleep(ANSWER_TIMEOUT_MS, undefined, { ref: false })]);
    }
    const numbers = this.numbers();
    const problem = this.#worker?.problem ?? this.#problem;
    return { url: numbers?.url, numbers, problem, hive: this.hive() };
  }

  async segments(query: SegmentQuery): Promise<SegmentPage> {
    return (await this.#started()).asker.ask('segments', query, ANSWER_TIMEOUT_MS);
  }

  async archiveNow(): Promise<ArchiverNumbers> {
    return (await this.#started()).asker.ask('archiveNow', undefined, ARCHIVE_NOW_TIMEOUT_MS);
  }

  async actors(): Promise<readonly ActorSnapshot[]> {
    return (await this.#worker?.asker.ask('actors', undefined, ANSWER_TIMEOUT_MS)) ?? [];
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#end();
  }

  #tend(): void {
    const { cut } = this.#base.config.archive;
    const nowMs = this.#clock.now();
    const waiting = this.#waitingBytes();
    if (waiting === 0) this.#waitingSinceMs = 0;
    else if (this.#waitingSinceMs === 0) this.#waitingSinceMs = nowMs;
    const isTelling = (this.#worker?.hive?.versionsBehind ?? 0) > 0;
    if (waiting > 0 || isTelling) this.#busyMs = nowMs;
    const isDue =
      waiting >= cut.bytesMax || (waiting > 0 && nowMs - this.#waitingSinceMs >= cut.ageMaxMs);
    if (this.#worker === undefined && isDue && nowMs >= this.#startsFromMs) void this.#started();
    else if (nowMs - this.#busyMs >= IDLE_END_MS) void this.#end();
  }

  /** Log bytes up to the newest event that is not archived. */
  #waitingBytes(): number {
    const { shared, progress } = this.#base;
    let waiting = 0;
    for (const [partition, end] of shared.eventEnds.entries()) {
      waiting = Math.max(waiting, end - this.#archivedTo(partition));
    }
    if (progress.archivedVersion[0] === 0) {
      waiting = Math.max(waiting, this.#openedEnd - journalStart(shared));
    }
    return waiting;
  }

  #archivedTo(partition: number): number {
    const { shared, progress } = this.#base;
    return Math.max(progress.archived[partition] ?? 0, journalStart(shared));
  }

  /** The thread, which is started if there is none. */
  async #started(): Promise<ArchiveWorker> {
    this.#busyMs = this.#clock.now();
    await this.#ended;
    if (this.#isClosed) throw new AppError('actor_stopped', 'the server is stopping');
    if (this.#worker !== undefined) return this.#worker;
    const worker = new ArchiveWorker(
      this.#threadData(),
      () => this.#barrier(),
      (fault) => {
        this.#base.logger.error({ err: fault }, 'the archive thread has failed');
        this.#problem = fault.message;
        this.#startsFromMs = this.#clock.now() + RESTART_MS;
        this.#worker = undefined;
      },
    );
    this.#problem = undefined;
    this.#worker = worker;
    return worker;
  }

  #end(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return this.#ended;
    this.#numbers = worker.numbers;
    this.#worker = undefined;
    this.#ended = worker.close();
    return this.#ended;
  }

  /** First the offsets, then the barrier: it makes durable what they stand for. */
  async #barrier(): Promise<readonly number[]> {
    const { progress, state } = this.#base;
    const committed = [...progress.committed];
    await state.syncedBarrier();
    return committed;
  }

  #threadData(): ArchiveThreadData {
    const { config, state, journalDir, shared, progress } = this.#base;
    const { archive, dataDir, logging } = config;
    return {
      archive: archiveSettings(config),
      policy: { bytesMax: archive.cut.bytesMax, ageMaxMs: archive.cut.ageMaxMs },
      waitingSinceMs: this.#waitingSinceMs,
      hive: archive.hive,
      memoryBytesMax: archive.memoryBytesMax,
      workDir: join(dataDir, 'archive-work'),
      journalDir,
      journal: shared.buffer,
      progress: progress.buffer,
      state: state.handle,
      logging,
    };
  }
}
