/** What an attempt makes of a delivery. Pure. */
import type {
  Attempt,
  Delivery,
  Notification,
  Receiver,
  ReceiverRef,
  RetryPolicy,
  SentRequest,
} from '../model/notification.ts';
import { ATTEMPTS_KEPT_MAX, RETRY_AFTER_MS_MAX } from './limits.ts';
import { nextAttemptAt } from './retry.ts';

/** What a sender tells of one attempt. `request` is missing if it did not come to one. */
export interface Sending {
  readonly attempt: Attempt;
  readonly request?: SentRequest;
}

/**
 * Sends one notification once. Never rejects: whatever goes wrong is an outcome. An abort ends it soon.
 * At least once: the receiver may have got what counts as failed, and then gets it again with the same id.
 */
export interface Senders {
  send(notification: Notification, receiver: Receiver, signal: AbortSignal): Promise<Sending>;
}

/** Of a delivery in state `waiting`, what decides on its turn. */
export interface WaitingDelivery {
  readonly id: string;
  readonly sequence: number;
  readonly groupKey: string;
  /** Undefined: at once. */
  readonly nextAttemptAtMs?: number;
  readonly firstAttemptAtMs?: number;
  /** Until when its last attempt's `Retry-After` holds the receiver. */
  readonly heldUntilMs?: number;
}

export function waitingForm(delivery: Delivery): WaitingDelivery {
  const { notification, sequence, nextAttemptAtMs, firstAttemptAtMs, attempts } = delivery;
  const { id, groupKey } = notification;
  const last = attempts.at(-1);
  return {
    ...{ id, sequence, groupKey },
    ...(nextAttemptAtMs !== undefined && { nextAttemptAtMs }),
    ...(firstAttemptAtMs !== undefined && { firstAttemptAtMs }),
    ...(last?.retryAfterMs !== undefined && { heldUntilMs: heldUntilMs(last) }),
  };
}

/** When the receiver may be asked again. */
export const heldUntilMs = ({ atMs, durationMs, retryAfterMs = 0 }: Attempt): number =>
  atMs + durationMs + Math.min(retryAfterMs, RETRY_AFTER_MS_MAX);

export function afterAttempt(
  delivery: Delivery,
  sending: Sending,
  policy: RetryPolicy,
  random: number,
): Delivery {
  const { attempt } = sending;
  const { nextAttemptAtMs: _, ...rest } = delivery;
  const attemptCount = delivery.attemptCount + 1;
  const tried = {
    ...rest,
    attemptCount,
    attempts: [...delivery.attempts, attempt].slice(-ATTEMPTS_KEPT_MAX),
    ...(sending.request && { request: sending.request }),
  };
  if (attempt.outcome === 'delivered') return { ...tried, state: 'delivered' };
  if (attempt.outcome === 'gone') return { ...tried, state: 'cancelled' };
  const failures = attemptCount - (delivery.resent?.attemptCount ?? 0);
  const sinceMs = delivery.firstAttemptAtMs ?? attempt.atMs;
  const nowMs = attempt.atMs + attempt.durationMs;
  const nextMs = nextAttemptAt(policy, failures, sinceMs, attempt, nowMs, random);
  if (nextMs === undefined) return { ...tried, state: 'dead' };
  return { ...tried, state: 'waiting', firstAttemptAtMs: sinceMs, nextAttemptAtMs: nextMs };
}

/** The same message once more: due at once, with the whole schedule before it. */
export function sentAgain(delivery: Delivery, nowMs: number): Delivery {
  const { firstAttemptAtMs: _, ...rest } = delivery;
  return {
    ...rest,
    state: 'waiting',
    nextAttemptAtMs: nowMs,
    resent: { atMs: nowMs, attemptCount: delivery.attemptCount },
  };
}

/** Nothing more comes of it, unless it is sent again by hand. */
export const cancelled = ({ nextAttemptAtMs: _, ...delivery }: Delivery): Delivery => ({
  ...delivery,
  state: 'cancelled',
});

/** As a key of maps: names may hold any character, JSON keeps them apart. */
export const receiverKey = ({ tenant, name }: ReceiverRef): string =>
  JSON.stringify([tenant, name]);
