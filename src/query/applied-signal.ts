/** Turns "some offset has moved" into few callbacks, and waits for it only while somebody listens. */
import type { Scheduler } from './live-query.ts';

export class AppliedSignal {
  readonly #moved: () => Promise<void>;
  readonly #scheduler: Scheduler;
  readonly #restMs: number;
  readonly #listeners = new Set<() => void>();
  #isWaiting = false;

  /**
   * `moved` resolves when an offset has moved since it was called. Between two callbacks lie at least `restMs`: under
   * load offsets move thousands of times a second, and nobody who listens could use that.
   */
  constructor(moved: () => Promise<void>, scheduler: Scheduler, restMs = 10) {
    this.#moved = moved;
    this.#scheduler = scheduler;
    this.#restMs = restMs;
  }

  /** Answers what ends it. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    if (!this.#isWaiting) void this.#wait();
    return () => this.#listeners.delete(listener);
  }

  async #wait(): Promise<void> {
    this.#isWaiting = true;
    while (this.#listeners.size > 0) {
      await this.#moved();
      // The rest comes first: what moves meanwhile is told with it.
      await new Promise<void>((resolve) => this.#scheduler.after(this.#restMs, resolve));
      for (const listener of [...this.#listeners]) listener();
    }
    this.#isWaiting = false;
  }
}
