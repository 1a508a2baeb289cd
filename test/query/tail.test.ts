/** Events of a running server as they are committed, over WebSocket and SSE. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type Client, createClient } from 'graphql-ws';
import { hashSecret, SECRET_PREFIX } from '../../src/model/access.ts';
import { sseEvents } from '../graphql/sse.ts';
import { openSite, type Site, send } from './cold/site.ts';

const KEYS = { alice: SECRET_PREFIX + 'a'.repeat(43), mallory: SECRET_PREFIX + 'm'.repeat(43) };
const TAIL = `subscription ($stream: String!, $where: EventWhere, $contains: String, $maxPerSecond: Int! = 100) {
  tail(stream: $stream, where: $where, contains: $contains, maxPerSecond: $maxPerSecond) {
    skipped events { id ts type partition position row fields }
  }
}`;
let here: Site;

interface Told {
  readonly id: string;
  readonly partition: number;
  readonly position: number;
  readonly row: number;
  readonly fields: Readonly<Record<string, unknown>>;
}
interface Message {
  readonly skipped: number | null;
  readonly events: readonly Told[];
}
interface Payload {
  readonly data?: { readonly tail: Message };
  readonly errors?: readonly { readonly message: string }[];
}
interface Variables {
  readonly stream: string;
  readonly where?: object;
  readonly contains?: string;
  readonly maxPerSecond?: number;
}

test.before(async () => {
  here = await openSite({
    keys: Object.entries(KEYS).map(([tenant, secret]) => ({
      id: tenant,
      tenant,
      scopes: ['read', 'write', 'admin'],
      hash: `sha256:${hashSecret(secret)}`,
    })),
  });
});
test.after.always(() => here?.close());

const urlOf = ({ server }: Site) => `${server.host}:${server.queryPort}/graphql`;

function clientOf(t: ExecutionContext, site: Site, key: string | undefined): Client {
  const client = createClient({
    url: `ws://${urlOf(site)}`,
    webSocketImpl: WebSocket,
    connectionParams: key === undefined ? {} : { authorization: `Bearer ${key}` },
    retryAttempts: 0,
    lazyCloseTimeout: 0,
  });
  t.teardown(() => void client.dispose());
  return client;
}

/** Resolves once the subscription has begun; its messages come one by one. */
async function follow(
  t: ExecutionContext,
  variables: Variables,
  key: string | undefined = KEYS.alice,
  site = here,
) {
  const client = clientOf(t, site, key);
  const messages = client.iterate<{ tail: Message }>({ query: TAIL, variables: { ...variables } });
  const next = async (): Promise<Message | undefined> => {
    const { done, value } = await messages.next();
    if (done) return undefined;
    if (value.errors !== undefined) throw new Error(JSON.stringify(value.errors));
    return value.data?.tail;
  };
  t.deepEqual(await next(), { skipped: 0, events: [] });
  /** Reads on until so many events have come. */
  const take = async (count: number) => {
    const events: Told[] = [];
    let skipped = 0;
    while (events.length < count) {
      const message = await next();
      if (message === undefined) break;
      events.push(...message.events);
      skipped += message.skipped ?? 0;
    }
    return { events, skipped };
  };
  return { next, take, leave: () => messages.return?.() };
}

const event = (n: number, rest: object = {}) => ({
  id: `e${n}`,
  type: n % 2 === 0 ? 'even' : 'odd',
  user: `u${n % 5}`,
  n,
  ...rest,
});
const events = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => event(from + i));
const ids = (some: readonly Told[]) => some.map(({ id }) => id).sort();
const idsOf = (numbers: readonly number[]) => numbers.map((n) => `e${n}`).sort();

test.serial(
  'each event that counts is told once, of each partition in the order of the log',
  async (t) => {
    await send(here, 'shop', events(0, 10), KEYS.alice);
    const { take } = await follow(t, { stream: 'shop', maxPerSecond: 1_000 });
    await send(here, 'shop', events(5, 60), KEYS.alice);
    await send(
      here,
      'shop',
      [...events(20, 80), event(80, { nested: { deep: true } })],
      KEYS.alice,
    );
    const told = (await take(71)).events;
    t.deepEqual(ids(told), idsOf(Array.from({ length: 71 }, (_, i) => i + 10)));
    for (const partition of [0, 1, 2]) {
      const places = told
        .filter((each) => each.partition === partition)
        .map(({ position, row }) => position * 1e6 + row);
      t.deepEqual(
        places,
        [...places].sort((a, b) => a - b),
      );
    }
    t.deepEqual(told.find(({ id }) => id === 'e80')?.fields, {
      user: 'u0',
      n: 80,
      'nested.deep': true,
    });
  },
);

