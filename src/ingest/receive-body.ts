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

/** The body's bytes, and how to give them back (once is enough, more does no harm). */
export interface ReceivedBody {
  readonly bytes: Uint8Array;
  /** False: the bytes lie in the socket's own buffer. */
  readonly isOwned: boolean;
  release(): void;
}

/**
 * Calls `whole` once, unless the exchange ends before: the sender leaves, takes too long, sends too much, or there
 * is no memory. A body that came in one piece lies in the socket's own buffer, gone when `whole` returns, unless
 * `mustOwn` says of its length that it must be copied.
 */
export function receiveBody(
  exchange: Exchange,
  { memory, slowBodies, bodyBytesMax }: BodyRules,
  mustOwn: (length: number) => boolean,
  whole: (body: ReceivedBody) => void,
): void {
  const body = new Body(memory);
  const arriving = slowBodies.watch(exchange);
  const release = () => body.release();
  exchange.onOver(() => {
    slowBodies.unwatch(arriving);
    release();
  });
  exchange.res.onData((chunk, isLast) => {
    if (exchange.isOver) return;
    const bytes = Buffer.from(chunk);
    const length = body.length + bytes.length;
    if (length > bodyBytesMax) {
      exchange.refuse(bodyTooLarge(bodyBytesMax), [], true);
    } else if (isLast && body.length === 0 && !mustOwn(length)) {
      slowBodies.unwatch(arriving);
      whole({ bytes, isOwned: false, release });
    } else if (!body.append(bytes)) {
      exchange.refuse(NO_MEMORY, [], true);
    } else if (isLast) {
      slowBodies.unwatch(arriving);
      exchange.onOver(() => {});
      whole({ bytes: body.bytes(), isOwned: true, release });
    }
  });
}

export const NO_MEMORY: Refusal = {
  code: 'overloaded',
  message: 'too many bodies are arriving at once: send the request again',
  retryAfterMs: 1_000,
};
