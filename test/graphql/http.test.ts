import test from 'ava';
import { parse, validate } from 'graphql';
import { operationLimits } from '../../graphql/limits.ts';
import { schema } from '../../graphql/schema.ts';
import { hashSecret, type Scope } from '../../src/model/access.ts';
import { AppError } from '../../src/model/errors.ts';
import { headThenGet } from '../head-then-get.ts';
import { ask, openTestListener } from './listener.ts';

const key = (secret: string, ...scopes: Scope[]) => ({
  id: secret,
  tenant: 'default',
  scopes,
  hash: hashSecret(secret),
});
const KEYS = [key('sg_read', 'read'), key('sg_write', 'write'), key('sg_admin', 'admin')];
const bearer = (secret: string) => ({ headers: { authorization: `Bearer ${secret}` } });

const COUNT_BY_TYPE = `query ($from: Timestamp, $to: Timestamp) {
  timeseries(from: $from, to: $to, step: "1s", groupBy: ["type"]) {
    from to stepMs rollup resolutionMs watermark complete restated missingPartitions seriesFound
    series { labels { name value } points { t values { value errorBound } } }
  }
}`;
const NOON = Date.parse('2026-05-01T12:00:00Z');

test('a timeseries is answered with what is known of its quality', async (t) => {
  const { url, memory } = await openTestListener(t);
  const now = Math.floor(Date.now() / 1_000) * 1_000;
  memory.apply(
    0,
    [
      { ts: now, type: 'view' },
      { ts: now, type: 'view' },
    ],
    now,
  );
  memory.apply(1, [{ ts: now, type: 'buy' }], now);
  const variables = { from: new Date(now).toISOString(), to: now + 1_000 };
  const { data, errors, status } = await ask(url, COUNT_BY_TYPE, { variables });
  t.is(status, 200);
  t.deepEqual(errors, []);
  const { watermark, ...answer } = data?.timeseries ?? { watermark: undefined };
  t.is(typeof watermark, 'number');
  const point = (value: number) => [{ t: now, values: [{ value, errorBound: 0 }] }];
  t.deepEqual(answer, {
    from: now,
    to: now + 1_000,
    stepMs: 1_000,
    rollup: 'by_type',
    resolutionMs: 1_000,
    complete: false,
    restated: false,
    missingPartitions: [],
    seriesFound: 2,
    series: [
      { labels: [{ name: 'type', value: 'view' }], points: point(2) },
      { labels: [{ name: 'type', value: 'buy' }], points: point(1) },
    ],
  });
});

test('a range may be told by the clock of a zone, and points tell where they end', async (t) => {
  const { url, memory } = await openTestListener(t);
  const midnightMs = Date.parse('2026-10-24T22:00:00Z');
  memory.apply(0, [{ ts: midnightMs, type: 'view' }], midnightMs);
  const query = `{ timeseries(localFrom: "2026-10-25", localTo: "2026-10-26", timeZone: "Europe/Berlin", step: "1d") {
    from to stepMs series { points { t end } } } }`;
  const { data, errors } = await ask(url, query);
  t.deepEqual(errors, []);
  const toMs = midnightMs + 25 * 3_600_000;
  t.deepEqual(data?.timeseries, {
    ...{ from: midnightMs, to: toMs, stepMs: 86_400_000 },
    series: [{ points: [{ t: midnightMs, end: toMs }] }],
  });
});

test('a range that ends before it begins is refused by the names that it was asked with', async (t) => {
  const { url } = await openTestListener(t);
  const refusal = async (range: string) => {
    const { errors } = await ask(url, `{ timeseries(${range}, step: "1d") { from } }`);
    return errors.map(({ message }) => message);
  };
  t.deepEqual(await refusal('localFrom: "2026-10-26", localTo: "2026-10-25"'), [
    '"localFrom" must lie before "localTo"',
  ]);
  t.deepEqual(await refusal('localFrom: "2026-10-26", to: 5'), [
    '"localFrom" must lie before "to"',
  ]);
  t.deepEqual(await refusal('from: 5, to: 5'), ['"from" (5) must lie before "to" (5)']);
});

test('a query may come by GET', async (t) => {
  const { url } = await openTestListener(t);
  const response = await fetch(`${url}/graphql?query=${encodeURIComponent('{ version }')}`);
  t.deepEqual(await response.json(), { data: { version: '1.2.3' } });
});

