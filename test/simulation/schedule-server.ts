/**
 * A server of a schedule: the edge's coalescer, the log, partitions and questions, all real, over a disk in memory. It dies wherever
 * it can, and loses what was not synced.
 */
import { Answers } from '../../actors/partition/answers.ts';
import type { MachineOptions } from '../../actors/partition/machine.ts';
import type { PartitionQuestion, Reply } from '../../actors/partition/protocol.ts';
import { BlockColumns } from '../../src/aggregate/block-columns.ts';
import { clockOffsetMs } from '../../src/ingest/admission.ts';
import { Coalescer } from '../../src/ingest/coalescer.ts';
import { Contribution } from '../../src/ingest/contribution.ts';
import { Counters } from '../../src/ingest/counters.ts';
import { DEFAULT_DECODE_LIMITS } from '../../src/ingest/decode/limits.ts';
import { Producer } from '../../src/ingest/producer.ts';
import {
  type Block,
  type PlainBlockHeader,
  packControl,
  packHeartbeat,
} from '../../src/model/block.ts';
import type { Clock } from '../../src/model/clock.ts';
import type { EventTimeRule } from '../../src/model/event-time.ts';
import type { RollupDefinition, RollupsControl } from '../../src/model/rollup.ts';
import type { PartitionClient } from '../../src/query/ports.ts';
import { Queries } from '../../src/query/queries.ts';
import { RollupsInForce } from '../../src/query/rollups-in-force.ts';
import { storedRollups } from '../../src/query/stored-rollups.ts';
import { silent } from '../actors/scripted-clock.ts';
import { Crash, MemoryStore } from './memory-store.ts';
import { SimulatedPartition } from './partition.ts';
import type { Random } from './random.ts';
import { type AppendFaults, ScheduleLog } from './schedule-log.ts';
import type { Shipment } from './schedule-traffic.ts';

export interface ServerFaults extends AppendFaults {
  /** Chance of each before any piece of work of a partition. */
  readonly crash: number;
  /** A crash inside a commit, between any two of its writes. */
  readonly crashInCommit: number;
  /** Crashes after which nothing goes wrong any more. */
  readonly crashesMax: number;
  /** That a crash also takes the newest writes, as a power cut does. */
  readonly powerCut: number;
}

export interface ServerOptions {
  readonly partitions: number;
  readonly random: Random;
  readonly clock: Clock;
  readonly eventTime: readonly EventTimeRule[];
  readonly faults: ServerFaults;
  readonly onLogged: (block: Block, isCopy: boolean) => void;
}

/** What became of one attempt to send something. */
export interface Sent {
  readonly isDurable: boolean;
  readonly accepted: number;
  readonly rejected: number;
}

const LOST_WRITES_MAX = 8;
/** So little that questions push each other out. */
const KEPT_BYTES_MAX = 1024 * 1024;
/** Before some of which a commit may end: ranges are cleared before it and swept behind it. */
const COMMIT_WRITES_MAX = 4;
const columns = new BlockColumns();

export class ScheduleServer {
  readonly counters = new Counters();
  readonly log: ScheduleLog;
  rollups: readonly RollupDefinition[] = [];
  queries!: Queries;
  /** Reads all that it is asked for. */
  forgetful!: Queries;
  crashes = 0;
  readonly #options: ServerOptions;
  readonly #store = new MemoryStore();
  #catalog!: RollupsInForce;
  #producer!: Producer;
  #coalescer!: Coalescer;
  #partitions: SimulatedPartition[] = [];
  /** Of each partition, which block it is fed next. */
  #next: number[] = [];
  #lives = 0;
  #version = 0;

  static async start(options: ServerOptions): Promise<ScheduleServer> {
    const server = new ScheduleServer(options);
    await server.#start();
    return server;
  }

