/**
 * Something costly that is there while it is wanted, a thread mostly: whoever uses it first starts it, and when nobody has for
 * a while it is ended. Two of them never run at once: they may share a folder.
 */
import { AppError } from '../model/errors.ts';

export interface Ending {
  /** It has ended, whoever wanted that: the next use starts another. */
  readonly hasEnded: boolean;
  /** Resolves when another may start. */
  close(): Promise<void>;
}

export class OnDemand<T extends Ending> {
  readonly #start: () => T;
  readonly #idleMs: number;
  #newest: T | undefined;
  #ending: Promise<void> = Promise.resolve();
  #uses = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** `idleMs`: so long after its last use it is ended. */
  constructor(start: () => T, idleMs: number) {
    this.#start = start;
    this.#idleMs = idleMs;
  }

  /** Undefined if there is none now; starts nothing. */
  get running(): T | undefined {
    return this.#newest?.hasEnded === false ? this.#newest : undefined;
  }

  /** It is not ended under `work`. Rejects with what `work` does, or `actor_stopped` after `close`. */
  async use<R>(work: (running: T) => Promise<R> | R): Promise<R> {
    this.#uses += 1;
    clearTimeout(this.#timer);
    try {
      await this.#ending;
      if (this.#isClosed) throw new AppError('actor_stopped', 'the server is stopping');
      return await work(this.#started());
    } finally {
      this.#uses -= 1;
      this.keep();
    }
  }

  /** Starts it for what it does by itself. */
  wake(): void {
    void this.#ending.then(() => {
      if (this.#isClosed) return;
      this.#started();
      this.keep();
    });
  }

  /** As a use would, this puts its end off; starts nothing. */
  keep(): void {
    clearTimeout(this.#timer);
    if (this.#uses > 0 || this.#isClosed) return;
    this.#timer = setTimeout(() => void this.#end(), this.#idleMs).unref();
  }

  /** For good. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#end();
  }

  #started(): T {
    this.#newest = this.running ?? this.#start();
    return this.#newest;
  }

  #end(): Promise<void> {
    const { running } = this;
    this.#newest = undefined;
    if (running !== undefined) this.#ending = running.close();
    return this.#ending;
  }
}