test('what a query does wrong is told, with a code', async (t) => {
  const { url, errors: logged } = await openTestListener(t);
  const cases: [query: string, code: string, message: RegExp][] = [
    ['{ timeseries(groupBy: ["x"]) { from } }', 'query_invalid', /"by_type" lacks dimension "x"/],
    [
      '{ timeseries(from: "now") { from } }',
      'GRAPHQL_VALIDATION_FAILED',
      /RFC 3339.*received "now"/,
    ],
    ['{ timeseries(last: "1x") { from } }', 'GRAPHQL_VALIDATION_FAILED', /Duration must be/],
    [
      '{ timeseries(localFrom: "2026-03-29T06:30Z") { from } }',
      'GRAPHQL_VALIDATION_FAILED',
      /without a zone/,
    ],
    [
      '{ timeseries(from: 0, localFrom: "2026-03-29") { from } }',
      'query_invalid',
      /either "from" or "localFrom", not both/,
    ],
    ['{ timeseries(timeZone: "Berlin") { from } }', 'query_invalid', /received "Berlin"/],
    ['{ timeseries(after: "!") { from } }', 'query_invalid', /must be a position/],
    ['{ timeseries(measures: [{}]) { from } }', 'query_invalid', /received neither/],
    [
      '{ timeseries(measures: [{op: count, expression: "1"}]) { from } }',
      'query_invalid',
      /either "op".* or "expression", received both/,
    ],
    [
      '{ timeseries(where: {field: "type", gt: true}) { from } }',
      'query_invalid',
      /compare with a number or a text, received true/,
    ],
    ['{ deadLetters(first: 1000) { nextCursor } }', 'query_invalid', /"first" must be 1 to 200/],
    ['{ nope }', 'GRAPHQL_VALIDATION_FAILED', /Cannot query field "nope"/],
    ['{', 'GRAPHQL_PARSE_FAILED', /Syntax Error/],
  ];
  for (const [query, code, message] of cases) {
    const { errors } = await ask(url, query);
    t.is(errors[0]?.extensions['code'], code, query);
    t.regex(errors[0]?.message ?? '', message);
  }
  t.deepEqual(logged, []);
});

test('an internal error is masked, and logged under the id that the client gets', async (t) => {
  const { url, errors: logged } = await openTestListener(t, {
    system: {
      actors: async () => {
        throw new TypeError('secret detail of line 42');
      },
      partitions: async () => {
        throw new AppError('state_io', 'reading /var/lib/secret failed', {
          path: '/var/lib/secret',
        });
      },
    },
  });
  const { errors, data } = await ask(url, '{ version actors { name } }');
  t.is(data, null);
  const [error] = errors;
  t.is(error?.extensions['code'], 'internal');
  t.deepEqual(error?.path, ['actors']);
  t.notRegex(JSON.stringify(errors), /secret|line 42|node:|\.ts/);
  const [line] = logged as { fields: { id: string; err: Error } }[];
  t.is(error?.extensions['id'], line?.fields.id);
  t.is(line?.fields.err.message, 'secret detail of line 42');

  const fault = await ask(url, '{ partitions { id } }');
  t.is(fault.errors[0]?.extensions['code'], 'state_io');
  t.true(fault.errors[0]?.extensions['retryable']);
  t.notRegex(JSON.stringify(fault.errors), /secret/);
});

test('an operation that is too large is refused before it runs', async (t) => {
  const { url } = await openTestListener(t);
  const aliases = (count: number, field: string) =>
    `{ ${Array.from({ length: count }, (_, i) => `a${i}: ${field}`).join(' ')} }`;
  const deep = `{ __typename ${'... { '.repeat(200)} version ${'}'.repeat(200)} }`;
  const spreads = Array.from(
    { length: 20 },
    (_, i) => `fragment f${i} on Query { ...f${i + 1} ...f${i + 1} }`,
  );
  const bomb = `{ ...f0 } ${spreads.join(' ')} fragment f20 on Query { version }`;
  const cases: [query: string, message: RegExp][] = [
    [aliases(501, 'version'), /has fields 501, at most 500/],
    [aliases(9, 'timeseries { from }'), /has cost 108, at most 100/],
    [bomb, /has fields 1048576, at most 500/],
    [aliases(3_000, 'version'), /token/i],
  ];
  for (const [query, message] of cases) {
    const { errors, data } = await ask(url, query);
    t.falsy(data);
    t.true(
      errors.some((error) => message.test(error.message)),
      errors[0]?.message,
    );
  }
  t.is((await ask(url, deep)).data?.version, '1.2.3'); // Fragments are no depth of the answer.
  t.is((await ask(url, aliases(8, 'timeseries { from }'))).errors.length, 0);
});

