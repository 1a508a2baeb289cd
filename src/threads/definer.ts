/** Logs definitions of rollups at any time: the newest last, and again for as long as the log does not take them. */
import type { RollupsControl } from '../model/rollup.ts';

export interface DefinerOptions {
  /** Resolves when all partitions have it in the log. */
  readonly append: (control: RollupsControl) => Promise<unknown>;
  readonly sleep: (ms: number) => Promise<void>;
  /** Whether an append that has failed so may succeed later. */
  readonly isPassing: (error: unknown) => boolean;
  /** Some definitions find no room and wait for it. */
  readonly onWait: () => void;
}

/** Shorter than the log's own look at the disk, so that definitions come before the events that room lets in. */
const RETRY_MS = 100;

export class Definer {
  readonly #options: DefinerOptions;
  #newest = Number.NEGATIVE_INFINITY;
  /** Of the newest. */
  #logged: Promise<void> = Promise.resolve();

  constructor(options: DefinerOptions) {
    this.#options = options;
  }

  /** Resolves when these, or newer ones, are durable. Rejects with whatever room does not help against. */
  define(control: RollupsControl): Promise<void> {
    if (control.version <= this.#newest) return this.#logged;
    this.#newest = control.version;
    this.#logged = this.#log(control);
    return this.#logged;
  }

  async #log(control: RollupsControl): Promise<void> {
    const { append, isPassing, sleep, onWait } = this.#options;
    for (let attempt = 0; control.version === this.#newest; attempt++) {
      try {
        await append(control);
        return;
      } catch (error) {
        if (!isPassing(error)) throw error;
        if (attempt === 0) onWait();
        await sleep(RETRY_MS);
      }
    }
    await this.#logged;
  }
}
