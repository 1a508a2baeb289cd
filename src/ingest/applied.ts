/** `ack=applied`: waits until the aggregates hold what a request has logged. */
import type { BlockRows } from './contribution.ts';
import { APPLIED_TIMEOUT_MS, APPLIED_WAITS_MAX } from './limits.ts';

export interface Applied {
  /** False: it was not seen to be applied in time. It is durable and will be. */
  readonly applied: boolean;
  /** Of the rows, how many an earlier event with the same id made void. */
  readonly duplicates: number;
}

/** Resolves once all rows are applied, with how many of them were duplicates; undefined if that takes too long. */
export type WhenApplied = (
  rows: readonly BlockRows[],
  timeoutMs: number,
) => Promise<number | undefined>;

const NOT_SEEN: Applied = { applied: false, duplicates: 0 };

export class AppliedWaits {
  readonly #whenApplied: WhenApplied;
  #waiting = 0;

  constructor(whenApplied: WhenApplied) {
    this.#whenApplied = whenApplied;
  }

  /** Answers at once where too many wait already. Never rejects. */
  async wait(rows: readonly BlockRows[]): Promise<Applied> {
    if (this.#waiting >= APPLIED_WAITS_MAX) return NOT_SEEN;
    this.#waiting += 1;
    try {
      const duplicates = await this.#whenApplied(rows, APPLIED_TIMEOUT_MS);
      return duplicates === undefined ? NOT_SEEN : { applied: true, duplicates };
    } catch {
      // A partition that restarts cannot say; the events themselves are safe in the log.
      return NOT_SEEN;
    } finally {
      this.#waiting -= 1;
    }
  }
}
