/**
 * Bodies that are still arriving. The socket library closes a connection that brings less than 16 KB/s for ten
 * seconds, without a word; here a slow phone gets the configured time and a slow-loris gets a 408.
 */
import type { Clock } from '../model/clock.ts';
import type { Exchange } from './exchange.ts';

export interface Arriving {
  readonly exchange: Exchange;
  /** Set here, once it is known to take longer than its headers. */
  deadlineMs: number;
}

export class SlowBodies {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  /** Bounded by the connections. In the order of their deadlines. */
  readonly #arriving = new Set<Arriving>();
  /** Not in the set yet: most bodies come along with their headers, and are over before the next request begins. */
  #newest: Arriving | undefined;

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  watch(arriving: Arriving): void {
    this.#settleNewest();
    this.#newest = arriving;
  }

  /** The body has arrived or is no longer waited for. More than once does no harm. */
  unwatch(arriving: Arriving): void {
    if (arriving === this.#newest) this.#newest = undefined;
    else this.#arriving.delete(arriving);
  }

  /** To be called every second or so: well within the library's ten. */
  sweep(): void {
    const now = this.#clock.now();
    this.#settleNewest();
    for (const { exchange, deadlineMs } of this.#arriving) {
      if (now < deadlineMs) keepAlive(exchange);
      else exchange.refuse(this.#refusal, [], true);
    }
  }

  /** Its time begins here: at the next request or sweep, so that bodies which are there at once need no clock. */
  #settleNewest(): void {
    const newest = this.#newest;
    if (newest === undefined) return;
    newest.deadlineMs = this.#clock.now() + this.#timeoutMs;
    this.#arriving.add(newest);
    this.#newest = undefined;
  }

  get #refusal() {
    return {
      code: 'body_timeout',
      message: `a body must arrive within ${this.#timeoutMs} ms: send fewer events per request`,
      limit: this.#timeoutMs,
    } as const;
  }
}

/** Pausing and resuming restarts the library's own timeout, and is its only call that does. */
function keepAlive({ res }: Exchange): void {
  res.pause();
  res.resume();
}
