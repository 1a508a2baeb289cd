/**
 * Tells the partitions what rules they shall count for. A rule that is stored and not told would be judged on nothing until
 * somebody changes another one: so what fails is tried again until it, or what has changed since, is in the log.
 *
 * Each declaration carries all rules into the log of every partition, and makes each of them commit. So a change waits while
 * another is under way, and past a number of them for its second; what else has changed meanwhile goes with it.
 */
import type { AlarmRule } from './model/alarm.ts';
import type { Clock } from './model/clock.ts';
import { AppError } from './model/errors.ts';
import type { Logger } from './model/logger.ts';

export interface RuleDeclarerOptions {
  /** Resolves when the log holds the rollups of these rules, the complete set. */
  readonly redefine: (rules: readonly AlarmRule[]) => Promise<void>;
  readonly clock: Clock;
  readonly sleep: (ms: number) => Promise<void>;
  readonly log: Logger;
}

/** What a full log does not explain passes by itself or not at all: often enough to be soon, seldom enough for the log. */
const RETRY_MS = 5_000;
/** Declarations in the long run. One takes every partition some milliseconds: seldom enough to be no load, and people do not mind. */
const DECLARE_EVERY_MS = 1_000;
/** So many more at once: who adds a file of rules one by one is not held up. */
const DECLARE_BURST = 20;

export class RuleDeclarer {
  readonly #options: RuleDeclarerOptions;
  #newest = 0;
  #rules: readonly AlarmRule[] = [];
  /** Will declare `#rules`, whatever these are by then. */
  #next: Promise<void> | undefined;
  #underWay: Promise<unknown> = Promise.resolve();
  /** Each declaration has moved it by its time: as far as it is ahead of the clock, the burst is used up. */
  #paidToMs = Number.NEGATIVE_INFINITY;

  constructor(options: RuleDeclarerOptions) {
    this.#options = options;
  }

  /** Rejects if it failed at first. It goes on trying then, and says so. */
  async declare(rules: readonly AlarmRule[]): Promise<void> {
    const set = ++this.#newest;
    this.#rules = rules;
    try {
      this.#next ??= this.#declareNext();
      await this.#next;
    } catch (error) {
      void this.#again(rules, set, error);
      if (!(error instanceof AppError)) throw error;
      const { code, message, location } = error;
      const text = `the change is stored, and partitions count for it once the log takes it, which is tried again: ${message}`;
      throw new AppError(code, text, location, error);
    }
  }

  /** Nothing is tried again. */
  close(): void {
    this.#newest += 1;
  }

  async #declareNext(): Promise<void> {
    await this.#underWay;
    await this.#pay();
    this.#next = undefined;
    const declared = this.#options.redefine(this.#rules);
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

  async #again(rules: readonly AlarmRule[], set: number, fault: unknown): Promise<void> {
    const { redefine, sleep, log } = this.#options;
    for (let err = fault; set === this.#newest; ) {
      log.error({ err }, 'partitions do not count for changed alarm rules yet: trying again');
      await sleep(RETRY_MS);
      if (set !== this.#newest) return;
      try {
        await redefine(rules);
        log.info({ rules: rules.length }, 'partitions count for the changed alarm rules now');
        return;
      } catch (error) {
        err = error;
      }
    }
  }
}
