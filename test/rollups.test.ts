/** Rollups that tenants declare while a server runs as it is run: counted at once, kept through crashes, rebuilt, dropped. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Server } from '../load-tests/server.ts';
import { hashSecret } from '../src/model/access.ts';
import type { RollupDefinition } from '../src/model/rollup.ts';
import { rollupRange } from '../storage/state/keys.ts';
import { openState } from '../storage/state/rocksdb.ts';
import { declaredRollupOp } from '../storage/state/rollup-rows.ts';
import { sendApplied } from './send-applied.ts';

const PARTITIONS = 2;
const STREAM = 'shop';

interface Problem {
  readonly path: string;
  readonly message: string;
}
interface Rollup {
  readonly name: string;
  readonly declaredIn: string;
  readonly version: number | null;
  readonly since: number | null;
  readonly historyComplete: boolean | null;
  readonly dimensions: string[];
}
interface Defined {
  readonly rollup: Rollup | null;
  readonly replay: { readonly id: string } | null;
  readonly problems: Problem[];
}

const ROLLUP_FIELDS = 'name declaredIn version since historyComplete dimensions';

async function site(t: ExecutionContext, config: Readonly<Record<string, unknown>> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  const rollups = [{ name: 'by_type', stream: STREAM, dimensions: ['type'], measures: ['count'] }];
  const server = await Server.prepare({
    folder,
    partitions: PARTITIONS,
    config: { rollups, alarms: { server: { enabled: false } }, ...config },
  });
  await server.start();
  t.teardown(async () => {
    await server.kill();
    await rm(folder, { recursive: true });
  });
  const ask = async <T>(query: string, key?: string, variables?: object): Promise<T> => {
    const response = await fetch(`http://${server.host}:${server.queryPort}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
      },
      body: JSON.stringify({ query, variables }),
    });
    const answer: { data: T; errors?: unknown } = JSON.parse(await response.text());
    if (answer.errors !== undefined) throw new Error(JSON.stringify(answer.errors));
    return answer.data;
  };
  const define = async (input: object, more: { backfill?: boolean; key?: string } = {}) => {
    const { defineRollup } = await ask<{ defineRollup: Defined }>(
      `mutation ($input: RollupInput!, $backfill: Boolean!) {
        defineRollup(input: $input, backfill: $backfill) {
          rollup { ${ROLLUP_FIELDS} } replay { id } problems { path message }
        }
      }`,
      more.key,
      {
        input: { stream: STREAM, measures: ['count'], ...input },
        backfill: more.backfill ?? false,
      },
    );
    return defineRollup;
  };
  const drop = async (name: string, key?: string) => {
    const { dropRollup } = await ask<{ dropRollup: { done: boolean; problems: Problem[] } }>(
      `mutation { dropRollup(name: "${name}") { done problems { path message } } }`,
      key,
    );
    return dropRollup;
  };
  const rollupsOf = async (key?: string) =>
    (await ask<{ rollups: Rollup[] }>(`{ rollups(stream: "${STREAM}") { ${ROLLUP_FIELDS} } }`, key))
      .rollups;
  /** Events of the last hour by the value of a field, from rollups alone, and the name of the one that answered. */
  const counted = async (field: string, after: string, key?: string) => {
    const { timeseries } = await ask<{
      timeseries: {
        rollup: string;
        series: { labels: { value: string }[]; points: { values: { value: number }[] }[] }[];
      };
    }>(
      `{ timeseries(stream: "${STREAM}", last: "1h", step: "1m", groupBy: ["${field}"], source: ROLLUP, after: "${after}") {
        rollup series { labels { value } points { values { value } } }
      } }`,
      key,
    );
    const counts = timeseries.series.map(({ labels, points }) => [
      labels[0]?.value,
      points.reduce((sum, { values }) => sum + (values[0]?.value ?? 0), 0),
    ]);
    return { rollup: timeseries.rollup, counts: Object.fromEntries(counts) };
  };
  return { server, define, drop, rollupsOf, counted, ask };
}

