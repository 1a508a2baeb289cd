/**
 * Brings the log into the archive, cut by cut: as soon as enough waits, or something has waited long enough. An archive
 * that is out of reach crashes the actor, which its supervisor starts again, later and later; the log is kept
 * meanwhile. One that another server has claimed is left alone until this server is restarted: two that
 * kept claiming it from each other would archive nothing.
 */
import { mkdir, rm } from 'node:fs/promises';
import type { Clock } from '../../src/model/clock.ts';
import { isFault } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import { assertNever } from '../../src/model/result.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import type { Manifest } from '../../storage/archive/manifest.ts';
import { streamKey } from '../../storage/archive/manifest-sum.ts';
import type { SegmentCommitter } from '../../storage/archive/segment-commit.ts';
import { totalOf } from '../../storage/archive/segment-list.ts';
import type { Duck } from '../../storage/segments/duckdb.ts';
import type { StateReader } from '../../storage/state/state.ts';
import type { ActorSpec } from '../runtime.ts';
import type { RestartLimit } from '../supervision.ts';
import { type CutFile, makeCut } from './cut.ts';
import { EMPTY_COMMIT_BYTES, REMOVED_GRACE_MS, SWEEP_INTERVAL_MS } from './limits.ts';
import { type CutPlan, planCut } from './plan.ts';
import type { ArchiverCommand, ArchiverNumbers } from './protocol.ts';
import type { OpenReader, Stretch } from './walk.ts';

export interface ArchiverOptions {
  /** Claims the archive. */
  readonly openCommitter: () => Promise<SegmentCommitter>;
  readonly openDuck: () => Promise<Duck>;
  readonly openReader: OpenReader;
  readonly state: StateReader;
  readonly partitions: number;
  /** Per partition what is committed, as of now. */
  readonly committed: () => readonly number[];
  /** As `committed`, once it would survive a power cut. */
  readonly committedForGood: () => Promise<readonly number[]>;
  /** The oldest offset that the log keeps. */
  readonly logStart: () => number;
  /** Made and emptied by the archiver. */
  readonly workDir: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly policy: CutPolicy;
  /** Since when something has waited before the actor was started; 0: nothing has. */
  readonly waitingSinceMs: number;
  readonly publish: {
    /** All files of this manifest are in their places, and the log before its positions is in them. */
    archived(manifest: Manifest): void;
    numbers(numbers: ArchiverNumbers): void;
  };
}

/** A cut is due when either is reached. */
export interface CutPolicy {
  /** Log bytes that wait; also about what one cut takes. */
  readonly bytesMax: number;
  /** Since the first of them was seen. */
  readonly ageMaxMs: number;
}

export const ARCHIVER_RESTART: RestartLimit = {
  maxRestarts: 5,
  withinMs: 60_000,
  backoffMinMs: 500,
  backoffMaxMs: 15_000,
  retryFailedMs: 30_000,
};

const MAILBOX_MAX = 64;

export function archiverActor(options: ArchiverOptions): ActorSpec<Archiver, ArchiverCommand> {
  return {
    name: 'archiver',
    mailboxMax: MAILBOX_MAX,
    restart: ARCHIVER_RESTART,
    start: () => Archiver.open(options),
    async receive(archiver, command) {
      switch (command.type) {
        case 'look':
          await archiver.look();
          break;
        case 'archiveNow':
          await archiver.archiveAll();
          command.replyTo(archiver.numbers());
          break;
        default:
          assertNever(command);
      }
    },
  };
}

const NO_WORK = { cuts: 0, filesWritten: 0, rowsWritten: 0, bytesWritten: 0, workMsTotal: 0 };

export class Archiver {
  readonly #options: ArchiverOptions;
  readonly #committer: SegmentCommitter;
  /** Everything before these is archived, or held no events. */
  #from: ReadonlyMap<number, Offset>;
  #waitingSinceMs: number;
  #sweptMs: number;
  #isFenced = false;
  readonly #missedBytes: number;
  readonly #work = { ...NO_WORK };
  /** What the archive holds as of a version. */
  #held = { version: -1, rows: 0, bytes: 0 };

  static async open(options: ArchiverOptions): Promise<Archiver> {
    await rm(options.workDir, { recursive: true, force: true });
    await mkdir(options.workDir, { recursive: true });
    const committer = await options.openCommitter();
    return new Archiver(options, committer);
  }

  private constructor(options: ArchiverOptions, committer: SegmentCommitter) {
    this.#options = options;
    this.#committer = committer;
    this.#sweptMs = options.clock.now();
    this.#waitingSinceMs = options.waitingSinceMs;
    const { positions } = committer.manifest;
    const start = options.logStart();
    const from = new Map<number, Offset>();
    let missed = 0;
    for (let partition = 0; partition < options.partitions; partition++) {
      const position = positions.get(partition) ?? start;
      missed = Math.max(missed, start - position);
      from.set(partition, offset(Math.max(position, start)));
    }
    this.#from = from;
    this.#missedBytes = missed;
    if (missed > 0) {
      options.log.error(
        { missedBytes: missed, logStart: start },
        'the log was shortened while nobody archived it: its events are missing in the archive',
      );
    }
    this.#publish();
  }