test.serial('many follow, each with its condition and its stream', async (t) => {
  const odd = await follow(t, { stream: 'many', where: { field: 'type', eq: 'odd' } });
  const some = await follow(t, {
    stream: 'many',
    where: {
      and: [
        { field: 'n', gte: 10 },
        { field: 'user', in: ['u1', 'u2'] },
      ],
    },
  });
  const text = await follow(t, { stream: 'many', contains: 'u3' });
  const other = await follow(t, { stream: 'other' });
  await send(here, 'many', events(0, 20), KEYS.alice);
  await send(here, 'other', [event(1_000)], KEYS.alice);
  t.deepEqual(ids((await odd.take(10)).events), idsOf([1, 3, 5, 7, 9, 11, 13, 15, 17, 19]));
  t.deepEqual(ids((await some.take(4)).events), idsOf([11, 12, 16, 17]));
  t.deepEqual(ids((await text.take(4)).events), idsOf([3, 8, 13, 18]));
  t.deepEqual(ids((await other.take(1)).events), ['e1000']);
});

test.serial('what is above the rate is counted: nothing is lost without a word', async (t) => {
  const { next } = await follow(t, { stream: 'flood', maxPerSecond: 5 });
  await send(here, 'flood', events(0, 2_000), KEYS.alice);
  const told: Told[] = [];
  let skipped = 0;
  while (told.length + skipped < 2_000) {
    const message = await next();
    told.push(...(message?.events ?? []));
    skipped += message?.skipped ?? 0;
  }
  t.is(told.length + skipped, 2_000);
  t.true(told.length >= 5 && told.length < 100);
  t.is(new Set(told.map(({ id }) => id)).size, told.length);
});

test.serial('a tenant follows its own streams', async (t) => {
  const mallory = await follow(t, { stream: 'secret' }, KEYS.mallory);
  await send(here, 'secret', [event(1)], KEYS.alice);
  await send(here, 'secret', [event(2)], KEYS.mallory);
  t.deepEqual(ids((await mallory.take(1)).events), ['e2']);
});

test.serial('over SSE they come as well', async (t) => {
  const leaving = new AbortController();
  const response = await fetch(`http://${urlOf(here)}`, {
    method: 'POST',
    headers: {
      accept: 'text/event-stream',
      'content-type': 'application/json',
      authorization: `Bearer ${KEYS.alice}`,
    },
    body: JSON.stringify({ query: TAIL, variables: { stream: 'sse' } }),
    signal: leaving.signal,
  });
  t.teardown(() => leaving.abort());
  const messages = sseEvents<Payload>(response);
  t.deepEqual((await messages.next()).value?.data?.tail, { skipped: 0, events: [] });
  await send(here, 'sse', [event(1)], KEYS.alice);
  const { value } = await messages.next();
  t.deepEqual(
    value?.data?.tail.events.map(({ id }: Told) => id),
    ['e1'],
  );
});

test.serial('a condition that says nothing, or a rate that is none, is refused', async (t) => {
  const refused = (variables: Omit<Variables, 'stream'>, message: RegExp) =>
    t.throwsAsync(follow(t, { stream: 'x', ...variables }), { message });
  await refused({ where: { field: 'a' } }, /needs one of eq/);
  await refused({ maxPerSecond: 0 }, /must be 1 to 1000, received 0/);
  await refused({ maxPerSecond: 5_000 }, /must be 1 to 1000/);
});

test.serial('a reader that stalls holds nobody up, and what it missed is counted', async (t) => {
  const socket = connect(here.server.queryPort, here.server.host);
  t.teardown(() => socket.destroy());
  const body = JSON.stringify({
    query: TAIL,
    variables: { stream: 'stalled', maxPerSecond: 1_000 },
  });
  socket.write(
    `POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\nAuthorization: Bearer ${KEYS.alice}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await once(socket, 'data');
  socket.pause();
  const other = await follow(t, {
    stream: 'stalled',
    maxPerSecond: 1_000,
    where: { field: 'last', eq: true },
  });
  const filler = 'x'.repeat(20_000);
  const { rssBytes } = here.server.usage();
  // Some 60 MB: more than the sockets hold.
  for (let from = 0; from < 3_000; from += 100) {
    await send(
      here,
      'stalled',
      Array.from({ length: 100 }, (_, i) => event(from + i, { filler })),
      KEYS.alice,
    );
  }
  await send(here, 'stalled', [event(3_000, { last: true })], KEYS.alice);
  t.deepEqual(ids((await other.take(1)).events), ['e3000']);
  t.true(here.server.usage().rssBytes - rssBytes < 200 * 2 ** 20);
  let text = '';
  socket.on('data', (piece: Buffer) => {
    text += piece.toString('latin1');
  });
  socket.resume();
  const counted = () =>
    [...text.matchAll(/"skipped":(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  const toldEvents = () => text.split('"id":"e').length - 1;
  while (counted() + toldEvents() < 3_001) await sleep(50);
  t.is(counted() + toldEvents(), 3_001);
  t.true(counted() > 0);
});

test.serial('a stop ends every subscription', async (t) => {
  const site = await openSite();
  t.teardown(() => site.close());
  const { next } = await follow(t, { stream: 'x' }, undefined, site);
  const last = next().catch((error: unknown) => error);
  await site.server.stop();
  const seen = await last;
  t.true(seen === undefined || !(typeof seen === 'object' && seen !== null && 'events' in seen));
});
