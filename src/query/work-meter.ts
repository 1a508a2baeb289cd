/**
 * Adds up what one answer takes of the thread. Between its awaits others work, sometimes for long, so the time that has passed
 * says nothing about it.
 */
export class WorkMeter {
  #ms = 0;

  get ms(): number {
    return this.#ms;
  }

  /** Runs and counts; must not await. */
  run<T>(work: () => T): T {
    const startMs = performance.now();
    try {
      return work();
    } finally {
      this.#ms += performance.now() - startMs;
    }
  }
}
