/** Events that the server sends for somebody who asks it to, as an edge is told of them: dead letters again, and test events. */
import type { LetterAt } from './dead-letter.ts';

export interface EventToSend {
  readonly stream: string;
  /** One JSON object. */
  readonly event: string;
  /** The dead letter whose place it takes. It has an id then: whatever becomes of this attempt, it counts once. */
  readonly letter?: LetterAt;
}

/** Of one tenant. */
export interface EventsToSend {
  readonly tenant: string;
  readonly events: readonly EventToSend[];
}

/** `accepted`: durable, and not seen to be applied in time. Codes of `refused` are those of the ingest answer. */
export type SentEvent =
  | { readonly outcome: 'applied' | 'duplicate' | 'accepted' }
  | { readonly outcome: 'refused'; readonly code: string; readonly message: string };

/** Why nothing was sent, or it is not known that all of it was: what has an id may be sent again, and counts once. */
export interface SendRefusal {
  readonly code: string;
  readonly message: string;
  readonly retryAfterMs?: number;
}

export type SentEvents =
  | {
      readonly ok: true;
      /** In the order in which they were given. */
      readonly events: readonly SentEvent[];
      /** Behind the events, and behind the control blocks that drop their letters; empty while they are spooled. */
      readonly position: string;
      /** Behind the control blocks alone. */
      readonly dropPosition: string;
    }
  | { readonly ok: false; readonly refusal: SendRefusal };