const sales = (count: number, shop: string) =>
  Array.from({ length: count }, (_, i) => ({ type: 'sale', shop, user: `u${i}` }));

test('which field has more values than a rollup has series for is told to its tenant', async (t) => {
  const { server, define, ask } = await site(t, { keys: KEYS });
  const input = { name: 'by_shop', dimensions: ['type', 'shop'], seriesMax: 1 };
  t.deepEqual((await define(input, { key: SECRETS.acme })).problems, []);
  /** Once all partitions have answered. */
  const overflowsOf = async (key: string): Promise<Record<string, object>> => {
    for (;;) {
      const { rollups } = await ask<{
        rollups: { name: string; overflow: { missingPartitions: number[] } }[];
      }>(
        `{ rollups(stream: "${STREAM}") { name overflow {
          events dimensions { name refused examples } missingPartitions } } }`,
        key,
      );
      const isWhole = rollups.every(({ overflow }) => overflow.missingPartitions.length === 0);
      if (isWhole) return Object.fromEntries(rollups.map(({ name, overflow }) => [name, overflow]));
      await sleep(20);
    }
  };
  // Events of one user are of one partition, which has one series.
  for (const shop of ['a', 'b', 'c']) {
    await sendApplied(server, STREAM, [{ type: 'sale', shop, user: 'u' }], SECRETS.acme);
  }
  const nothing = { events: 0, dimensions: [], missingPartitions: [] };
  const dimensions = [{ name: 'shop', refused: 2, examples: ['b', 'c'] }];
  t.deepEqual(await overflowsOf(SECRETS.acme), {
    by_type: nothing,
    by_shop: { events: 2, dimensions, missingPartitions: [] },
  });
  t.deepEqual(await overflowsOf(SECRETS.other), { by_type: nothing });
});

test('a rollup that is defined while the server runs counts what comes, survives a crash, and is gone when it is dropped', async (t) => {
  const { server, define, drop, rollupsOf, counted } = await site(t);
  await sendApplied(server, STREAM, sales(5, 'before'));
  const { rollup, problems } = await define({ name: 'by_shop', dimensions: ['shop'] });
  t.deepEqual(problems, []);
  t.like(rollup, { name: 'by_shop', declaredIn: 'mutation', dimensions: ['shop'] });
  const first = await sendApplied(server, STREAM, sales(3, 'a'));
  t.deepEqual(await counted('shop', first), { rollup: 'by_shop', counts: { a: 3 } });

  await server.kill();
  await server.start();
  await server.ready();
  const second = await sendApplied(server, STREAM, [...sales(2, 'a'), ...sales(1, 'b')]);
  t.deepEqual(await counted('shop', second), { rollup: 'by_shop', counts: { a: 5, b: 1 } });
  const [byType, byShop] = await rollupsOf();
  t.like(byType, { name: 'by_type', declaredIn: 'config' });
  t.like(byShop, { name: 'by_shop', declaredIn: 'mutation' });
  t.true((byShop?.version ?? 0) > (byType?.version ?? 0), 'it was declared later');

  t.deepEqual(await drop('by_shop'), { done: true, problems: [] });
  t.like(await drop('by_shop'), { done: false, problems: [{ path: 'name' }] });
  await t.throwsAsync(counted('shop', second), { message: /lacks dimension \\"shop\\"/ });
  t.deepEqual(await counted('type', second), { rollup: 'by_type', counts: { sale: 11 } });
  await server.stop();
  t.deepEqual(await rowsOf(server, 'declared.default.by_shop'), 0);
  t.true((await rowsOf(server, 'by_type')) > 0);
});

