import { once } from 'node:events';
import { request } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'undici';
import { SESSION_MS, SESSIONS_MAX, Sessions, sessionCookie } from '../../graphql/sessions.ts';
import { hashSecret, type Scope } from '../../src/model/access.ts';
import type { Scheduler } from '../../src/query/live-query.ts';
import { openTestListener } from './listener.ts';

const key = (id: string, ...scopes: Scope[]) => ({
  ...{ id, tenant: 'default', scopes },
  hash: hashSecret(`sg_${id}`),
});
const KEYS = [key('reader', 'read'), key('writer', 'write')];

interface Reply {
  readonly status: number;
  readonly cookie: string;
  readonly text: string;
}

/** As a browser sends it: `fetch` of Node keeps `Origin` and `Cookie` to itself. */
async function send(
  url: string,
  method: string,
  headers: Readonly<Record<string, string>>,
  body?: object,
): Promise<Reply> {
  const sent = request(url, {
    method,
    headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
  });
  sent.end(body && JSON.stringify(body));
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return { status: response.statusCode, cookie: response.headers['set-cookie']?.[0] ?? '', text };
}

async function signedIn(t: ExecutionContext) {
  const listener = await openTestListener(t, { keys: KEYS });
  const { url } = listener;
  const { status, cookie } = await send(
    `${url}/session`,
    'POST',
    { origin: url },
    { key: 'sg_reader' },
  );
  t.is(status, 200);
  return { url, cookie, pair: cookie.split(';')[0] ?? '' };
}

const VERSION = { query: '{ version }' };

test('a key that reads is exchanged for a cookie that scripts cannot read and other sites do not send', async (t) => {
  const { url, cookie, pair } = await signedIn(t);
  const name = `streamgauge_${new URL(url).port}`;
  t.regex(
    cookie,
    new RegExp(`^${name}=[\\w-]{43}; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200$`),
  );
  const asked = await send(`${url}/graphql`, 'POST', { origin: url, cookie: pair }, VERSION);
  t.is(asked.text, '{"data":{"version":"1.2.3"}}');
  const { text } = await send(`${url}/session`, 'GET', { cookie: pair });
  t.deepEqual(JSON.parse(text).access, { key: 'reader', tenant: 'default', scopes: ['read'] });
});

test('over TLS the cookie is for TLS alone, and each port has one of its own', (t) => {
  t.true(sessionCookie('a', 'stats.example', true).endsWith('; Secure'));
  t.true(sessionCookie('a', 'stats.example', false).startsWith('streamgauge=a; '));
  t.true(sessionCookie('a', '[::1]:8081', false).startsWith('streamgauge_8081=a; '));
});

test('a key that is none, or may not read, signs nobody in', async (t) => {
  const { url } = await openTestListener(t, { keys: KEYS });
  const attempts = [
    [{ key: 'sg_other' }, 401, 'none of the keys'],
    [{ key: 'sg_writer' }, 403, 'may not read'],
    [{ key: 7 }, 401, 'none of the keys'],
    [{ key: `sg_${'x'.repeat(2_000)}` }, 401, 'none of the keys'],
  ] as const;
  for (const [body, expected, told] of attempts) {
    const { status, cookie, text } = await send(`${url}/session`, 'POST', { origin: url }, body);
    t.is(status, expected);
    t.is(cookie, '');
    t.true(text.includes(told), text);
  }
  const { text } = await send(`${url}/session`, 'GET', {});
  t.is(JSON.parse(text).access, null);
});

test('a cookie counts for pages of this server alone, whatever else a browser sends it with', async (t) => {
  const { url, pair } = await signedIn(t);
  const statusOf = async (headers: Readonly<Record<string, string>>) =>
    (await send(`${url}/graphql`, 'POST', { cookie: pair, ...headers }, VERSION)).status;
  t.is(await statusOf({ origin: url }), 200);
  t.is(await statusOf({}), 401);
  t.is(await statusOf({ origin: 'http://127.0.0.1:1' }), 403);
  const get = `${url}/graphql?query=${encodeURIComponent(VERSION.query)}`;
  const site = async (name: string) =>
    (await send(get, 'GET', { cookie: pair, 'sec-fetch-site': name })).status;
  t.is(await site('same-origin'), 200);
  t.is(await site('none'), 200);
  t.is(await site('same-site'), 401);
  t.is(await site('cross-site'), 401);
});

test('an origin that may read answers with a key does not get them by a cookie', async (t) => {
  const other = 'http://shop.example';
  const { url } = await openTestListener(t, { keys: KEYS, corsOrigins: [other] });
  const { cookie } = await send(`${url}/session`, 'POST', { origin: url }, { key: 'sg_reader' });
  const pair = cookie.split(';')[0] ?? '';
  const asked = (headers: object) =>
    send(`${url}/graphql`, 'POST', { origin: other, ...headers }, VERSION);
  t.is((await asked({ authorization: 'Bearer sg_reader' })).status, 200);
  t.is((await asked({ cookie: pair })).status, 401);
});

