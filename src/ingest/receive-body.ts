/** Reads a request's body and hands it over whole. */
import { Body, type BodyMemory } from './body-memory.ts';
import type { Exchange } from './exchange.ts';
import { bodyTooLarge } from './inflate.ts';
import type { Refusal } from './refusal.ts';
import type { SlowBodies } from './slow-bodies.ts';

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
export function receiveBody(
  exchange: Exchange,
  { memory, slowBodies, bodyBytesMax }: BodyRules,
  taker: BodyTaker,
): void {
  let body: Body | undefined;
  const arriving = slowBodies.watch(exchange);
  exchange.onOver(() => {
    slowBodies.unwatch(arriving);
    body?.release();
  });
  const arrived = (whole: ReceivedBody) => {
    slowBodies.unwatch(arriving);
    exchange.onOver(NOTHING_TO_DO);
    taker.take(whole);
  };
  exchange.res.onData((chunk, isLast) => {
    if (exchange.isOver) return;
    const bytes = Buffer.from(chunk);
    const length = (body?.length ?? 0) + bytes.length;
    if (length > bodyBytesMax) {
      exchange.refuse(bodyTooLarge(bodyBytesMax), [], true);
      return;
    }
    if (isLast && body === undefined && !taker.mustOwn(length)) {
      arrived({ bytes, isOwned: false, release: NOTHING_TO_DO });
      return;
    }
    body ??= new Body(memory);
    const growing = body;
    if (!growing.append(bytes)) exchange.refuse(NO_MEMORY, [], true);
    else if (isLast) {
      arrived({ bytes: growing.bytes(), isOwned: true, release: () => growing.release() });
    }
  });
}

const NOTHING_TO_DO = () => {};

export const NO_MEMORY: Refusal = {
  code: 'overloaded',
  message: 'too many bodies are arriving at once: send the request again',
  retryAfterMs: 1_000,
};
