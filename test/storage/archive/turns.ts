/** Lets processes that share an archive go on by turns, in an order that a seed decides. */
import { setImmediate } from 'node:timers/promises';
import type { Random } from '../../simulation/random.ts';

/** What a process that has died throws from whatever it was waiting for. */
export class Died extends Error {
  constructor() {
    super('this process has died');
  }
}

export class Process {
  readonly id: number;
  isDead = false;
  /** Gets no turn before this one, unless nobody else waits. */
  pausedUntil = 0;

  constructor(id: number) {
    this.id = id;
  }
}

export class Turns {
  readonly #random: Random;
  readonly #settled: (() => Promise<unknown>) | undefined;
  #waiting: { readonly process: Process; readonly go: () => void; readonly die: () => void }[] = [];
  now = 0;

  /** @param settled for processes that also do what takes no turn: resolves when all of them wait for one */
  constructor(random: Random, settled?: () => Promise<unknown>) {
    this.#random = random;
    this.#settled = settled;
  }

  /** Waits for a turn of this process. */
  take(process: Process): Promise<void> {
    if (process.isDead) return Promise.reject(new Died());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ process, go: resolve, die: () => reject(new Died()) });
    return promise;
  }

  kill(process: Process): void {
    process.isDead = true;
    for (const { process: waiting, die } of this.#waiting) if (waiting === process) die();
    this.#waiting = this.#waiting.filter((waiting) => waiting.process !== process);
  }

  /** Gives turns until nobody waits. */
  async run(): Promise<void> {
    for (;;) {
      await (this.#settled ?? setImmediate)();
      if (this.#waiting.length === 0) return;
      // In which order they have come is not the seed's.
      if (this.#settled !== undefined) this.#waiting.sort((a, b) => a.process.id - b.process.id);
      this.now++;
      const awake = this.#waiting.filter(({ process }) => process.pausedUntil <= this.now);
      const next = this.#random.pick(awake.length > 0 ? awake : this.#waiting);
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      next.go();
    }
  }
}
