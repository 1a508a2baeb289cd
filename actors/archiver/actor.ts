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
import type { Manifest } from '../../storage/archive/manifest.ts';
import type { SegmentCommitter } from '../../storage/archive/segment-commit.ts';
import { totalOf } from '../../storage/archive/segment-list.ts';
import type { OpenReader } from '../../storage/log/log.ts';
import type { Statements } from '../../storage/segments/duckdb.ts';
import type { StateReader } from '../../storage/state/state.ts';
import type { ActorSpec } from '../runtime.ts';
import type { RestartLimit } from '../supervision.ts';
import { Backlog } from './backlog.ts';
import { Compaction } from './compaction.ts';
import type { CompactionPolicy } from './compaction-choice.ts';
import { CutLine, type NextPortion } from './cut-line.ts';
import { Deletion } from './deletion.ts';
import type { Duties } from './duties.ts';
import { ErasureWork } from './erasure.ts';
import type { ErasureJobs } from './erasure-jobs.ts';
import { Hours } from './hours.ts';
import {
  CUTS_IN_A_ROW_MAX,
  REFRESH_INTERVAL_MS,
  STAGED_AHEAD_SHARE,
  SWEEP_INTERVAL_MS,
  WORK_MS_MAX,
} from './limits.ts';
import { givesWay, Pace } from './pace.ts';
import type { ArchiverCommand, ArchiverNumbers } from './protocol.ts';
import { Retention, type RetentionPolicy } from './retention.ts';
import { type ArchiveWork, PutOff } from './work.ts';

export interface ArchiverOptions {
  /** Claims the archive. */
  readonly openCommitter: () => Promise<SegmentCommitter>;
  readonly openDuck: () => Promise<Statements>;
  readonly openReader: OpenReader;
  readonly state: StateReader;
  readonly partitions: number;
  /** Undefined: this server is no node of a cluster, and does everything. */
  readonly duties?: Duties | undefined;
  /** Per partition what is committed, as of now. */
  readonly committed: () => readonly number[];
  /** As `committed`, once it would survive a power cut. */
  readonly committedForGood: () => Promise<readonly number[]>;
  /** The oldest offset of a partition that the log keeps. */
  readonly logStart: (partition: number) => number;
  /** How many bytes lie between two offsets of each partition that are so far apart. */
  readonly logBytes: (distances: Iterable<number>) => number;
  /** Ends of the log, as many as its offsets have sequences. */
  readonly logEnds: () => readonly number[];
  /** That the log may still grow by. */
  readonly logRoomBytes: () => Promise<number>;
  /** Made and emptied by the archiver. */
  readonly workDir: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly policy: CutPolicy;
  readonly compaction: CompactionPolicy;
  readonly retention: RetentionPolicy;
  readonly erasures: ErasureJobs;
  /** How long files stay that are not part of the archive any more. */
  readonly removedKeptMs: number;
  /** The version that Hive has been told of; undefined where no Hive is told. */
  readonly hiveVersion: () => number | undefined;
  /** When somebody began who reads longer than removed files stay, the first of them; infinite: nobody. */
  readonly readingSinceMs: () => number;
  /** Of the disk of `workDir`, that stay free. */
  readonly diskReserveBytes: number;
  /** The server is stopping: what can be done again is not finished. */
  readonly signal: AbortSignal;
  /** Since when something has waited before the actor was started; 0: nothing has. */
  readonly waitingSinceMs: number;
  readonly publish: {
    /** All files of this manifest are in their places, and the log before its positions is in them. */
    archived(manifest: Manifest): void;
    numbers(numbers: ArchiverNumbers): void;
    /** Nothing more is archived until the server is restarted. */
    fenced(reason: string): void;
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
  const putOff = { compaction: new PutOff(), erasure: new PutOff() };
  return {
    name: 'archiver',
    mailboxMax: MAILBOX_MAX,
    restart: ARCHIVER_RESTART,
    start: () => Archiver.open(options, putOff),
    async receive(archiver, command) {
      switch (command.type) {
        case 'look':
          await archiver.look();
          break;
        case 'archiveNow':
          await archiver.archiveAll();
          if (command.compact) await archiver.compactAll();
          command.replyTo(archiver.numbers());
          break;
        default:
          assertNever(command);
      }
    },
  };
}

/** By the kind of work; they outlive a crash. */
export interface ArchiverFailures {
  readonly compaction: PutOff;
  readonly erasure: PutOff;
}

export class Archiver {
  readonly #options: ArchiverOptions;
  readonly #hours: Hours;
  readonly #compaction: Compaction;
  readonly #retention: Retention;
  readonly #deletion: Deletion;
  /** The first that is due goes first. */
  readonly #works: readonly ArchiveWork[];
  readonly #backlog: Backlog;
  readonly #line: CutLine;
  readonly #pace: Pace;
  #givesWay = false;
  #waitingSinceMs: number;
  #sweptMs: number;
  #refreshedMs: number;
  /** Lives that may write and were no members when it was looked last. */
  #strangers: ReadonlySet<number> = new Set();
  #isFenced = false;
  /** What the archive holds as of a version. */
  #held = { version: -1, rows: 0, bytes: 0 };

