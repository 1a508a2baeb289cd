/** A question to a running server whose answer is read as it comes. */
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { noServer } from './ask-server.ts';

/** Not by `fetch`, which gives up an answer that has nothing for minutes: a rare event is long waited for. */
export function postJson(
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: object,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      signal,
    });
    sent.on('response', resolve);
    sent.on('error', (error) => reject(signal.aborted ? error : noServer(url, error)));
    sent.end(JSON.stringify(body));
  });
}
