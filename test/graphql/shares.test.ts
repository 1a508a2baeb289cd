/** Whoever holds the key of a link sees its dashboard, and tries in vain to see anything else. */
import test, { type ExecutionContext } from 'ava';
import {
  type GraphQLField,
  type GraphQLInputType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
} from 'graphql';
import { schema } from '../../graphql/schema.ts';
import { SHARE_SECRET_PREFIX } from '../../src/model/access.ts';
import { askWith, dashboardsScene, socketWith } from './dashboards-scene.ts';
import { sseEvents } from './sse.ts';

const UNKNOWN = SHARE_SECRET_PREFIX + 'u'.repeat(43);

/** A dashboard with a link to it, another one of the same tenant, and one of another tenant. */
async function scene(t: ExecutionContext) {
  const all = await dashboardsScene(t);
  const { url, put, putQuestion, share } = all;
  all.memory.apply(0, [{ ts: Date.now(), type: 'view' }], Date.now());
  const id = await putQuestion({ last: '1h' });
  const sibling = await putQuestion({ last: '2h' });
  const panels = [{ id: 'p', title: 'P', show: 'CHART', question: {} }];
  const foreign = (await put({ name: 'F', panels }, 'sg_other')).dashboard?.id ?? '';
  const link = await share(id);
  const askShared = (query: string, secret = link.secret) => askWith(url, secret, query);
  return { ...all, id, sibling, foreign, link, askShared };
}

test('a link shows its dashboard and answers its panels, and not who else has links', async (t) => {
  const { id, askShared } = await scene(t);
  const { data, errors } = await askShared(`query Q { ...F  __typename }
    fragment F on Query { mine: sharedDashboard { id name panels { id title } shares { id } }
      ... on Query { count: panel(dashboard: "${id}", panel: "p") { names series { points { values { value } } } } } }`);
  t.deepEqual(errors, []);
  t.deepEqual(data, {
    mine: { id, name: 'D', panels: [{ id: 'p', title: 'P' }], shares: null },
    count: { names: ['count'], series: [{ points: [{ values: [{ value: 1 }] }] }] },
    __typename: 'Query',
  });
});

test('no other panel is answered: not of the same tenant, nor of another one', async (t) => {
  const { sibling, foreign, id, askShared } = await scene(t);
  for (const [dashboard, panel] of [
    [sibling, 'p'],
    [foreign, 'p'],
    [id, 'q'],
    ['web', 'views'],
  ]) {
    const { data, errors } = await askShared(
      `{ panel(dashboard: "${dashboard}", panel: "${panel}") { names } }`,
    );
    t.is(data, null);
    t.regex(errors[0]?.message ?? '', /there is no panel/);
  }
});

const ROOTS = [
  ['query', schema.getQueryType()],
  ['mutation', schema.getMutationType()],
  ['subscription', schema.getSubscriptionType()],
] as const;
const MAY: ReadonlySet<string> = new Set([
  'query sharedDashboard',
  'query panel',
  'subscription sharedDashboard',
  'subscription panel',
]);

/** Something of the type, so that the operation is valid. */
function valueFor(type: GraphQLInputType): string {
  if (isNonNullType(type)) return valueFor(type.ofType);
  if (isListType(type)) return `[${valueFor(type.ofType)}]`;
  if (isEnumType(type)) return type.getValues()[0]?.name ?? '';
  if (isInputObjectType(type)) {
    const needed = Object.values(type.getFields()).filter((each) => isNonNullType(each.type));
    return `{ ${needed.map((each) => `${each.name}: ${valueFor(each.type)}`).join(', ')} }`;
  }
  if (['Int', 'Float', 'Long', 'Timestamp'].includes(type.name)) return '1';
  return type.name === 'Boolean' ? 'true' : '"1m"';
}

function selecting({ name, args, type }: GraphQLField): string {
  const needed = args.filter((each) => isNonNullType(each.type) && each.default === undefined);
  const given = needed.map((each) => `${each.name}: ${valueFor(each.type)}`).join(', ');
  const selection = isLeafType(getNamedType(type)) ? '' : '{ __typename }';
  return `${name}${given === '' ? '' : `(${given})`} ${selection}`;
}

for (const [operation, type] of ROOTS) {
  for (const field of Object.values(type?.getFields() ?? {})) {
    if (MAY.has(`${operation} ${field.name}`)) continue;
    test(`${operation} ${field.name} is refused`, async (t) => {
      const { askShared } = await scene(t);
      const { status, data, errors } = await askShared(`${operation} { x: ${selecting(field)} }`);
      t.is(
        errors[0]?.message,
        'a link to a dashboard may ask for that dashboard and its panels alone',
      );
      t.deepEqual([status, data ?? null], [403, null]);
    });
  }
}

const hidden: readonly [string, string][] = [
  ['beside what may be asked', '{ sharedDashboard { id } version }'],
  [
    'in a fragment',
    'query { sharedDashboard { id } ...F } fragment F on Query { ...G } fragment G on Query { version }',
  ],
  ['in an inline fragment', '{ ... { ... on Query { version } } }'],
  ['by another name', '{ sharedDashboard: version }'],
  ['behind a directive', '{ sharedDashboard { id } version @include(if: true) }'],
  ['the schema', '{ __schema { types { name } } }'],
  ['a type of the schema', '{ t: __type(name: "Query") { fields { name } } }'],
];
for (const [what, query] of hidden) {
  test(`what is asked ${what} is refused, and nothing of it is answered`, async (t) => {
    const { url, askShared, link } = await scene(t);
    const { status, data } = await askShared(query);
    t.deepEqual([status, data ?? null], [403, null]);
    const bySocket = await socketWith(t, url, link.secret).iterate({ query }).next();
    t.falsy(bySocket.value?.data);
    t.is(bySocket.value?.errors?.[0]?.extensions?.['code'], 'forbidden');
    const get = await fetch(`${url}/graphql?query=${encodeURIComponent(query)}`, {
      headers: { authorization: `Bearer ${link.secret}` },
    });
    t.is(get.status, 403);
  });
}

