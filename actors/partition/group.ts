/**
 * The partitions of one thread: an actor each, and one reader of the log that feeds them all. A partition that
 * crashes makes the reader go back for it; the others pass over what they have. Partitions may come and go while events do: one
 * that comes is loaded and joins the reader where its state says, one that goes commits what it has applied.
 */
import { AppError, isFault } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import { Turns } from '../../src/model/turns.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { JOURNAL_READ_BYTES } from '../../storage/limits.ts';
import type { LoggedBlock, LogRead, LogReader, OpenReader } from '../../storage/log/log.ts';
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
  /** To begin with. */
  readonly partitions: readonly number[];
  readonly optionsOf: (partition: number) => Omit<PartitionOptions, 'watch'>;
  /** Awaited when the first partition has loaded its state: the client of a topic may be loaded meanwhile. */
  readonly openReader: OpenReader | Promise<OpenReader>;
  /**
   * Of a partition of which the log has lost blocks that were wanted: where it begins now, if all before is applied. Then those were only
   * wanted for their ids, and the window of duplicates is shorter. Undefined: the partition stands still.
   */
  readonly goesOnAt: (partition: number) => Offset | undefined;
  /** A block was read, and goes to its partition next. */
  readonly onBlock?: ((block: LoggedBlock) => void) | undefined;
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
  /** Resolves when it has loaded its state, or has failed to and tries again. */
  readonly loaded: Promise<void>;
  /** Why it stands still though others are read on. */
  fault: AppError | undefined;
}

/** A log that cannot be read is tried again this often: the disk may come back, and a person may restore a file. */
const READ_RETRY_MS = 5_000;

export class PartitionGroup {
  readonly #options: PartitionGroupOptions;
  readonly #owned = new Map<number, Owned>();
  /** By partition: what comes and goes. */
  readonly #moves = new Turns<number>();
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
    await group.take(options.partitions);
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

  has(id: number): boolean {
    return this.#owned.has(id);
  }

  partition(id: number): OwnedPartition {
    const owned = this.#owned.get(id);
    if (owned === undefined) {
      throw new AppError('partition_elsewhere', `this server does not have partition ${id}`, {
        partition: id,
      });
    }
    return owned;
  }

