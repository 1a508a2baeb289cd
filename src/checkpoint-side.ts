/**
 * Checkpoints as the rest of the server sees them: a round every few minutes, in a thread that is there for it, and the server's own
 * rows kept in the archive with each change. Nobody waits for a round; one that fails is the next one's work.
 */
import { join } from 'node:path';
import manifest from '../package.json' with { type: 'json' };
import type { CheckpointPart } from '../storage/checkpoint/checkpoint-set.ts';
import type { CheckpointStore } from '../storage/checkpoint/checkpoint-store.ts';
import type { OpenState } from '../storage/state/rocksdb.ts';
import { archiveSettings } from './archive-settings.ts';
import type { RowsKeeper, StartedOver } from './checkpoint-start.ts';
import type { Config } from './config.ts';
import { systemClock } from './model/clock.ts';
import { AppError, isFault } from './model/errors.ts';
import type { Logger } from './model/logger.ts';
import type { CheckpointReading } from './model/server-alarms.ts';
import type { NodeRows } from './node-rows.ts';
import type { CheckpointNumbers, CheckpointPort } from './query/checkpoint-port.ts';
import { AskedThread } from './threads/asked-thread.ts';
import type {
  CheckpointQuestions,
  CheckpointThreadData,
  TakenCheckpoint,
} from './threads/checkpoint-protocol.ts';
import { isOwned, ownedPartitions, type Progress } from './threads/progress.ts';

/** The first round of a life takes all partitions: what is there may be damaged, and idle ones are not looked at later. */
const FIRST_ROUND_MS = 30_000;
/** The longest that a timer waits: a round ends, or its thread does. */
const ROUND_TIMEOUT_MS = 2 ** 31 - 1;
/** Changes go to the archive so often during a round: it waits for the one that has the last of what it has read. */
const FLUSH_MS = 500;

export interface CheckpointSideOptions {
  readonly config: Config;
  readonly store: CheckpointStore;
  readonly offsetBase: number;
  readonly started: StartedOver;
  readonly state: OpenState;
  readonly rows: RowsKeeper;
  /** The same, of a node of a cluster. Nodes take checkpoints side by side; of servers that are alone the last that has begun does. */
  readonly node: NodeRows | undefined;
  readonly progress: Progress;
  readonly logger: Logger;
}

export class CheckpointSide implements CheckpointPort {
  /** To be written to instead of the state that it was made of: the archive has the server's rows, too. */
  readonly state: OpenState;
  /** Of a node of a cluster. */
  readonly node: NodeRows | undefined;
  readonly #options: CheckpointSideOptions;
  /** Of the newest set of this life. */
  #parts: readonly CheckpointPart[] = [];
  readonly #covered = new Map<number, { readonly part: CheckpointPart; readonly atMs: number }>();
  readonly #startedMs = systemClock.now();
  /** By partition that came later. */
  readonly #tookMs = new Map<number, number>();
  #rounds = 0;
  #isTouched = false;
  #numbers: Omit<CheckpointNumbers, 'partitions' | 'isServerBehind'>;
  #running: Promise<void> | undefined;
  #thread: AskedThread<CheckpointQuestions> | undefined;
  #timer: NodeJS.Timeout;
  #isClosed = false;

