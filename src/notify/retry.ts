/** When a delivery is tried again. Pure: time and chance are passed in. */
import type { Attempt, RetryPolicy } from '../model/notification.ts';
import { RETRY_AFTER_MS_MAX } from './limits.ts';

/**
 * When the next attempt is due, or undefined when the delivery is dead.
 *
 * The wait doubles with each failure from `waitMsMin` up to `waitMsMax`; the due time lies anywhere between half of
 * `waitMsMin` and that wait (full jitter, with a floor so that a failing receiver is not asked again at once): receivers
 * that fail together do not come back together. The last attempt falls on the end of `giveUpAfterMs`, and only that undercuts a
 * `Retry-After`: a receiver that asks for more patience than there is gets one more chance, and the message too.
 *
 * @param failures attempts so far, at least 1, this one included
 * @param sinceMs when `giveUpAfterMs` began to count: the first attempt
 * @param random from [0, 1)
 */
export function nextAttemptAt(
  policy: RetryPolicy,
  failures: number,
  sinceMs: number,
  last: Pick<Attempt, 'retryAfterMs'>,
  nowMs: number,
  random: number,
): number | undefined {
  const endMs = sinceMs + policy.giveUpAfterMs;
  if (nowMs >= endMs) return undefined;
  // 2^30 is past every sensible ratio of the two bounds, and finite.
  const ceilingMs = Math.min(policy.waitMsMax, policy.waitMsMin * 2 ** Math.min(failures - 1, 30));
  const floorMs = policy.waitMsMin / 2;
  const backOffMs = floorMs + random * Math.max(0, ceilingMs - floorMs);
  const allowedMs = nowMs + Math.min(last.retryAfterMs ?? 0, RETRY_AFTER_MS_MAX);
  return Math.min(Math.max(Math.ceil(nowMs + backOffMs), allowedMs), endMs);
}

/** `Retry-After` in both of its forms (RFC 9110, 10.2.3) as milliseconds from now, bounded; undefined if it says nothing. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim();
  if (text === undefined || text === '') return undefined;
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1000 : httpDateMs(text) - nowMs;
  if (Number.isNaN(waitMs)) return undefined;
  return Math.min(Math.max(0, waitMs), RETRY_AFTER_MS_MAX);
}

/** Only what looks like an HTTP date: `Date.parse` also takes `-5` and `1.5` for dates. */
function httpDateMs(text: string): number {
  return /^[A-Z][a-z]+,? /.test(text) ? Date.parse(text) : Number.NaN;
}
