/** What an answer of the ingest listener means to the events of its request. */

export interface Answer {
  readonly status: number;
  /** The header, if there was one. */
  readonly retryAfter: string | undefined;
  readonly text: string;
}

export type Verdict =
  /** Each event is durable, or refused for good and kept by the server as a dead letter. */
  | { readonly type: 'settled'; readonly rejected: number; readonly reason: string }
  /** The request is longer than the server allows; half of it may not be. */
  | { readonly type: 'tooLarge'; readonly reason: string }
  /** Nothing is known to be taken: the same events later. `afterMs` is the server's own word. */
  | { readonly type: 'later'; readonly afterMs: number | undefined; readonly reason: string };

/** A server that wants more is asked before: no proxy's mistake silences a client for days. */
const RETRY_AFTER_MS_MAX = 3_600_000;
const REASON_LENGTH_MAX = 300;

interface Body {
  readonly accepted?: unknown;
  readonly rejected?: unknown;
  readonly errors?: readonly { readonly message?: unknown }[];
  readonly error?: { readonly code?: unknown; readonly message?: unknown };
}

/**
 * Only what a Streamgauge says itself settles anything: a hotel's sign-in page answers 200 too. A refusal of the whole
 * request (a wrong key, a page that may not send) may be mended at the server, so its events wait.
 */
export function verdictOf({ status, retryAfter, text }: Answer, nowMs: number): Verdict {
  const body = parsed(text);
  const isOutcome = status === 200 || body.error?.code === 'all_rejected';
  if (isOutcome && typeof body.accepted === 'number' && typeof body.rejected === 'number') {
    return { type: 'settled', rejected: body.rejected, reason: words(body.errors?.[0]?.message) };
  }
  const reason = `${status} ${words(body.error?.message) || 'from something that is no Streamgauge: check the URL'}`;
  if (status === 413) return { type: 'tooLarge', reason };
  return { type: 'later', afterMs: retryAfterMs(retryAfter, nowMs), reason };
}

function parsed(text: string): Body {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

const words = (message: unknown): string =>
  typeof message === 'string' ? message.slice(0, REASON_LENGTH_MAX) : '';

/** Seconds or a date (RFC 9110, section 10.2.3); undefined for anything else. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined || header === '') return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX);
}