  constructor(options: CheckpointSideOptions) {
    const { config, started, state, rows, node } = options;
    const { life, known } = started;
    this.#options = options;
    this.node = node;
    this.state = { ...state, commit: (ops, durability) => rows.commit(ops, durability) };
    for (const part of known) {
      if (part.part !== 'server') this.#covered.set(part.part, { part, atMs: part.takenMs });
    }
    this.#numbers = {
      life,
      ...{ taken: 0, failed: 0, lastMs: 0, lastBytes: 0, oldestKeptMs: undefined },
      ...{ isFenced: false, problem: undefined },
    };
    const firstMs = Math.min(FIRST_ROUND_MS, config.checkpoints.intervalMs);
    this.#timer = setTimeout(() => this.#goOn(), firstMs);
  }

  /** This node has it from now on. */
  took(partition: number): void {
    this.#tookMs.set(partition, systemClock.now());
  }

  /** Rows have changed behind positions that stay: of partitions that are idle, too. */
  touch(): void {
    this.#isTouched = true;
  }

  /** As `touch`, of what nobody would do again by himself: the next round is begun at once. One that fails says so. */
  renew(): void {
    this.touch();
    this.take().catch(() => undefined);
  }

  numbers(): CheckpointNumbers {
    const { progress, rows } = this.#options;
    const own = [...this.#covered].filter(([partition]) => isOwned(progress, partition));
    const partitions = own.map(([partition, { part, atMs }]) => ({
      partition,
      position: part.position,
      bytes: part.bytes,
      coveredMs: atMs,
    }));
    const isFenced = this.#numbers.isFenced || rows.isFenced;
    return { ...this.#numbers, partitions, isFenced, isServerBehind: rows.isBehind };
  }

  /** For the server's own alarms: it is late only by what it could have done since its start. */
  reading(nowMs: number): CheckpointReading {
    const { progress, config } = this.#options;
    const since = ownedPartitions(progress)
      .filter((partition) => (progress.committed[partition] ?? 0) > 0)
      .map((partition) => {
        const tookMs = this.#tookMs.get(partition) ?? this.#startedMs;
        return Math.max(this.#covered.get(partition)?.atMs ?? 0, tookMs);
      });
    const oldestMs = Math.min(nowMs, ...since);
    const overdueMs = Math.max(0, nowMs - oldestMs - config.checkpoints.intervalMs);
    return { overdueMs, isFenced: this.numbers().isFenced };
  }

  async take(): Promise<CheckpointNumbers> {
    // What runs may have read a partition before what is meant.
    await this.#running;
    await this.#round();
    const { problem, isFenced } = this.#numbers;
    if (problem === undefined) return this.numbers();
    throw new AppError(isFenced ? 'archive_fenced' : 'archive_unavailable', problem);
  }

  /** What waits of the server's rows is kept, if the archive takes it soon. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#thread?.close();
    await this.#running;
    await this.#options.rows.close();
    await this.#options.store.archive.close();
  }

  #goOn(): void {
    void this.#round().finally(() => {
      if (this.#isClosed) return;
      this.#timer = setTimeout(() => this.#goOn(), this.#options.config.checkpoints.intervalMs);
    });
  }

  #round(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#running ??= this.#takeRound().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #takeRound(): Promise<void> {
    const beganMs = systemClock.now();
    const isTouched = this.#isTouched || this.#rounds === 0;
    this.#rounds += 1;
    this.#isTouched = false;
    const thread = new AskedThread<CheckpointQuestions>({
      name: 'checkpoint',
      module: new URL('./threads/checkpoint.ts', import.meta.url),
      data: this.#threadData(isTouched),
      hear: () => undefined,
    });
    this.#thread = thread;
    const flushing = setInterval(() => this.#options.rows.flush(), FLUSH_MS);
    try {
      this.#took(await thread.asker.ask('take', undefined, ROUND_TIMEOUT_MS), beganMs);
    } catch (error) {
      if (isTouched) this.#isTouched = true;
      if (!this.#isClosed) this.#failed(error);
    } finally {
      clearInterval(flushing);
      this.#thread = undefined;
      await thread.close();
    }
  }

  #took({ takenMs, parts, oldestKeptMs }: TakenCheckpoint, beganMs: number): void {
    const { life, taken, failed } = this.#numbers;
    const written = parts.filter((part) => part.life === life && part.number === this.#rounds);
    const lastBytes = written.reduce((sum, { bytes }) => sum + bytes, 0);
    const lastMs = systemClock.now() - beganMs;
    this.#parts = parts;
    for (const part of parts) {
      if (part.part === 'server') continue;
      const isNew = part.number === this.#rounds && part.life === life;
      this.#covered.set(part.part, { part, atMs: isNew ? part.takenMs : takenMs });
    }
    this.#numbers = {
      life,
      ...{ taken: taken + 1, failed, lastMs, lastBytes, oldestKeptMs },
      ...{ isFenced: false, problem: undefined },
    };
    this.#options.logger.info(
      { life, parts: written.length, bytes: lastBytes, ms: lastMs },
      'a checkpoint is in the archive',
    );
  }

  #failed(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error);
    const isFenced = isFault(error, 'archive_fenced');
    this.#numbers = { ...this.#numbers, failed: this.#numbers.failed + 1, problem, isFenced };
    this.#options.logger.error({ err: error }, 'a checkpoint could not be taken');
  }

  #threadData(isTouched: boolean): CheckpointThreadData {
    const { config, store, offsetBase, started, state, progress, rows, node } = this.#options;
    return {
      archive: archiveSettings(config),
      logId: store.logId,
      offsetBase,
      turn: { life: started.life, number: this.#rounds },
      known: this.#parts,
      isTouched,
      isAlone: node === undefined,
      chainLife: rows.chainLife,
      serverVersion: manifest.version,
      partitions: config.partitions,
      setsKept: config.checkpoints.kept,
      workDir: join(config.dataDir, 'checkpoint-work'),
      progress: progress.buffer,
      state: state.handle,
      logging: config.logging,
    };
  }
}
