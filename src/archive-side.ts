/**
 * The archive as the rest of the server sees it. Its thread is started when there is something to do and ended when there has
 * been nothing for a while: with DuckDB in it it is a good part of an idle server's memory.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ErasureKeeper, ErasureTarget } from '../actors/archiver/erasure-jobs.ts';
import type { ArchiverNumbers } from '../actors/archiver/protocol.ts';
import type { ActorSnapshot } from '../actors/runtime.ts';
import { OWN_COMMITS_FILE } from '../storage/archive/own-commits.ts';
import { logBytes, logEnd, logStart } from '../storage/log/log-shared.ts';
import { archiveSettings } from './archive-settings.ts';
import type { Foundation } from './foundation.ts';
import { type Clock, systemClock } from './model/clock.ts';
import type { ArchiveIntent } from './model/erasure.ts';
import { AppError, isFault } from './model/errors.ts';
import type { HiveNumbers } from './model/hive-numbers.ts';
import type { ArchiveReading } from './model/server-alarms.ts';
import type {
  ArchivePort,
  ArchiveView,
  HistoryQuery,
  ManifestHistory,
  SegmentPage,
  SegmentQuery,
} from './query/archive-port.ts';
import type { ArchiveThreadData, Guidance } from './threads/archive-protocol.ts';
import { ARCHIVE_NOW_TIMEOUT_MS } from './threads/archive-protocol.ts';
import { ArchiveWorker } from './threads/archive-worker.ts';
import { OnDemand } from './threads/on-demand.ts';
import { isOwned } from './threads/progress.ts';

/** How often it is looked whether the thread is wanted. */
const TEND_INTERVAL_MS = 1_000;
/** With no events to archive for so long it is ended. Each start claims the archive again, so not much shorter. */
const IDLE_END_MS = 15 * 60_000;
/** A thread that has ended by itself is not started again sooner. */
const RESTART_MS = 30_000;
/** How long a list may take, or the first word of an archive that is being opened. */
const ANSWER_TIMEOUT_MS = 10_000;
/** The longest that a timer waits: every file of a tenant is read. */
const ERASE_TIMEOUT_MS = 2 ** 31 - 1;

export interface ArchiveSide extends ArchivePort {
  /** Resolves when it is known what is archived: nobody may have had to look since the start. Rejects with `archive_unavailable`. */
  opened(): Promise<void>;
  /** The last that is known; starts nothing. */
  numbers(): ArchiverNumbers | undefined;
  /** Undefined without a Hive, and while the thread does not run. */
  hive(): HiveNumbers | undefined;
  /** Why nothing is archived just now; starts nothing. */
  problem(): string | undefined;
  /** Starts nothing. */
  reading(): ArchiveReading;
  actors(): Promise<readonly ActorSnapshot[]>;
  /** Of a node of a cluster: what it has to do for all of them from now on. Until it is told it does nothing for the others. */
  guide(guidance: Guidance): void;
  /**
   * Resolves when no file holds the events any more; archiving goes on beside it. `intent`: what the keeper has kept last, and nobody
   * has settled. One keeper for all. Rejects with `thread_failed` or `actor_stopped`: to be asked for again.
   */
  erase(
    target: ErasureTarget,
    intent: ArchiveIntent | undefined,
    keeper: ErasureKeeper,
  ): Promise<void>;
  /** How many of the tenant's files that were removed by then are still there. */
  removedBefore(tenant: string, removedMs: number): Promise<number>;
  close(): Promise<void>;
}

/**
 * Undefined if there is none. The journal must be open: its name is the archive's owner.
 *
 * @param life of this node of a cluster, which writes to the archive beside the others; undefined: this server has it alone
 */
export function startArchive(base: Foundation, life?: number): ArchiveSide | undefined {
  if (!base.config.archive.enabled) return undefined;
  base.progress.archived.fill(0);
  return new ArchiveThread(base, systemClock, life);
}

const notOpen = (problem: string | undefined): AppError =>
  new AppError('archive_unavailable', `the archive is not open: ${problem ?? 'ask again'}`);

class ArchiveThread implements ArchiveSide {
  readonly #base: Foundation;
  readonly #clock: Clock;
  readonly #life: number | undefined;
  readonly #timer: NodeJS.Timeout;
  /** Per partition the log's end when it was opened: what lies before it may hold events that nobody has archived. */
  readonly #openedEnds: readonly number[];
  readonly #thread: OnDemand<ArchiveWorker>;
  /** Of the threads the last, whether it runs or not. */
  #last: ArchiveWorker | undefined;
  /** When events were first seen to wait; 0: none do. */
  #waitingSinceMs = 0;
  #startsFromMs = 0;
  #keeper: ErasureKeeper | undefined;

