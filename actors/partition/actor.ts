/**
 * One partition: hands blocks to the machine, writes its commits, answers questions between blocks. Everything it
 * knows is in the log and the state store; a crash costs the time to read it back.
 */
import assert from 'node:assert/strict';
import type { Clock } from '../../src/model/clock.ts';
import { AppError } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import { assertNever } from '../../src/model/result.ts';
import type { LoggedBlock } from '../../storage/log/log.ts';
import { verdictRange } from '../../storage/state/keys.ts';
import type { StateStore } from '../../storage/state/state.ts';
import type { ActorSpec } from '../runtime.ts';
import type { RestartLimit } from '../supervision.ts';
import { type MachineCounters, zeroCounters } from './accounts.ts';
import { Answers } from './answers.ts';
import { writeCommit } from './commit.ts';
import { type MachineOptions, PartitionMachine } from './machine.ts';
import { withoutPoison } from './poison.ts';
import type { PartitionCommand } from './protocol.ts';
import type { SessionContent } from './sessions.ts';
import { loadHead, loadRollups, loadSessions, loadSnapshot } from './snapshot.ts';
import { Suspicion } from './suspicion.ts';
import { VerdictCursor } from './verdict-cursor.ts';

/** Messages that may wait: some blocks, and the questions of a dashboard. */
export const PARTITION_MAILBOX_MAX = 64;
/** Blocks of them that the reader sends ahead. One keeps the actor busy while the next is fetched; more only wait. */
export const BLOCKS_AHEAD_MAX = 4;

/**
 * A poison block needs five restarts at worst until its events are isolated. What crashes more often than the limit is a
 * fault of the machine or the disk: then the partition says that it failed, and still tries again twice a minute,
 * because the others depend on nobody looking at it at night.
 */
export const PARTITION_RESTART: RestartLimit = {
  maxRestarts: 8,
  withinMs: 60_000,
  backoffMinMs: 50,
  backoffMaxMs: 5_000,
  retryFailedMs: 30_000,
};

/** An idle partition's position is committed when the log has grown by this: a restart does not read it all again. */
const IDLE_COMMIT_BYTES = 32 * 1024 * 1024;

export interface PartitionOptions {
  readonly machine: MachineOptions;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly restart: RestartLimit;
  /** What the log holds, as of now: blocks in `[start, end)`, all of them durable. */
  readonly logged: () => { readonly start: number; readonly end: number };
  readonly watch: {
    /** The state is loaded; the log is to be read again from `readFrom`. */
    started(readFrom: number): void;
    crashed(): void;
    /** A block has been handled: there is room for another. */
    handled(): void;
  };
  /** For whoever waits for this partition. */
  readonly publish: {
    applied(position: number): void;
    committed(position: number, neededFrom: number): void;
    wantsHeartbeat(wanted: boolean): void;
  };
}

/** Numbers since the thread's start; they outlive the actor's crashes. */
export interface PartitionStats {
  readonly counters: MachineCounters;
  commits: number;
  commitMsTotal: number;
  commitMsLast: number;
  commitBytesTotal: number;
  /** Of the greatest one. */
  commitBytesMax: number;
  watermarkMs: number;
  dedupIds: number;
  dedupBytes: number;
  dedupSinceMs: number;
  series: number;
  /** Begins anew when the actor does. */
  overflowEvents: number;
  sessionsOpen: number;
}

export interface PartitionActor {
  readonly spec: ActorSpec<Partition, PartitionCommand>;
  readonly stats: PartitionStats;
}

export function partitionActor(options: PartitionOptions): PartitionActor {
  const suspicion = new Suspicion();
  const stats: PartitionStats = {
    counters: zeroCounters(),
    commits: 0,
    commitMsTotal: 0,
    commitMsLast: 0,
    commitBytesTotal: 0,
    commitBytesMax: 0,
    watermarkMs: Number.NEGATIVE_INFINITY,
    dedupIds: 0,
    dedupBytes: 0,
    dedupSinceMs: 0,
    series: 0,
    overflowEvents: 0,
    sessionsOpen: 0,
  };
  let newest = -1;
  const spec: ActorSpec<Partition, PartitionCommand> = {
    name: String(options.machine.partition),
    mailboxMax: PARTITION_MAILBOX_MAX,
    restart: options.restart,
    start: () => Partition.load(options, suspicion, stats),
    started: (partition) => options.watch.started(partition.readFrom),
    keptFromAsks: PARTITION_MAILBOX_MAX / 2,
    // Answered as of whatever is applied: who waits for more waits for the position.
    overtakes: ({ type }) => type === 'collect',
    receive: async (partition, command) => {
      if (command.type === 'apply') newest = command.block.offset;
      await partition.obey(command);
      if (command.type === 'apply') options.watch.handled();
    },
    crashed: (error) => {
      suspicion.crashed(error, newest);
      options.watch.crashed();
    },
    stop: (partition) => partition.commitRest(),
  };
  return { spec, stats };
}