/** That are stored of a rollup. */
async function rowsOf(server: Server, rollup: string): Promise<number> {
  const state = await openState({ dir: join(server.dataDir, 'state'), partitions: PARTITIONS });
  try {
    let rows = 0;
    for (let partition = 0; partition < PARTITIONS; partition++) {
      rows += (await state.page(rollupRange(partition, 'default', rollup), 1_000)).length;
    }
    return rows;
  } finally {
    await state.close();
  }
}

test('what was stored when the server died before the log had it is declared by the next start', async (t) => {
  const { server, counted } = await site(t);
  await server.kill();
  const state = await openState({ dir: join(server.dataDir, 'state'), partitions: PARTITIONS });
  const stored: RollupDefinition = {
    ...{ name: 'declared.default.by_shop', stream: STREAM, filter: [], dimensions: ['shop'] },
    ...{ measures: [{ op: 'count' }], resolutions: [{ stepMs: 60_000, retentionMs: 86_400_000 }] },
    ...{ latenessMs: 0, seriesMax: 10, tenant: 'default' },
  };
  await state.commit([declaredRollupOp(stored.name, stored)], 'synced');
  await state.close();
  await server.start();
  await server.ready();
  const position = await sendApplied(server, STREAM, sales(2, 'a'));
  t.deepEqual(await counted('shop', position), { rollup: 'by_shop', counts: { a: 2 } });
});

test('the heaviest values are kept by a rollup that is defined while the server runs', async (t) => {
  const { server, define, ask } = await site(t);
  const group = { op: 'top', field: 'user', capacity: 20 };
  const measures = ['count', 'top(shop, amount)', group];
  t.deepEqual((await define({ name: 'heavy', measures })).problems, []);
  const { rollups } = await ask<{ rollups: { measures: object[] }[] }>(
    `{ rollups(stream: "${STREAM}") { measures { op field by capacity } } }`,
  );
  t.deepEqual(rollups[1]?.measures, [
    { op: 'count', field: null, by: null, capacity: null },
    { op: 'top', field: 'shop', by: 'amount', capacity: 100 },
    { ...group, by: null },
  ]);
  const after = await sendApplied(server, STREAM, [...sales(3, 'a'), ...sales(1, 'b')]);
  const { timeseries } = await ask<{
    timeseries: { rollup: string; series: { points: { values: object[] }[] }[] };
  }>(
    `{ timeseries(stream: "${STREAM}", last: "1h", step: "1h", measures: [{ op: top, field: "user", k: 1 }], source: ROLLUP, after: "${after}") {
      rollup series { points { values { value entries { value count error } } } }
    } }`,
  );
  t.is(timeseries.rollup, 'heavy');
  const points = timeseries.series[0]?.points ?? [];
  t.deepEqual(points[0]?.values, [{ value: 4, entries: [{ value: 'u0', count: 2, error: 0 }] }]);
  for (const capacity of [9, 501, '20']) {
    const { problems } = await define({ name: 'heavy', measures: [{ ...group, capacity }] });
    t.is(problems[0]?.path, 'measures[0]');
    t.regex(problems[0]?.message ?? '', /with a capacity of 10 to 500 values, received/);
  }
});

test('a rollup is backfilled from the archive and the log, and says that nothing is missing', async (t) => {
  const { server, define, rollupsOf, counted, ask } = await site(t);
  await sendApplied(server, STREAM, sales(40, 'a'));
  await ask('mutation { archiveNow { rows } }');
  await sendApplied(server, STREAM, sales(30, 'b'));
  const { rollup, replay, problems } = await define(
    { name: 'by_shop', dimensions: ['shop'] },
    { backfill: true },
  );
  t.deepEqual(problems, []);
  t.is(rollup?.historyComplete, null, 'events of the same hour came before');
  const position = await sendApplied(server, STREAM, sales(5, 'b'));
  for (;;) {
    const { replays } = await ask<{
      replays: { id: string; state: string; rollups: string[]; problem: string | null }[];
    }>('{ replays { id state rollups problem } }');
    t.deepEqual(
      replays.map(({ id, rollups }) => ({ id, rollups })),
      [{ id: replay?.id, rollups: ['by_shop'] }],
    );
    if (replays[0]?.state === 'APPLIED') break;
    t.is(replays[0]?.problem, null);
    await sleep(50);
  }
  const all = { rollup: 'by_shop', counts: { a: 40, b: 35 } };
  t.deepEqual(await counted('shop', position), all);
  const byShop = (await rollupsOf()).find(({ name }) => name === 'by_shop');
  t.is(byShop?.historyComplete, true);
  t.true((byShop?.since ?? 0) < (rollup?.since ?? 0) || rollup?.since === null);
});

