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
  /** The request is longer than the server allows, or something before it; half of it may not be. */
  | { readonly type: 'tooLarge'; readonly reason: string }
  /** Nothing is known to be taken: the same events later. `afterMs` is the server's own word. */
  | { readonly type: 'later'; readonly afterMs: number | undefined; readonly reason: string };

/** A server that wants more is asked before: no proxy's mistake silences a client for days. */
const RETRY_AFTER_MS_MAX = 3_600_000;
const REASON_LENGTH_MAX = 300;
/** Of an event that nothing between here and the server finds too long for good: the lowest bounds of proxies are some KiB. */
const SHORT_EVENT_BYTES = 4_096;

interface Body {
  readonly accepted?: unknown;
  readonly rejected?: unknown;
  readonly errors?: readonly { readonly message?: unknown }[];
  readonly error?: { readonly code?: unknown; readonly message?: unknown };
}

/**
 * Only what a Streamgauge says itself settles anything: a hotel's sign-in page answers 200 too. A refusal of the whole
 * request (a wrong key, a page that may not send) may be mended at the server, so its events wait. So they do where something on the way has
 * made the request shorter, or finds even a short event too long.
 */
export function verdictOf(
  { status, retryAfter, text }: Answer,
  sent: readonly { readonly bytes: number }[],
  nowMs: number,
): Verdict {
  const body = parsed(text);
  const isOutcome = status === 200 || body.error?.code === 'all_rejected';
  if (isOutcome && typeof body.accepted === 'number' && typeof body.rejected === 'number') {
    const { accepted, rejected, errors } = body;
    const heard = accepted + rejected;
    if (heard === sent.length) {
      return { type: 'settled', rejected, reason: words(errors?.[0]?.message) };
    }
    const reason = `${heard} events of ${sent.length}: something between here and the server changes requests`;
    return { type: 'later', afterMs: undefined, reason };
  }
  const reason = `${status} ${words(body.error?.message) || 'from something that is no Streamgauge: check the URL'}`;
  const isShort = sent.length === 1 && sent.every(({ bytes }) => bytes < SHORT_EVENT_BYTES);
  const isPassing = isShort && body.error === undefined;
  if (status === 413 && !isPassing) return { type: 'tooLarge', reason };
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
