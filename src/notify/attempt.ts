/** One attempt, measured and told: whatever a sender throws is an outcome. */
import type { Clock } from '../model/clock.ts';
import type { Attempt, SentRequest } from '../model/notification.ts';
import type { Sending } from './delivery.ts';
import { AddressRefused } from './guard.ts';
import { DETAIL_CHARS_MAX } from './limits.ts';

/** What a sender found out; `delivered` where it says nothing else. */
export type Found = Partial<Omit<Attempt, 'atMs' | 'durationMs'>>;

/** Sending came to an end that says more than its message: an SMTP reply. */
export class SendingFailed extends Error {
  readonly found: Found;

  constructor(message: string, found: Found, cause: unknown) {
    super(message, { cause });
    this.name = 'SendingFailed';
    this.found = found;
  }
}

/**
 * @param signal its abort is told as what it is: the time ran out
 */
export async function attempted(
  clock: Clock,
  signal: AbortSignal,
  request: SentRequest | undefined,
  work: () => Promise<Found>,
): Promise<Sending> {
  const atMs = clock.now();
  const found = await work().catch((error: unknown) => foundIn(error, signal));
  const attempt: Attempt = {
    outcome: 'delivered',
    ...found,
    atMs,
    // The wall clock may have been set back meanwhile.
    durationMs: Math.max(0, clock.now() - atMs),
    detail: bounded(found.detail ?? ''),
  };
  return { attempt, ...(request && { request }) };
}

function foundIn(error: unknown, signal: AbortSignal): Found {
  const causes = causesOf(error);
  const refused = causes.find((cause) => cause instanceof AddressRefused);
  if (refused !== undefined) return { outcome: 'refused', detail: refused.message };
  if (signal.aborted) return { outcome: 'failed', detail: reasonOf(signal) };
  const detail = causes.map(textOf).filter(Boolean).join(': ') || 'unknown error';
  const known = causes.find((cause) => cause instanceof SendingFailed);
  return { outcome: 'failed', detail, ...known?.found };
}

/** The error and what it says was behind it, at most four deep. */
function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = [];
  for (let cause = error; cause !== undefined && causes.length < 4; ) {
    causes.push(cause);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes;
}

/** Node gathers the failures of several addresses in one error without a message. */
function textOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(textOf).join('; ');
  return error instanceof Error ? error.message || error.name : String(error);
}

const reasonOf = ({ reason }: AbortSignal): string =>
  reason instanceof Error ? reason.message : 'the attempt was ended';

/** Control characters would act on the terminals that show this. */
function bounded(detail: string): string {
  return detail
    .slice(0, DETAIL_CHARS_MAX)
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim();
}
