/** Erasing a user from a server as it is run: the log, its dead letters, the archive, and what else holds events. */
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Server } from '../load-tests/server.ts';
import { runCli } from '../src/cli.ts';
import { hashSecret } from '../src/model/access.ts';
import { sendApplied } from './send-applied.ts';

const ACME = `sg_${'a'.repeat(43)}`;
const OTHER = `sg_${'b'.repeat(43)}`;
const keyOf = (tenant: string, secret: string) => ({
  ...{ id: tenant, tenant, hash: `sha256:${hashSecret(secret)}` },
  scopes: ['write', 'read', 'admin'],
});

/** So that no part of it is anywhere by chance. */
const ANN = 'ann-3f9c1d77';
const ANNS_MAIL = 'ann.b41e07@example.com';
const STREAM = 'shop';

async function site(t: ExecutionContext, archive: object = { removedKeptMs: 1_000 }) {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  const server = await Server.prepare({
    folder,
    partitions: 3,
    config: {
      keys: [keyOf('acme', ACME), keyOf('other', OTHER)],
      rollups: [
        {
          name: 'shop-by-type',
          stream: STREAM,
          dimensions: ['type'],
          measures: [{ op: 'count' }, { op: 'distinct', field: 'user' }],
        },
        { name: 'shop-by-user', stream: STREAM, dimensions: ['user'], measures: [{ op: 'count' }] },
      ],
      archive,
    },
  });
  await server.start();
  t.teardown(async () => {
    await server.kill();
    await rm(folder, { recursive: true });
  });
  return server;
}

