/**
 * One partition: hands blocks to the machine, writes its commits, answers questions between blocks. Everything it
 * knows is in the log and the state store; a crash costs the time to read it back.
 */
import assert from 'node:assert/strict';
import { AT } from '../../src/model/block-format.ts';
import type { Clock } from '../../src/model/clock.ts';
import { AppError } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import { assertNever } from '../../src/model/result.ts';
import type { LoggedBlock } from '../../storage/log/log.ts';
import {
  ledgerRange,
  parseLedgerKey,
  rollupRowKey,
  verdictKey,
  verdictRange,
} from '../../storage/state/keys.ts';
import { decodeLedger, decodeVerdict, type Verdict } from '../../storage/state/rows.ts';
import { type StateStore, scan } from '../../storage/state/state.ts';
import type { ActorSpec } from '../runtime.ts';
import type { RestartLimit } from '../supervision.ts';
import { writeCommit } from './commit.ts';
import {
  type LeftOut,
  type MachineCounters,
  type MachineOptions,
  PartitionMachine,
  zeroCounters,
} from './machine.ts';
import { findPoison } from './poison.ts';
import type {
  CollectReply,
  CollectRequest,
  LedgerEntry,
  LedgerReply,
  LedgerRequest,
  PartitionCommand,
  Reply,
  RollupRow,
  VerdictRequest,
} from './protocol.ts';
import { amended } from './rollups.ts';
import { loadRollups, loadSnapshot } from './snapshot.ts';
import { Suspicion } from './suspicion.ts';
import { VerdictCursor } from './verdict-cursor.ts';

