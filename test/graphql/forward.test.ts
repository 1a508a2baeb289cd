/** Two nodes, each a listener of its own. Who leads is said by the test. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { createClient } from 'graphql-ws';
import { hashSecret } from '../../src/model/access.ts';
import type { HistoryEntry } from '../../src/model/alarm-board.ts';
import type { Logger } from '../../src/model/logger.ts';
import { NODE_KEY_HEADER } from '../../src/model/node-key.ts';
import type { AlarmBoardPort } from '../../src/query/alarms-port.ts';
import type { LeaderPort } from '../../src/query/leader-port.ts';
import { ALARM_CHANGES_WAITING_MAX } from '../../src/query/limits.ts';
import { silent } from '../actors/scripted-clock.ts';
import { type ListenerParts, NO_ALARMS, openTestListener } from './listener.ts';
import { sseEvents } from './sse.ts';

const KEY = 'key of the cluster';

class Lead implements LeaderPort {
  readonly key = KEY;
  isLeader = false;
  leaderUrl: string | undefined;

  follow(url: string | undefined): void {
    this.isLeader = false;
    this.leaderUrl = url;
  }

  lead(url: string): void {
    this.isLeader = true;
    this.leaderUrl = url;
  }
}

type Listener = Parameters<AlarmBoardPort['onChanges']>[1];

/** A board whose changes the test makes. */
class TestBoard {
  readonly listeners = new Set<Listener>();
  readonly expired: string[] = [];
  /** Alarms that there are. */
  total = 0;
  readonly port: AlarmBoardPort = {
    ...NO_ALARMS,
    alarms: async () => ({ alarms: [], total: this.total, hasMore: false }),
    silences: async (tenant) => [
      {
        state: 'active',
        silence: {
          id: `of ${tenant}`,
          tenant,
          matchers: [],
          startsAtMs: 1,
          endsAtMs: 2,
          author: 'a',
          comment: 'c',
        },
      },
    ],
    expireSilence: async (_, id) => this.expired.push(id) > 0,
    onChanges: (_, listener) => {
      this.listeners.add(listener);
      return () => this.listeners.delete(listener);
    },
  };

  change(rule: string): void {
    for (const listener of this.listeners) listener([changeOf(rule)]);
  }

  async untilSubscribed(count = 1): Promise<void> {
    while (this.listeners.size !== count) await new Promise(setImmediate);
  }
}

const changeOf = (rule: string): HistoryEntry => ({
  id: 'h-1',
  alarm: 'a-1',
  recordedMs: 1,
  labels: {},
  transition: {
    tenant: 'default',
    rule,
    group: [],
    from: 'ok',
    to: 'firing',
    reason: 'abnormal',
    atMs: 1,
    value: 1,
    threshold: 1,
    severity: 'critical',
  },
});

async function openNode(t: ExecutionContext, parts: ListenerParts = {}) {
  const lead = new Lead();
  const board = new TestBoard();
  const listener = await openTestListener(t, { leader: lead, alarms: board.port, ...parts });
  return { ...listener, lead, board };
}

/** The first one leads. */
async function openPair(t: ExecutionContext, parts: ListenerParts = {}) {
  const leader = await openNode(t, parts);
  const other = await openNode(t, parts);
  leader.lead.lead(leader.url);
  other.lead.follow(leader.url);
  return { leader, other };
}

/** What the log warns of. */
function warned() {
  const warnings: string[] = [];
  const logger: Logger = {
    ...silent,
    warn: (_, message) => void warnings.push(message),
    child: () => logger,
  };
  return { logger, warnings };
}

interface Result {
  readonly data: Record<string, unknown> | null;
  readonly errors?: readonly {
    readonly message: string;
    readonly path?: readonly string[];
    readonly locations?: object;
    readonly extensions: Record<string, unknown>;
  }[];
}

const post = (url: string, query: string, headers: Record<string, string> = {}, body = {}) =>
  fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, ...body }),
  });

async function ask(...asked: Parameters<typeof post>): Promise<Result & { status: number }> {
  const response = await post(...asked);
  return { status: response.status, ...JSON.parse(await response.text()) };
}

const CHANGED =
  'subscription { alarmChanged { snapshot gap droppedChanges total changes { rule } } }';

interface Update {
  readonly snapshot: boolean;
  readonly gap: boolean;
  readonly droppedChanges: number;
  readonly total: number;
  readonly changes: readonly { readonly rule: string }[];
}
type UpdateResult = Omit<Result, 'data'> & { readonly data: { alarmChanged: Update } | null };

async function followSse(t: ExecutionContext, url: string) {
  const leaving = new AbortController();
  t.teardown(() => leaving.abort());
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query: CHANGED }),
    signal: leaving.signal,
  });
  const updates = sseEvents<UpdateResult>(response);
  const next = async () => (await updates.next()).value as UpdateResult;
  return { next, leave: () => leaving.abort(), updates };
}

