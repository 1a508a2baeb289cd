/**
 * Tells the partitions what people want to be counted: alarm rules, or rollups. What is stored and not told would count nothing
 * until somebody changes another one: so what fails is tried again until it, or what has changed since, is in the log.
 *
 * Each declaration carries all of them into the log of every partition, and makes each of them commit. So a change waits while
 * another is under way, and past a number of them for its second; what else has changed meanwhile goes with it.
 */
import type { Clock } from './model/clock.ts';
import { AppError } from './model/errors.ts';
import type { Logger } from './model/logger.ts';

export interface DeclarerOptions<T> {
  /** As people call them: `alarm rules`. */
  readonly what: string;
  /** Resolves when the log holds what partitions keep for these, the complete set. */
  readonly redefine: (wanted: readonly T[]) => Promise<void>;
  readonly clock: Clock;
  readonly sleep: (ms: number) => Promise<void>;
  readonly log: Logger;
}

/** What a full log does not explain passes by itself or not at all: often enough to be soon, seldom enough for the log. */
const RETRY_MS = 5_000;
/** Declarations in the long run. One takes every partition some milliseconds: seldom enough to be no load, and people do not mind. */
const DECLARE_EVERY_MS = 1_000;
/** So many more at once: who adds a file of them one by one is not held up. */
const DECLARE_BURST = 20;

export class Declarer<T> {
  readonly #options: DeclarerOptions<T>;
  #newest = 0;
  #isClosed = false;
  #wanted: readonly T[] = [];
  /** Will declare `#wanted`, whatever these are by then. */
  #next: Promise<void> | undefined;
  #underWay: Promise<unknown> = Promise.resolve();
  /** Each declaration has moved it by its time: as far as it is ahead of the clock, the burst is used up. */
  #paidToMs = Number.NEGATIVE_INFINITY;

  constructor(options: DeclarerOptions<T>) {
    this.#options = options;
  }

  /** Rejects if it failed at first. It goes on trying then, and says so. */
  async declare(wanted: readonly T[]): Promise<void> {
    const set = ++this.#newest;
    this.#wanted = wanted;
    try {
      this.#next ??= this.#declareNext();
      await this.#next;
    } catch (error) {
      if (this.#isClosed) throw error;
      void this.#again(wanted, set, error);
      if (!(error instanceof AppError)) throw error;
      const { code, message, location } = error;
      const text = `the change is stored, and partitions count for it once the log takes it, which is tried again: ${message}`;
      throw new AppError(code, text, location, error);
    }
  }

  /** Nothing is declared any more, not even what waits for its second: another node may declare by then. */
  close(): void {
    this.#isClosed = true;
  }

  async #declareNext(): Promise<void> {
    await this.#underWay;
    if (!this.#isClosed) await this.#pay();
    this.#next = undefined;
    if (this.#isClosed)
      throw new AppError('actor_stopped', `${this.#options.what} are not declared here any more`);
    const declared = this.#options.redefine(this.#wanted);
    this.#underWay = declared.catch(() => {});
    return declared;
  }

  async #pay(): Promise<void> {
    const { clock, sleep } = this.#options;
    const nowMs = clock.now();
    const burstMs = DECLARE_EVERY_MS * DECLARE_BURST;
    // The wall clock may have been set back.
    const paidToMs = Math.min(Math.max(this.#paidToMs, nowMs), nowMs + burstMs);
    this.#paidToMs = paidToMs + DECLARE_EVERY_MS;
    const waitMs = this.#paidToMs - nowMs - burstMs;
    if (waitMs > 0) await sleep(waitMs);
  }

  async #again(wanted: readonly T[], set: number, fault: unknown): Promise<void> {
    const { what, redefine, sleep, log } = this.#options;
    for (let err = fault; this.#isWanted(set); ) {
      log.error({ err }, `partitions do not count for changed ${what} yet: trying again`);
      await sleep(RETRY_MS);
      if (!this.#isWanted(set)) return;
      try {
        await redefine(wanted);
        log.info({ count: wanted.length }, `partitions count for the changed ${what} now`);
        return;
      } catch (error) {
        err = error;
      }
    }
  }

  #isWanted(set: number): boolean {
    return !this.#isClosed && set === this.#newest;
  }
}
