/** Reads a request's body and hands it over whole. */
import { Body, type BodyMemory } from './body-memory.ts';
import type { Ending, Exchange } from './exchange.ts';
import { bodyTooLarge } from './inflate.ts';
import type { Refusal } from './refusal.ts';
import type { Arriving, SlowBodies } from './slow-bodies.ts';

export interface BodyRules {
  readonly memory: BodyMemory;
  readonly slowBodies: SlowBodies;
  readonly bodyBytesMax: number;
}

/** Who wants a body. */
export interface BodyTaker {
  /** Whether a body of this length must be copied, even if it came in one piece. */
  mustOwn(length: number): boolean;
  take(body: ReceivedBody): void;
}

/** The body's bytes, and how to give them back (once is enough, more does no harm). */
export interface ReceivedBody {
  readonly bytes: Uint8Array;
  /** False: the bytes lie in the socket's own buffer. */
  readonly isOwned: boolean;
  release(): void;
}

/**
 * Gives `taker` the body, unless the exchange ends before: the sender leaves, takes too long, sends too much, or there
 * is no memory. A body that came in one piece lies in the socket's own buffer, gone when `take` returns, unless it must
 * be owned.
 */
export function receiveBody(exchange: Exchange, rules: BodyRules, taker: BodyTaker): void {
  const arrival = new Arrival(exchange, rules, taker);
  exchange.onOver(arrival);
  rules.slowBodies.watch(arrival);
  exchange.res.onData((chunk, isLast) => arrival.add(chunk, isLast));
}

/** One object a request: those of small events are mostly what is made for them. */
class Arrival implements Arriving, Ending {
  readonly exchange: Exchange;
  deadlineMs = Number.POSITIVE_INFINITY;
  readonly #rules: BodyRules;
  readonly #taker: BodyTaker;
  #body: Body | undefined;

  constructor(exchange: Exchange, rules: BodyRules, taker: BodyTaker) {
    this.exchange = exchange;
    this.#rules = rules;
    this.#taker = taker;
  }

  exchangeOver(): void {
    this.#rules.slowBodies.unwatch(this);
    this.#body?.release();
  }

  add(chunk: ArrayBuffer, isLast: boolean): void {
    const { exchange } = this;
    if (exchange.isOver) return;
    const bytes = Buffer.from(chunk);
    const { memory, bodyBytesMax } = this.#rules;
    const length = (this.#body?.length ?? 0) + bytes.length;
    if (length > bodyBytesMax) {
      exchange.refuse(bodyTooLarge(bodyBytesMax), [], true);
      return;
    }
    if (isLast && this.#body === undefined && !this.#taker.mustOwn(length)) {
      this.#arrived({ bytes, isOwned: false, release: NOTHING_TO_DO });
      return;
    }
    this.#body ??= new Body(memory);
    const body = this.#body;
    if (!body.append(bytes)) exchange.refuse(NO_MEMORY, [], true);
    else if (isLast) {
      this.#arrived({ bytes: body.bytes(), isOwned: true, release: () => body.release() });
    }
  }

  #arrived(whole: ReceivedBody): void {
    this.#rules.slowBodies.unwatch(this);
    this.exchange.onOver(undefined);
    this.#taker.take(whole);
  }
}

const NOTHING_TO_DO = () => {};

export const NO_MEMORY: Refusal = {
  code: 'overloaded',
  message: 'too many bodies are arriving at once: send the request again',
  retryAfterMs: 1_000,
};
