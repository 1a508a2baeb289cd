/** Lets a bounded number of tasks work at the same time and a bounded number wait, in order. */
import { AppError } from '../model/errors.ts';

export class Gate {
  readonly #runningMax: number;
  readonly #waitingMax: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(runningMax: number, waitingMax: number) {
    this.#runningMax = runningMax;
    this.#waitingMax = waitingMax;
  }

  /** Rejects with `query_overload` if too many wait already; otherwise with what the task rejects with. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    await this.#enter();
    try {
      return await task();
    } finally {
      // The place passes directly to the next in line, so that a newcomer cannot overtake.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  #enter(): Promise<void> | undefined {
    if (this.#running < this.#runningMax) {
      this.#running++;
      return undefined;
    }
    if (this.#waiting.length >= this.#waitingMax) {
      throw new AppError(
        'query_overload',
        `${this.#running} queries work and ${this.#waiting.length} wait: try again shortly`,
      );
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