test('a comparison costs twice as much, and is answered beside the series', async (t) => {
  const { url, memory } = await openTestListener(t);
  const times = (count: number) =>
    Array.from({ length: count }, (_, i) => `a${i}: timeseries(compare: DAY_BEFORE) { from }`);
  t.is((await ask(url, `{ ${times(4).join(' ')} }`)).errors.length, 0);
  t.regex((await ask(url, `{ ${times(5).join(' ')} }`)).errors[0]?.message ?? '', /has cost 120/);
  const now = Math.floor(Date.now() / 60_000) * 60_000 - 600_000;
  memory.apply(0, [{ ts: now - 60_000, type: 'view' }], now);
  memory.apply(1, [{ ts: now, type: 'view' }], now);
  const query = `query ($from: Timestamp, $to: Timestamp, $compare: Comparison) {
    timeseries(from: $from, to: $to, step: "1m", fill: ZERO, compare: $compare,
      measures: [{op: count, as: "n"}, {expression: "n * 2"}]) {
      names compared { from to complete } series { points { t } compared { __typename t before values { value } } }
    }
  }`;
  const variables = { from: now, to: now + 60_000 };
  const alone = (await ask(url, query, { variables })).data?.timeseries;
  t.deepEqual(alone, {
    ...{ names: ['n', 'n * 2'], compared: null },
    series: [{ points: [{ t: now }], compared: null }],
  });
  const both = await ask(url, query, { variables: { ...variables, compare: 'PERIOD_BEFORE' } });
  t.like(both.data?.timeseries, {
    compared: { from: now - 60_000, to: now, complete: true },
    series: [
      {
        points: [{ t: now }],
        compared: [
          {
            ...{ __typename: 'ComparedPoint', t: now, before: now - 60_000 },
            values: [{ value: 1 }, { value: 2 }],
          },
        ],
      },
    ],
  });
  const live = 'subscription { timeseries(compare: DAY_BEFORE) { from } }';
  t.regex((await ask(url, live)).errors[0]?.message ?? '', /Unknown argument "compare"/);
});

test('every root field but the version has a cost', (t) => {
  for (const [kind, type] of [
    ['query', schema.getQueryType()],
    ['mutation', schema.getMutationType()],
    ['subscription', schema.getSubscriptionType()],
  ] as const) {
    for (const field of Object.keys(type?.getFields() ?? {})) {
      if (field === 'version') continue;
      const aliases = Array.from({ length: 101 }, (_, i) => `a${i}: ${field}`).join(' ');
      const [error] = validate(schema, parse(`${kind} { ${aliases} }`), [operationLimits]);
      t.regex(error?.message ?? '', /has cost/, field);
    }
  }
});

test('a condition that nests without end is refused, in a query as in an export', async (t) => {
  const { url, errors: logged } = await openTestListener(t);
  const depth = 20_000;
  const where = `${'{"not":'.repeat(depth)}{"field":"a","eq":1}${'}'.repeat(depth)}`;
  const query = 'query ($where: EventWhere) { events(where: $where) { nextCursor } }';
  const post = (path: string, body: string) =>
    fetch(new URL(path, url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
  const asked = await post('/graphql', `{"query":"${query}","variables":{"where":${where}}}`);
  const { errors } = (await asked.json()) as { errors: { extensions: { code: string } }[] };
  t.is(errors[0]?.extensions.code, 'query_invalid');
  for (const body of [`{"where":${where}}`, `{"stream":${where}}`, JSON.stringify({ where })]) {
    const refused = await post('/v1/export', body);
    t.is(refused.status, 400);
    t.regex(await refused.text(), /query_invalid.*may nest 64 deep/);
  }
  t.deepEqual(logged, []);
});

test('depth is bounded where a type could nest, introspection stays possible', async (t) => {
  const { url } = await openTestListener(t);
  const nested = (depth: number): string =>
    depth === 0 ? 'name' : `ofType { ${nested(depth - 1)} }`;
  const introspection = `{ __schema { types { name fields { name type { ${nested(7)} } } } } }`;
  t.is((await ask(url, introspection)).errors.length, 0);
});

test('a body may not be larger than a query needs, nor of another kind', async (t) => {
  const { url } = await openTestListener(t);
  const post = async (body: string, type = 'application/json') => {
    const headers = { 'content-type': type };
    const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body });
    return { status: response.status, text: await response.text() };
  };
  t.is((await post(' '.repeat(300_000))).status, 413);
  // These a browser sends to any origin without asking.
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
    t.is((await post('{"query":"{ version }"}', type)).status, 415, type);
  }
  t.is((await post('{"query":')).status, 400);
  t.is((await post('[{"query":"{ version }"},{"query":"{ version }"}]')).status, 400);
  t.is((await post('{"query":"{ version }"}', 'application/json; charset=utf-8')).status, 200);
  const other = await fetch(`${url}/graphql`, { method: 'PUT' });
  t.is(other.status, 405);
});