  /** @param putOff what has failed before */
  static async open(options: ArchiverOptions, putOff: ArchiverFailures): Promise<Archiver> {
    await rm(options.workDir, { recursive: true, force: true });
    await mkdir(options.workDir, { recursive: true });
    const committer = await options.openCommitter();
    return new Archiver(options, new Hours(committer, options.clock), putOff);
  }

  private constructor(options: ArchiverOptions, hours: Hours, putOff: ArchiverFailures) {
    const { clock, log, removedKeptMs: keptMs, hiveVersion, readingSinceMs } = options;
    this.#options = options;
    this.#hours = hours;
    const policy = options.compaction;
    const tools = { ...options, hours };
    const work = { tools, clock, log };
    const erasure = new ErasureWork({ ...work, jobs: options.erasures, putOff: putOff.erasure });
    this.#compaction = new Compaction({ ...work, policy, putOff: putOff.compaction });
    this.#retention = new Retention(hours, options.retention, clock, log);
    this.#deletion = new Deletion({ hours, keptMs, hiveVersion, readingSinceMs, clock });
    this.#works = [this.#deletion, this.#retention, erasure, this.#compaction];
    this.#sweptMs = options.clock.now();
    this.#waitingSinceMs = options.waitingSinceMs;
    this.#refreshedMs = this.#sweptMs;
    const backlog = new Backlog({ ...options, manifest: () => hours.manifest });
    this.#backlog = backlog;
    this.#line = new CutLine({ ...options, hours, backlog, onMoved: () => this.#moved() });
    this.#pace = new Pace(options);
    this.#publish();
  }

  async look(): Promise<void> {
    const { clock } = this.#options;
    await this.#refreshIfDue();
    await this.#cutWhatIsDue();
    await this.#unlessFenced(async () => {
      const nowMs = clock.now();
      if (nowMs - this.#sweptMs >= SWEEP_INTERVAL_MS) await this.#sweep(nowMs);
      await this.#work(nowMs + WORK_MS_MAX, () => this.#dueWork());
    });
    this.#publish();
  }

  /** Compacts every hour that has too many files now, over or not. */
  async compactAll(): Promise<void> {
    this.#compaction.demand();
    const isDemanded = () =>
      this.#compaction.isDemanded && this.#isLeader() ? this.#compaction : undefined;
    await this.#unlessFenced(() => this.#work(Number.POSITIVE_INFINITY, isDemanded));
  }

