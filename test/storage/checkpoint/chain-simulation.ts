/**
 * One seed: nodes that lead one after the other, and sometimes several that think they do. They die in any call of the archive and
 * before any write to their own state, answers are lost, some sleep through what others do. A leader numbers what it tells: it looks for
 * the first number that its rows do not have, commits it with an id of its own, and tells. Whatever happens, each number is told
 * under one id, and whoever leads later knows it.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { AppError } from '../../../src/model/errors.ts';
import { DAY_MS } from '../../../src/model/units.ts';
import type { Archive } from '../../../storage/archive/archive.ts';
import type { CheckpointPart } from '../../../storage/checkpoint/checkpoint-set.ts';
import { CheckpointStore } from '../../../storage/checkpoint/checkpoint-store.ts';
import { LedChanges } from '../../../storage/checkpoint/led-changes.ts';
import { takeCheckpoint } from '../../../storage/checkpoint/take.ts';
import { takeChain } from '../../../storage/checkpoint/take-chain.ts';
import { BOARD_ROW, boardKey, boardRange } from '../../../storage/state/board-keys.ts';
import { STATE_VERSION } from '../../../storage/state/rocksdb.ts';
import { type StateStore, scan } from '../../../storage/state/state.ts';
import { MemoryStore } from '../../simulation/memory-store.ts';
import { Random } from '../../simulation/random.ts';
import { type FaultRates, faultyArchive } from '../archive/faulty-archive.ts';
import { MemoryArchive } from '../archive/memory-archive.ts';
import { silent } from '../archive/silent.ts';
import { Died, Process, Turns } from '../archive/turns.ts';

export interface ChainReport {
  told: number;
  leaders: number;
  rounds: number;
  /** Of server rows, that a round had. */
  parts: number;
  deaths: number;
  lost: number;
  failed: number;
}

/** What a seed has to find. */
export interface Planted {
  /** In front of the archive of each node. */
  readonly archive?: (archive: Archive, store: () => CheckpointStore) => Archive;
  /** In place of the commits of a leader. */
  readonly commit?: (led: LedChanges, state: StateStore) => LedChanges['commit'];
}

const TOLD_MAX = 30;
const LEADERS_MAX = 40;
const RATES: FaultRates = { die: 0.008, unavailable: 0.03, io: 0.004 };
const NO_RATES: FaultRates = { die: 0, unavailable: 0, io: 0 };
/** Of writes to a node's own state. */
const DIE_IN_WRITE = 0.01;

