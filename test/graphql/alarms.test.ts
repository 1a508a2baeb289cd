/** Alarms through the whole server: its listeners, its board, its store. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createClient } from 'graphql-ws';
import { stringify } from 'yaml';
import { formatProblem, loadConfig } from '../../src/config.ts';
import { startServer } from '../../src/main.ts';
import { hashSecret } from '../../src/model/access.ts';
import { sseEvents } from './sse.ts';

interface Problem {
  readonly path: string;
  readonly message: string;
}
interface Answer {
  readonly errors?: readonly { message: string; extensions: { code: string } }[];
  readonly data: {
    readonly putRule: { rule: Record<string, unknown> | null; problems: Problem[] };
    readonly putReceiver: { receiver: Record<string, unknown> | null; problems: Problem[] };
    readonly setRoutes: { routes: Record<string, unknown>[] | null; problems: Problem[] };
    readonly addSilence: { silence: { id: string } | null; problems: Problem[] };
    readonly testReceiver: { attempt: Record<string, unknown> | null; problems: Problem[] };
    readonly done: { done: boolean; problems: Problem[] };
    readonly alarms: { total: number; alarms: Alarm[] };
    readonly alarmRules: { name: string; declaredIn: string }[];
    readonly alarmHistory: { entries: Change[]; nextCursor: string | null };
    readonly deliveries: { deliveries: { id: string; state: string; attemptCount: number }[] };
    readonly delivery: { state: string; request: { url: string; body: string } } | null;
    readonly receivers: Record<string, unknown>[];
    readonly silences: { id: string; state: string; matchers: string[] }[];
    readonly testRule: { problems: Problem[] };
    readonly alarmBoard: { evaluations: number; waitingDeliveries: number };
  };
}
interface Alarm {
  readonly id: string;
  readonly state: string;
  readonly silencedBy: string[];
  readonly acknowledgement: { author: string; comment: string } | null;
}
interface Change {
  readonly rule: string;
  readonly group: string[];
  readonly to: string;
}
interface Update {
  readonly snapshot: boolean;
  readonly total: number;
  readonly changes: Change[];
  readonly alarms?: { readonly state: string }[];
}

/** A server on free ports, with this configuration. */
async function startTestServer(t: ExecutionContext, settings: object) {
  const folder = mkdtempSync(join(tmpdir(), 'streamgauge-'));
  const file = join(folder, 'streamgauge.yaml');
  const base = {
    listen: { ingestPort: 0, queryPort: 0 },
    dataDir: join(folder, 'data'),
    partitions: 1,
    logging: { level: 'silent' },
  };
  writeFileSync(file, stringify({ ...base, ...settings }));
  const loaded = loadConfig({ file, env: {} });
  if (!loaded.ok) throw new Error(loaded.error.map(formatProblem).join('\n'));
  const server = await startServer(loaded.value.config);
  t.teardown(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const ask = async (query: string, key = '', variables?: object): Promise<Answer> => {
    const response = await fetch(`${server.queryUrl}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ query, variables }),
    });
    return JSON.parse(await response.text());
  };
  const send = async (...events: object[]) => {
    const response = await fetch(`${server.ingestUrl}/v1/events?ack=applied`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(events),
    });
    t.is(response.status, 200);
  };
  return { ...server, ask, send };
}

/** Takes what webhooks bring, and answers how many came. */
async function startReceiver(t: ExecutionContext) {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => {
      body += part;
    });
    request.on('end', () => {
      bodies.push(body);
      response.end('thanks');
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/path-that-is-secret`, bodies };
}

/** Nothing ends within its window but by hand. */
const RULE = {
  name: 'errors',
  filter: [{ field: 'type', in: ['error'] }],
  groupBy: ['service'],
  window: '5m',
  every: '1s',
  lateness: '0s',
  above: { fire: 1, clear: 0 },
  severity: 'critical',
  annotations: { summary: '{{value}} errors of {{labels.service}}' },
};
const PUT_RULE = `mutation ($rule: AlarmRuleInput!) {
  putRule(rule: $rule) { rule { name declaredIn windowMs condition { above } } problems { path message } }
}`;
const NO_SERVER_ALARMS = { server: { enabled: false } };

const ERROR = { type: 'error', service: 'api' };

/** Time may pass an event by on its way, and what is judged already is not judged again: so another follows. */
async function sendUntil(told: Promise<unknown>, send: () => Promise<void>) {
  let isTold = false;
  const waiting = told.finally(() => {
    isTold = true;
  });
  while (!isTold) await send();
  await waiting;
}

test('an alarm from its rule to its webhook: put, fired, told, acknowledged, silenced, sent again', async (t) => {
  const receiver = await startReceiver(t);
  const webhook = {
    url: receiver.url,
    allowNetworks: ['127.0.0.0/8'],
    headers: { 'X-Key': 'k-1' },
  };
  const { ask, send, queryUrl } = await startTestServer(t, {
    alarms: { receivers: [{ name: 'pager', webhook }], ...NO_SERVER_ALARMS },
  });
  const put = await ask(PUT_RULE, '', { rule: RULE });
  t.deepEqual(put.data.putRule, {
    rule: {
      name: 'errors',
      declaredIn: 'mutation',
      windowMs: 300_000,
      condition: { above: { fire: 1, clear: 0 } },
    },
    problems: [],
  });

  const client = createClient({
    url: `${queryUrl.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
  });
  t.teardown(() => void client.dispose());
  const updates = client.iterate<{ alarmChanged: Update }>({
    query:
      'subscription { alarmChanged(rule: "errors") { snapshot total changes { rule group to } } }',
  });
  const next = async () => (await updates.next()).value?.data?.alarmChanged;
  t.deepEqual(await next(), { snapshot: true, total: 0, changes: [] });
  const firing = next();
  await sendUntil(firing, () => send(ERROR, ERROR));
  t.deepEqual(await firing, {
    snapshot: false,
    total: 0,
    changes: [{ rule: 'errors', group: ['api'], to: 'firing' }],
  });

  const { data } = await ask(`{
    alarms { total alarms { id state silencedBy acknowledgement { author } } }
    alarmHistory { entries { rule group to } nextCursor }
  }`);
  t.is(data.alarms.total, 1);
  t.deepEqual(data.alarmHistory.entries, [{ rule: 'errors', group: ['api'], to: 'firing' }]);
  const [alarm] = data.alarms.alarms;
  t.is(alarm?.state, 'firing');

  const delivered = async () => {
    for (;;) {
      const { data } = await ask('{ deliveries { deliveries { id state attemptCount } } }');
      const [delivery] = data.deliveries.deliveries;
      if (delivery?.state === 'delivered') return delivery;
    }
  };
  const { id, attemptCount } = await delivered();
  t.is(attemptCount, 1);
  const body = JSON.parse(receiver.bodies[0] ?? '');
  t.like(body, { receiver: 'pager', status: 'firing' });
  t.regex(body.commonAnnotations.summary, /^\d+ errors of api$/);
  const shown = JSON.stringify(
    await ask(
      `{ delivery(id: "${id}") { state request { url headers { name value } body } } receivers { name target headers signed } }`,
    ),
  );
  t.notRegex(shown, /path-that-is-secret|k-1/);
  t.regex(shown, /"target":"http:\/\/127\.0\.0\.1:\d+\/\*\*\*"/);

  const command = async (field: string) =>
    (await ask(`mutation { done: ${field} { done problems { path message } } }`)).data.done;
  t.deepEqual(
    await command(`acknowledge(alarm: "${alarm?.id}", comment: "on it", author: "ann")`),
    {
      done: true,
      problems: [],
    },
  );
  const silenced = await ask(
    'mutation { addSilence(silence: { matchers: ["service=~a.*"], lasts: "1h", comment: "deploy" }) { silence { id } problems { path message } } }',
  );
  const silence = silenced.data.addSilence.silence?.id ?? '';
  const after = await ask(
    '{ alarms(states: [firing], matchers: ["service=api"]) { alarms { silencedBy acknowledgement { author comment } } } silences { id state matchers } }',
  );
  t.deepEqual(after.data.alarms.alarms as unknown[], [
    { silencedBy: [silence], acknowledgement: { author: 'ann', comment: 'on it' } },
  ]);
  t.deepEqual(after.data.silences, [{ id: silence, state: 'active', matchers: ['service=~a.*'] }]);
  t.true((await command(`expireSilence(id: "${silence}")`)).done);
  const long = await command(`acknowledge(alarm: "${alarm?.id}", comment: "${'x'.repeat(5_000)}")`);
  t.deepEqual([long.done, paths(long.problems)], [false, ['comment']]);
  t.true((await command(`unacknowledge(alarm: "${alarm?.id}")`)).done);
  t.deepEqual(await command('unacknowledge(alarm: "0000000000000000")'), {
    done: false,
    problems: [{ path: 'alarm', message: 'there is no alarm of this id that fires' }],
  });

  t.true((await command(`resendDelivery(id: "${id}")`)).done);
  t.is((await delivered()).id, id);
  const tested = await ask(
    'mutation { testReceiver(name: "pager") { attempt { outcome status } problems { path } } }',
  );
  t.deepEqual(tested.data.testReceiver, {
    attempt: { outcome: 'delivered', status: 200 },
    problems: [],
  });

  t.true((await command('removeRule(name: "errors")')).done);
  t.deepEqual((await next())?.changes, [{ rule: 'errors', group: ['api'], to: 'ok' }]);
  await updates.return?.();
});

test('over SSE: a snapshot of what fires, then what changes', async (t) => {
  const { ask, send, queryUrl } = await startTestServer(t, { alarms: NO_SERVER_ALARMS });
  t.deepEqual((await ask(PUT_RULE, '', { rule: RULE })).data.putRule.problems, []);
  const alarmsFiring = async () =>
    (await ask('{ alarms(states: [firing]) { total } }')).data.alarms.total;
  while ((await alarmsFiring()) === 0) await send(ERROR, ERROR);

  const leave = new AbortController();
  t.teardown(() => leave.abort());
  const query =
    'subscription { alarmChanged(rule: "errors") { snapshot total alarms { state } changes { rule group to } } }';
  const response = await fetch(`${queryUrl}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query }),
    signal: leave.signal,
  });
  t.regex(response.headers.get('content-type') ?? '', /text\/event-stream/);
  const updates = sseEvents<{ data: { alarmChanged: Update } }>(response);
  const next = async () => (await updates.next()).value?.data.alarmChanged;
  t.deepEqual(await next(), {
    ...{ snapshot: true, total: 1, changes: [] },
    alarms: [{ state: 'firing' }],
  });
  await ask('mutation { removeRule(name: "errors") { done } }');
  t.deepEqual((await next())?.changes, [{ rule: 'errors', group: ['api'], to: 'ok' }]);
});