  /**
   * Resolves once each has loaded its state, or has failed to and tries again. Those that are here already stay as they are; what
   * just goes is gone before it comes back.
   */
  async take(partitions: readonly number[]): Promise<void> {
    await Promise.all(partitions.map((id) => this.#moves.take(id, () => this.#join(id))));
  }

  /**
   * From the call on they are not here for who asks, and nothing more is read for them. What they were given is applied.
   * Resolves once each has committed that, or has crashed over it: then another reads it again.
   */
  async give(partitions: readonly number[]): Promise<void> {
    await Promise.all(partitions.map((id) => this.#moves.take(id, () => this.#leave(id))));
  }

  /** What keeps these partitions from being ready, in words. A restart that takes a moment does not. */
  problems(): string[] {
    const lastErrors = new Map(
      this.#options.system.snapshot().map(({ path, lastError }) => [path, lastError]),
    );
    const problems: string[] = [];
    for (const { id, ref, hasLoaded, fault } of this.#owned.values()) {
      const why = lastErrors.get(ref.path);
      if (ref.state === 'failed') problems.push(`partition ${id} has failed: ${why}`);
      else if (!hasLoaded && why != null)
        problems.push(`partition ${id} cannot load its state: ${why}`);
      else if (fault !== undefined) problems.push(`partition ${id} stands still: ${fault.message}`);
    }
    const reads = this.#owned.size > 0;
    if (reads && this.#readFault !== undefined)
      problems.push(`the log cannot be read: ${this.#readFault}`);
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
    await this.#moves.settled();
    await Promise.all(Array.from(this.#owned.values(), ({ ref }) => ref.stop()));
  }

  async #join(id: number): Promise<void> {
    if (this.#isClosing) return;
    await (this.#owned.get(id)?.loaded ?? this.#spawn(id));
  }

  async #leave(id: number): Promise<void> {
    const owned = this.#owned.get(id);
    if (owned === undefined) return;
    this.#owned.delete(id);
    this.#unfeed(owned);
    await owned.ref.stop();
  }

  #spawn(id: number): Promise<void> {
    const { system, optionsOf } = this.#options;
    const { promise: loaded, resolve } = Promise.withResolvers<void>();
    const watch = {
      started: (readFrom: number) => {
        resolve();
        // One that goes before it has come.
        if (this.#owned.get(id) !== owned) return;
        const position = offset(readFrom);
        owned.seekTo = position;
        owned.hasLoaded = true;
        // For one that waits at the end of the log.
        this.#reader?.seek(id, position);
        this.#wakeFeeding();
      },
      crashed: () => {
        resolve();
        // One that crashes again and again must not make the others wait until the reader has come back to them.
        if (this.#owned.get(id) === owned) this.#unfeed(owned);
      },
      handled: () => {
        owned.ahead -= 1;
        owned.wake();
      },
    };
    const { spec, stats } = partitionActor({ ...optionsOf(id), watch });
    const owned: Owned = {
      id,
      stats,
      ref: system.spawn('partition', spec),
      isFed: false,
      seekTo: undefined,
      ahead: 0,
      wake: () => {},
      hasLoaded: false,
      loaded,
      fault: undefined,
    };
    this.#owned.set(id, owned);
    return loaded;
  }

  /** Nothing more is read for it, and what was read is dropped. */
  #unfeed(owned: Owned): void {
    owned.isFed = false;
    owned.seekTo = undefined;
    owned.ahead = 0;
    owned.wake();
    this.#reader?.release(owned.id);
  }

  async #feed(): Promise<void> {
    const openReader = await this.#options.openReader;
    for (;;) {
      await this.#someoneToFeed();
      if (this.#isClosing) return;
      this.#reader ??= openReader(this.#wanted());
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
      this.#forgive(read);
      return read;
    } catch (error) {
      if (error instanceof AppError && this.#standStill(reader, error)) return undefined;
      this.#readFault = error instanceof Error ? error.message : String(error);
      const { log, sleep } = this.#options;
      log.error({ err: error }, 'the log cannot be read; partitions stand still until it can');
      await Promise.race([sleep(READ_RETRY_MS), this.#stopped.promise]);
      return undefined;
    }
  }

  /** True if the fault is of one partition: the others are read on, and the reader looks after that one again. */
  #standStill(reader: LogReader, fault: AppError): boolean {
    const owned = this.#owned.get(fault.location.partition ?? -1);
    if (owned === undefined) return false;
    const { goesOnAt, log } = this.#options;
    const { id } = owned;
    // Brokers delete by the topic's retention, whoever reads.
    const to = isFault(fault, 'log_truncated') ? goesOnAt(id) : undefined;
    if (to !== undefined) {
      log.warn({ partition: id, to }, `the window of duplicates is shorter: ${fault.message}`);
      owned.fault = undefined;
      reader.seek(id, to);
    } else if (owned.fault?.message !== fault.message) {
      const { code, location } = fault;
      log.error(
        { partition: id, code, ...location },
        `the partition stands still: ${fault.message}`,
      );
      owned.fault = fault;
    }
    return true;
  }

  #forgive({ readTo }: LogRead): void {
    for (const owned of this.#owned.values()) {
      const { id, fault } = owned;
      if (fault === undefined || readTo(id) <= (fault.location.byteOffset ?? -1)) continue;
      owned.fault = undefined;
      this.#options.log.info({ partition: id, from: readTo(id) }, 'the partition goes on');
    }
  }

  async #distribute({ blocks, readTo }: LogRead): Promise<void> {
    const served = new Set<number>();
    for (const block of blocks) {
      const owned = this.#owned.get(block.partition);
      if (owned === undefined) continue;
      served.add(owned.id);
      this.#options.onBlock?.(block);
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