/** Rejects if anything is not as it must be. */
export async function simulateChain(seed: number, planted: Planted = {}): Promise<ChainReport> {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  try {
    const world = new World(seed, dir, planted);
    await world.live();
    return world.report;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

class World {
  readonly #random: Random;
  readonly #turns: Turns;
  readonly #archive: MemoryArchive;
  readonly #dir: string;
  readonly #planted: Planted;
  readonly #nodes = new Set<Process>();
  readonly #failures: unknown[] = [];
  /** States of nodes that are not at work: who takes one finds what was left there. */
  readonly #left: MemoryStore[] = [];
  /** The id of each number, as it was told. */
  readonly #told = new Map<number, string>();
  #nowMs = 1_000 * DAY_MS;
  #started = 0;
  readonly report: ChainReport = {
    ...{ told: 0, leaders: 0, rounds: 0, parts: 0, deaths: 0, lost: 0, failed: 0 },
  };

  constructor(seed: number, dir: string, planted: Planted) {
    this.#random = new Random(seed);
    this.#turns = new Turns(this.#random, filesAreAtRest);
    this.#archive = new MemoryArchive({ clock: { now: () => this.#nowMs } });
    this.#dir = dir;
    this.#planted = planted;
  }

  async live(): Promise<void> {
    this.#start();
    await this.#turns.run();
    if (this.#failures.length > 0) throw this.#failures[0];
    for (const node of this.#nodes) this.#turns.kill(node);
    // One more, to which nothing happens, knows all that was ever told.
    const last = this.#serve(new Process(this.#started++), NO_RATES, 0);
    await Promise.all([last, this.#turns.run()]);
    this.report.told = this.#told.size;
  }

  /** A node that leads, and after it the next one. */
  #start(): void {
    const node = new Process(this.#started++);
    this.#nodes.add(node);
    void this.#serve(node, RATES, this.#random.int(5, 40))
      .catch((error: unknown) => this.#count(error))
      .finally(() => {
        this.#nodes.delete(node);
        this.#startIfNone();
      });
  }

  #startIfNone(): void {
    const isLed = [...this.#nodes].some(({ pausedUntil }) => pausedUntil <= this.#turns.now);
    const isOver = this.#told.size >= TOLD_MAX || this.#failures.length > 0;
    if (!isLed && !isOver && this.#started < LEADERS_MAX) this.#start();
  }

  #count(error: unknown): void {
    if (error instanceof Died) this.report.deaths++;
    else if (error instanceof AppError && error.code === 'not_leader') this.report.lost++;
    else if (error instanceof AppError && error.message === 'planted') this.report.failed++;
    else this.#failures.push(error);
  }

  async #serve(node: Process, rates: FaultRates, doings: number): Promise<void> {
    const memory = this.#left.pop() ?? new MemoryStore();
    const state = this.#stateOf(node, memory, rates);
    const store = this.#storeOf(node, rates);
    const sleep = () => this.#turns.take(node);
    const log = silent;
    try {
      const life = await store.claimLife(1, 'node', { now: () => this.#nowMs });
      const layout = { stateVersion: STATE_VERSION, partitions: 1 };
      const toldBefore = new Map(this.#told);
      const workDir = join(this.#dir, `rows-${node.id}`);
      const options = { store, state, life, ...layout, workDir, sleep, log };
      const { chain } = await takeChain({ ...options, local: undefined });
      const known = await rowsIn(memory);
      for (const [number, id] of toldBefore) {
        assert.equal(
          known.get(number),
          id,
          `the leader of term ${life} knows what was told as ${number}`,
        );
      }
      this.report.leaders++;
      const led = new LedChanges({ chain, state, sleep, log, onLost: () => undefined });
      await this.#lead({ node, led, state, memory, store, known, workDir }, doings);
      await led.end();
    } finally {
      this.#left.push(memory);
    }
  }

  async #lead(leader: Leader, doings: number): Promise<void> {
    const { led, state, known } = leader;
    const commit = this.#planted.commit?.(led, state) ?? led.commit.bind(led);
    let round = 0;
    let parts: readonly CheckpointPart[] = [];
    for (let doing = 0; doing < doings && known.size < 2 * TOLD_MAX; doing++) {
      this.#nowMs += this.#random.int(0, 600_000);
      if (this.#random.chance(0.05)) this.#nowMs += DAY_MS;
      const chance = this.#random.next();
      if (chance < 0.25) parts = await this.#round(leader, ++round, parts);
      else if (chance < 0.5) {
        const at = boardKey(BOARD_ROW.run, 'acme', String(this.#random.int(0, 3)));
        await commit([{ key: at, value: Buffer.from(String(doing)) }]);
      } else {
        const number = known.size;
        const id = `${number} of term ${led.life}`;
        await commit([{ key: keyOf(number), value: Buffer.from(id) }], 'synced');
        known.set(number, id);
        this.#tell(number, id);
      }
    }
  }

  #tell(number: number, id: string): void {
    assert.equal(this.#told.get(number) ?? id, id, `${number} is told under one id`);
    this.#told.set(number, id);
  }

  async #round(
    { node, led, memory, store, workDir }: Leader,
    number: number,
    known: readonly CheckpointPart[],
  ): Promise<readonly CheckpointPart[]> {
    const { set } = await takeCheckpoint({
      ...{ store, known, offsetBase: 0, serverVersion: '0', stateVersion: STATE_VERSION },
      ...{ partitions: 1, isTouched: false, isAlone: false, setsKept: this.#random.int(2, 3) },
      turn: { life: led.life, number },
      owned: () => [],
      chainLife: led.life,
      committed: () => [0],
      snapshot: async function* (range) {
        yield await memory.page(range, 1_000);
      },
      positionOf: Number,
      workDir: `${workDir}-round`,
      pace: async () => undefined,
      sleep: async () => {
        await this.#turns.take(node);
        if (this.#random.chance(0.5)) await led.flush();
      },
      clock: { now: () => this.#nowMs },
    });
    this.report.rounds++;
    this.report.parts += set.parts.length;
    return set.parts;
  }

  #stateOf(node: Process, memory: MemoryStore, rates: FaultRates): StateStore {
    const turn = async () => {
      await this.#turns.take(node);
      if (rates === NO_RATES || !this.#random.chance(DIE_IN_WRITE)) return;
      this.#turns.kill(node);
      throw new Died();
    };
    return {
      getMany: (keys) => memory.getMany(keys),
      page: (range, rowsMax) => memory.page(range, rowsMax),
      clear: async (range) => {
        await turn();
        await memory.clear(range);
      },
      commit: async (ops, durability) => {
        await turn();
        await memory.commit(ops, durability);
      },
    };
  }

  #storeOf(node: Process, rates: FaultRates): CheckpointStore {
    const clock = { now: () => this.#nowMs };
    const faulty = faultyArchive({
      archive: this.#archive,
      process: node,
      turns: this.#turns,
      random: this.#random,
      rates,
      begin: () => {
        if (rates !== NO_RATES) this.#perhapsSleep(node);
      },
      look: () => undefined,
    });
    const archive = this.#planted.archive?.(faulty, () => store) ?? faulty;
    const store = new CheckpointStore({ archive, logId: 'x', log: silent, clock });
    return store;
  }

  /** Sometimes a leader is thought to be dead while it only sleeps. */
  #perhapsSleep(node: Process): void {
    if (!this.#random.chance(0.02)) return;
    node.pausedUntil = this.#turns.now + this.#random.int(10, 800);
    this.#startIfNone();
  }
}

interface Leader {
  readonly node: Process;
  readonly led: LedChanges;
  readonly state: StateStore;
  readonly memory: MemoryStore;
  readonly store: CheckpointStore;
  /** What its rows have, as a board knows them: as of its start, and what it has committed since. */
  readonly known: Map<number, string>;
  readonly workDir: string;
}

const keyOf = (number: number): Uint8Array =>
  boardKey(BOARD_ROW.silence, 'acme', String(number).padStart(4, '0'));

async function rowsIn(state: MemoryStore): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for await (const { value } of scan(state, boardRange(BOARD_ROW.silence))) {
    found.set(found.size, Buffer.from(value).toString());
  }
  return found;
}

/** Parts of checkpoints go through files of this machine, which takes no turn. */
async function filesAreAtRest(): Promise<void> {
  for (let quiet = 0; quiet < 3; quiet++) {
    await setImmediate();
    if (process.getActiveResourcesInfo().some((name) => name.includes('Req'))) quiet = -1;
  }
}