async function ask<T>(server: Server, query: string, key = ACME): Promise<T> {
  const response = await fetch(`http://${server.host}:${server.queryPort}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query }),
  });
  const { data, errors }: { data?: T; errors?: unknown } = JSON.parse(await response.text());
  if (data === undefined || errors !== undefined) throw new Error(JSON.stringify(errors));
  return data;
}

let sent = 0;
const event = (user: string, more: object = {}) => ({
  ...{ id: `${sent++}`, type: sent % 2 === 0 ? 'buy' : 'look', user, amount: sent / 4 },
  ...more,
});

/** So many events of Ann and as many of Bob. */
const round = (count: number): object[] =>
  Array.from({ length: count }, (_, i) => [
    event(ANN, { mail: ANNS_MAIL, note: `${i} by ${ANNS_MAIL}` }),
    event('bob', { mail: 'bob@example.com' }),
  ]).flat();

async function sendRefused(server: Server, line: string): Promise<void> {
  const response = await fetch(
    `http://${server.host}:${server.ingestPort}/v1/events?stream=${STREAM}`,
    {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${ACME}` },
      body: line,
    },
  );
  await response.text();
}

interface Counts {
  readonly events: number;
  readonly series: number;
}

/** `position`: of an event that must be in them. */
async function countsOf(
  server: Server,
  user: string,
  position: string,
  key = ACME,
): Promise<Counts> {
  const { sql } = await ask<{ sql: { rows: readonly (readonly unknown[])[] } }>(
    server,
    `{ sql(query: "SELECT count(*) FROM ${STREAM} WHERE \\"user\\" = '${user}'", position: "${position}") { rows } }`,
    key,
  );
  const { timeseries } = await ask<{
    timeseries: { series: readonly { points: readonly { values: { value: number }[] }[] }[] };
  }>(
    server,
    `{ timeseries(stream: "${STREAM}", last: "2h", step: "1h", groupBy: ["user"], where: { field: "user", eq: "${user}" })
      { series { points { values { value } } } } }`,
    key,
  );
  const points = timeseries.series.flatMap(({ points }) => points);
  return {
    events: Number(sql.rows[0]?.[0]),
    series: points.reduce((sum, { values }) => sum + (values[0]?.value ?? 0), 0),
  };
}

interface Receipt {
  readonly id: string;
  readonly state: string;
  readonly problem: string | null;
  readonly log: { readonly rows: number; readonly files: number; readonly unreadable: number };
  readonly deadLetters: number;
  readonly archive: readonly { readonly stream: string; readonly rows: number }[];
  readonly notErased: readonly { readonly what: string; readonly rollups: readonly string[] }[];
}

const RECEIPT =
  '{ id state problem field stream log { rows files unreadable } deadLetters archive { stream files rows } gone notErased { what rollups } }';

const eraseAnn = async (server: Server): Promise<string> =>
  (await ask<{ eraseUser: Receipt }>(server, `mutation { eraseUser(value: "${ANN}") ${RECEIPT} }`))
    .eraseUser.id;

async function done(server: Server, id: string): Promise<Receipt> {
  for (;;) {
    const { erasure } = await ask<{ erasure: Receipt }>(
      server,
      `{ erasure(id: "${id}") ${RECEIPT} }`,
    );
    if (erasure.state === 'done') return erasure;
    await sleep(50);
  }
}

/** Files below the folder in which the text stands. */
async function filesWith(folder: string, text: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    let tail = '';
    for await (const chunk of createReadStream(path, 'latin1')) {
      const bytes = tail + chunk;
      if (bytes.includes(text)) {
        found.push(path.slice(folder.length + 1));
        break;
      }
      tail = bytes.slice(-text.length);
    }
  }
  return found;
}

async function archived(server: Server): Promise<void> {
  const { ledger } = await ask<{ ledger: { applied: number } }>(
    server,
    `{ ledger(stream: "${STREAM}") { applied } }`,
  );
  for (;;) {
    const { archiveNow } = await ask<{ archiveNow: { rows: number } }>(
      server,
      'mutation { archiveNow { rows } }',
    );
    if (archiveNow.rows >= ledger.applied) return;
  }
}

test('a user is gone from the log, from dead letters and from the archive; others are as they were', async (t) => {
  const server = await site(t);
  await sendApplied(server, STREAM, round(200), ACME);
  await sendRefused(server, `{"user":"${ANN}","mail":"${ANNS_MAIL}","ts":"never"}`);
  await archived(server);
  const last = await sendApplied(server, STREAM, round(100), ACME);
  const others = [event(ANN), event(ANN), event('eve')];
  const lastOther = await sendApplied(server, STREAM, others, OTHER);
  t.deepEqual(await countsOf(server, ANN, last), { events: 300, series: 300 });
  t.true((await filesWith(server.dataDir, ANNS_MAIL)).some((path) => path.startsWith('journal/')));

  const receipt = await done(server, await eraseAnn(server));
  t.like(receipt, { log: { rows: 300, unreadable: 0 }, deadLetters: 1 });
  t.deepEqual(
    receipt.archive.map(({ stream, rows }) => ({ stream, rows })),
    [{ stream: STREAM, rows: 200 }],
  );
  const rollups = Object.fromEntries(receipt.notErased.map((each) => [each.what, each.rollups]));
  t.deepEqual(rollups['labels of series'], ['shop-by-user']);
  t.deepEqual(
    rollups[
      'sketches of distinct values and quantiles, and the heaviest, first and last values of fields'
    ],
    ['shop-by-type'],
  );

  t.deepEqual(await filesWith(server.dataDir, ANNS_MAIL), []);
  t.deepEqual(await readdir(join(server.dataDir, 'erasures')), []);
  t.deepEqual(await countsOf(server, ANN, last), { events: 0, series: 300 });
  t.deepEqual(await countsOf(server, 'bob', last), { events: 300, series: 300 });
  t.deepEqual(await countsOf(server, ANN, lastOther, OTHER), { events: 2, series: 2 });
  const { ledger, deadLetters } = await ask<{ ledger: object; deadLetters: object }>(
    server,
    `{ ledger(stream: "${STREAM}") { applied rejected erased balanced }
       deadLetters(stream: "${STREAM}") { letters { code text } } }`,
  );
  t.deepEqual(ledger, { applied: 600, rejected: 1, erased: 300, balanced: true });
  t.like(deadLetters, { letters: [{ text: '' }] });
  await server.stop();
  t.is(await verify(server), 0, 'the archive is whole');
});

const verify = ({ dataDir }: Server): Promise<number> =>
  runCli(['segments', 'verify', '--data-dir', dataDir], {
    out: () => {},
    err: () => {},
    isInteractive: false,
    readLine: async () => '',
    onStopSignal: () => () => {},
    abort: () => {},
  });

test('an erasure survives kill -9, again and again, and comes to the same sums', async (t) => {
  const server = await site(t);
  await sendApplied(server, STREAM, round(200), ACME);
  await sendRefused(server, `{"user":"${ANN}","mail":"${ANNS_MAIL}","ts":"never"}`);
  await archived(server);
  const last = await sendApplied(server, STREAM, round(100), ACME);
  const id = await eraseAnn(server);
  for (const aliveMs of [0, 40, 80, 160, 320]) {
    // Wherever it is then: what comes of it must be the same.
    await sleep(aliveMs);
    await server.kill();
    await server.start();
  }
  const receipt = await done(server, id);
  t.like(receipt, { log: { rows: 300 }, deadLetters: 1 });
  t.deepEqual(
    receipt.archive.map(({ rows }) => rows),
    [200],
  );
  t.deepEqual(await filesWith(server.dataDir, ANNS_MAIL), []);
  const left = await filesWith(server.dataDir, ANN);
  t.deepEqual(
    left.filter((path) => !path.startsWith('state/')),
    [],
    'labels of series are kept',
  );
  t.deepEqual(await countsOf(server, ANN, last), { events: 0, series: 300 });
  t.deepEqual(await countsOf(server, 'bob', last), { events: 300, series: 300 });
  const { ledger } = await ask<{ ledger: object }>(
    server,
    `{ ledger(stream: "${STREAM}") { applied erased balanced } }`,
  );
  t.deepEqual(ledger, { applied: 600, erased: 300, balanced: true });
});

test('an erasure is not done before files are gone that an earlier one has removed', async (t) => {
  const server = await site(t, { removedKeptMs: 5_000 });
  await sendApplied(server, STREAM, round(20), ACME);
  await archived(server);
  const first = await eraseAnn(server);
  const stateOfFirst = async () =>
    (await ask<{ erasure: Receipt }>(server, `{ erasure(id: "${first}") { state } }`)).erasure
      .state;
  while ((await stateOfFirst()) !== 'grace') await sleep(20);
  const receipt = await done(server, await eraseAnn(server));
  t.like(receipt, { log: { rows: 0 }, archive: [] });
  t.deepEqual(await filesWith(server.dataDir, ANNS_MAIL), []);
});

test('what is asked for wrongly is told, and a tenant sees its own erasures alone', async (t) => {
  const server = await site(t);
  await sendApplied(server, STREAM, round(2), ACME);
  for (const [args, what] of [
    ['value: ""', /must have 1 to 65536 characters, received 0/],
    ['field: "ts", value: "1"', /must not be/],
    ['field: "", value: "1"', /must have 1 to 1024/],
    ['stream: "", value: "1"', /must be the name/],
    ['stream: "../..", value: "1"', /a stream's name is 1 to 64 letters.*received .*\.\.\/\.\./],
  ] as const) {
    await t.throwsAsync(ask(server, `mutation { eraseUser(${args}) { id } }`), { message: what });
  }
  const id = await eraseAnn(server);
  await done(server, id);
  const later = await sendApplied(server, STREAM, [event(ANN)], ACME);
  const { erasures } = await ask<{ erasures: readonly Receipt[] }>(server, '{ erasures { id } }');
  t.deepEqual(erasures, [{ id }] as unknown[]);
  t.deepEqual(await ask(server, `{ erasures { id } erasure(id: "${id}") { id } }`, OTHER), {
    erasures: [],
    erasure: null,
  });
  t.is((await countsOf(server, ANN, later)).events, 1, 'what came later stays');
});

test('an erasure is not done while an archive that may hold the events is switched off', async (t) => {
  const server = await site(t);
  await sendApplied(server, STREAM, round(20), ACME);
  await archived(server);
  await server.stop();
  await server.start({ STREAMGAUGE_ARCHIVE_ENABLED: 'false' });
  const id = await eraseAnn(server);
  const receiptOf = async () =>
    (await ask<{ erasure: Receipt }>(server, `{ erasure(id: "${id}") ${RECEIPT} }`)).erasure;
  while ((await receiptOf()).state !== 'archive') await sleep(20);
  await server.stop();
  await server.start({ STREAMGAUGE_ARCHIVE_ENABLED: 'false' });
  const waiting = await receiptOf();
  t.like(waiting, { state: 'archive', log: { rows: 20 }, archive: [] });
  t.regex(waiting.problem ?? '', /^the archive is switched off: /);
  t.false(waiting.notErased.some(({ what }) => what === 'an archive'));

  await server.stop();
  await server.start();
  t.like(await done(server, id), { problem: null, archive: [{ stream: STREAM, rows: 20 }] });
  t.deepEqual(await filesWith(server.dataDir, ANNS_MAIL), []);
});

test('where there never was an archive the log alone is erased from', async (t) => {
  const server = await site(t, { enabled: false });
  await sendApplied(server, STREAM, round(50), ACME);
  const receipt = await done(server, await eraseAnn(server));
  t.like(receipt, { log: { rows: 50, files: 1 }, deadLetters: 0, archive: [] });
  t.true(receipt.notErased.some(({ what }) => what === 'an archive'));
  t.deepEqual(await filesWith(server.dataDir, ANNS_MAIL), []);
  t.true((await filesWith(server.dataDir, 'bob@example.com')).length > 0);
});
