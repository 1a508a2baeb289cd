/** Test events: by one somebody sees that what is sent arrives, before anything is set up to send events. */
import type { Clock } from '../model/clock.ts';
import { AppError } from '../model/errors.ts';
import type { EventsToSend, SendRefusal, SentEvents } from '../model/event-to-send.ts';
import { isStreamName, STREAM_NAME_RULE } from '../model/stream-name.ts';
import { TEST_EVENT_EVERY_MS } from './limits.ts';

/** All that any of them has: whoever finds one among other events reads what it is. */
export const TEST_EVENT = '{"type":"test_event","note":"sent by sendTestEvent"}';

export type SentTestEvent =
  | {
      readonly ok: true;
      /** False: it is durable, and was not seen to be applied in time. */
      readonly isApplied: boolean;
      /** Behind it; empty while it is spooled. */
      readonly position: string;
    }
  | { readonly ok: false; readonly refusal: SendRefusal };

export interface TestEventsPort {
  /** Throws `query_invalid` for what names no stream, and `query_overload` if the tenant's last one is not `TEST_EVENT_EVERY_MS` ago. */
  send(tenant: string, stream: string): Promise<SentTestEvent>;
}

export interface TestEventsOptions {
  readonly send: (events: EventsToSend) => Promise<SentEvents>;
  readonly clock: Clock;
}

export class TestEvents implements TestEventsPort {
  readonly #options: TestEventsOptions;
  /** By tenant: as many as the configuration has. */
  readonly #lastMs = new Map<string, number>();

  constructor(options: TestEventsOptions) {
    this.#options = options;
  }

  async send(tenant: string, stream: string): Promise<SentTestEvent> {
    if (!isStreamName(stream)) {
      throw new AppError('query_invalid', `${STREAM_NAME_RULE}, received "${stream}"`);
    }
    this.#takeTurn(tenant);
    const sent = await this.#options.send({ tenant, events: [{ stream, event: TEST_EVENT }] });
    if (!sent.ok) return sent;
    const [event] = sent.events;
    if (event?.outcome === 'refused') return { ok: false, refusal: event };
    return { ok: true, isApplied: event?.outcome === 'applied', position: sent.position };
  }

  #takeTurn(tenant: string): void {
    const nowMs = this.#options.clock.now();
    const agoMs = nowMs - (this.#lastMs.get(tenant) ?? Number.NEGATIVE_INFINITY);
    // A clock that was set back holds nobody up.
    if (agoMs >= 0 && agoMs < TEST_EVENT_EVERY_MS) {
      throw new AppError(
        'query_overload',
        `a tenant's test events are ${TEST_EVENT_EVERY_MS} ms apart at least, and the last one was ${agoMs} ms ago: send the next one later`,
      );
    }
    this.#lastMs.set(tenant, nowMs);
  }
}
