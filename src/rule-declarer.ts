/**
 * Tells the partitions what rules they shall count for. A rule that is stored and not told would be judged on nothing until
 * somebody changes another one: so what fails is tried again until it, or what has changed since, is in the log.
 */
import type { AlarmRule } from './model/alarm.ts';
import { AppError } from './model/errors.ts';
import type { Logger } from './model/logger.ts';

export interface RuleDeclarerOptions {
  /** Resolves when the log holds the rollups of these rules, the complete set. */
  readonly redefine: (rules: readonly AlarmRule[]) => Promise<void>;
  readonly sleep: (ms: number) => Promise<void>;
  readonly log: Logger;
}

/** What a full log does not explain passes by itself or not at all: often enough to be soon, seldom enough for the log. */
const RETRY_MS = 5_000;

export class RuleDeclarer {
  readonly #options: RuleDeclarerOptions;
  #newest = 0;

  constructor(options: RuleDeclarerOptions) {
    this.#options = options;
  }

  /** Rejects if it failed at first. It goes on trying then, and says so. */
  async declare(rules: readonly AlarmRule[]): Promise<void> {
    const set = ++this.#newest;
    try {
      await this.#options.redefine(rules);
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