test('with keys, only those with scope read are answered', async (t) => {
  const { url } = await openTestListener(t, { keys: KEYS });
  const none = await ask(url, '{ version }');
  t.is(none.status, 401);
  t.is(none.errors[0]?.extensions['code'], 'unauthorized');
  t.is((await ask(url, '{ version }', bearer('sg_wrong'))).status, 401);
  t.is((await ask(url, '{ version }', bearer('sg_write'))).status, 403);
  t.is((await ask(url, '{ version }', bearer('sg_read'))).data?.version, '1.2.3');
  t.is((await ask(url, '{ version }', bearer('sg_admin'))).data?.version, '1.2.3');
});

test('the machinery is shown to admins only', async (t) => {
  const { url } = await openTestListener(t, { keys: KEYS });
  for (const field of ['actors { path }', 'partitions { id }']) {
    const { errors } = await ask(url, `{ ${field} }`, bearer('sg_read'));
    t.is(errors[0]?.extensions['code'], 'forbidden');
    t.is((await ask(url, `{ ${field} }`, bearer('sg_admin'))).errors.length, 0);
  }
  for (const [secret, status] of [
    ['sg_read', 403],
    ['sg_write', 403],
    ['sg_wrong', 401],
  ] as const) {
    const refused = await fetch(`${url}/metrics`, bearer(secret));
    t.is(refused.status, status);
    t.is(refused.headers.get('www-authenticate'), status === 401 ? 'Bearer' : null);
    t.regex(await refused.text(), /send a key with scope "admin"/);
  }
  t.is((await fetch(`${url}/metrics`)).status, 401);
  t.is((await fetch(`${url}/metrics`, bearer('sg_admin'))).status, 200);
  t.is((await fetch(`${url}/healthz`)).status, 200);
});

test('a tenant sees its own', async (t) => {
  const other = { ...key('sg_other', 'read'), tenant: 'other' };
  const seen: string[] = [];
  const { url } = await openTestListener(t, {
    keys: [...KEYS, other],
    system: {
      deadLetters: async ({ tenant }) => {
        seen.push(tenant);
        return { letters: [] };
      },
    },
  });
  await ask(url, '{ deadLetters { nextCursor } }', bearer('sg_read'));
  await ask(url, '{ deadLetters { nextCursor } }', bearer('sg_other'));
  t.deepEqual(seen, ['default', 'other']);
});

test('pages of other origins may not ask, unless they are configured', async (t) => {
  const allowed = 'https://dash.example';
  const { url } = await openTestListener(t, { corsOrigins: [allowed] });
  const from = (origin: string) => fetch(`${url}/graphql?query={version}`, { headers: { origin } });
  t.is((await from('https://evil.example')).status, 403);
  t.is((await from(url)).status, 200);
  const answer = await from(allowed);
  t.is(answer.headers.get('access-control-allow-origin'), allowed);
  const preflight = await fetch(`${url}/graphql`, {
    method: 'OPTIONS',
    headers: { origin: allowed },
  });
  t.is(preflight.status, 204);
  t.regex(preflight.headers.get('access-control-allow-headers') ?? '', /authorization/);
});

test('the ledger adds up partitions and what is pending', async (t) => {
  const { url, memory } = await openTestListener(t, {
    system: {
      pendingEvents: async (_tenant, _stream, from) => ({
        events: [...from.values()].reduce((a, b) => a + b, 0),
        isComplete: true,
      }),
    },
  });
  const line = { tenant: 'default', stream: 'events', arrivalHourMs: NOON, clamped: 1, expired: 2 };
  const counts = { received: 10, applied: 7, duplicate: 2, rejected: 1, erased: 3 };
  const entry = { ...line, ...counts };
  memory.ledgers[0] = {
    entries: [entry, { ...entry, stream: 'other' }],
    appliedOffset: 5,
    appliedEnd: 5,
  };
  memory.ledgers[1] = { entries: [entry], appliedOffset: 6, appliedEnd: 6 };
  const query =
    '{ ledger { received applied duplicate rejected pending clamped expired erased balanced } }';
  const expected = {
    received: 31,
    applied: 14,
    duplicate: 4,
    rejected: 2,
    pending: 11,
    clamped: 2,
    expired: 4,
    erased: 6,
  };
  t.deepEqual((await ask(url, query)).data?.ledger, { ...expected, balanced: true });
  memory.stop(1);
  t.is((await ask(url, query)).data?.ledger.balanced, false);
});