test('a new rule replaces no other of its name, and is put again by whoever has not heard that it was', async (t) => {
  const { ask } = await startTestServer(t, { alarms: NO_SERVER_ALARMS });
  const problemsOf = async (rule: object, isNew: boolean) => {
    const { data } = await ask(
      'mutation ($rule: AlarmRuleInput!, $isNew: Boolean!) { putRule(rule: $rule, isNew: $isNew) { problems { path message } } }',
      '',
      { rule, isNew },
    );
    return data.putRule.problems;
  };
  t.deepEqual(await problemsOf(RULE, true), []);
  t.deepEqual(await problemsOf(RULE, true), [], 'the same once more');
  const [refused] = await problemsOf({ ...RULE, severity: 'info' }, true);
  t.is(refused?.path, 'name');
  t.regex(refused?.message ?? '', /there is a rule "errors" already/);
  t.deepEqual(await problemsOf({ ...RULE, severity: 'info' }, false), []);
  t.is((await problemsOf(RULE, true)).length, 1, 'it has been replaced');
});

const paths = (problems: readonly Problem[]) => problems.map(({ path }) => path);

test('what is wrong with an input is answered with its place, and changes nothing', async (t) => {
  const { ask } = await startTestServer(t, {});
  const plain = await ask(PUT_RULE, '', { rule: { ...RULE, name: 'plain', above: 10 } });
  t.deepEqual(
    plain.data.putRule.rule?.['condition'],
    { above: 10 },
    'a bound of one number is one',
  );
  const odd = await ask('{ delivery(id: "\\u0000") { id } fields(stream: "\\u0000") { events } }');
  t.deepEqual(
    odd,
    { data: { delivery: null, fields: { events: 0 } } },
    'names that nothing can have',
  );
  const put = async (rule: object) => (await ask(PUT_RULE, '', { rule })).data.putRule.problems;
  t.deepEqual(
    paths(await put({ name: 'a b', measure: 'median(x)', window: '5', above: { fires: 1 } })),
    ['name', 'measure', 'window', 'above'],
  );
  t.deepEqual(paths(await put({ name: 'none', window: '5m' })), ['']);
  t.regex((await put({ ...RULE, name: 'server-ledger' }))[0]?.message ?? '', /alarms\.server/);
  t.regex((await put({ ...RULE, name: 'server-new' }))[0]?.message ?? '', /does not begin/);

  const putReceiver = (receiver: object) =>
    ask(
      'mutation ($receiver: ReceiverInput!) { putReceiver(receiver: $receiver) { receiver { name target headers declaredIn } problems { path message } } }',
      '',
      { receiver },
    );
  const bad = await putReceiver({
    name: 'r',
    webhook: { url: 'ftp://example.org', secrets: ['whsec_short'] },
  });
  t.deepEqual(paths(bad.data.putReceiver.problems), ['webhook.url', 'webhook.secrets[0]']);
  t.notRegex(JSON.stringify(bad), /whsec_short/);
  const template = await putReceiver({
    name: 'r',
    webhook: { url: 'https://example.org', body: '{{' },
  });
  t.deepEqual(paths(template.data.putReceiver.problems), ['webhook.body']);
  for (const more of [
    { file: { path: '/tmp/x' } },
    { webhook: { url: 'https://example.org', allowNetworks: ['10.0.0.0/8'] } },
  ]) {
    const refused = await putReceiver({ name: 'r', ...more });
    t.regex(refused.errors?.[0]?.message ?? '', /unknown field|not defined/);
  }
  const good = await putReceiver({
    name: 'r',
    webhook: { url: 'https://example.org/x?token=t-1', headers: { Authorization: 'Bearer b-1' } },
  });
  t.deepEqual(good.data.putReceiver, {
    receiver: {
      name: 'r',
      target: 'https://example.org/***',
      headers: ['Authorization'],
      declaredIn: 'mutation',
    },
    problems: [],
  });

  const setRoutes = async (route: object) => {
    const set = await ask(
      'mutation ($routes: [RouteInput!]!) { setRoutes(routes: $routes) { routes { receiver match groupWaitMs } problems { path } } }',
      '',
      { routes: [route] },
    );
    return set.data.setRoutes;
  };
  t.deepEqual(paths((await setRoutes({ receiver: 'nobody' })).problems), ['routes[0].receiver']);
  t.deepEqual((await setRoutes({ receiver: 'r', match: ['team!~a|b'], groupWait: '30s' })).routes, [
    { receiver: 'r', match: ['team!~a|b'], groupWaitMs: 30_000 },
  ]);

  const silence = await ask(
    'mutation { addSilence(silence: { matchers: ["a=b", "(a+)+"], comment: "" }) { silence { id } problems { path } } }',
  );
  t.deepEqual(paths(silence.data.addSilence.problems), ['matchers[1]', 'endsAt']);
  const endless = await ask(
    'mutation { addSilence(silence: { matchers: ["a=b"], lasts: "99999999d", comment: "c" }) { silence { id } problems { path } } } ',
  );
  t.deepEqual(paths(endless.data.addSilence.problems), ['endsAt']);
  t.deepEqual((await ask('{ silences { id state matchers } }')).data.silences, []);
  const badPage = await ask('{ alarms(first: 501) { total } }');
  t.is(badPage.errors?.[0]?.extensions.code, 'query_invalid');
});