test('a question about alarms is answered by the leader, whichever node is asked', async (t) => {
  const { leader, other } = await openPair(t);
  leader.board.total = 7;
  const asked = await ask(other.url, '{ alarms { total } version }');
  t.deepEqual(asked, await ask(leader.url, '{ alarms { total } version }'));
  t.deepEqual(asked.data, { alarms: { total: 7 }, version: '1.2.3' });
});

test('name and variables of an operation go with it, and a question may come by GET', async (t) => {
  const { leader, other } = await openPair(t);
  const query =
    'query V { version } mutation E($id: ID!) { expireSilence(id: $id) { done problems { message } } }';
  const body = { operationName: 'E', variables: { id: 's-1' } };
  const { data } = await ask(other.url, query, {}, body);
  t.deepEqual(data, { expireSilence: { done: true, problems: [] } });
  t.deepEqual(leader.board.expired, ['s-1']);
  const text = encodeURIComponent('{ silences { id } }');
  const response = await fetch(`${other.url}/graphql?query=${text}`);
  t.deepEqual(await response.json(), { data: { silences: [{ id: 'of default' }] } });
});

test('what partitions answer is not sent on', async (t) => {
  const node = await openNode(t);
  node.lead.follow('http://127.0.0.1:1');
  const { data } = await ask(node.url, '{ version }');
  t.deepEqual(data, { version: '1.2.3' });
});

test('whoever asks is known to the leader by the own key alone', async (t) => {
  const keys = [
    { id: 'x', tenant: 'acme', scopes: ['read'], hash: hashSecret('sg_x') },
    { id: 'y', tenant: 'other', scopes: ['read'], hash: hashSecret('sg_y') },
  ] as const;
  const { leader, other } = await openPair(t, { keys });
  const headers = (key: string) => ({ authorization: `Bearer ${key}` });
  t.deepEqual((await ask(other.url, '{ silences { id } }', headers('sg_x'))).data, {
    silences: [{ id: 'of acme' }],
  });
  t.deepEqual((await ask(other.url, '{ silences { id } }', headers('sg_y'))).data, {
    silences: [{ id: 'of other' }],
  });
  t.is((await ask(other.url, '{ silences { id } }', headers('sg_z'))).status, 401);
  const client = createClient({
    url: `${other.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: 'Bearer sg_y' },
    retryAttempts: 0,
  });
  t.teardown(() => void client.dispose());
  const { value } = await client.iterate({ query: '{ silences { id } }' }).next();
  t.deepEqual(value?.data, { silences: [{ id: 'of other' }] });
  // The key of the cluster opens the way, and nothing behind it.
  const asNode = { [NODE_KEY_HEADER]: KEY };
  const behind = { method: 'POST', headers: { 'content-type': 'application/json', ...asNode } };
  const response = await fetch(`${leader.url}/v1/node/graphql`, { ...behind, body: '{}' });
  t.is(response.status, 401);
});

test('a refusal of the leader comes back with its status, its place and its code', async (t) => {
  const keys = [{ id: 'x', tenant: 'a', scopes: ['read'], hash: hashSecret('sg_x') }] as const;
  const { leader, other } = await openPair(t, { keys });
  const headers = { authorization: 'Bearer sg_x' };
  const query = '{\n  version\n  alarmBoard { lagMs }\n}';
  const refused = await ask(other.url, query, headers);
  t.is(refused.status, 403);
  t.is(refused.errors?.[0]?.extensions['code'], 'forbidden');
  t.deepEqual(refused, await ask(leader.url, query, headers));
});

const SHARED = (id: string) =>
  `subscription { panel(dashboard: "${id}", panel: "p") { snapshot } }`;

test('a link is judged by the leader, whichever node it is used at, and its panel ends there as here', async (t) => {
  const { leader, other } = await openPair(t);
  await leader.dashboards.start();
  const input = { name: 'D', panels: [{ id: 'p', title: 'P', show: 'CHART', question: {} }] };
  const put = await ask(
    other.url,
    'mutation ($input: DashboardInput!) { putDashboard(input: $input) { dashboard { id } } }',
    {},
    { variables: { input } },
  );
  const { id } = (put.data as { putDashboard: { dashboard: { id: string } } }).putDashboard
    .dashboard;
  const shared = await ask(
    other.url,
    `mutation { shareDashboard(id: "${id}", name: "Ann") { share { id } secret } }`,
  );
  const { share, secret } = (
    shared.data as { shareDashboard: { share: { id: string }; secret: string } }
  ).shareDashboard;
  const headers = { authorization: `Bearer ${secret}` };
  const question = `{ sharedDashboard { id } panel(dashboard: "${id}", panel: "p") { names } }`;
  const answer = { sharedDashboard: { id }, panel: { names: ['count'] } };
  t.deepEqual((await ask(other.url, question, headers)).data, answer);
  t.is((await ask(other.url, '{ version }', headers)).status, 403);
  const unknown = { authorization: `Bearer sgd_${'u'.repeat(43)}` };
  t.is((await ask(other.url, question, unknown)).status, 401);

  const response = await post(other.url, SHARED(id), { ...headers, accept: 'text/event-stream' });
  const updates = sseEvents<Result>(response);
  t.deepEqual((await updates.next()).value?.data, { panel: { snapshot: true } });
  await ask(other.url, `mutation { endShare(id: "${share.id}") }`);
  for await (const update of updates) t.is(update.errors, undefined);
  t.is((await ask(other.url, question, headers)).status, 401);
});

test('a panel that is changed ends what follows it at any node: the next answers would be to another question', async (t) => {
  const { leader, other } = await openPair(t);
  await leader.dashboards.start();
  const put = async (question: object, id?: string): Promise<string> => {
    const panels = [{ id: 'p', title: 'P', show: 'CHART', question }];
    const { data } = await ask(
      other.url,
      'mutation ($input: DashboardInput!) { putDashboard(input: $input) { dashboard { id } } }',
      {},
      { variables: { input: { id, name: 'D', panels } } },
    );
    return (data as { putDashboard: { dashboard: { id: string } } }).putDashboard.dashboard.id;
  };
  const id = await put({ last: '1h' });
  const response = await post(other.url, SHARED(id), { accept: 'text/event-stream' });
  const updates = sseEvents<Result>(response);
  t.deepEqual((await updates.next()).value?.data, { panel: { snapshot: true } });
  await put({ last: '2h' }, id);
  t.true((await updates.next()).done);
});

test('the way between nodes needs the key of the cluster, and is there in a cluster only', async (t) => {
  const { leader } = await openPair(t);
  const asked = (headers: Record<string, string>, url = leader.url) =>
    fetch(`${url}/v1/node/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query: '{ version }' }),
    });
  t.is((await asked({})).status, 401);
  t.is((await asked({ [NODE_KEY_HEADER]: 'another' })).status, 403);
  t.is((await asked({ [NODE_KEY_HEADER]: KEY })).status, 200);
  const alone = await openTestListener(t);
  const response = await asked({ [NODE_KEY_HEADER]: KEY }, alone.url);
  t.is(response.status, 404);
  t.false((await response.text()).includes('/v1/node'));
});

