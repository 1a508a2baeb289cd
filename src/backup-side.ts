/** Backups as the rest of the server sees them: one at a time, in a thread that is there for it. Until it ends the log is kept. */
import { resolve } from 'node:path';
import manifest from '../package.json' with { type: 'json' };
import { claimTarget, isWithin } from '../storage/backup/target.ts';
import { logStart } from '../storage/log/log-shared.ts';
import { archiveSettings } from './archive-settings.ts';
import type { Foundation } from './foundation.ts';
import { systemClock } from './model/clock.ts';
import { AppError } from './model/errors.ts';
import type { BackupPort, BackupView } from './query/backup-port.ts';
import { AskedThread } from './threads/asked-thread.ts';
import type {
  BackupProgress,
  BackupQuestions,
  BackupThreadData,
} from './threads/backup-protocol.ts';
import { neededFrom } from './threads/progress.ts';

/** The longest that a timer waits: 24 days. */
const WHOLE_TIMEOUT_MS = 2 ** 31 - 1;

export class BackupSide implements BackupPort {
  readonly #base: Foundation;
  #view: BackupView | undefined;
  #thread: AskedThread<BackupQuestions, never, BackupProgress> | undefined;
  #pinnedFrom = Number.POSITIVE_INFINITY;
  #isStarting = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(base: Foundation) {
    this.#base = base;
  }

  /** A journal must not be deleted behind this offset. */
  get pinnedFrom(): number {
    return this.#pinnedFrom;
  }

  view(): BackupView | undefined {
    return this.#view;
  }

  async start(to: string, mark: string): Promise<BackupView> {
    if (this.#isStarting || this.#thread !== undefined) {
      throw new AppError(
        'backup_invalid',
        `a backup to ${this.#view?.to ?? to} is being made, and only one is at a time: wait for it, or cancel it`,
      );
    }
    this.#isStarting = true;
    try {
      await claimTarget(to, mark, this.#base.config.dataDir);
      return this.#started(to);
    } finally {
      this.#isStarting = false;
    }
  }

  async cancel(): Promise<BackupView | undefined> {
    const thread = this.#thread;
    if (thread === undefined || this.#view === undefined) return this.#view;
    this.#view = { ...this.#view, state: 'CANCELLED' };
    await thread.close();
    await this.#ended;
    return this.#view;
  }

  /** Cancels what runs: it can be begun anew. */
  async close(): Promise<void> {
    await this.cancel();
  }

  #started(to: string): BackupView {
    const { progress, shared, logger } = this.#base;
    // Before the archive was opened nobody knows what is needed: all that there is.
    this.#pinnedFrom = Math.max(neededFrom(progress), logStart(shared, 0));
    const data = this.#threadData(to);
    const view: BackupView = {
      to,
      state: 'RUNNING',
      phase: 'archive',
      files: 0,
      bytes: 0,
      startedMs: systemClock.now(),
      endedMs: undefined,
      position: undefined,
      archiveElsewhere: data.archive?.dir === undefined ? data.archive?.url : undefined,
      problem: undefined,
    };
    this.#view = view;
    this.#thread = new AskedThread({
      name: 'backup',
      module: new URL('./threads/backup.ts', import.meta.url),
      data,
      hear: ({ phase, files, bytes }) => this.#change({ phase, files, bytes }),
    });
    logger.info({ to }, 'a backup is begun');
    this.#ended = this.#finish(this.#thread);
    return view;
  }

  async #finish(thread: AskedThread<BackupQuestions, never, BackupProgress>): Promise<void> {
    const { logger } = this.#base;
    try {
      const { position } = await thread.asker.ask('take', undefined, WHOLE_TIMEOUT_MS);
      this.#change({ state: 'DONE', position });
      logger.info({ ...this.#view }, 'a backup is whole');
    } catch (error) {
      if (this.#view?.state === 'CANCELLED') logger.warn(this.#view, 'a backup was cancelled');
      else {
        const problem = error instanceof Error ? error.message : String(error);
        this.#change({ state: 'FAILED', problem });
        logger.error({ err: error, to: this.#view?.to }, 'a backup has failed');
      }
    } finally {
      this.#change({ endedMs: systemClock.now() });
      this.#pinnedFrom = Number.POSITIVE_INFINITY;
      this.#thread = undefined;
      // After a cancellation this is the second time, and waits for the same.
      await thread.close();
    }
  }

  #change(change: Partial<BackupView>): void {
    if (this.#view !== undefined) this.#view = { ...this.#view, ...change };
  }

  #threadData(to: string): BackupThreadData {
    const { config, state, source, shared, progress } = this.#base;
    return {
      to,
      dataDir: config.dataDir,
      source,
      partitions: config.partitions,
      serverVersion: manifest.version,
      archive: this.#archive(),
      logStart: this.#pinnedFrom,
      shared: shared.buffer,
      progress: progress.buffer,
      state: state.handle,
      logging: config.logging,
    };
  }

  #archive(): BackupThreadData['archive'] {
    const { config } = this.#base;
    if (!config.archive.enabled) return undefined;
    const settings = archiveSettings(config);
    if (settings.type === 'webhdfs') return { url: `HDFS ${settings.dir}`, dir: undefined };
    if (settings.type === 's3') return { url: `S3 ${settings.bucket}`, dir: undefined };
    const { dir } = settings;
    const isInside = isWithin(dir, config.dataDir) && !isWithin(config.dataDir, dir);
    return { url: `file://${resolve(dir)}`, dir: isInside ? dir : undefined };
  }
}