export class Partition {
  /** The log is to be read from here. */
  readonly readFrom: number;
  readonly #options: PartitionOptions;
  readonly #suspicion: Suspicion;
  readonly #stats: PartitionStats;
  readonly #machine: PartitionMachine;
  readonly #verdicts: VerdictCursor;
  readonly #answers: Answers;
  readonly #id: number;
  #committed: number;
  #isDirty = false;
  #wantsHeartbeat = false;
  #verdictsSweptTo = 0;
  /** Rollups whose overflow has been logged. */
  readonly #overflowing = new Set<string>();

  /** Rejects with `log_truncated` if the log no longer has what comes behind the last commit. */
  static async load(
    options: PartitionOptions,
    suspicion: Suspicion,
    stats: PartitionStats,
  ): Promise<Partition> {
    const { partition } = options.machine;
    const snapshot = await loadSnapshot(options.store, partition);
    const { start } = options.logged();
    if (snapshot.position < start) {
      throw new AppError(
        'log_truncated',
        `partition ${partition} has applied the log up to ${snapshot.position}, but the log starts at ${start}: restore the missing files; where it is a topic, its retention was too short, and docs/checkpoints.md says how to go on`,
        { partition },
      );
    }
    const machine = new PartitionMachine(options.machine, snapshot, stats.counters);
    return new Partition(options, suspicion, stats, machine);
  }

  constructor(
    options: PartitionOptions,
    suspicion: Suspicion,
    stats: PartitionStats,
    machine: PartitionMachine,
  ) {
    this.#options = options;
    this.#suspicion = suspicion;
    this.#stats = stats;
    this.#machine = machine;
    this.#id = options.machine.partition;
    this.#verdicts = new VerdictCursor(options.store, this.#id);
    this.#answers = new Answers(machine, options.store, options.log);
    this.#committed = machine.position;
    this.readFrom = Math.max(machine.neededFrom, options.logged().start);
    options.publish.committed(machine.position, machine.neededFrom);
    options.publish.applied(machine.position);
    this.#look();
  }

  obey(command: PartitionCommand): void | Promise<void> {
    switch (command.type) {
      case 'apply':
        return this.#take(command.block);
      case 'readTo':
        return this.#advanceTo(command.offset);
      case 'commit':
        return this.#commitIfDue();
      case 'hold':
        return this.#hold(command);
      case 'collect':
      case 'partials':
      case 'ledger':
      case 'overflows':
      case 'verdict':
        return this.#answers.answer(command);
      default:
        return assertNever(command);
    }
  }