test('of several operations the one that is asked for counts', async (t) => {
  const { url, link } = await scene(t);
  const query = 'query A { sharedDashboard { name } } query B { version }';
  const status = async (operationName: string) => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${link.secret}` },
      body: JSON.stringify({ query, operationName }),
    });
    return response.status;
  };
  t.deepEqual([await status('A'), await status('B')], [200, 403]);
});

test('every other path of the listener refuses it', async (t) => {
  const { url, link } = await scene(t);
  const { host, origin } = new URL(url);
  const headers = { authorization: `Bearer ${link.secret}` };
  const statusOf = async (path: string, more: RequestInit = {}) =>
    (await fetch(`${url}${path}`, { ...more, headers: { ...headers, ...more.headers } })).status;
  t.is(await statusOf('/v1/export?stream=events'), 403);
  t.is(await statusOf('/v1/dead-letters'), 403);
  t.is(await statusOf('/metrics'), 403);
  t.is(await statusOf('/graphql', { headers: { accept: 'text/html' } }), 403);
  const signIn = await fetch(`${url}/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', host, origin },
    body: JSON.stringify({ key: link.secret }),
  });
  t.is(signIn.status, 403);
  t.is(signIn.headers.get('set-cookie'), null);
  const session = await fetch(`${url}/session`, { headers });
  t.is(JSON.parse(await session.text()).access, null);
});

const LIVE = (id: string) =>
  `subscription { panel(dashboard: "${id}", panel: "p") { snapshot series { points { values { value } } } } }`;

test('by WebSocket a link follows its panel, and no other; when it ends the socket is closed', async (t) => {
  const { url, id, sibling, link, endShare, queries } = await scene(t);
  const client = socketWith(t, url, link.secret);
  const refused = await client.iterate({ query: LIVE(sibling) }).next();
  t.regex(refused.value?.errors?.[0]?.message ?? '', /there is no panel/);
  const updates = client.iterate<{ panel: { snapshot: boolean } }>({ query: LIVE(id) });
  t.true((await updates.next()).value?.data?.panel.snapshot);
  const closed = new Promise((resolve) => client.on('closed', resolve));
  const rest = (async () => {
    for await (const _ of updates);
  })();
  t.true(await endShare(link.id));
  t.like(await closed, { code: 4403 });
  await rest.catch(() => undefined);
  while (queries.live.subscribers > 0) await new Promise(setImmediate);
});

test('over SSE: the stream ends with the link, and nothing is answered by it any more', async (t) => {
  const { url, id, link, endShare, askShared } = await scene(t);
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      authorization: `Bearer ${link.secret}`,
    },
    body: JSON.stringify({ query: LIVE(id) }),
  });
  const updates = sseEvents<{ data: { panel: { snapshot: boolean } } }>(response);
  t.true((await updates.next()).value?.data.panel.snapshot);
  await endShare(link.id);
  while ((await updates.next()).done !== true);
  const { status, errors } = await askShared('{ sharedDashboard { id } }');
  t.deepEqual([status, errors[0]?.extensions['code']], [401, 'unauthorized']);
});

test('a link ends with its dashboard', async (t) => {
  const { ask, id, askShared } = await scene(t);
  await ask(`mutation { dropDashboard(id: "${id}") { done } }`);
  t.is((await askShared('{ sharedDashboard { id } }')).status, 401);
});

for (const secret of [UNKNOWN, `${SHARE_SECRET_PREFIX}short`]) {
  test(`a secret such as ${secret.slice(0, 9)} that opens nothing is refused, also by a server without keys`, async (t) => {
    for (const keys of [[], undefined]) {
      const { url } = await dashboardsScene(t, keys && { keys });
      t.is((await askWith(url, secret, '{ version }')).status, 401);
      t.is((await askWith(url, secret, '{ sharedDashboard { id } }')).status, 401);
      const client = socketWith(t, url, secret);
      const refused = await t.throwsAsync(
        (async () => client.iterate({ query: '{ version }' }).next())(),
        { any: true },
      );
      t.like(refused, { code: 4403 });
      const metrics = await fetch(`${url}/metrics`, {
        headers: { authorization: `Bearer ${secret}` },
      });
      t.is(metrics.status, 401);
    }
  });
}

test('a server without keys gives a link what it shows, and everybody else everything', async (t) => {
  const { url, putQuestion, share } = await dashboardsScene(t, { keys: [] });
  const { secret } = await share(await putQuestion({}));
  t.is((await askWith(url, secret, '{ version }')).status, 403);
  t.is((await askWith(url, secret, '{ sharedDashboard { name } }')).data.sharedDashboard.name, 'D');
  t.is((await askWith(url, undefined, '{ version }')).status, 200);
  t.is((await askWith(url, undefined, '{ dashboards { id } }')).data.dashboards.length, 1);
});
