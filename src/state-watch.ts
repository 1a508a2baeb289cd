/**
 * Watches whether the state store takes writes. RocksDB that was refused a file goes on by itself once there is room. Where its write-ahead
 * log was refused it takes no write until it is opened anew: then the server has to start anew, once there is room for that.
 */
import { join } from 'node:path';
import { knownFreeBytes } from '../storage/free-bytes.ts';
import { STATE_ROOM_BYTES } from '../storage/limits.ts';
import type { OpenState } from '../storage/state/rocksdb.ts';
import type { ClusterSide } from './cluster-side.ts';
import type { Foundation } from './foundation.ts';
import { AppError, isFault } from './model/errors.ts';
import type { Logger } from './model/logger.ts';

export interface StateWatchOptions {
  readonly state: Pick<OpenState, 'refusedWrites' | 'tryWrite'>;
  /** Where it is. */
  readonly dir: string;
  /** On its disk; undefined: the file system does not say. */
  readonly freeBytes: () => Promise<number | undefined>;
  /** Told whenever `problems` are others. */
  readonly changed: () => void;
  /**
   * Of a node of a cluster, told once: the disk has been full for a while, and others can have its partitions. From then on there is no way
   * back but a new start.
   */
  readonly standAside: (() => void) | undefined;
  /** Told once, the last thing that is told: there is room, and the state has to be opened anew. */
  readonly stopped: (fault: AppError) => void;
  readonly log: Logger;
}

/** Without a cluster the server is alone. */
export function watchState(
  { config: { dataDir }, state, logger, onFailed }: Foundation,
  cluster: Pick<ClusterSide, 'leave'> | undefined,
  changed: () => void,
): StateWatch {
  const dir = join(dataDir, 'state');
  return new StateWatch({
    ...{ state, dir },
    freeBytes: () => knownFreeBytes(dir),
    changed,
    standAside: cluster && (() => void cluster.leave().catch(onFailed)),
    stopped: onFailed,
    log: logger,
  });
}

const LOOK_MS = 1_000;
/** RocksDB looks every 5 s whether it can go on: it gets two chances before anything is done about it. */
export const PATIENT_LOOKS = 11;

export class StateWatch {
  readonly #options: StateWatchOptions;
  /** Refused writes behind which one was taken. */
  #passed: number;
  /** What refused the last write; undefined: it was taken, as far as anybody has tried. */
  #fault: AppError | undefined;
  /** The last looks, one behind the other, at which it took no write: all of them, and those at which there was room. */
  #looks = { refused: 0, withRoom: 0 };
  #isAside = false;
  #hasStopped = false;
  #problem: string | undefined;

  constructor(options: StateWatchOptions) {
    this.#options = options;
    this.#passed = options.state.refusedWrites.count;
  }

  /** What keeps the server from being ready, in words. */
  get problems(): readonly string[] {
    return this.#problem === undefined ? [] : [this.#problem];
  }

  /** Answers what ends it. */
  start(): () => void {
    let isLooking = false;
    const look = async () => {
      if (isLooking) return;
      isLooking = true;
      try {
        await this.look();
      } catch (error) {
        this.#options.log.error({ err: error }, 'the state store could not be looked at');
      } finally {
        isLooking = false;
      }
    };
    const timer = setInterval(() => void look(), LOOK_MS).unref();
    return () => clearInterval(timer);
  }

  /** While no write is refused it costs nothing. */
  async look(): Promise<void> {
    if (this.#hasStopped) return;
    if (this.#isAside) return this.#awaitRoom();
    const { refusedWrites } = this.#options.state;
    if (refusedWrites.count === this.#passed) return;
    const before = this.#fault;
    this.#fault = await this.#faultOfWrite();
    if (this.#fault !== undefined) return this.#refused(this.#fault);
    this.#passed = refusedWrites.count;
    this.#looks = { refused: 0, withRoom: 0 };
    this.#say(undefined);
    if (before !== undefined) {
      this.#options.log.info({ path: this.#options.dir }, 'the state store takes writes again');
    }
  }

  async #faultOfWrite(): Promise<AppError | undefined> {
    try {
      await this.#options.state.tryWrite();
      return undefined;
    } catch (fault) {
      if (isFault(fault, 'state_io')) return fault;
      throw fault;
    }
  }

  async #refused(fault: AppError): Promise<void> {
    const { dir, log, standAside } = this.#options;
    const { hasRoom, free } = await this.#room();
    const refused = this.#looks.refused + 1;
    this.#looks = { refused, withRoom: hasRoom ? this.#looks.withRoom + 1 : 0 };
    if (refused === 1) {
      log.error({ err: fault, path: dir }, `the state store takes no writes: ${free}`);
    }
    if (this.#looks.withRoom >= PATIENT_LOOKS) return this.#stop(free);
    this.#say(
      `the state store takes no writes: ${free}; once there is room for ${STATE_ROOM_BYTES} it goes on, or is opened anew by itself (${fault.message})`,
    );
    if (hasRoom || refused < PATIENT_LOOKS || standAside === undefined) return;
    this.#isAside = true;
    log.error({ path: dir }, `this node gives its partitions to others: ${free}`);
    standAside();
  }

  async #awaitRoom(): Promise<void> {
    const { hasRoom, free } = await this.#room();
    if (hasRoom) return this.#stop(free);
    this.#say(
      `the state store took no writes, and others have this node's partitions: ${free}; once there is room for ${STATE_ROOM_BYTES} it is opened anew by itself`,
    );
  }

  async #room(): Promise<{ readonly hasRoom: boolean; readonly free: string }> {
    const { dir, freeBytes } = this.#options;
    const bytes = await freeBytes();
    if (bytes === undefined) return { hasRoom: true, free: `nobody knows what is free in ${dir}` };
    return { hasRoom: bytes >= STATE_ROOM_BYTES, free: `${bytes} bytes are free in ${dir}` };
  }

  #stop(free: string): void {
    this.#hasStopped = true;
    const { dir, stopped } = this.#options;
    const { message } = this.#fault as AppError;
    stopped(
      new AppError(
        'state_stopped',
        `the state store has stopped taking writes, and ${free} now: it is opened anew, and what it lacks is read from the log (${message})`,
        { path: dir },
        this.#fault,
      ),
    );
  }

  #say(problem: string | undefined): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#options.changed();
  }
}