const SECRETS = { acme: 'sg_acme', other: 'sg_other', reader: 'sg_reader' };
const KEYS = [
  { id: 'acme', tenant: 'acme', scopes: ['write', 'admin'] },
  { id: 'other', tenant: 'other', scopes: ['write', 'admin'] },
  { id: 'reader', tenant: 'acme', scopes: ['read'] },
].map((key) => ({
  ...key,
  hash: `sha256:${hashSecret(SECRETS[key.id as keyof typeof SECRETS])}`,
}));

test('tenants have their own under equal names, see no others, and get no further than their bounds', async (t) => {
  const { server, define, drop, rollupsOf, counted } = await site(t, { keys: KEYS });
  const { acme, other, reader } = SECRETS;
  await define({ name: 'mine', dimensions: ['shop'] }, { key: acme });
  await define({ name: 'mine', dimensions: ['user'] }, { key: other });
  const position = await sendApplied(server, STREAM, sales(2, 'a'), acme);
  await sendApplied(server, STREAM, sales(3, 'x'), other);
  t.deepEqual(await counted('shop', position, reader), { rollup: 'mine', counts: { a: 2 } });
  const dimensionsOf = async (key: string) =>
    (await rollupsOf(key)).map(({ dimensions }) => dimensions[0]);
  t.deepEqual(await dimensionsOf(reader), ['type', 'shop']);
  t.deepEqual(await dimensionsOf(other), ['type', 'user']);
  await t.throwsAsync(define({ name: 'more' }, { key: reader }), { message: /scope/ });
  await t.throwsAsync(drop('mine', reader), { message: /scope/ });

  const refusals: readonly [object, string, RegExp][] = [
    [{ name: 'by_type' }, 'name', /is declared in the configuration/],
    [{ name: 'a.b' }, 'name', /letters, digits.*received "a\.b"/],
    [{ name: 'a', measures: ['median(x)'] }, 'measures[0]', /expected "count", or sum/],
    [{ name: 'a', dimensions: ['x', 'x'] }, 'dimensions[1]', /only once/],
    [{ name: 'a', seriesMax: 1_000_000 }, 'seriesMax', /at most 100000/],
    [
      { name: 'a', resolutions: [{ step: '1s', retention: '2y' }] },
      'resolutions[0].retention',
      /at most 5 days of buckets of 1 s, received 730 days/,
    ],
  ];
  for (const [input, path, message] of refusals) {
    const { rollup, problems } = await define(input, { key: acme });
    t.is(rollup, null);
    t.is(problems[0]?.path, path);
    t.regex(problems[0]?.message ?? '', message);
  }
  t.regex((await drop('by_type', acme)).problems[0]?.message ?? '', /change it there/);
  for (let i = 1; i < 20; i++) {
    t.deepEqual((await define({ name: `r${i}` }, { key: acme })).problems, []);
  }
  const { problems } = await define({ name: 'r20' }, { key: acme });
  t.regex(problems[0]?.message ?? '', /at most 20 rollups/);
  t.deepEqual((await define({ name: 'r20' }, { key: other })).problems, []);
  t.deepEqual((await define({ name: 'mine', dimensions: ['user'] }, { key: acme })).problems, []);
});