  private constructor(options: ServerOptions) {
    const { partitions, random, faults, onLogged } = options;
    this.#options = options;
    this.log = new ScheduleLog(partitions, random, onLogged);
    this.log.faults = faults;
  }

  /** At once, so that they share blocks. Resolves when each is durable or has failed. */
  async send(shipments: readonly Shipment[]): Promise<readonly Sent[]> {
    const sent = await Promise.all(shipments.map((shipment) => this.#sendOne(shipment)));
    if (this.log.hasDied) await this.crash();
    return sent;
  }

  /** Tells all partitions, until the log has taken it. */
  async declare(rollups: readonly RollupDefinition[]): Promise<void> {
    // A change makes new objects, as reading them anew does.
    this.rollups = structuredClone(rollups);
    await this.#appendToAll(() => {
      this.#version += 1;
      const control: RollupsControl = { type: 'setRollups', version: this.#version, rollups };
      return (header) => packControl(header, control);
    });
  }

  heartbeat(): Promise<void> {
    return this.#appendToAll(() => packHeartbeat);
  }

  /** Partitions apply and commit a little, each at its own pace, and may die of it. */
  async work(): Promise<void> {
    const { random, faults } = this.#options;
    try {
      for (let pieces = random.int(0, 6); pieces > 0; pieces--) {
        if (this.#mayCrash(faults.crash)) throw new Crash('the process ended between blocks');
        const partition = random.int(0, this.#partitions.length - 1);
        if (random.chance(0.15)) await this.#commit(partition, true);
        else if (random.chance(0.05)) this.#store.barrier();
        else await this.#feed(partition, true);
      }
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      await this.crash();
    }
  }

  /** Until each partition has applied all that is in the log. */
  async catchUp(): Promise<void> {
    for (let partition = 0; partition < this.#partitions.length; partition++) {
      while (await this.#feed(partition, false));
    }
    await this.#catalog.look();
  }

  async commitAll(): Promise<void> {
    for (const partition of this.#partitions) await partition.commit();
  }

  /** The process is gone, and perhaps what the disk had not taken yet; the next one starts from what is left. */
  async crash(): Promise<void> {
    const { random, faults } = this.#options;
    this.crashes += 1;
    if (random.chance(faults.powerCut)) {
      this.#store.lose(random.int(0, Math.min(LOST_WRITES_MAX, this.#store.unsynced)));
    }
    this.stop();
    await this.#start();
  }

  stop(): void {
    this.queries.close();
    this.#catalog.stop();
  }

  /** As threads answer it, without the threads. */
  get client(): PartitionClient {
    return {
      partitions: this.#options.partitions,
      collect: (partition, request) =>
        this.#ask(partition, (replyTo) => ({ type: 'collect', request, replyTo })),
      ledger: (partition, request) =>
        this.#ask(partition, (replyTo) => ({ type: 'ledger', request, replyTo })),
      overflows: (partition, request) =>
        this.#ask(partition, (replyTo) => ({ type: 'overflows', request, replyTo })),
      appliedOffset: (partition) => this.#at(partition).machine.position,
      endOffset: (partition) => this.log.endOf(partition),
      onApplied: () => () => {},
    };
  }

  async #start(): Promise<void> {
    const { partitions, clock, eventTime } = this.#options;
    this.#lives += 1;
    this.log.hasDied = false;
    this.#producer = new Producer({ id: 1, epoch: this.#lives, partitions, clock });
    this.#coalescer = new Coalescer({
      log: this.log,
      clock,
      producer: this.#producer,
      partitions,
      decodeLimits: DEFAULT_DECODE_LIMITS,
      counters: this.counters,
      logger: silent,
      lingerLookMs: 0,
      eventTime,
    });
    this.#partitions = [];
    for (let partition = 0; partition < partitions; partition++) {
      this.#partitions.push(await SimulatedPartition.load(optionsOf(partition), this.#store));
    }
    this.#next = this.#partitions.map(({ machine }) => {
      const blocks = this.log.of(machine.partition);
      const next = blocks.findIndex(({ offset }) => offset >= machine.neededFrom);
      return next < 0 ? blocks.length : next;
    });
    const state = this.#store;
    this.#catalog = new RollupsInForce({ state, declared: () => this.rollups, isNode: false });
    const stored = storedRollups(state, state.rowWrites);
    const sources = { partitions: this.client, stored, catalog: this.#catalog, clock };
    this.queries = new Queries({ ...sources, keptBytesMax: KEPT_BYTES_MAX });
    this.forgetful = new Queries(sources);
  }

  #sendOne(shipment: Shipment): Promise<Sent> {
    const { tenant, stream, form, body, skewMs, tellsTime } = shipment;
    const { clock } = this.#options;
    const sentAt = tellsTime ? String(clock.now() + skewMs) : undefined;
    const offset = clockOffsetMs(sentAt, clock);
    if (!offset.ok) throw new Error(offset.error.message);
    return new Promise((resolve) => {
      const contribution = new Contribution(false, ({ fault }) =>
        resolve({ isDurable: fault === undefined, accepted, rejected }),
      );
      const destination = { tenant, stream, form, clockOffsetMs: offset.value };
      const { accepted, rejected } = this.#coalescer.add(destination, body, contribution);
      contribution.end();
    });
  }

