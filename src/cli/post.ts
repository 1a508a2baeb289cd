/** Requests to a running server whose answers are read as they come. */
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { noServer } from './ask-server.ts';

type Headers = Readonly<Record<string, string>>;

/** A body that is not written to until the answer has begun: it is not copied, as `fetch` does twice. */
export function post(
  url: URL,
  headers: Headers,
  body: Buffer,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers, signal });
    sent.on('response', resolve);
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Not by `fetch`, which gives up an answer that has nothing for minutes: a rare event is long waited for. */
export async function postJson(
  url: URL,
  headers: Headers,
  body: object,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const all = { ...headers, 'content-type': 'application/json' };
  try {
    return await post(url, all, Buffer.from(JSON.stringify(body)), signal);
  } catch (error) {
    throw signal.aborted ? error : noServer(url, error);
  }
}
