import test from 'ava';
import { NAME_LENGTH_MAX } from '../../src/hive/limits.ts';
import { hiveTables } from '../../src/hive/table-names.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../storage/archive/manifest-codec.ts';
import { openArchiveFixture, schemaOf } from './archive-fixture.ts';

const namesOf = (streams: readonly (readonly [string, string])[], prefix = 'sg_') =>
  hiveTables(
    streams.map(([tenant, stream]) => schemaOf(tenant, stream)),
    prefix,
  );

test('a tenant is a database, and a stream a table in it', (t) => {
  const tables = namesOf([
    ['acme', 'clicks'],
    ['acme', 'web-views.v2'],
    ['Other', 'clicks'],
  ]);
  t.deepEqual(
    tables.map(({ database, table, isRenamed }) => [database, table, isRenamed]),
    [
      ['sg_acme', 'clicks', false],
      ['sg_acme', 'web_views_v2', false],
      ['sg_other', 'clicks', false],
    ],
  );
});

test('of names that Hive takes for the same the first has it, whatever comes later', (t) => {
  const streams = ['web-clicks', 'web.clicks', 'Web-Clicks', 'web_clicks'];
  const tables = namesOf(streams.map((stream) => ['acme', stream] as const));
  t.is(tables[0]?.table, 'web_clicks');
  t.is(new Set(tables.map(({ table }) => table)).size, streams.length);
  t.deepEqual(
    tables.map(({ isRenamed }) => isRenamed),
    [false, true, true, true],
  );
  for (const { table } of tables.slice(1)) t.regex(table, /^web_clicks_[0-9a-f]{8}$/);
  t.deepEqual(namesOf([['acme', 'web-clicks']])[0]?.table, 'web_clicks');
});

test('tenants that Hive takes for the same do not share a database', (t) => {
  const [first, second] = namesOf([
    ['a-b', 'clicks'],
    ['a_b', 'clicks'],
  ]);
  t.is(first?.database, 'sg_a_b');
  t.regex(second?.database ?? '', /^sg_a_b_[0-9a-f]{8}$/);
  t.true(second?.isRenamed);
});

test('a stream that is called like the renamed one gets another name', (t) => {
  const renamed = namesOf([
    ['a', 'x.y'],
    ['a', 'x-y'],
  ])[1]?.table;
  const tables = namesOf([
    ['a', 'x.y'],
    ['a', renamed ?? ''],
    ['a', 'x-y'],
  ]).map(({ table }) => table);
  t.is(new Set(tables).size, 3);
  t.is(tables[1], renamed);
});

test('empty, long and foreign names become names that Hive takes', (t) => {
  const streams = ['', '日本', 'ü', 'x'.repeat(500), `${'x'.repeat(499)}y`, '...'];
  const tables = namesOf(
    streams.map((stream) => ['acme', stream] as const),
    '',
  ).map(({ table }) => table);
  t.is(new Set(tables).size, streams.length);
  for (const table of tables) {
    t.regex(table, /^[a-z0-9_]+$/);
    t.true(table.length <= NAME_LENGTH_MAX);
  }
});

test('a table keeps its name over a checkpoint of the manifest', async (t) => {
  const { store, commit } = await openArchiveFixture();
  for (const stream of ['web.clicks', 'web-clicks', 'Web-Clicks']) {
    await commit({ schemas: [schemaOf('acme', stream)] });
  }
  await commit({ schemas: [schemaOf('acme', 'web.clicks', ['path'], 2)] });
  const decoded = decodeCheckpoint(encodeCheckpoint(store.manifest, 0), 'c');
  const names = (schemas: typeof decoded.schemas) =>
    hiveTables(schemas.values(), 'sg_').map(({ schema, table }) => [schema.stream, table]);
  t.deepEqual(names(decoded.schemas), names(store.manifest.schemas));
  t.is(names(decoded.schemas)[0]?.[1], 'web_clicks');
});
