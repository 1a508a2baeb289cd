/** One request to the ingest listener, by the `fetch` that browsers and Node.js have in common. */
import type { Answer } from './answer.ts';

/** The server's own bound for a body that is on its way. */
const TIMEOUT_MS = 30_000;

/** `sentAt`: what this clock shows as the request leaves, so that the server can put the times of wrong clocks right. */
export function eventsUrl(
  { url, stream = 'events' }: { readonly url: string; readonly stream?: string | undefined },
  sentAt: number,
  key?: string,
): string {
  const query = new URLSearchParams({ stream, sentAt: String(Math.round(sentAt)) });
  if (key !== undefined) query.set('key', key);
  return `${url.replace(/\/+$/, '')}/v1/events?${query}`;
}

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