test('what was sent to a node that does not lead is not sent on, but told who does', async (t) => {
  const a = await openNode(t);
  const b = await openNode(t);
  // Each takes the other one for the leader.
  a.lead.follow(b.url);
  b.lead.follow(a.url);
  const { data, errors } = await ask(a.url, '{ alarms { total } }');
  t.is(data, null);
  t.is(errors?.length, 1);
  t.true(errors?.[0]?.message.includes(a.url));
  t.deepEqual(errors?.[0]?.extensions, { code: 'not_leader', retryable: true, leader: a.url });
  const { next, updates } = await followSse(t, a.url);
  t.is((await next()).errors?.[0]?.extensions['code'], 'not_leader');
  t.true((await updates.next()).done);
  // Itself.
  a.lead.follow(a.url);
  t.is((await ask(a.url, '{ alarms { total } }')).errors?.[0]?.extensions['code'], 'not_leader');
});

test('while nobody leads, or the leader is not there, that is told at once', async (t) => {
  const node = await openNode(t);
  const code = async () => {
    const { errors } = await ask(node.url, 'mutation { unacknowledge(alarm: "1") { done } }');
    t.true(errors?.[0]?.extensions['retryable']);
    return [
      errors?.[0]?.extensions['code'],
      /Nothing was changed/.test(errors?.[0]?.message ?? ''),
    ];
  };
  t.deepEqual(await code(), ['leader_away', false]);
  node.lead.follow('http://127.0.0.1:1');
  t.deepEqual(await code(), ['leader_away', true]);
  const { next, updates } = await followSse(t, node.url);
  t.is((await next()).errors?.[0]?.extensions['code'], 'leader_away');
  t.true((await updates.next()).done);
});

/** What stands where the leader should be. */
async function openStranger(t: ExecutionContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a leader that leads no more while it is asked is not waited for', async (t) => {
  const reached = Promise.withResolvers<void>();
  const url = await openStranger(t, () => reached.resolve());
  const node = await openNode(t);
  node.lead.follow(url);
  const asked = ask(node.url, 'mutation { unacknowledge(alarm: "1") { done } }');
  await reached.promise;
  node.lead.follow('http://127.0.0.1:2');
  const { errors } = await asked;
  t.is(errors?.[0]?.extensions['code'], 'leader_away');
  t.regex(errors?.[0]?.message ?? '', /may be done, or not/);
});

