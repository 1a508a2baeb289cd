/** Exports of a running server: what is in the file, and who gets which. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { hashSecret, SECRET_PREFIX } from '../../../src/model/access.ts';
import { openDuck } from '../../../storage/segments/duckdb.ts';
import { archive, openSite, page, type Site, send } from './site.ts';

const KEYS = {
  alice: {
    secret: SECRET_PREFIX + 'a'.repeat(43),
    tenant: 'alice',
    scopes: ['read', 'write', 'admin'],
  },
  mallory: { secret: SECRET_PREFIX + 'm'.repeat(43), tenant: 'mallory', scopes: ['read', 'write'] },
  writer: { secret: SECRET_PREFIX + 'w'.repeat(43), tenant: 'alice', scopes: ['write'] },
} as const;
const ALICE = KEYS.alice.secret;
const START_MS = 1_790_000_000_000;
let here: Site;

test.before(async () => {
  here = await openSite({
    keys: Object.entries(KEYS).map(([id, { secret, tenant, scopes }]) => ({
      id,
      tenant,
      scopes,
      hash: `sha256:${hashSecret(secret)}`,
    })),
  });
});
test.after.always(() => here?.close());

const urlOf = (parameters: Readonly<Record<string, string>>) =>
  `http://${here.server.host}:${here.server.queryPort}/v1/export?${new URLSearchParams(parameters)}`;

const exported = (
  parameters: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
  key: string = ALICE,
) => fetch(urlOf(parameters), { headers: { authorization: `Bearer ${key}`, ...headers } });

async function text(parameters: Readonly<Record<string, string>>, key?: string): Promise<string> {
  const response = await exported(parameters, { 'accept-encoding': 'identity' }, key);
  const body = await response.text();
  if (!response.ok) throw new Error(body);
  return body;
}

const linesOf = (body: string) => body.split('\n').filter((line) => line !== '');
const sorted = <T extends { readonly id: string }>(events: readonly T[]) =>
  [...events].sort((a, b) => (a.id < b.id ? -1 : 1));

const plain = (n: number) => ({
  id: `b${String(n).padStart(3, '0')}`,
  type: 'visit',
  ts: START_MS + n * 1_000,
  user: `u${n % 7}`,
  amount: n / 4,
  first: n % 2 === 0,
});
const plains = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => plain(from + i));

/** Everything that may go wrong on the way into a line and back. */
const ODD = [
  {
    id: 'o1',
    type: 'tür "a" \\ b',
    ts: START_MS + 0.5,
    text: 'one\ntwo\r\n"three", \u0000 \u2028 😀 ｶﾞ',
  },
  {
    id: 'o2',
    type: 'n',
    ts: START_MS + 1,
    n: 1e300,
    m: -0.1,
    k: 9_007_199_254_740_991,
    z: 1e-7,
    big: 1e21,
  },
  { id: 'o3', type: 'kinds', ts: START_MS + 2, amount: 'seven', user: 12, first: 'no' },
  {
    id: 'o4',
    type: 'nested',
    ts: START_MS + 3,
    a: { b: { c: 1 }, 'x.y': true },
    list: [1, 'two', null],
  },
  {
    id: 'o5',
    type: 'names',
    ts: START_MS + 4,
    'we"ird\n\u0000': 'v',
    '': 'empty name',
    __proto__x: 1,
    more: 'm',
  },
  { id: 'o6', type: 'empty', ts: 0, text: '', key: 'k1' },
];

test.serial('an export that is sent again makes the same events, field for field', async (t) => {
  await archive(here, await send(here, 'source', plains(0, 300), ALICE), ALICE);
  const position = await send(here, 'source', [...plains(200, 400), ...ODD], ALICE);
  const lines = linesOf(await text({ stream: 'source', position }));
  t.is(lines.length, 406);
  const again = await send(
    here,
    'copy',
    lines.map((line): object => JSON.parse(line)),
    ALICE,
  );
  const all = async (stream: string, at: string) =>
    sorted((await page(here, { stream, position: at, first: 1_000 }, ALICE)).events);
  t.deepEqual(await all('copy', again), await all('source', again));
  const parsed = (some: readonly string[]) => sorted(some.map((line) => JSON.parse(line)));
  t.deepEqual(parsed(linesOf(await text({ stream: 'copy', position: again }))), parsed(lines));
});

