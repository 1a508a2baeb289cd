/** Which of some ids the running server has events of, however long ago they came: its memory of ids has an end, its archive not. */
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../../config.ts';
import { AppError } from '../../model/errors.ts';
import { askServer, serverAddress } from '../ask-server.ts';
import { postJson } from '../post.ts';

type Options = Readonly<Record<string, unknown>>;

/** Ids between two, ends included, or some. */
export type AskedIds =
  | { readonly from: string; readonly to: string }
  | { readonly ids: readonly string[] };

/** Of a condition: some 40 KB of a request. */
const IDS_MAX = 1_000;
const WAIT_MS = 1_000;
const WAITS_MAX = 600;

const NOW = `query ($stream: String!, $from: Timestamp!) {
  ledgerLines(stream: $stream, from: $from) { position }
}`;

/** What has been applied when it is called is in the answer. */
export async function arrivedIds(
  asked: AskedIds,
  stream: string,
  config: Config,
  options: Options,
  signal: AbortSignal,
): Promise<Set<string>> {
  const server = askServer(config, options);
  const now = await server.ask<{ ledgerLines: { position: string } }>(NOW, {
    stream,
    from: Date.now(),
  });
  const { position } = now.ledgerLines;
  const { url, headers } = serverAddress(config, options, '/v1/export');
  const arrived = new Set<string>();
  for (const where of conditionsOf(asked)) {
    const body = { stream, position, columns: ['id'], where };
    const plain = { ...headers, 'accept-encoding': 'identity' };
    let answer = await postJson(url, plain, body, signal);
    // As many exports run as may.
    for (let waits = 0; answer.statusCode === 503 && waits < WAITS_MAX; waits++) {
      answer.resume();
      await sleep(WAIT_MS, undefined, { signal });
      answer = await postJson(url, plain, body, signal);
    }
    for await (const id of idsIn(answer, url)) arrived.add(id);
  }
  return arrived;
}

function* conditionsOf(asked: AskedIds): Generator<object> {
  if ('from' in asked) {
    yield { field: 'id', gte: asked.from, lte: asked.to };
    return;
  }
  for (let at = 0; at < asked.ids.length; at += IDS_MAX) {
    yield { field: 'id', in: asked.ids.slice(at, at + IDS_MAX) };
  }
}

/** Rejects if the answer is broken off. */
async function* idsIn(answer: IncomingMessage, url: URL): AsyncGenerator<string> {
  if (answer.statusCode !== 200) {
    let text = '';
    for await (const piece of answer) text += piece;
    // Nothing of the stream has arrived yet.
    if (answer.statusCode === 400 && text.includes('no events of a stream')) return;
    throw new AppError('query_invalid', `the server at ${url.origin} said: ${text}`);
  }
  let rest = '';
  for await (const piece of answer.setEncoding('utf8')) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line).id;
  }
}