test('pages of elsewhere sign nobody in or out', async (t) => {
  const { url, pair } = await signedIn(t);
  for (const origin of ['http://127.0.0.1:1', 'http://shop.example']) {
    const attempt = await send(`${url}/session`, 'POST', { origin }, { key: 'sg_reader' });
    t.is(attempt.status, 403);
    t.is((await send(`${url}/session`, 'DELETE', { origin, cookie: pair })).status, 403);
  }
  t.is((await send(`${url}/session`, 'DELETE', { cookie: pair })).status, 403);
  const { text } = await send(`${url}/session`, 'GET', { cookie: pair });
  t.is(JSON.parse(text).access.key, 'reader');
});

test('who signs out is signed out everywhere: the cookie says nothing more, and sockets of it are closed', async (t) => {
  const { url, pair } = await signedIn(t);
  const closed = Promise.withResolvers<unknown>();
  const connected = Promise.withResolvers<void>();
  class BrowserSocket extends WebSocket {
    constructor(address: string, protocols: string[]) {
      super(address, { protocols, headers: { origin: url, cookie: pair } });
    }
  }
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: BrowserSocket,
    lazy: false,
    retryAttempts: 0,
    onNonLazyError: () => {},
    on: { connected: () => connected.resolve(), closed: closed.resolve },
  });
  t.teardown(() => void client.dispose());
  await connected.promise;
  const out = await send(`${url}/session`, 'DELETE', { origin: url, cookie: pair });
  t.is(out.status, 204);
  t.regex(out.cookie, /Max-Age=0/);
  t.like(await closed.promise, { code: 4403, reason: 'signed out' });
  const asked = await send(`${url}/graphql`, 'POST', { origin: url, cookie: pair }, VERSION);
  t.is(asked.status, 401);
});

test('a socket of another origin has nothing of the cookie that comes with it', async (t) => {
  const other = 'http://shop.example';
  const { url } = await openTestListener(t, { keys: KEYS, corsOrigins: [other] });
  const { cookie } = await send(`${url}/session`, 'POST', { origin: url }, { key: 'sg_reader' });
  const pair = cookie.split(';')[0] ?? '';
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, {
    protocols: ['graphql-transport-ws'],
    headers: { origin: other, cookie: pair },
  });
  socket.addEventListener('open', () => socket.send('{"type":"connection_init"}'));
  const [closed] = await once(socket, 'close');
  t.is(closed.code, 4403);
});

interface Timer {
  readonly ms: number;
  readonly callback: () => void;
}

function timers(): { readonly scheduler: Scheduler; readonly waiting: Set<Timer> } {
  const waiting = new Set<Timer>();
  const after: Scheduler['after'] = (ms, callback) => {
    const timer = { ms, callback };
    waiting.add(timer);
    return () => waiting.delete(timer);
  };
  return { scheduler: { after }, waiting };
}

const HOST = 'localhost:8081';

test('a session ends by itself, and whatever hangs on it is told', (t) => {
  const { scheduler, waiting } = timers();
  const ended: string[] = [];
  const sessions = new Sessions({ scheduler, onEnd: (id) => ended.push(id) });
  const cookies = `other=1; streamgauge_8081=${sessions.begin('sg_reader')}; streamgauge_80810=x`;
  const found = sessions.find(cookies, HOST);
  t.is(found?.authorization, 'Bearer sg_reader');
  t.is(sessions.find(cookies, 'localhost:9090'), undefined);
  const [expiry] = waiting;
  t.is(expiry?.ms, SESSION_MS);
  expiry?.callback();
  t.is(sessions.find(cookies, HOST), undefined);
  t.deepEqual(ended, [found?.id]);
});

test('one session too many ends the oldest, and leaves no timer of it', (t) => {
  const { scheduler, waiting } = timers();
  const sessions = new Sessions({ scheduler, onEnd: () => {} });
  const tokens = Array.from({ length: SESSIONS_MAX + 1 }, () => sessions.begin('sg_reader'));
  t.is(sessions.count, SESSIONS_MAX);
  t.is(waiting.size, SESSIONS_MAX);
  const isOpen = (token: string | undefined) =>
    sessions.find(`streamgauge_8081=${token}`, HOST) !== undefined;
  t.deepEqual([tokens[0], tokens[1], tokens.at(-1)].map(isOpen), [false, true, true]);
  sessions.close();
  t.is(waiting.size, 0);
});
