/** How often and how fast a crashed actor is started again. Pure: time and chance are handed in. */

export interface RestartLimit {
  /** Restarts within `withinMs` before the actor counts as failed. */
  readonly maxRestarts: number;
  readonly withinMs: number;
  /** Wait before the first restart; doubles with each further one in the window, up to the maximum. */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /**
   * How often a failed actor is tried again, for ever; absent: never. With it a fault that goes away by itself (a full
   * disk) needs no operator at night, and one that stays costs next to nothing.
   */
  readonly retryFailedMs?: number;
}

export type RestartDecision =
  | { readonly restart: 'soon'; readonly delayMs: number }
  /** The limit is passed: health must say so. */
  | { readonly restart: 'slowly'; readonly delayMs: number }
  | { readonly restart: 'never' };

export class RestartBudget {
  readonly #limit: RestartLimit;
  readonly #random: () => number;
  /** Times of the crashes that still count; at most `maxRestarts + 1`. */
  #crashesMs: number[] = [];

  /** `random` answers numbers in [0, 1). */
  constructor(limit: RestartLimit, random: () => number) {
    this.#limit = limit;
    this.#random = random;
  }

  /** Decides about the crash that just happened. */
  crashed(nowMs: number): RestartDecision {
    const { maxRestarts, withinMs, backoffMinMs, backoffMaxMs, retryFailedMs } = this.#limit;
    this.#crashesMs = this.#crashesMs.filter((at) => at > nowMs - withinMs).slice(-maxRestarts);
    this.#crashesMs.push(nowMs);
    const crashes = this.#crashesMs.length;
    if (crashes > maxRestarts) {
      if (retryFailedMs === undefined) return { restart: 'never' };
      return { restart: 'slowly', delayMs: this.#jittered(retryFailedMs) };
    }
    const backoffMs = Math.min(backoffMaxMs, backoffMinMs * 2 ** (crashes - 1));
    return { restart: 'soon', delayMs: this.#jittered(backoffMs) };
  }

  /** Between half and all of it: what crashed together does not come back together. */
  #jittered(ms: number): number {
    return Math.round(ms * (0.5 + this.#random() / 2));
  }
}
