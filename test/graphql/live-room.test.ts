/** What stays open: how much of it anybody may have, and that it ends with the session in whose name it was opened. */
import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import type { ExecutionResult } from 'graphql';
import { SESSION_MS, SESSIONS_MAX } from '../../graphql/sessions.ts';
import type { Scheduler } from '../../src/query/live-query.ts';
import { dashboardsScene, socketWith } from './dashboards-scene.ts';
import { type ListenerParts, NO_ALARMS, openTestListener } from './listener.ts';
import { sseEvents } from './sse.ts';

const WIDE = { link: 100, links: 100, key: 100, tenant: 100, all: 100 };
const LIVE = 'subscription { timeseries(last: "1m") { snapshot } }';

interface Stream {
  /** Answers undefined when there is nothing more to come. */
  next(): Promise<ExecutionResult | undefined>;
  leave(): void;
}

async function stream(
  url: string,
  headers: Readonly<Record<string, string>>,
  query = LIVE,
): Promise<Stream> {
  const left = new AbortController();
  const response = await fetch(`${url}/graphql?query=${encodeURIComponent(query)}`, {
    headers: { accept: 'text/event-stream', ...headers },
    signal: left.signal,
  });
  const events = sseEvents<ExecutionResult>(response);
  return {
    next: async () => (await events.next()).value ?? undefined,
    leave: () => left.abort(),
  };
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

/** Its first message has no error. */
async function opened(t: ExecutionContext, ...args: Parameters<typeof stream>): Promise<Stream> {
  const open = await stream(...args);
  t.is((await open.next())?.errors, undefined);
  return open;
}

async function refused(t: ExecutionContext, message: RegExp, ...args: Parameters<typeof stream>) {
  const open = await stream(...args);
  const [error] = (await open.next())?.errors ?? [];
  t.regex(error?.message ?? '', message);
  t.like(error?.extensions, { code: 'query_overload', retryable: true });
  t.is(await open.next(), undefined);
}

/** Resolves when the server has admitted it or closed it. */
async function socketOf(t: ExecutionContext, url: string, key: string) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  t.teardown(() => socket.close());
  await once(socket, 'open');
  const told = Promise.race([once(socket, 'message'), once(socket, 'close')]);
  socket.send(JSON.stringify({ type: 'connection_init', payload: bearer(key) }));
  const [{ code, reason }] = await told;
  return { socket, code, reason };
}

async function sharedScene(t: ExecutionContext, parts: ListenerParts) {
  const all = await dashboardsScene(t, parts);
  const id = await all.putQuestion({ last: '1h' });
  const { secret } = await all.share(id);
  const panel = `subscription { panel(dashboard: "${id}", panel: "p") { snapshot } }`;
  return { ...all, id, secret, panel };
}

test('WebSockets and streams of one link have a bound together, and its owner and other links go on', async (t) => {
  const { url, id, secret, panel, share } = await sharedScene(t, {
    connectionBounds: { ...WIDE, link: 2 },
  });
  const { socket } = await socketOf(t, url, secret);
  const open = await opened(t, url, bearer(secret), panel);
  const third = await socketOf(t, url, secret);
  t.is(third.code, 1013);
  t.regex(third.reason, /^2 live connections of this link are open.*close some/);
  await refused(t, /2 live connections of this link/, url, bearer(secret), panel);
  t.is((await socketOf(t, url, 'sg_admin')).code, undefined);
  t.is((await socketOf(t, url, (await share(id)).secret)).code, undefined);
  const closed = once(socket, 'close');
  socket.close();
  open.leave();
  await closed;
  while ((await socketOf(t, url, secret)).code !== undefined);
});

test('a tenant leaves room for other tenants, and its links leave room for its keys', async (t) => {
  const { url, secret } = await sharedScene(t, {
    connectionBounds: { link: 1, links: 1, key: 2, tenant: 2, all: 3 },
  });
  const codeOf = async (key: string) => (await socketOf(t, url, key)).code;
  t.deepEqual([await codeOf(secret), await codeOf(secret)], [undefined, 1013]);
  t.deepEqual([await codeOf('sg_admin'), await codeOf('sg_reader')], [undefined, 1013]);
  t.deepEqual([await codeOf('sg_other'), await codeOf('sg_other')], [undefined, 1013]);
});

test('a key whose WebSockets are all that it may have is still answered over HTTP', async (t) => {
  const { url, ask } = await dashboardsScene(t, { connectionBounds: { ...WIDE, key: 0 } });
  t.is((await socketOf(t, url, 'sg_admin')).code, 1013);
  t.deepEqual((await ask('{ version }')).errors, []);
});

