import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { COLUMN_KIND } from '../../../src/model/columns.ts';
import type { StreamSchema } from '../../../src/model/stream-schema.ts';
import type { Duck } from '../../../storage/segments/duckdb.ts';
import { filterSegment, mergeSegments } from '../../../storage/segments/seal.ts';
import { segmentColumns } from '../../../storage/segments/segment-columns.ts';
import { openWorkshop } from './read-segment.ts';

const SCHEMA: StreamSchema = {
  ...{ tenant: 't', stream: 's', version: 1 },
  columns: [
    { name: 'user', field: 'user', kind: COLUMN_KIND.string },
    { name: 'plan', field: 'plan', kind: COLUMN_KIND.string },
    { name: 'nothing', field: 'nothing', kind: COLUMN_KIND.string },
    { name: 'amount', field: 'amount', kind: COLUMN_KIND.number },
  ],
};

/** Two files of so many rows, with a user each, as one. */
async function mergedOf(duck: Duck, folder: string, rows: number): Promise<string> {
  const values: Record<string, string> = {
    ...{ id: `'e' || i`, ts: 'make_timestamp_ms(i)', type: `'t' || i % 3` },
    ...{ user: `CASE WHEN i % 7 > 0 THEN 'u' || i END`, plan: `'p' || i % 5`, nothing: 'NULL' },
    ...{ amount: 'i', more: 'NULL', _arrival: 'make_timestamp_ms(i)' },
    ...{ _partition: '0', _position: 'i', _row: '0' },
  };
  const columns = segmentColumns(SCHEMA).map(
    ({ name, sqlType }) => `(${values[name]})::${sqlType} AS "${name}"`,
  );
  const paths = ['a', 'b'].map((name) => join(folder, name));
  for (const [n, path] of paths.entries()) {
    await duck.rows(
      `COPY (SELECT ${columns} FROM (SELECT range + ${n * rows} AS i FROM range(${rows})))
        TO '${path}' (FORMAT parquet, PARQUET_VERSION V1)`,
    );
  }
  const merged = join(folder, 'merged.parquet');
  const { rows: all } = await mergeSegments(duck, paths, SCHEMA, merged);
  if (all !== 2 * rows) throw new RangeError(`${all} rows`);
  return merged;
}

const filtersOf = (duck: Duck, path: string) =>
  duck.rows(
    `SELECT path_in_schema AS "column", count(*)::INTEGER AS groups,
        count(DISTINCT bloom_filter_offset)::INTEGER AS filters,
        (sum(total_compressed_size) > 0) AS "isWritten"
      FROM parquet_metadata('${path}') WHERE bloom_filter_offset IS NOT NULL GROUP BY ALL ORDER BY ALL`,
  );

/** Of so many users that are not in the file, those for which every row group is left out. */
async function excluded(duck: Duck, path: string, users: readonly string[]): Promise<number> {
  let count = 0;
  for (const user of users) {
    const [row] = await duck.rows(
      `SELECT bool_and(bloom_filter_excludes) AS "excludes" FROM parquet_bloom_probe('${path}', 'user', '${user}')`,
    );
    if (row?.['excludes'] === true) count += 1;
  }
  return count;
}

test('columns of texts of a merged segment have filters, however many values they have', async (t) => {
  const { folder, duck } = await openWorkshop(t);
  const path = await mergedOf(duck, folder, 70_000);
  const filters = await filtersOf(duck, path);
  t.deepEqual(
    filters.flatMap(({ column, groups, filters }) =>
      ['id', 'user'].includes(String(column)) ? [[column, groups, filters]] : [],
    ),
    [
      ['id', 2, 1],
      ['user', 2, 1],
    ],
  );
  t.true(filters.some(({ column }) => column === 'plan'));
  t.false(filters.some(({ column }) => column === 'nothing'));
  const there = Array.from({ length: 40 }, (_, i) => `u${1 + i * 3_493}`).filter(
    (_, i) => (1 + i * 3_493) % 7 > 0,
  );
  t.is(await excluded(duck, path, there), 0);
  const others = Array.from({ length: 40 }, (_, i) => `v${i}`);
  t.true((await excluded(duck, path, others)) > 30);
  for (const user of there.slice(0, 5)) {
    const rows = await duck.rows(`SELECT id FROM '${path}' WHERE "user" = '${user}'`);
    t.deepEqual(rows, [{ id: user.replace('u', 'e') }]);
  }
  t.deepEqual(await duck.rows(`SELECT id FROM '${path}' WHERE "user" = 'v1'`), []);
  t.false(existsSync(`${path}.texts`));
});

test('a filter does not know what was taken from the segment', async (t) => {
  const { folder, duck } = await openWorkshop(t);
  const path = await mergedOf(duck, folder, 5_000);
  t.is(await excluded(duck, path, ['u11', 'u12', 'u13']), 0);
  const left = join(folder, 'left.parquet');
  await filterSegment(duck, path, SCHEMA, () => `coalesce("user" = 'u12', false)`, left);
  t.is(await excluded(duck, left, ['u11', 'u13']), 0);
  t.is(await excluded(duck, left, ['u12']), 1);
});
