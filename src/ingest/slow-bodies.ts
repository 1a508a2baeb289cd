/**
 * Bodies that are still arriving. The socket library closes a connection that brings less than 16 KB/s for ten
 * seconds, without a word; here a slow phone gets the configured time and a slow-loris gets a 408.
 */
import type { Clock } from '../model/clock.ts';
import type { Exchange } from './exchange.ts';

interface Arriving {
  readonly exchange: Exchange;
  readonly deadlineMs: number;
}

export class SlowBodies {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  /** Bounded by the connections. In the order of their deadlines. */
  readonly #arriving = new Set<Arriving>();

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** Watches the body of `exchange`; call the answer when it has arrived or is no longer waited for. */
  watch(exchange: Exchange): () => void {
    const arriving = { exchange, deadlineMs: this.#clock.now() + this.#timeoutMs };
    this.#arriving.add(arriving);
    return () => this.#arriving.delete(arriving);
  }

  /** To be called every second or so: well within the library's ten. */
  sweep(): void {
    const now = this.#clock.now();
    for (const { exchange, deadlineMs } of this.#arriving) {
      if (now < deadlineMs) keepAlive(exchange);
      else exchange.refuse(this.#refusal, [], true);
    }
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