  #guidance: Guidance = { isLeader: false, lives: [] };

  constructor(base: Foundation, clock: Clock, life: number | undefined) {
    this.#base = base;
    this.#clock = clock;
    this.#life = life;
    this.#openedEnds = Array.from(base.shared.eventEnds, (_, p) => logEnd(base.shared, p) ?? 0);
    this.#thread = new OnDemand(() => this.#start(), IDLE_END_MS);
    this.#timer = setInterval(() => this.#tend(), TEND_INTERVAL_MS);
  }

  numbers(): ArchiverNumbers | undefined {
    const numbers = this.#last?.numbers;
    if (numbers === undefined) return undefined;
    const isRunning = this.#thread.running !== undefined;
    return {
      ...numbers,
      // In a cut, which may take minutes, the thread tells nothing.
      waitingBytes: this.#waitingBytes(),
      ...(!isRunning && { waitingSinceMs: this.#waitingSinceMs }),
    };
  }

  hive(): HiveNumbers | undefined {
    return this.#thread.running?.hive;
  }

  problem(): string | undefined {
    return this.#last?.problem;
  }

  reading(): ArchiveReading {
    const numbers = this.numbers();
    const isFenced = numbers?.isFenced ?? false;
    const waiting = this.#waiting().map(({ partition, from }) => ({ partition, offset: from }));
    return {
      waitsFrom: waiting.length > 0 ? waiting : (numbers?.waitsFrom ?? []),
      dueAfterMs: this.#base.config.archive.cut.ageMaxMs,
      // Which is an alarm of its own.
      hasProblem: this.problem() !== undefined && !isFenced,
      isFenced,
      missedBytes: numbers?.missedBytes ?? 0,
      hiveBehindMs: this.hive()?.behindMs,
    };
  }

  async view(): Promise<ArchiveView> {
    if (this.numbers() === undefined) {
      await this.#thread.use(({ opened }) =>
        Promise.race([opened, sleep(ANSWER_TIMEOUT_MS, undefined, { ref: false })]),
      );
    }
    const numbers = this.numbers();
    return { url: numbers?.url, numbers, problem: this.problem(), hive: this.hive() };
  }

  async opened(): Promise<void> {
    const { archivedVersion } = this.#base.progress;
    if (archivedVersion[0] !== 0) return;
    const { problem } = await this.view();
    if (archivedVersion[0] !== 0) return;
    throw notOpen(problem);
  }

  segments(query: SegmentQuery): Promise<SegmentPage> {
    return this.#thread.use(({ asker }) => asker.ask('segments', query, ANSWER_TIMEOUT_MS));
  }

  history(query: HistoryQuery): Promise<ManifestHistory> {
    return this.#thread.use(({ asker }) => asker.ask('history', query, ANSWER_TIMEOUT_MS));
  }

  archiveNow(compact = false): Promise<ArchiverNumbers> {
    return this.#thread.use(async (worker) => {
      await worker.opened;
      const refuseStopped = (error: unknown): never => {
        throw isFault(error, 'actor_stopped') ? notOpen(worker.problem) : error;
      };
      // While it waits for an archive that is out of reach it takes no orders.
      if (worker.problem !== undefined && !this.reading().isFenced) throw notOpen(worker.problem);
      const numbers = await worker.asker
        .ask('archiveNow', { compact }, ARCHIVE_NOW_TIMEOUT_MS)
        .catch(refuseStopped);
      return { ...numbers, waitingBytes: this.#waitingBytes(numbers) };
    });
  }

  guide({ isLeader, lives }: Guidance): void {
    const known = this.#guidance;
    const areSame =
      lives.length === known.lives.length && lives.every((life, i) => life === known.lives[i]);
    if (areSame && isLeader === known.isLeader) return;
    this.#guidance = { isLeader, lives: [...lives] };
    this.#thread.running?.guide(this.#guidance);
  }

