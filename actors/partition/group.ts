/**
 * The partitions of one thread: an actor each, and one reader of the log that feeds them all. A partition that
 * crashes makes the reader go back for it; the others pass over what they have.
 */
import type { Logger } from '../../src/model/logger.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { JOURNAL_READ_BYTES } from '../../storage/limits.ts';
import type { LoggedBlock, LogRead, LogReader } from '../../storage/log/log.ts';
import type { ActorRef, ActorSystem } from '../runtime.ts';
import {
  BLOCKS_AHEAD_MAX,
  type PartitionOptions,
  type PartitionStats,
  partitionActor,
} from './actor.ts';
import type { PartitionCommand } from './protocol.ts';

export interface PartitionGroupOptions {
  readonly system: ActorSystem;
  readonly partitions: readonly number[];
  readonly optionsOf: (partition: number) => Omit<PartitionOptions, 'watch'>;
  readonly openReader: (from: ReadonlyMap<number, Offset>) => LogReader;
  readonly sleep: (ms: number) => Promise<void>;
  readonly log: Logger;
}

export interface OwnedPartition {
  readonly id: number;
  readonly ref: ActorRef<PartitionCommand>;
  readonly stats: PartitionStats;
}

/**
 * A read that was asked for before a partition came back may hold blocks from far ahead of where it now stands. So
 * nothing is given to it until the loop that reads has itself sent the reader back, with no read on its way.
 */
interface Owned extends OwnedPartition {
  isFed: boolean;
  /** Where the reader must go back to first. */
  seekTo: Offset | undefined;
  /** Blocks that it was given and has not handled; counted apart from questions, which must not hold blocks up. */
  ahead: number;
  /** Called when `ahead` has fallen. */
  wake: () => void;
  hasLoaded: boolean;
}

/** A log that cannot be read is tried again this often: the disk may come back, and a person may restore a file. */
const READ_RETRY_MS = 5_000;

export class PartitionGroup {
  readonly #options: PartitionGroupOptions;
  readonly #owned = new Map<number, Owned>();
  readonly #stopped = Promise.withResolvers<void>();
  /** Calls of `commit`. */
  #turn = 0;
  /** Called when a partition has loaded its state. */
  #wakeFeeding = (): void => {};
  #reader: LogReader | undefined;
  /** Why the log could not be read at the last try. */
  #readFault: string | undefined;
  #feeding: Promise<void> = Promise.resolve();
  #isClosing = false;

  /** Resolves once each partition has loaded its state, or has failed to and tries again. Then reading begins. */
  static async start(options: PartitionGroupOptions): Promise<PartitionGroup> {
    const group = new PartitionGroup(options);
    await group.#startActors();
    group.#feeding = group.#feed();
    return group;
  }

  private constructor(options: PartitionGroupOptions) {
    this.#options = options;
  }

  /** Rejects if feeding ended by a bug. */
  get feeding(): Promise<void> {
    return this.#feeding;
  }

