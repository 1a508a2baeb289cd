/**
 * Lets a bounded number of tasks work at the same time and a bounded number wait, and shares both between those who ask: a place
 * that becomes free goes to who has the fewest tasks at work, in turns among equals (Nagle, RFC 970); one who comes when all
 * waiting places are taken gets that of the newest task of who has most (the "longest queue drop" of Suter et al., 1999).
 * Alone, anybody has all of it.
 */
import { AppError } from '../model/errors.ts';

export interface GateBounds {
  readonly runningMax: number;
  readonly waitingMax: number;
  /** At work for one who asks, so that something is left for others even when nobody of them waits. Default: all. */
  readonly runningMaxEach?: number;
}

interface Waiting {
  readonly enter: () => void;
  readonly refuse: (fault: AppError) => void;
}

export class Gate {
  readonly #bounds: Required<GateBounds>;
  /** By who asks; who was served last comes last. None is empty. */
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #running = new Map<string, number>();
  #runningCount = 0;
  #waitingCount = 0;

  constructor(bounds: GateBounds) {
    this.#bounds = { runningMaxEach: bounds.runningMax, ...bounds };
  }

  get running(): number {
    return this.#runningCount;
  }

  get waiting(): number {
    return this.#waitingCount;
  }

  /** Rejects with `query_overload` if too many wait; otherwise with what the task rejects with. */
  async run<T>(who: string, task: () => Promise<T>): Promise<T> {
    await this.#enter(who);
    try {
      return await task();
    } finally {
      this.#leave(who);
    }
  }

  #enter(who: string): Promise<void> | undefined {
    const hasRoom = this.#runningCount < this.#bounds.runningMax && this.#mayRun(who);
    // Others may wait nevertheless: those who have all that one may have.
    if (hasRoom && !this.#waiting.has(who)) {
      this.#start(who);
      return undefined;
    }
    const own = this.#waiting.get(who) ?? [];
    if (this.#waitingCount >= this.#bounds.waitingMax) this.#makeRoomFor(own.length);
    this.#waiting.set(who, own);
    this.#waitingCount++;
    return new Promise((enter, refuse) => own.push({ enter, refuse }));
  }

  #start(who: string): void {
    this.#runningCount++;
    this.#running.set(who, this.#runningOf(who) + 1);
  }

  /** The place passes directly to who is next, so that a newcomer cannot overtake. */
  #leave(who: string): void {
    this.#runningCount--;
    const left = this.#runningOf(who) - 1;
    if (left === 0) this.#running.delete(who);
    else this.#running.set(who, left);
    const next = this.#next();
    if (next === undefined) return;
    const [first] = this.#waiting.get(next)?.splice(0, 1) ?? [];
    this.#waitingCount--;
    this.#moveToEnd(next);
    this.#start(next);
    first?.enter();
  }

  /** Of those who wait and may have more, who has the fewest at work and was served the longest ago. */
  #next(): string | undefined {
    const able = [...this.#waiting.keys()].filter((who) => this.#mayRun(who));
    const fewest = Math.min(...able.map((who) => this.#runningOf(who)));
    return able.find((who) => this.#runningOf(who) === fewest);
  }

  #moveToEnd(who: string): void {
    const own = this.#waiting.get(who) ?? [];
    this.#waiting.delete(who);
    if (own.length > 0) this.#waiting.set(who, own);
  }

  /** Who has `own` waiting takes a place from who has more than one more; nobody else does, or two would take turns at it. */
  #makeRoomFor(own: number): void {
    const longest = Math.max(...[...this.#waiting.values()].map(({ length }) => length));
    const from = [...this.#waiting].find(([, { length }]) => length === longest);
    const fault = new AppError(
      'query_overload',
      `${this.#runningCount} queries work and ${this.#waitingCount} wait: try again shortly`,
    );
    if (from === undefined || longest <= own + 1) throw fault;
    const [who, queue] = from;
    queue.pop()?.refuse(fault);
    this.#waitingCount--;
    if (queue.length === 0) this.#waiting.delete(who);
  }

  readonly #mayRun = (who: string): boolean => this.#runningOf(who) < this.#bounds.runningMaxEach;

  readonly #runningOf = (who: string): number => this.#running.get(who) ?? 0;
}