  /** Writes everything since the last commit. */
  async commit(): Promise<void> {
    const { store, clock, logged, publish } = this.#options;
    const machine = this.#machine;
    const { start, end } = logged();
    assert(machine.position <= end, 'only what the log has synced may be committed');
    const beganMs = clock.now();
    const commit = machine.takeCommit();
    const { bytes, letters } = await writeCommit(store, commit);
    machine.committed(letters);
    this.#committed = commit.position;
    this.#isDirty = false;
    if (start > this.#verdictsSweptTo) {
      await store.clear(verdictRange(this.#id, 0, start));
      this.#verdictsSweptTo = start;
    }
    publish.committed(commit.position, commit.neededFrom);
    this.#stats.commits += 1;
    this.#stats.commitMsLast = clock.now() - beganMs;
    this.#stats.commitMsTotal += this.#stats.commitMsLast;
    this.#stats.commitBytesTotal += bytes;
    this.#stats.commitBytesMax = Math.max(this.#stats.commitBytesMax, bytes);
    this.#look();
  }

  /** Before the end: a restart then has nothing to replay. */
  commitRest(): void | Promise<void> {
    if (this.#isDirty || this.#machine.position > this.#committed) return this.commit();
  }

  #take(block: LoggedBlock): void | Promise<void> {
    const machine = this.#machine;
    if (block.offset < machine.position) return this.#relearn(block);
    if (this.#suspicion.isCareful(block.offset)) return this.#applyCarefully(block);
    const { commit, reload } = machine.apply(block);
    this.#applied();
    if (reload) return this.#reload();
    if (commit) return this.commit();
  }

  async #relearn(block: LoggedBlock): Promise<void> {
    this.#machine.relearn(block, await this.#verdicts.at(block.offset));
  }

  /** After crashes: what is committed now cannot be to blame for the next one. */
  async #applyCarefully(block: LoggedBlock): Promise<void> {
    const machine = this.#machine;
    let reload = false;
    if (this.#suspicion.isPoison(block.offset)) {
      await this.commit();
      reload = await this.#applyWithoutPoison(block);
    } else {
      reload = machine.apply(block).reload;
    }
    this.#applied();
    await (reload ? this.#reload() : this.commit());
    this.#suspicion.passed(block.offset);
  }

  /** Answers whether the rollups are to be loaded again. */
  async #applyWithoutPoison(block: LoggedBlock): Promise<boolean> {
    const leftOut = await withoutPoison(this.#options, block);
    if (leftOut !== undefined) return this.#machine.apply(block, leftOut).reload;
    this.#machine.skip(block);
    return false;
  }

  #advanceTo(offset: number): void | Promise<void> {
    this.#machine.advanceTo(offset);
    this.#options.publish.applied(this.#machine.position);
    this.#askForHeartbeat();
    const { start } = this.#options.logged();
    // What lay between was no block, and is gone: a restart could not go back to before it.
    const isStranded = this.#committed < start && start <= this.#machine.position;
    const isFar = offset - this.#committed >= IDLE_COMMIT_BYTES && !this.#isDirty;
    if (isStranded || isFar) return this.commit();
  }

  #commitIfDue(): void | Promise<void> {
    if (this.#isDirty) return this.commit();
  }

  /** Somebody else changes what is stored meanwhile. */
  async #hold({ released, replyTo }: Extract<PartitionCommand, { type: 'hold' }>): Promise<void> {
    await this.commit();
    const { position, watermarkMs } = this.#machine;
    replyTo({ position, watermarkMs });
    await released;
    const { store } = this.#options;
    const definitions = (await loadHead(store, this.#id))?.definitions;
    await this.#reload(definitions, await loadSessions(store, this.#id, definitions));
  }

  /** With definitions that are stored, and not the machine's, where somebody else may have stored them. */
  async #reload(
    definitions = this.#machine.definitions,
    sessions?: readonly SessionContent[],
  ): Promise<void> {
    await this.commit();
    const { watermarkMs } = this.#machine;
    const contents = await loadRollups(this.#options.store, this.#id, definitions, watermarkMs);
    this.#machine.reload(contents, definitions, sessions);
  }

  #applied(): void {
    this.#isDirty = true;
    this.#options.publish.applied(this.#machine.position);
    if (!this.#wantsHeartbeat) this.#askForHeartbeat();
  }

  #askForHeartbeat(): void {
    const wanted = this.#machine.wantsHeartbeatAt(this.#machine.position);
    if (wanted !== this.#wantsHeartbeat) this.#options.publish.wantsHeartbeat(wanted);
    this.#wantsHeartbeat = wanted;
  }

  /** What metrics show is as of the last commit: some of it costs a look at every rollup. */
  #look(): void {
    const { ids, bytes, sinceMs } = this.#machine.window;
    this.#stats.watermarkMs = this.#machine.watermarkMs;
    this.#stats.dedupIds = ids;
    this.#stats.dedupBytes = bytes;
    this.#stats.dedupSinceMs = sinceMs;
    this.#stats.series = this.#machine.series;
    this.#stats.sessionsOpen = this.#machine.openSessions;
    this.#lookAtOverflows();
    this.#askForHeartbeat();
  }

  #lookAtOverflows(): void {
    let events = 0;
    for (const { tenant, rollup, report } of this.#machine.overflows()) {
      events += report.events;
      const name = `${tenant}/${rollup}`;
      if (this.#overflowing.has(name)) continue;
      this.#overflowing.add(name);
      this.#options.log.warn(
        { partition: this.#id, tenant, rollup, ...report },
        'a rollup has more series than it may: the rest is counted as one',
      );
    }
    this.#stats.overflowEvents = events;
  }
}