test('readers read, admins change, and a tenant has its own', async (t) => {
  const key = (id: string, tenant: string, ...scopes: string[]) => ({
    id,
    tenant,
    scopes,
    hash: `sha256:${hashSecret(`sg_${id}`)}`,
  });
  const { ask } = await startTestServer(t, {
    keys: [
      key('reader', 'acme', 'read'),
      key('admin', 'acme', 'admin'),
      key('other', 'umbrella', 'admin'),
    ],
    alarms: {
      receivers: [{ name: 'terminal', tenant: 'acme', console: {} }],
      server: { tenant: 'umbrella' },
    },
  });
  const mutations = [
    'putRule(rule: { name: "a", window: "1m", above: 1 }) { problems { path } }',
    'removeRule(name: "a") { done }',
    'putReceiver(receiver: { name: "a" }) { problems { path } }',
    'removeReceiver(name: "a") { done }',
    'enableReceiver(name: "a") { done }',
    'disableReceiver(name: "a") { done }',
    'testReceiver(name: "a") { problems { path } }',
    'setRoutes(routes: []) { problems { path } }',
    'addSilence(silence: { matchers: ["a=b"], lasts: "1h", comment: "c" }) { problems { path } }',
    'expireSilence(id: "a") { done }',
    'acknowledge(alarm: "a") { done }',
    'unacknowledge(alarm: "a") { done }',
    'resendDelivery(id: "a") { done }',
  ];
  for (const mutation of mutations) {
    const { errors } = await ask(`mutation { ${mutation} }`, 'sg_reader');
    t.is(errors?.[0]?.extensions.code, 'forbidden', mutation);
  }
  t.is(
    (await ask('{ alarmBoard { lagMs } }', 'sg_reader')).errors?.[0]?.extensions.code,
    'forbidden',
  );

  const { data } = await ask('{ alarmBoard { evaluations waitingDeliveries } }', 'sg_admin');
  t.deepEqual(data.alarmBoard, { evaluations: 0, waitingDeliveries: 0 });
  const put = await ask(PUT_RULE, 'sg_admin', { rule: RULE });
  t.deepEqual(put.data.putRule.problems, []);
  const seen = async (secret: string) => {
    const { data } = await ask('{ alarmRules { name declaredIn } receivers { name } }', secret);
    return { rules: data.alarmRules.map(({ name }) => name), receivers: data.receivers.length };
  };
  t.deepEqual(await seen('sg_reader'), { rules: ['errors'], receivers: 1 });
  const { rules, receivers } = await seen('sg_other');
  t.is(receivers, 0);
  t.true(rules.length >= 12 && rules.every((name) => name.startsWith('server-')));
});