test('a client that goes takes its question to the leader with it', async (t) => {
  const reached = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  const url = await openStranger(t, (_, response) => {
    reached.resolve();
    response.on('close', () => left.resolve());
  });
  const { logger, warnings } = warned();
  const node = await openNode(t, { logger });
  node.lead.follow(url);
  const leaving = new AbortController();
  const { signal } = leaving;
  const body = JSON.stringify({ query: '{ alarms { total } }' });
  const headers = { 'content-type': 'application/json' };
  const asked = fetch(`${node.url}/graphql`, { method: 'POST', headers, body, signal });
  await reached.promise;
  leaving.abort();
  await t.throwsAsync(asked);
  await left.promise;
  t.deepEqual(warnings, []);
});

test('what is no answer of a leader is told as such', async (t) => {
  const url = await openStranger(t, (_, response) => response.writeHead(502).end('<html>'));
  const node = await openNode(t);
  node.lead.follow(url);
  const { errors } = await ask(node.url, '{ alarms { total } }');
  t.is(errors?.[0]?.extensions['code'], 'leader_away');
});

test('over SSE, a subscription to alarms brings what the leader tells, until its client leaves', async (t) => {
  const { logger, warnings } = warned();
  const { leader, other } = await openPair(t, { logger });
  leader.board.total = 3;
  const { next, leave } = await followSse(t, other.url);
  t.like((await next()).data?.alarmChanged, { snapshot: true, total: 3 });
  leader.board.change('errors');
  t.deepEqual((await next()).data?.alarmChanged.changes, [{ rule: 'errors' }]);
  t.is(leader.board.listeners.size, 1);
  leave();
  await leader.board.untilSubscribed(0);
  t.deepEqual(warnings, []);
});

test('over WebSocket: the same', async (t) => {
  const { leader, other } = await openPair(t);
  const client = createClient({
    url: `${other.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
  });
  t.teardown(() => void client.dispose());
  const updates = client.iterate<{ alarmChanged: Update }>({ query: CHANGED });
  const next = async () => (await updates.next()).value?.data?.alarmChanged;
  t.true((await next())?.snapshot);
  leader.board.change('errors');
  t.deepEqual((await next())?.changes, [{ rule: 'errors' }]);
  await updates.return?.();
  await leader.board.untilSubscribed(0);
  t.is(other.board.listeners.size, 0);
});

for (const [name, node] of [
  ['a node that follows', 'other'],
  ['the former leader', 'leader'],
] as const) {
  test(`a subscription at ${name} goes on with the next leader, from its snapshot`, async (t) => {
    const pair = await openPair(t);
    const { leader, other } = pair;
    const third = await openNode(t);
    third.board.total = 9;
    const { next } = await followSse(t, pair[node].url);
    t.like((await next()).data?.alarmChanged, { snapshot: true, total: 0 });
    for (const { lead } of [leader, other]) lead.follow(undefined);
    await leader.board.untilSubscribed(0);
    third.lead.lead(third.url);
    for (const { lead } of [leader, other]) lead.follow(third.url);
    t.like((await next()).data?.alarmChanged, { snapshot: true, total: 9 });
    third.board.change('later');
    t.deepEqual((await next()).data?.alarmChanged.changes, [{ rule: 'later' }]);
  });
}

test('a node that comes to lead goes on with its own board', async (t) => {
  const { leader, other } = await openPair(t);
  other.board.total = 4;
  const { next, leave } = await followSse(t, other.url);
  t.true((await next()).data?.alarmChanged.snapshot);
  leader.lead.follow(other.url);
  other.lead.lead(other.url);
  t.like((await next()).data?.alarmChanged, { snapshot: true, total: 4 });
  await leader.board.untilSubscribed(0);
  leave();
  await other.board.untilSubscribed(0);
});

test('a subscription that nobody reads holds the leader’s back, and then gets a gap', async (t) => {
  const { leader, other } = await openPair(t);
  const socket = connect(other.port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  const body = JSON.stringify({ query: CHANGED });
  socket.write(
    `POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:${other.port}\r\nAccept: text/event-stream\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  socket.pause();
  await leader.board.untilSubscribed();
  // More than all sockets hold that lie between, each change some 60 KB.
  const rule = 'x'.repeat(60_000);
  let waiting = 0;
  while (waiting < 2 * ALARM_CHANGES_WAITING_MAX) {
    leader.board.change(rule);
    waiting++;
    if (waiting % 20 === 0) await new Promise(setImmediate);
  }
  socket.resume();
  let text = '';
  for await (const chunk of socket) {
    text = `${text.slice(-1_000)}${chunk}`;
    if (/"gap":true/.test(text)) break;
  }
  t.regex(text, /"droppedChanges":\d{3,}/);
});
