/** Drives a partition's machine over a log as its actor does, and lets the process die wherever it can. */
import assert from 'node:assert/strict';
import { writeCommit } from '../../actors/partition/commit.ts';
import type { MachineOptions, PartitionMachine } from '../../actors/partition/machine.ts';
import { verdictRange } from '../../storage/state/keys.ts';
import { Follower } from './follower.ts';
import { Crash, MemoryStore } from './memory-store.ts';
import { SimulatedPartition } from './partition.ts';
import type { Random } from './random.ts';
import type { Step } from './workload.ts';

export interface Faults {
  /** Chance of each before any step. */
  readonly crash: number;
  /** A crash inside a commit, between any two of its writes. */
  readonly crashInCommit: number;
  /** Crashes after which nothing goes wrong any more: else a long log would never come to its end. */
  readonly crashesMax: number;
  /** That a crash also takes the newest writes, as a power cut does. */
  readonly powerCut: number;
}

export const NO_FAULTS: Faults = { crash: 0, crashInCommit: 0, crashesMax: 0, powerCut: 0 };

export class PartitionRun {
  readonly store = new MemoryStore();
  /** Outlives every crash, as those do who were told. */
  readonly follower = new Follower();
  /** The log before it is deleted. */
  logStart = 0;
  crashes = 0;
  readonly #options: MachineOptions;
  readonly #steps: readonly Step[];
  readonly #random: Random;
  readonly #faults: Faults;
  #partition!: SimulatedPartition;
  /** Index of the next step to hand over. */
  #next = 0;
  /** As the last commit that was written said. */
  #committedNeed = 0;

  constructor(options: MachineOptions, steps: readonly Step[], random: Random, faults: Faults) {
    this.#options = options;
    this.#steps = steps;
    this.#random = random;
    this.#faults = faults;
  }

  get machine(): PartitionMachine {
    return this.#partition.machine;
  }

  /** Until every block is applied and committed. */
  async finish(): Promise<void> {
    await this.#start();
    const random = this.#random;
    while (this.#next < this.#steps.length) {
      try {
        if (this.#mayCrash(this.#faults.crash)) throw new Crash('the process ended between blocks');
        if (random.chance(0.12)) await this.#commit(true);
        else if (random.chance(0.04)) await this.#shortenLog();
        else await this.#feed(this.#steps[this.#next] as Step);
        await this.follower.look(this.machine, this.store);
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
        this.crashes += 1;
        this.follower.crashed(this.machine);
        const { unsynced } = this.store;
        const isPowerCut = random.chance(this.#faults.powerCut);
        if (isPowerCut) this.store.lose(random.int(0, Math.min(4, unsynced)));
        await this.#start();
      }
    }
    await this.#commit(false);
    await this.follower.look(this.machine, this.store);
  }

  async #start(): Promise<void> {
    this.#partition = await SimulatedPartition.load(this.#options, this.store);
    const { neededFrom } = this.machine;
    this.#committedNeed = neededFrom;
    assert(neededFrom >= this.logStart, 'the log that is needed has been deleted');
    this.#next = this.#steps.findIndex(({ logged }) => logged.offset >= neededFrom);
    if (this.#next < 0) this.#next = this.#steps.length;
  }

  async #feed({ logged }: Step): Promise<void> {
    const { machine } = this;
    this.#next += 1;
    if (logged.offset >= machine.position && this.#random.chance(0.2)) {
      machine.advanceTo(logged.offset);
    }
    await this.#partition.feed(logged, () => this.#commit(true));
  }

  async #commit(mayCrash: boolean): Promise<void> {
    const random = this.#random;
    const crashes = mayCrash && this.#mayCrash(this.#faults.crashInCommit);
    const commit = this.machine.takeCommit();
    if (crashes) this.store.crashAfter(random.int(0, commit.clears.length + commit.sweeps.length));
    try {
      const { letters } = await writeCommit(this.store, commit);
      this.machine.committed(letters);
    } finally {
      this.store.crashAfter(Number.POSITIVE_INFINITY);
    }
    this.#committedNeed = commit.neededFrom;
    // A crash that comes too late for the commit is one behind it.
    if (crashes) throw new Crash('the process ended behind a commit');
  }

  #mayCrash(chance: number): boolean {
    return this.crashes < this.#faults.crashesMax && this.#random.chance(chance);
  }

  async #shortenLog(): Promise<void> {
    this.logStart = Math.max(this.logStart, this.#committedNeed);
    this.store.barrier();
    await this.store.clear(verdictRange(this.#options.partition, 0, this.logStart));
  }
}