  get partitions(): readonly OwnedPartition[] {
    return [...this.#owned.values()];
  }

  partition(id: number): OwnedPartition {
    const owned = this.#owned.get(id);
    if (owned === undefined) throw new RangeError(`partition ${id} is not of this thread`);
    return owned;
  }

  /** What keeps these partitions from being ready, in words. A restart that takes a moment does not. */
  problems(): string[] {
    const lastErrors = new Map(
      this.#options.system.snapshot().map(({ path, lastError }) => [path, lastError]),
    );
    const problems: string[] = [];
    for (const { id, ref, hasLoaded } of this.#owned.values()) {
      const why = lastErrors.get(ref.path);
      if (ref.state === 'failed') problems.push(`partition ${id} has failed: ${why}`);
      else if (!hasLoaded) problems.push(`partition ${id} cannot load its state: ${why}`);
    }
    if (this.#readFault !== undefined) problems.push(`the log cannot be read: ${this.#readFault}`);
    return problems;
  }

  /** Writes the changes of the partitions whose turn it is: of each once in `turns` calls. */
  commit(turns = 1): void {
    this.#turn += 1;
    [...this.#owned.values()].forEach(({ ref }, i) => {
      if ((i + this.#turn) % turns === 0 && ref.state === 'running') ref.offer({ type: 'commit' });
    });
  }

  /** Stops reading, applies and commits what was read, ends. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#stopped.resolve();
    this.#wakeFeeding();
    this.#reader?.close();
    await this.#feeding;
    await Promise.all(Array.from(this.#owned.values(), ({ ref }) => ref.stop()));
  }

  async #startActors(): Promise<void> {
    const { system, partitions, optionsOf } = this.#options;
    const settled = partitions.map((id) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const watch = {
        started: (readFrom: number) => {
          const position = offset(readFrom);
          const owned = this.#owned.get(id);
          if (owned !== undefined) {
            owned.seekTo = position;
            owned.hasLoaded = true;
          }
          // For one that waits at the end of the log.
          this.#reader?.seek(id, position);
          this.#wakeFeeding();
          resolve();
        },
        crashed: () => {
          const owned = this.#owned.get(id);
          if (owned !== undefined) {
            owned.isFed = false;
            owned.seekTo = undefined;
            owned.ahead = 0;
            owned.wake();
          }
          // One that crashes again and again must not make the others wait until the reader has come back to them.
          this.#reader?.release(id);
          resolve();
        },
        handled: () => {
          const owned = this.#owned.get(id);
          if (owned === undefined) return;
          owned.ahead -= 1;
          owned.wake();
        },
      };
      const { spec, stats } = partitionActor({ ...optionsOf(id), watch });
      const ref = system.spawn('partition', spec);
      this.#owned.set(id, {
        id,
        stats,
        ref,
        isFed: false,
        seekTo: undefined,
        ahead: 0,
        wake: () => {},
        hasLoaded: false,
      });
      return promise;
    });
    await Promise.all(settled);
  }

  async #feed(): Promise<void> {
    for (;;) {
      await this.#someoneToFeed();
      if (this.#isClosing) return;
      this.#reader ??= this.#options.openReader(this.#wanted());
      this.#seekBack(this.#reader);
      const read = await this.#read(this.#reader);
      if (read !== undefined) await this.#distribute(read);
    }
  }

  /** Reading for nobody would wear the disk, and lead away from where the next one begins. */
  async #someoneToFeed(): Promise<void> {
    const wants = ({ isFed, seekTo }: Owned): boolean => isFed || seekTo !== undefined;
    while (!this.#isClosing && ![...this.#owned.values()].some(wants)) {
      await new Promise<void>((resolve) => {
        this.#wakeFeeding = resolve;
      });
    }
  }

  /** Where those that have loaded their state begin. The others join by a seek. */
  #wanted(): Map<number, Offset> {
    const from = new Map<number, Offset>();
    for (const { id, seekTo } of this.#owned.values()) {
      if (seekTo !== undefined) from.set(id, seekTo);
    }
    return from;
  }

  #seekBack(reader: LogReader): void {
    for (const owned of this.#owned.values()) {
      if (owned.seekTo === undefined) continue;
      reader.seek(owned.id, owned.seekTo);
      owned.seekTo = undefined;
      owned.isFed = true;
    }
  }

  async #read(reader: LogReader): Promise<LogRead | undefined> {
    try {
      const read = await reader.read(JOURNAL_READ_BYTES);
      this.#readFault = undefined;
      return read;
    } catch (error) {
      this.#readFault = error instanceof Error ? error.message : String(error);
      const { log, sleep } = this.#options;
      log.error({ err: error }, 'the log cannot be read; partitions stand still until it can');
      await Promise.race([sleep(READ_RETRY_MS), this.#stopped.promise]);
      return undefined;
    }
  }

  async #distribute({ blocks, readTo }: LogRead): Promise<void> {
    const served = new Set<number>();
    for (const block of blocks) {
      const owned = this.#owned.get(block.partition);
      if (owned === undefined) continue;
      served.add(owned.id);
      await deliver(owned, block);
    }
    for (const { id, ref, isFed, ahead } of this.#owned.values()) {
      if (served.has(id) || !isFed || ahead > 0) continue;
      ref.offer({ type: 'readTo', offset: readTo(id) });
    }
  }
}

/** Waits for room. A partition that crashes meanwhile gets the block again from its seek. */
async function deliver(owned: Owned, block: LoggedBlock): Promise<void> {
  while (owned.isFed && owned.ahead >= BLOCKS_AHEAD_MAX) {
    await new Promise<void>((resolve) => {
      owned.wake = resolve;
    });
  }
  while (owned.isFed) {
    const sent = owned.ref.offer({ type: 'apply', block });
    if (sent === 'accepted') owned.ahead += 1;
    if (sent !== 'full') return;
    await owned.ref.credit();
  }
}