  /** `attempt` begins anew for each append. */
  async #appendToAll(attempt: () => (header: PlainBlockHeader) => Uint8Array): Promise<void> {
    for (let isDurable = false; !isDurable; ) {
      const pack = attempt();
      const blocks = this.#partitions.map((_, partition) => pack(this.#producer.next(partition)));
      isDurable = await this.log.append(blocks).then(
        () => true,
        () => false,
      );
      if (this.log.hasDied) await this.crash();
    }
  }

  /** Answers false if nothing waits for it. */
  async #feed(partition: number, mayCrash: boolean): Promise<boolean> {
    const at = this.#next[partition] ?? 0;
    const logged = this.log.of(partition)[at];
    if (logged === undefined) return false;
    this.#next[partition] = at + 1;
    const { machine } = this.#at(partition);
    if (logged.offset >= machine.position && this.#options.random.chance(0.2)) {
      machine.advanceTo(logged.offset);
    }
    await this.#at(partition).feed(logged, () => this.#commit(partition, mayCrash));
    return true;
  }

  async #commit(partition: number, mayCrash: boolean): Promise<void> {
    const { random, faults } = this.#options;
    const crashes = mayCrash && this.#mayCrash(faults.crashInCommit);
    if (crashes) this.#store.crashAfter(random.int(0, COMMIT_WRITES_MAX));
    try {
      await this.#at(partition).commit();
    } finally {
      this.#store.crashAfter(Number.POSITIVE_INFINITY);
    }
    // A crash that comes too late for the commit is one behind it.
    if (crashes) throw new Crash('the process ended behind a commit');
  }

  #mayCrash(chance: number): boolean {
    return this.crashes < this.#options.faults.crashesMax && this.#options.random.chance(chance);
  }

  #at(partition: number): SimulatedPartition {
    return this.#partitions[partition] as SimulatedPartition;
  }

  #ask<T>(partition: number, question: (replyTo: Reply<T>) => PartitionQuestion): Promise<T> {
    return new Promise((resolve, reject) => {
      const answers = new Answers(this.#at(partition).machine, this.#store, silent);
      const replyTo: Reply<T> = (answer) =>
        answer instanceof Error ? reject(answer) : resolve(answer);
      answers.answer(question(replyTo)).catch(reject);
    });
  }
}

const optionsOf = (partition: number): MachineOptions => ({
  partition,
  dedup: { idsMax: 1e6, bytesMax: 4e6, offsetsMax: 1e9 },
  dedupSeed: [partition, 77],
  deadLettersMax: 1_000,
  columns,
});