  erase(
    target: ErasureTarget,
    intent: ArchiveIntent | undefined,
    keeper: ErasureKeeper,
  ): Promise<void> {
    this.#keeper = keeper;
    return this.#thread.use(({ asker }) =>
      asker.ask('erase', { target, intent }, ERASE_TIMEOUT_MS),
    );
  }

  removedBefore(tenant: string, removedMs: number): Promise<number> {
    return this.#thread.use(({ asker }) =>
      asker.ask('removedBefore', { tenant, removedMs }, ANSWER_TIMEOUT_MS),
    );
  }

  async actors(): Promise<readonly ActorSnapshot[]> {
    const { running } = this.#thread;
    return (await running?.asker.ask('actors', undefined, ANSWER_TIMEOUT_MS)) ?? [];
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#thread.close();
  }

  #tend(): void {
    const { cut } = this.#base.config.archive;
    const nowMs = this.#clock.now();
    const waiting = this.#waitingBytes();
    if (waiting === 0) this.#waitingSinceMs = 0;
    else if (this.#waitingSinceMs === 0) this.#waitingSinceMs = nowMs;
    const isTelling = (this.hive()?.versionsBehind ?? 0) > 0;
    const hasWork = nowMs >= (this.#last?.numbers?.workDueMs ?? Number.POSITIVE_INFINITY);
    // A node of a cluster has to see what the others archive, too.
    const isNode = this.#life !== undefined;
    if (waiting > 0 || isTelling || hasWork || isNode) this.#thread.keep();
    const isDue =
      isNode ||
      waiting >= cut.bytesMax ||
      (waiting > 0 && nowMs - this.#waitingSinceMs >= cut.ageMaxMs);
    if ((isDue || hasWork) && this.#thread.running === undefined && nowMs >= this.#startsFromMs) {
      this.#thread.wake();
    }
  }

  /** Log bytes up to the newest event that is not archived, committed or not. Of events from before the start only the thread knows. */
  #waitingBytes(known = this.#last?.numbers): number {
    const waiting = this.#waiting().map(({ from, end }) => end - from);
    return Math.max(logBytes(this.#base.shared, waiting), known?.waitingBytes ?? 0);
  }

  /** The stretches of the log, one of each partition, behind which no event waits to be archived; empty ones left out. */
  #waiting(): { readonly partition: number; readonly from: number; readonly end: number }[] {
    const { shared, progress } = this.#base;
    const isUnknown = progress.archivedVersion[0] === 0;
    return Array.from(shared.eventEnds, (eventEnd, partition) => ({
      partition,
      from: this.#archivedTo(partition),
      end: Math.max(eventEnd, isUnknown ? (this.#openedEnds[partition] ?? 0) : 0),
    })).filter(({ partition, from, end }) => end > from && isOwned(progress, partition));
  }

  #archivedTo(partition: number): number {
    const { shared, progress } = this.#base;
    return Math.max(progress.archived[partition] ?? 0, logStart(shared, partition));
  }

  #start(): ArchiveWorker {
    this.#last = new ArchiveWorker({
      data: this.#threadData(),
      barrier: () => this.#barrier(),
      keeper: {
        intended: async (id, intent) => this.#keeper?.intended(id, intent),
        settled: async (id, isMade) => this.#keeper?.settled(id, isMade),
      },
      numbers: this.#last?.numbers,
      onFailed: (fault) => {
        this.#base.logger.error({ err: fault }, 'the archive thread has failed');
        this.#startsFromMs = this.#clock.now() + RESTART_MS;
      },
    });
    return this.#last;
  }

  /** First the offsets, then the barrier: it makes durable what they stand for. */
  async #barrier(): Promise<readonly number[]> {
    const { progress, state } = this.#base;
    const committed = [...progress.committed];
    await state.syncedBarrier();
    return committed;
  }

  #threadData(): ArchiveThreadData {
    const { config, state, source, shared, progress } = this.#base;
    const { archive, dataDir, journal, logging } = config;
    return {
      archive: archiveSettings(config),
      policy: { bytesMax: archive.cut.bytesMax, ageMaxMs: archive.cut.ageMaxMs },
      compaction: {
        ...archive.compact,
        afterMs: archive.cut.ageMaxMs + archive.compact.afterMs,
      },
      retention: archive.retention,
      removedKeptMs: archive.removedKeptMs,
      logBytesMax: source.type === 'journal' ? journal.bytesMax : Number.POSITIVE_INFINITY,
      diskReserveBytes: journal.diskReserveBytes,
      waitingSinceMs: this.#waitingSinceMs,
      hive: archive.hive,
      memoryBytesMax: archive.memoryBytesMax,
      workDir: join(dataDir, 'archive-work'),
      ownCommitsFile: join(dataDir, OWN_COMMITS_FILE),
      source,
      shared: shared.buffer,
      progress: progress.buffer,
      state: state.handle,
      node: this.#life === undefined ? undefined : { life: this.#life, ...this.#guidance },
      logging,
    };
  }
}