  #isLeader(): boolean {
    return this.#options.duties?.isLeader() ?? true;
  }

  #dueWork(): ArchiveWork | undefined {
    if (!this.#isLeader()) return undefined;
    const nowMs = this.#options.clock.now();
    return this.#works.find((work) => work.dueMs(nowMs) <= nowMs);
  }

  /** Step by step; the log is cut in between. */
  async #work(untilMs: number, next: () => ArchiveWork | undefined): Promise<void> {
    const { clock, signal } = this.#options;
    while (!signal.aborted && !this.#isFenced && clock.now() < untilMs) {
      const work = next();
      if (work === undefined) return;
      await work.step();
      this.#publish();
      await this.#cutWhatIsDue();
    }
  }

  async #cutWhatIsDue(): Promise<void> {
    const { clock, policy } = this.#options;
    this.#backlog.look();
    const waiting = this.#backlog.waitingBytes;
    const nowMs = clock.now();
    if (waiting === 0) this.#waitingSinceMs = 0;
    else if (this.#waitingSinceMs === 0) this.#waitingSinceMs = nowMs;
    const isOld = waiting > 0 && nowMs - this.#waitingSinceMs >= policy.ageMaxMs;
    this.#pace.look();
    const hasToRest = this.#pace.isResting(await this.#hasToGiveWay());
    if (isOld) await this.archiveAll();
    else if (waiting >= policy.bytesMax && !hasToRest) await this.#archiveSome();
  }

  /** As many cuts as it takes for what is committed now. */
  async archiveAll(): Promise<void> {
    await this.#unlessFenced(async () => {
      if (this.#options.duties !== undefined) await this.#refresh();
      const wanted = await this.#backlog.wanted();
      await this.#cut(async (ahead) => {
        const stretch = this.#backlog.stretchOf(wanted, ahead);
        return stretch && { stretch, wanted };
      });
    });
  }

  /** A cut, and others behind it while enough waits for them and nothing else is to be done; one alone where archiving has to give way. */
  async #archiveSome(): Promise<void> {
    const { duties, policy } = this.#options;
    const bytesMin = policy.bytesMax * STAGED_AHEAD_SHARE;
    let begun = 0;
    await this.#unlessFenced(async () => {
      if (duties !== undefined) await this.#refresh();
      await this.#cut(async (ahead) => {
        if (this.#backlog.waitingBytesBehind(ahead) < bytesMin) return undefined;
        if (begun > 0 && !(await this.#mayGoOn(begun))) return undefined;
        const wanted = await this.#backlog.wanted();
        const stretch = this.#backlog.stretchOf(wanted, ahead);
        if (stretch === undefined) return undefined;
        begun += 1;
        return { stretch, wanted };
      });
    });
  }

  async #mayGoOn(cuts: number): Promise<boolean> {
    if (cuts >= CUTS_IN_A_ROW_MAX || this.#dueWork() !== undefined) return false;
    this.#pace.look();
    return this.#pace.isKnown && !(await this.#hasToGiveWay());
  }

  /** A stop leaves the cut that is being made, and those behind it, to the next start. */
  async #cut(next: NextPortion): Promise<void> {
    const { signal, log } = this.#options;
    this.#pace.beginCuts();
    try {
      await this.#line.run(next);
    } catch (error) {
      if (!signal.aborted) throw error;
      log.info({ reason: String(error) }, 'a part of the log is archived after the next start');
    } finally {
      this.#pace.endCuts();
    }
  }

  async #hasToGiveWay(): Promise<boolean> {
    const { clock, policy, logRoomBytes } = this.#options;
    const { archivedArrivalMs } = this.#line;
    this.#givesWay = givesWay({
      ...this.#pace.rates,
      waitingBytes: this.#backlog.waitingBytes,
      roomBytes: await logRoomBytes(),
      waitedMs: archivedArrivalMs === 0 ? 0 : clock.now() - archivedArrivalMs,
      waitedMsMax: policy.ageMaxMs,
    });
    return this.#givesWay;
  }

  async #refreshIfDue(): Promise<void> {
    const { clock, duties } = this.#options;
    if (duties === undefined || clock.now() - this.#refreshedMs < REFRESH_INTERVAL_MS) return;
    await this.#unlessFenced(() => this.#refresh());
  }

  /** What other nodes have archived. */
  async #refresh(): Promise<void> {
    await this.#hours.refresh();
    this.#refreshedMs = this.#options.clock.now();
    this.#publish();
  }

  async #unlessFenced(work: () => Promise<void>): Promise<void> {
    if (this.#isFenced) return;
    try {
      await work();
    } catch (error) {
      if (!isFault(error, 'archive_fenced')) throw error;
      this.#isFenced = true;
      this.#options.publish.fenced(error.message);
      this.#options.log.error(
        { err: error },
        'another server has claimed the archive: this one archives no more until it is restarted',
      );
    }
  }

  numbers(): ArchiverNumbers {
    const { version, epoch, files } = this.#hours.manifest;
    const workDueMs = this.#workDueMs();
    if (this.#held.version !== version) this.#held = { version, ...totalOf(files.values()) };
    return {
      url: this.#hours.committer.url,
      ...this.#line.counts,
      ...this.#compaction.counts,
      ...this.#deletion.counts,
      hoursExpired: this.#retention.hoursExpired,
      work: this.#works.map((work) => work.numbers()),
      workDueMs,
      ...this.#held,
      epoch,
      files: files.size,
      waitingBytes: this.#backlog.waitingBytes,
      waitsFrom: this.#backlog
        .waiting()
        .map(({ partition, from }) => ({ partition, offset: from })),
      waitingSinceMs: this.#waitingSinceMs,
      missedBytes: this.#backlog.missedBytes,
      givesWay: this.#givesWay,
      isFenced: this.#isFenced,
    };
  }

  #moved(): void {
    this.#waitingSinceMs = 0;
    this.#publish();
  }

  async #sweep(nowMs: number): Promise<void> {
    const { duties } = this.#options;
    this.#sweptMs = nowMs;
    if (duties !== undefined) {
      if (!duties.isLeader()) return;
      const lives = new Set(duties.lives());
      const strangers = [...(this.#hours.manifest.writers ?? [])].filter(
        (life) => !lives.has(life),
      );
      // Who was one before, too: a node that has just started may be a member soon.
      await this.#hours.dismiss(strangers.filter((life) => this.#strangers.has(life)));
      this.#strangers = new Set(strangers);
    }
    await this.#hours.sweep();
  }

  #workDueMs(): number {
    if (this.#isFenced || !this.#isLeader()) return Number.POSITIVE_INFINITY;
    const nowMs = this.#options.clock.now();
    return Math.min(...this.#works.map((work) => work.dueMs(nowMs)));
  }

  #publish(): void {
    const { publish } = this.#options;
    publish.archived(this.#hours.manifest);
    publish.numbers(this.numbers());
  }
}