test('dead letters come in pages, their bytes as text where they are text', async (t) => {
  const letters = Array.from({ length: 3 }, (_, i) => ({
    id: `l${i}`,
    arrivalMs: NOON,
    stream: 'events',
    code: 'invalid_utf8',
    message: 'the line is not valid UTF-8',
    line: i,
    raw: i === 0 ? Buffer.from([0xff]) : Buffer.from('{"a":ä'),
  }));
  const { url } = await openTestListener(t, {
    system: {
      deadLetters: async ({ first, after }) => {
        const start = letters.findIndex(({ id }) => id === after) + 1;
        return { letters: letters.slice(start, start + first) };
      },
    },
  });
  const page = async (args: string) =>
    (
      await ask(
        url,
        `{ deadLetters(${args}) { nextCursor letters { id arrival line code text base64 } } }`,
      )
    ).data?.deadLetters;
  const first = await page('first: 2');
  t.is(first?.nextCursor, 'l1');
  t.deepEqual(first?.letters[0], {
    id: 'l0',
    arrival: NOON,
    line: 0,
    code: 'invalid_utf8',
    text: null,
    base64: '/w==',
  });
  t.is(first?.letters[1]?.text, '{"a":ä');
  const second = await page('first: 2, after: "l1"');
  t.is(second?.nextCursor, null);
  t.is(second?.letters.length, 1);
});

test('HEAD is answered as GET is, without the body', async (t) => {
  const { url } = await openTestListener(t);
  const text = await headThenGet(Number(new URL(url).port), '/healthz', 'ok\n');
  const [head, again] = text.split('HTTP/1.1 200 OK').slice(1);
  t.true(head?.endsWith('\r\n\r\n'), head);
  t.regex(again ?? '', /\r\n\r\nok\n$/);
  for (const [path, status] of Object.entries({ '/graphql?query={version}': 200, '/no': 404 })) {
    const response = await fetch(`${url}${path}`, { method: 'HEAD' });
    t.deepEqual([response.status, await response.text()], [status, ''], path);
  }
});

test('the other paths tell what they are for', async (t) => {
  const missing: string[] = ['partition 3 replays its log'];
  const { url } = await openTestListener(t, { readiness: () => missing });
  const get = async (path: string, headers = {}) => {
    const response = await fetch(`${url}${path}`, { headers });
    return { status: response.status, text: await response.text() };
  };
  t.deepEqual(await get('/healthz'), { status: 200, text: 'ok\n' });
  t.deepEqual(await get('/readyz'), {
    status: 503,
    text: 'not ready: partition 3 replays its log\n',
  });
  missing.length = 0;
  t.is((await get('/readyz')).status, 200);
  t.deepEqual(await get('/metrics'), { status: 200, text: 'streamgauge_up 1\n' });
  t.is((await get('/nope')).status, 404);
  const page = await get('/');
  t.regex(page.text, /http:\/\/127\.0\.0\.1:8080\/v1\/events/);
  const graphiql = await get('/graphql', { accept: 'text/html' });
  t.regex(graphiql.text, /YogaGraphiQL/);
  t.notRegex(graphiql.text, /<script[^>]+src=/);
});

test('a host name that is not the loopback one is refused on loopback', async (t) => {
  const { port } = await openTestListener(t);
  const { request } = await import('node:http');
  const status = await new Promise((resolve) => {
    const headers = { host: 'rebound.example' };
    request({ port, host: '127.0.0.1', path: '/graphql?query={version}', headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).end();
  });
  t.is(status, 403);
});

test('a client that goes away before its answer is no error of the server', async (t) => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<never[]>();
  const actors = () => {
    asked.resolve();
    return answer.promise;
  };
  const { url, errors } = await openTestListener(t, { system: { actors } });
  const client = new AbortController();
  const query = fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ actors { path } }' }),
    signal: client.signal,
  });
  await asked.promise;
  client.abort();
  await t.throwsAsync(query);
  t.is((await fetch(`${url}/healthz`)).status, 200);
  answer.resolve([]);
  t.is((await fetch(`${url}/healthz`)).status, 200);
  t.deepEqual(errors, []);
});

test('a taken port is told', async (t) => {
  const { port } = await openTestListener(t);
  await t.throwsAsync(openTestListener(t, { port }), { message: /is another program there/ });
});