test.serial(
  'a range, a condition and named fields are in the file, and nothing else',
  async (t) => {
    const position = await send(here, 'part', plains(0, 50), ALICE);
    const body = await text({
      stream: 'part',
      position,
      from: new Date(START_MS + 10_000).toISOString(),
      to: String(START_MS + 20_000),
      where: JSON.stringify({ field: 'user', in: ['u1', 'u2'] }),
      columns: 'id,amount,seldom,_partition',
    });
    const found = sorted(linesOf(body).map((line) => JSON.parse(line)));
    t.deepEqual(
      found.map(({ id, amount }: { id: string; amount?: number }) => ({ id, amount })),
      [15, 16].map((n) => ({ id: plain(n).id, amount: plain(n).amount })),
    );
    for (const each of found) t.deepEqual(Object.keys(each), ['id', 'amount', '_partition']);
  },
);

test.serial('a condition that is too long for a URL is posted', async (t) => {
  const position = await send(here, 'posted', plains(0, 20), ALICE);
  const response = await fetch(urlOf({}), {
    method: 'POST',
    headers: { authorization: `Bearer ${ALICE}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      stream: 'posted',
      position,
      where: { field: 'id', in: ['b003', 'x'.repeat(9_000)] },
    }),
  });
  t.is(response.status, 200);
  t.deepEqual(
    linesOf(await response.text()).map((line) => JSON.parse(line).id),
    ['b003'],
  );
});

test.serial(
  'CSV has a header, quotes what needs them, and no text that a spreadsheet computes',
  async (t) => {
    const events = [
      { id: 'c1', type: 'x', ts: START_MS, note: '=1+1', 'co"l': 'a,b', n: -5, n_: '' },
      { id: 'c2', type: '@x', ts: START_MS + 1, note: 'two\nlines "so"', n: 'minus', flag: true },
    ];
    const position = await send(here, 'csv', events, ALICE);
    const wanted = {
      stream: 'csv',
      position,
      format: 'csv',
      columns: 'id,ts,type,note,co"l,n,n_,flag,absent',
    };
    const response = await exported(wanted);
    t.is(response.headers.get('content-type'), 'text/csv; charset=utf-8; header=present');
    t.is(response.headers.get('content-disposition'), 'attachment; filename="csv.csv"');
    const at = (ms: number) => new Date(ms).toISOString();
    const expected = [
      'id,ts,type,note,"co""l",n,n_,flag,absent\r\n',
      `c1,${at(START_MS)},x,'=1+1,"a,b",-5,"",,\r\n`,
      `c2,${at(START_MS + 1)},'@x,"two\nlines ""so""",,minus,,true,\r\n`,
    ];
    const body = await response.text();
    t.true(body.startsWith(expected[0] ?? ''));
    for (const line of expected) t.true(body.includes(line), `${line} in ${body}`);
    t.is(body.length, expected.join('').length);
    t.true((await text({ ...wanted, formulas: 'keep' })).includes(`c1,${at(START_MS)},x,=1+1,`));
  },
);

test.serial('Parquet is a file that DuckDB reads, with the columns of the archive', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await archive(here, await send(here, 'parquet', plains(0, 100), ALICE), ALICE);
  const position = await send(here, 'parquet', plains(50, 200), ALICE);
  const response = await exported({ stream: 'parquet', position, format: 'parquet' });
  t.is(response.headers.get('content-encoding'), null);
  const path = join(folder, 'all.parquet');
  await writeFile(path, await response.bytes());
  const duck = await openDuck({
    threads: 1,
    memoryBytesMax: 2 ** 27,
    tempDir: join(folder, 'tmp'),
    folders: [folder],
  });
  t.teardown(() => duck.close());
  const [row] = await duck.rows(
    `SELECT count(*) AS n, count(DISTINCT id) AS ids, sum(amount) AS total, min(_partition) >= 0 AS placed FROM '${path}'`,
  );
  t.deepEqual(row, {
    n: 200n,
    ids: 200n,
    total: plains(0, 200).reduce((sum, { amount }) => sum + amount, 0),
    placed: true,
  });
});

test.serial('text is compressed for who takes it so', async (t) => {
  const position = await send(here, 'gzip', plains(0, 20), ALICE);
  const response = await exported({ stream: 'gzip', position }, { 'accept-encoding': 'gzip' });
  t.is(response.headers.get('content-encoding'), 'gzip');
  t.is(linesOf(await response.text()).length, 20);
  const none = await exported(
    { stream: 'gzip', where: '{"field":"id","eq":"none"}' },
    { 'accept-encoding': 'gzip;q=0' },
  );
  t.is(none.headers.get('content-encoding'), null);
  t.is(await none.text(), '');
});

test.serial('what says nothing is refused as JSON, with a code and what to do', async (t) => {
  const refused = async (parameters: Readonly<Record<string, string>>, message: RegExp) => {
    const response = await exported({ stream: 'part', ...parameters });
    const { error } = JSON.parse(await response.text());
    t.is(response.status, 400, JSON.stringify(error));
    t.is(error.code, 'query_invalid');
    t.regex(error.message, message);
  };
  await refused({ stream: 'unheard' }, /no events of a stream "unheard".*archived are/);
  await refused({ format: 'xml' }, /"format" must be one of ndjson, csv, parquet, received "xml"/);
  await refused({ from: 'soon' }, /"from" must be epoch milliseconds or an RFC 3339/);
  await refused({ from: '2', to: '1' }, /"from" \(2\) must lie before "to" \(1\)/);
  await refused({ limit: '5' }, /no parameter "limit"; there are stream, from/);
  await refused({ where: '{' }, /"where" must be a condition as JSON/);
  await refused({ where: 'null' }, /"where" must be a condition as JSON.*received null/);
  await refused({ where: '7' }, /where/);
  await refused({ where: '{"fild":"a","eq":1}' }, /fild/);
  await refused({ where: '{"field":"a","eq":[1]}' }, /where.eq/);
  await refused({ where: '{"field":"a"}' }, /needs one of eq/);
  await refused({ columns: 'id,id' }, /different names/);
  await refused(
    { columns: 'nothere', format: 'parquet' },
    /no column "nothere".*there are id, ts, type/,
  );
  await refused({ position: 'x' }, /position/);
  const twice = await fetch(`${urlOf({ stream: 'part' })}&stream=other`, {
    headers: { authorization: `Bearer ${ALICE}` },
  });
  const { error } = JSON.parse(await twice.text());
  t.is(twice.status, 400);
  t.is(error.message, 'the parameter "stream" may be given once');
});

test.serial(
  'a key sees the events of its tenant, and none without the scope to read',
  async (t) => {
    await send(here, 'secrets', plains(0, 5), ALICE);
    await t.throwsAsync(text({ stream: 'secrets' }, KEYS.mallory.secret), {
      message: /no events of a stream/,
    });
    const mine = [{ id: 'm', type: 'x', ts: START_MS }];
    const position = await send(here, 'secrets', mine, KEYS.mallory.secret);
    const lines = linesOf(await text({ stream: 'secrets', position }, KEYS.mallory.secret));
    t.deepEqual(
      lines.map((line) => JSON.parse(line).id),
      ['m'],
    );
    t.is((await exported({ stream: 'secrets' }, {}, KEYS.writer.secret)).status, 403);
    t.is((await exported({ stream: 'secrets' }, {}, 'sg_nothing')).status, 401);
    t.is((await fetch(urlOf({}), { method: 'DELETE' })).status, 405);
  },
);