/** Messages that may wait: some blocks, and the questions of a dashboard. */
export const PARTITION_MAILBOX_MAX = 64;
/**
 * Blocks of them that the reader sends ahead. One keeps the actor busy while the next is fetched; more only
 * make a question wait longer behind them.
 */
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
  watermarkMs: number;
  dedupIds: number;
  dedupBytes: number;
  dedupSinceMs: number;
  series: number;
  /** Begins anew when the actor does. */
  overflowEvents: number;
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
    watermarkMs: Number.NEGATIVE_INFINITY,
    dedupIds: 0,
    dedupBytes: 0,
    dedupSinceMs: 0,
    series: 0,
    overflowEvents: 0,
  };
  let newest = -1;
  const spec: ActorSpec<Partition, PartitionCommand> = {
    name: String(options.machine.partition),
    mailboxMax: PARTITION_MAILBOX_MAX,
    restart: options.restart,
    start: () => Partition.load(options, suspicion, stats),
    started: (partition) => options.watch.started(partition.readFrom),
    keptFromAsks: PARTITION_MAILBOX_MAX / 2,
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
        `partition ${partition} has applied the log up to ${snapshot.position}, but the log starts at ${start}: restore the missing files`,
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
      case 'collect':
        this.#machine.closeDue(command.request);
        return this.#answer(command.replyTo, () => this.#collect(command.request));
      case 'partials':
        this.#machine.closeAsked(command.request);
        return this.#answer(command.replyTo, async () => this.#machine.partials(command.request));
      case 'ledger':
        return this.#answer(command.replyTo, () => this.#ledger(command.request));
      case 'verdict':
        return this.#answer(command.replyTo, () => this.#droppedRows(command.request));
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
    const bytes = await writeCommit(store, commit);
    machine.committed();
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
    const { machine: options, store, log } = this.#options;
    const committed = await loadSnapshot(store, this.#id);
    // Duplicates are never folded, so trials need not know them.
    const snapshot = { ...committed, generations: [], producers: [] };
    const holds = (rows: Uint8Array): boolean => {
      try {
        const trial = new PartitionMachine(options, snapshot);
        trial.apply(block, { rows });
        trial.takeCommit();
        return true;
      } catch {
        return false;
      }
    };
    const rows = new DataView(block.bytes.buffer, block.bytes.byteOffset).getUint32(AT.rows, true);
    const poison = findPoison(rows, holds);
    const events = poison?.reduce((sum, row) => sum + row, 0);
    log.error(
      { partition: this.#id, offset: block.offset, rows, ...(events !== undefined && { events }) },
      events === undefined
        ? 'a block could not be applied and was passed over'
        : 'events that could not be applied were put among the dead letters',
    );
    if (poison === undefined) {
      this.#machine.skip(block);
      return false;
    }
    const leftOut: LeftOut = {
      rows: poison,
      reason: 'applying this event crashed its partition repeatedly',
    };
    return this.#machine.apply(block, leftOut).reload;
  }

  #advanceTo(offset: number): void | Promise<void> {
    this.#machine.advanceTo(offset);
    this.#options.publish.applied(this.#machine.position);
    this.#askForHeartbeat();
    if (offset - this.#committed >= IDLE_COMMIT_BYTES && !this.#isDirty) return this.commit();
  }

  #commitIfDue(): void | Promise<void> {
    if (this.#isDirty) return this.commit();
  }

  async #reload(): Promise<void> {
    await this.commit();
    const { definitions, watermarkMs } = this.#machine;
    const contents = await loadRollups(this.#options.store, this.#id, definitions, watermarkMs);
    this.#machine.reload(contents);
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

  /** Asking changes nothing here. So what goes wrong, a bug included, is the asker's answer and not a crash. */
  async #answer<T>(replyTo: Reply<T>, ask: () => Promise<T>): Promise<void> {
    try {
      replyTo(await ask());
    } catch (error) {
      if (!(error instanceof AppError)) {
        this.#options.log.error({ err: error, partition: this.#id }, 'a question failed');
      }
      replyTo(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #collect(request: CollectRequest): Promise<CollectReply> {
    const { rows, deltas, ...rest } = this.#machine.collect(request);
    const keys = deltas.map((row) => rollupRowKey({ partition: this.#id, ...row }));
    const stored = await this.#options.store.getMany(keys);
    const merged = deltas.map((row, i): RollupRow => {
      return { ...row, bytes: amended(stored[i], row.bytes) };
    });
    return { ...rest, rows: [...rows, ...merged], appliedOffset: this.#machine.position };
  }

  async #ledger({ tenant, fromMs, toMs }: LedgerRequest): Promise<LedgerReply> {
    const lines = new Map<string, LedgerEntry>();
    const keyOf = (entry: LedgerEntry): string => `${entry.arrivalHourMs}/${entry.stream}`;
    const range = ledgerRange(this.#id, tenant, Math.max(0, fromMs), toMs);
    for await (const { key, value } of scan(this.#options.store, range)) {
      const { stream, arrivalHourMs } = parseLedgerKey(key);
      const entry = { tenant, stream, arrivalHourMs, ...decodeLedger(value) };
      lines.set(keyOf(entry), entry);
    }
    for (const line of this.#machine.ledgerChanges()) {
      const { arrivalHourMs } = line;
      const isAsked = line.tenant === tenant && arrivalHourMs >= fromMs && arrivalHourMs < toMs;
      if (isAsked) lines.set(keyOf(line), { ...line });
    }
    return { entries: [...lines.values()], appliedOffset: this.#machine.position };
  }

  async #droppedRows({ offset, rowFrom, rowTo }: VerdictRequest): Promise<number> {
    const key = verdictKey(this.#id, offset);
    const bytes =
      this.#machine.recentVerdict(offset) ?? (await this.#options.store.getMany([key]))[0];
    return bytes === undefined ? 0 : droppedIn(decodeVerdict(bytes), rowFrom, rowTo);
  }
}

function droppedIn(verdict: Verdict, rowFrom: number, rowTo: number): number {
  let dropped = 0;
  for (let row = rowFrom; row < Math.min(rowTo, verdict.rows); row++) {
    if (verdict.isDropped(row)) dropped++;
  }
  return dropped;
}
