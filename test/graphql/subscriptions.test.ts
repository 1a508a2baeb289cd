import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { createClient } from 'graphql-ws';
import { hashSecret } from '../../src/model/access.ts';
import { TENANT } from '../query/partitions.ts';
import { openTestListener } from './listener.ts';
import { sseEvents } from './sse.ts';

const LIVE = `subscription ($cursor: String) {
  timeseries(last: "1m", step: "1s", groupBy: ["type"], cursor: $cursor) {
    cursor snapshot gap droppedMessages watermark
    series { labels { value } points { t values { value } } }
    removedSeries { labels { value } }
  }
}`;

interface Update {
  readonly cursor: string;
  readonly snapshot: boolean;
  readonly gap: boolean;
  readonly droppedMessages: number;
  readonly series: readonly {
    labels: { value: string }[];
    points: { t: number; values: { value: number }[] }[];
  }[];
}

interface Payload {
  readonly data?: { timeseries: Update };
  readonly errors?: readonly { message: string; extensions: Record<string, unknown> }[];
}

const countOf = (update: Update | undefined, type: string): number | undefined =>
  update?.series.find(({ labels }) => labels[0]?.value === type)?.points.at(-1)?.values[0]?.value;

/** Asks on until an update has the count: what was applied shows within one tick or two. */
async function untilCount(
  next: () => Promise<Update>,
  type: string,
  count: number,
): Promise<Update> {
  for (;;) {
    const update = await next();
    if (countOf(update, type) === count) return update;
  }
}

function webSocketClient(t: ExecutionContext, url: string, connectionParams = {}) {
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams,
    retryAttempts: 0,
    lazy: true,
  });
  t.teardown(() => void client.dispose());
  return client;
}

test('over WebSocket: a snapshot, then what changes', async (t) => {
  const { url, memory, queries } = await openTestListener(t);
  const now = Date.now();
  memory.apply(0, [{ ts: now, type: 'view' }], now);
  const updates = webSocketClient(t, url).iterate<Payload['data']>({ query: LIVE });
  const next = async () => (await updates.next()).value?.data?.timeseries as Update;
  const first = await next();
  t.true(first.snapshot);
  t.is(countOf(first, 'view'), 1);
  memory.apply(1, [{ ts: now, type: 'view' }], now);
  const changed = await untilCount(next, 'view', 2);
  t.false(changed.snapshot);
  await updates.return?.();
  while (queries.live.subscribers > 0) await new Promise(setImmediate);
  t.is(queries.live.queries, 0);
});

test('over SSE: the same', async (t) => {
  const { url, memory, queries } = await openTestListener(t);
  const now = Date.now();
  memory.apply(0, [{ ts: now, type: 'view' }], now);
  const leave = new AbortController();
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query: LIVE }),
    signal: leave.signal,
  });
  t.regex(response.headers.get('content-type') ?? '', /text\/event-stream/);
  const events = sseEvents<Payload>(response);
  const next = async () => (await events.next()).value?.data?.timeseries as Update;
  t.is(countOf(await next(), 'view'), 1);
  memory.apply(1, [{ ts: now, type: 'view' }], now);
  t.false((await untilCount(next, 'view', 2)).snapshot);
  leave.abort();
  while (queries.live.subscribers > 0) await new Promise(setImmediate);
  t.is(queries.live.queries, 0);
});

test('a subscription that cannot be answered ends with the reason', async (t) => {
  const { url } = await openTestListener(t);
  const query = 'subscription { timeseries(groupBy: ["nope"]) { cursor } }';
  const updates = webSocketClient(t, url).iterate({ query });
  const { value } = await updates.next();
  const [error] = (value as Payload).errors ?? [];
  t.regex(error?.message ?? '', /lacks dimension "nope"/);
  t.is(error?.extensions['code'], 'query_invalid');
  t.true((await updates.next()).done);
});

test('limits and masks hold over WebSocket, and queries run there too', async (t) => {
  const { url } = await openTestListener(t, {
    system: {
      actors: async () => {
        throw new Error('secret');
      },
    },
  });
  const client = webSocketClient(t, url);
  const run = async (query: string) => {
    const results = client.iterate({ query });
    try {
      return JSON.stringify((await results.next()).value);
    } catch (errors) {
      return JSON.stringify(errors);
    }
  };
  t.is(await run('{ version }'), '{"data":{"version":"1.2.3"}}');
  const aliases = Array.from({ length: 600 }, (_, i) => `a${i}: version`).join(' ');
  t.regex(await run(`{ ${aliases} }`), /has fields 600, at most 500/);
  t.regex(await run('{ nope }'), /Cannot query field/);
  t.regex(await run('{'), /Syntax Error/);
  const masked = await run('{ actors { path } }');
  t.regex(masked, /under id/);
  t.notRegex(masked, /secret/);
});

test('a WebSocket needs a key once there are keys', async (t) => {
  const key = { id: 'k', tenant: TENANT, scopes: ['read' as const], hash: hashSecret('sg_r') };
  const { url } = await openTestListener(t, { keys: [key] });
  const refused = webSocketClient(t, url).iterate({ query: '{ version }' });
  const closed = await t.throwsAsync(refused.next() as Promise<unknown>, { any: true });
  t.is(Reflect.get(Object(closed), 'code'), 4403);
  const allowed = webSocketClient(t, url, { authorization: 'Bearer sg_r' });
  const { value } = await allowed.iterate({ query: '{ version }' }).next();
  t.deepEqual(value, { data: { version: '1.2.3' } });
});

test('a page of another origin cannot open a WebSocket', async (t) => {
  const { port } = await openTestListener(t);
  const socket = await handshake(t, port, 'Origin: https://evil.example\r\n');
  const [answer] = await once(socket, 'data');
  t.regex(String(answer), /^HTTP\/1\.1 403/);
});

test('a shutdown tells its subscribers', async (t) => {
  const listener = await openTestListener(t);
  const updates = webSocketClient(t, listener.url).iterate({ query: LIVE });
  await updates.next();
  const end = t.throwsAsync(
    async () => {
      while (!(await updates.next()).done);
      throw new Error('done');
    },
    { any: true },
  );
  listener.queries.close();
  await end;
});

async function handshake(t: ExecutionContext, port: number, more: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  socket.write(
    `GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n` +
      `Sec-WebSocket-Protocol: graphql-transport-ws\r\n${more}\r\n`,
  );
  return socket;
}
