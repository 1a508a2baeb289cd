/** One request to the ingest listener, by the `fetch` that browsers and Node.js have in common. */
import type { Answer } from './answer.ts';

/** The server's own bound for a body that is on its way. */
const TIMEOUT_MS = 30_000;

/** At the ingest listener. Parameters that are undefined are left out. */
export function addressAt(
  url: string,
  path: '/v1/events' | '/v1/ws',
  parameters: Readonly<Record<string, string | undefined>>,
): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) query.set(name, value);
  }
  return `${url.replace(/\/+$/, '')}${path}?${query}`;
}

/** Of requests: `sentAt` is what this clock shows as one leaves, so that the server can put the times of wrong clocks right. */
export const eventsUrl = (url: string, stream: string, key?: string): string =>
  addressAt(url, '/v1/events', { stream, sentAt: String(Date.now()), key });

/** Of frames, which have no place for that: their events have the times of this clock as it is. */
export const framesUrl = (url: string, stream: string, key?: string): string =>
  addressAt(url.replace(/^http/, 'ws'), '/v1/ws', { stream, key });

/** Rejects if no answer came in time. */
export async function post(
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers,
    body,
    credentials: 'omit',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const { status } = response;
  const retryAfter = response.headers.get('retry-after') ?? undefined;
  return { status, retryAfter, text: await response.text() };
}
