/** One batch of NDJSON to the ingest listener, again and again until the server has said what became of each line. */
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { retryAfterMs } from '../../client/answer.ts';
import { waitMs } from '../../client/backoff.ts';
import { AppError } from '../../model/errors.ts';
import { noServer, type ServerAddress } from '../ask-server.ts';
import { post } from '../post.ts';

export interface RefusedLine {
  /** From 0, in the batch. */
  readonly line: number;
  readonly code: string;
  readonly message: string;
}
/** Of one batch. Each line is durable, or refused for good and kept by the server as a dead letter. */
export interface Outcome {
  readonly accepted: number;
  readonly rejected: number;
  /** The first ones. */
  readonly errors: readonly RefusedLine[];
  /** Absent while the server holds events back for a log that is away. */
  readonly position?: string;
}

export interface BatchTarget extends ServerAddress {
  readonly signal: AbortSignal;
  /** Hears why a batch has to wait, and undefined once the server takes again. */
  readonly onWait: (reason: string | undefined) => void;
}

/** The server's own bound for a body that is on its way, and as long again for the disk. */
const TIMEOUT_MS = 60_000;
/** Somebody watches: a server that is back is found sooner than by a client that runs for months. */
const OWN_WAIT_MS_MAX = 15_000;
/** A restart and a full disk that is cleared fit in; what is not back by then wants a person. */
const GIVE_UP_MS = 600_000;
/** What the server, or a proxy before it, says that passes. */
const PASSING = new Set([408, 429, 500, 502, 503, 504]);

/**
 * Rejects with `query_timeout` if nothing was taken for ten minutes, at once with `query_invalid` where waiting would not help. Whether an
 * attempt without an answer was taken is not known: the events must have ids.
 */
export async function postBatch(body: Buffer, target: BatchTarget): Promise<Outcome> {
  const startedMs = performance.now();
  for (let failures = 1; ; failures++) {
    const answer = await attempt(body, target);
    if ('outcome' in answer) {
      if (failures > 1) target.onWait(undefined);
      return answer.outcome;
    }
    if ('isTooLarge' in answer) return halved(body, target);
    if (performance.now() - startedMs > GIVE_UP_MS) throw answer.fault;
    target.onWait(answer.fault.message);
    const ownMs = Math.min(OWN_WAIT_MS_MAX, waitMs(failures, undefined, Math.random()));
    await sleep(Math.max(answer.afterMs ?? 0, ownMs), undefined, { signal: target.signal });
  }
}

type Answer =
  | { readonly outcome: Outcome }
  | { readonly isTooLarge: true }
  | { readonly fault: AppError; readonly afterMs: number | undefined };

async function attempt(body: Buffer, { url, headers, signal }: BatchTarget): Promise<Answer> {
  let answer: IncomingMessage;
  let said: Said;
  try {
    const all = { ...headers, 'content-type': 'application/x-ndjson' };
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    answer = await post(url, all, body, AbortSignal.any([signal, timeout]));
    said = parsed(await text(answer));
  } catch (cause) {
    if (signal.aborted) throw cause;
    return { fault: noServer(url, cause, '--ingest-url'), afterMs: undefined };
  }
  const status = answer.statusCode ?? 0;
  const isOutcome = status === 200 || said.error?.code === 'all_rejected';
  if (isOutcome && isCounted(said)) return { outcome: said };
  if (status === 413 && body.indexOf(10) < body.length - 1) return { isTooLarge: true };
  const words = said.error?.message ?? 'nothing that an ingest listener says; see --ingest-url';
  const message = `the server at ${url.origin} said ${status}: ${words}`;
  if (!PASSING.has(status)) throw new AppError('query_invalid', message);
  const afterMs = retryAfterMs(answer.headers['retry-after'], Date.now());
  return { fault: new AppError('query_timeout', message), afterMs };
}

/** The server allows less in a request: the two halves, whose lines are counted on. */
async function halved(body: Buffer, target: BatchTarget): Promise<Outcome> {
  const middle = body.indexOf(10, Math.min(body.length >> 1, body.lastIndexOf(10, -2))) + 1;
  const first = await postBatch(body.subarray(0, middle), target);
  const second = await postBatch(body.subarray(middle), target);
  const lines = linesIn(body.subarray(0, middle));
  return {
    ...second,
    accepted: first.accepted + second.accepted,
    rejected: first.rejected + second.rejected,
    errors: [
      ...first.errors,
      ...second.errors.map((error) => ({ ...error, line: error.line + lines })),
    ],
  };
}

/** Empty ones, too, of which the server says nothing. */
function linesIn(body: Buffer): number {
  let lines = 0;
  for (let at = body.indexOf(10); at !== -1; at = body.indexOf(10, at + 1)) lines++;
  return lines;
}

interface Said extends Partial<Outcome> {
  readonly error?: { readonly code?: string; readonly message?: string };
}

const isCounted = (said: Said): said is Said & Outcome =>
  typeof said.accepted === 'number' && typeof said.rejected === 'number' && 'errors' in said;

function parsed(json: string): Said {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** Before anything is read: a wrong address is told at once, and not after ten minutes of attempts. */
export async function assertAnswers({ url, signal }: BatchTarget): Promise<void> {
  try {
    await (await fetch(new URL('/healthz', url), { signal })).arrayBuffer();
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw noServer(url, cause, '--ingest-url');
  }
}
