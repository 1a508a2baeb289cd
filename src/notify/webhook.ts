/**
 * Sends notifications by HTTP. An attempt has a connection of its own: each passes the guard, none outlives its judgement.
 * Redirects are answers like others: whom to tell is the configuration's to say, not the receiver's.
 */
import { buildConnector, Client, type Dispatcher } from 'undici';
import type { Clock } from '../model/clock.ts';
import type { Attempt, Notification, WebhookReceiver } from '../model/notification.ts';
import { attempted, type Found } from './attempt.ts';
import type { Sending } from './delivery.ts';
import type { Guard } from './guard.ts';
import { RESPONSE_BODY_BYTES_MAX, RESPONSE_BODY_WAIT_MS_MAX } from './limits.ts';
import { retryAfterMs } from './retry.ts';
import { type WebhookRequest, webhookRequest } from './webhook-request.ts';

export async function sendWebhook(
  notification: Notification,
  receiver: WebhookReceiver,
  guard: Guard,
  clock: Clock,
  signal: AbortSignal,
): Promise<Sending> {
  const request = webhookRequest(notification, receiver, clock.now());
  if (!request.ok) {
    return attempted(clock, signal, undefined, async () => ({
      outcome: 'failed',
      detail: request.error,
    }));
  }
  return attempted(clock, signal, request.value.shown, () =>
    exchange(request.value, receiver, guard, clock, signal),
  );
}

async function exchange(
  { url, headers, body }: WebhookRequest,
  { method, timeoutMs }: WebhookReceiver,
  guard: Guard,
  clock: Clock,
  signal: AbortSignal,
): Promise<Found> {
  const client = new Client(url.origin, {
    connect: guardedConnector(guard, timeoutMs, signal),
    pipelining: 0,
    headersTimeout: timeoutMs,
    bodyTimeout: Math.min(timeoutMs, RESPONSE_BODY_WAIT_MS_MAX),
  });
  try {
    const path = `${url.pathname}${url.search}`;
    const answer = await client.request({ path, method, headers, body, signal });
    return judged(answer, clock, await beginningOf(answer.body));
  } finally {
    await client.destroy();
  }
}

/** TLS, if there is any, begins on a connection that was judged already. */
function guardedConnector(
  guard: Guard,
  timeoutMs: number,
  signal: AbortSignal,
): buildConnector.connector {
  const connectTls = buildConnector({ timeout: timeoutMs, allowH2: false });
  return (options, done) => {
    const { hostname, port, protocol } = options;
    const portOrDefault = Number(port || (protocol === 'https:' ? 443 : 80));
    guard.connect(hostname, portOrDefault, signal).then(
      (socket) => {
        if (protocol === 'https:') connectTls({ ...options, httpSocket: socket }, done);
        else done(null, socket);
      },
      (error: Error) => done(error, null),
    );
  };
}

/**
 * - 2xx: delivered.
 * - 410: the receiver is gone, which Standard Webhooks makes the word for "never again".
 * - Everything else failed and is tried again until it is given up: 408, 425, 429 and 5xx because they pass by themselves,
 *   the other 4xx and redirects because someone may mend the endpoint meanwhile, and an alarm is worth more than the requests.
 */
function judged(answer: Dispatcher.ResponseData, clock: Clock, text: string): Found {
  const { statusCode: status, headers } = answer;
  const waitMs = retryAfterMs(single(headers['retry-after']), clock.now());
  const said = text === '' ? '' : `: ${text}`;
  return {
    outcome: outcomeOf(status),
    status,
    detail:
      status >= 300 && status < 400
        ? `HTTP ${status}: redirects are not followed; it leads to ${single(headers['location']) ?? 'nowhere'}`
        : `HTTP ${status}${said}`,
    ...(waitMs !== undefined && outcomeOf(status) === 'failed' && { retryAfterMs: waitMs }),
  };
}

function outcomeOf(status: number): Attempt['outcome'] {
  if (status >= 200 && status < 300) return 'delivered';
  return status === 410 ? 'gone' : 'failed';
}

/** Whatever happens to it, the status has been given. */
async function beginningOf(body: Dispatcher.ResponseData['body']): Promise<string> {
  const timer = setTimeout(() => body.destroy(), RESPONSE_BODY_WAIT_MS_MAX);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= RESPONSE_BODY_BYTES_MAX) break;
    }
  } catch {
    // It was cut off: what came of it is told.
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks).subarray(0, RESPONSE_BODY_BYTES_MAX).toString();
}

const single = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header;