test('subscriptions of a link have a bound over all transports; one that ends makes room', async (t) => {
  const { url, secret, panel, queries } = await sharedScene(t, {
    subscriptionBounds: { ...WIDE, link: 2 },
  });
  const client = socketWith(t, url, secret);
  const first = client.iterate({ query: panel });
  t.truthy((await first.next()).value?.data);
  const open = await opened(t, url, bearer(secret), panel);
  await refused(t, /^2 subscriptions of this link/, url, bearer(secret), panel);
  const over = client.iterate({ query: panel });
  t.is((await over.next()).value?.errors?.[0]?.extensions?.['code'], 'query_overload');
  await opened(t, url, bearer('sg_reader'));
  await first.return?.();
  open.leave();
  while (queries.live.subscribers > 1) await new Promise(setImmediate);
  await opened(t, url, bearer(secret), panel);
});

test('what is refused takes no room: operations that are wrong, or come in a way that cannot be answered', async (t) => {
  const { url, queries } = await dashboardsScene(t, { connectionBounds: { ...WIDE, key: 1 } });
  const key = bearer('sg_admin');
  for (const query of [
    'subscription { timeseries(groupBy: ["nope"]) { snapshot } }',
    'subscription { nope }',
  ]) {
    const open = await stream(url, key, query);
    await open.next();
    open.leave();
  }
  await (await stream(url, { ...key, accept: 'application/json' })).next();
  while (queries.live.subscribers > 0) await new Promise(setImmediate);
  await opened(t, url, key);
});

test('a server without keys has the bounds of one key', async (t) => {
  const { url } = await openTestListener(t, { subscriptionBounds: { ...WIDE, key: 1 } });
  await opened(t, url, {});
  await refused(t, /^1 subscriptions of this key/, url, {});
});

async function signedIn(t: ExecutionContext, parts: ListenerParts = {}) {
  const all = await dashboardsScene(t, parts);
  const signIn = async () => {
    const { headers } = await fetch(`${all.url}/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: all.url },
      body: JSON.stringify({ key: 'sg_reader' }),
    });
    return { cookie: headers.get('set-cookie')?.split(';')[0] ?? '' };
  };
  return { ...all, signIn, session: await signIn() };
}

async function endsSignedOut(t: ExecutionContext, open: Stream) {
  let last: ExecutionResult | undefined;
  for (let told = await open.next(); told !== undefined; told = await open.next()) last = told;
  t.is(last?.errors?.[0]?.message, 'this session has ended: sign in again');
  t.is(last?.errors?.[0]?.extensions['code'], 'unauthorized');
}

test('who signs out ends the streams of the session, and those of nobody else', async (t) => {
  const { url, queries, signIn, session } = await signedIn(t);
  const mine = await opened(t, url, session);
  const other = await opened(t, url, await signIn());
  const ofKey = await opened(t, url, bearer('sg_reader'));
  await fetch(`${url}/session`, { method: 'DELETE', headers: { ...session, origin: url } });
  await endsSignedOut(t, mine);
  while (queries.live.subscribers > 2) await new Promise(setImmediate);
  t.is((await other.next())?.errors, undefined);
  t.is((await ofKey.next())?.errors, undefined);
});

/** Everything happens at once, but the end of a session when it is told to. */
function sessionExpiry() {
  let expire = () => {};
  const scheduler: Scheduler = {
    after(ms, callback) {
      if (ms === SESSION_MS) expire = callback;
      else setImmediate(callback);
      return () => {};
    },
  };
  return { scheduler, expire: () => expire() };
}

test('a session that has lasted 12 hours ends its streams', async (t) => {
  const { scheduler, expire } = sessionExpiry();
  const { url, session } = await signedIn(t, { scheduler });
  const open = await opened(t, url, session);
  expire();
  await endsSignedOut(t, open);
});

test('one session too many ends the streams of the oldest', async (t) => {
  const { url, session, signIn } = await signedIn(t);
  const open = await opened(t, url, session);
  for (let others = 0; others < SESSIONS_MAX; others++) await signIn();
  await endsSignedOut(t, open);
});

test('a stream that begins while its session ends is over at once', async (t) => {
  const { scheduler, expire } = sessionExpiry();
  const onChanges = () => {
    expire();
    return () => {};
  };
  const { url, session } = await signedIn(t, { scheduler, alarms: { ...NO_ALARMS, onChanges } });
  const open = await stream(url, session, 'subscription { alarmChanged { __typename } }');
  await endsSignedOut(t, open);
});

test('who goes before an answer leaves nothing open', async (t) => {
  const { url, queries } = await dashboardsScene(t);
  for (let visits = 0; visits < 50; visits++) {
    const left = new AbortController();
    const gone = fetch(`${url}/graphql?query=${encodeURIComponent(LIVE)}`, {
      headers: { accept: 'text/event-stream', ...bearer('sg_reader') },
      signal: left.signal,
    }).catch(() => undefined);
    for (let turns = 0; turns < visits % 10; turns++) await new Promise(setImmediate);
    left.abort();
    await gone;
  }
  while (queries.live.subscribers > 0) await new Promise(setImmediate);
  t.is(queries.live.queries, 0);
});