  async look(): Promise<void> {
    const { clock, policy } = this.#options;
    const waiting = this.#waitingBytes();
    const nowMs = clock.now();
    if (waiting === 0) this.#waitingSinceMs = 0;
    else if (this.#waitingSinceMs === 0) this.#waitingSinceMs = nowMs;
    const isOld = waiting > 0 && nowMs - this.#waitingSinceMs >= policy.ageMaxMs;
    if (waiting >= policy.bytesMax || isOld) await this.archiveAll();
    if (nowMs - this.#sweptMs >= SWEEP_INTERVAL_MS) await this.#sweep(nowMs);
    this.#publish();
  }

  /** As many cuts as it takes for what is committed now. */
  async archiveAll(): Promise<void> {
    if (this.#isFenced) return;
    try {
      const committed = await this.#options.committedForGood();
      const to = new Map(committed.map((position, partition) => [partition, offset(position)]));
      while ([...to].some(([partition, end]) => end > (this.#from.get(partition) ?? 0))) {
        await this.#cut({ from: this.#from, to });
      }
    } catch (error) {
      if (!isFault(error, 'archive_fenced')) throw error;
      this.#isFenced = true;
      this.#options.log.error(
        { err: error },
        'another server has claimed the archive: this one archives no more until it is restarted',
      );
    }
  }

  numbers(): ArchiverNumbers {
    const { version, epoch, files } = this.#committer.manifest;
    if (this.#held.version !== version) this.#held = { version, ...totalOf(files.values()) };
    return {
      url: this.#committer.url,
      ...this.#work,
      ...this.#held,
      epoch,
      files: files.size,
      waitingBytes: this.#waitingBytes(),
      waitingSinceMs: this.#waitingSinceMs,
      missedBytes: this.#missedBytes,
      isFenced: this.#isFenced,
    };
  }

  async #cut(wanted: Stretch): Promise<void> {
    const { openReader, policy, clock, log } = this.#options;
    const startedMs = clock.now();
    const plan = await planCut(openReader, wanted, policy, this.#committer.manifest.schemas);
    if (plan.rows === 0) return this.#passOver(plan.stretch);
    const files = await this.#filesOf(plan);
    const schemas = [...plan.schemas.values()].filter(
      (schema) => schema !== this.#committer.manifest.schemas.get(streamKey(schema)),
    );
    await this.#committer.commit({ positions: plan.stretch.to, files, schemas });
    this.#moveOn(plan.stretch);
    const { rows, bytes } = totalOf(files.map(({ file }) => file));
    const tookMs = clock.now() - startedMs;
    this.#work.cuts += 1;
    this.#work.filesWritten += files.length;
    this.#work.rowsWritten += rows;
    this.#work.bytesWritten += bytes;
    this.#work.workMsTotal += tookMs;
    const { version } = this.#committer.manifest;
    log.info(
      { version, files: files.length, rows, bytes, tookMs },
      'a part of the log is archived',
    );
  }

  async #filesOf(plan: CutPlan): Promise<CutFile[]> {
    const { openReader, openDuck, state, workDir } = this.#options;
    // One for each cut: between cuts its memory is given back.
    const duck = await openDuck();
    try {
      return await makeCut({ openReader, state, workDir, duck }, plan);
    } finally {
      duck.close();
    }
  }

  /** A stretch without events makes no version by itself, unless it keeps much of the log from being deleted. */
  async #passOver(stretch: Stretch): Promise<void> {
    const { positions } = this.#committer.manifest;
    const isLong = [...stretch.to].some(
      ([partition, end]) => end - (positions.get(partition) ?? 0) >= EMPTY_COMMIT_BYTES,
    );
    if (isLong) await this.#committer.commit({ positions: stretch.to, files: [], schemas: [] });
    this.#moveOn(stretch);
  }

  #moveOn({ to }: Stretch): void {
    this.#from = to;
    this.#waitingSinceMs = 0;
    this.#publish();
  }

  async #sweep(nowMs: number): Promise<void> {
    this.#sweptMs = nowMs;
    if (this.#isFenced) return;
    await this.#committer.removeExpired(REMOVED_GRACE_MS);
    await this.#committer.sweep();
  }

  #waitingBytes(): number {
    const committed = this.#options.committed();
    return Math.max(0, ...committed.map((end, p) => end - (this.#from.get(p) ?? 0)));
  }

  #publish(): void {
    const { publish } = this.#options;
    publish.archived(this.#committer.manifest);
    publish.numbers(this.numbers());
  }
}
