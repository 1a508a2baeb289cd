import { existsSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { readFooter } from '../../../storage/parquet/footer.ts';
import { joinParquet } from '../../../storage/parquet/join.ts';
import { ThriftWriter } from '../../../storage/parquet/thrift.ts';
import { ThriftReader } from '../../../storage/parquet/thrift-reader.ts';
import type { Duck } from '../../../storage/segments/duckdb.ts';
import { openWorkshop } from '../segments/read-segment.ts';

const ROWS = 5_000;
const ENOUGH = 1e9;

/** Rows of every kind of column, some with dictionaries and filters, in three row groups. */
async function write(duck: Duck, path: string, from: number, more = '', codec = 'zstd') {
  await duck.rows(
    `COPY (SELECT 'e' || i AS id, make_timestamp_ms(1_700_000_000_000 + i) AS ts, 't' || i % 5 AS type,
        CASE WHEN i % 3 > 0 THEN 'u' || i % 700 END AS "user", (i % 900) / 8 AS amount, i % 2 = 0 AS paid,
        CASE WHEN i % 4 = 0 THEN MAP {'k': 'v' || i, 'l': NULL} END AS more, NULL::VARCHAR AS nothing,
        i::INTEGER AS _partition, -i AS _position ${more}
      FROM (SELECT range AS i FROM range(${from}, ${from + ROWS})))
    TO '${path}' (FORMAT parquet, PARQUET_VERSION V1, COMPRESSION ${codec}, ROW_GROUP_SIZE 2048, DICTIONARY_SIZE_LIMIT 1000)`,
  );
  return path;
}

test('files that are joined have the rows, statistics and filters that they had, and are not compressed', async (t) => {
  const { duck, folder } = await openWorkshop(t);
  const paths: string[] = [];
  for (let i = 0; i < 3; i++) paths.push(await write(duck, join(folder, `${i}`), i * ROWS));
  const joined = join(folder, 'joined');
  const bytes = await joinParquet(paths, joined, ENOUGH);
  t.is(bytes, statSync(joined).size);

  const list = `[${paths.map((path) => `'${path}'`).join(', ')}]`;
  const [counted] = await duck.rows(`SELECT count(*)::INTEGER AS n FROM read_parquet('${joined}')`);
  t.is(counted?.['n'], 3 * ROWS);
  for (const [one, other] of [
    [list, `'${joined}'`],
    [`'${joined}'`, list],
  ]) {
    const rows = (files?: string) =>
      `SELECT * REPLACE (more::VARCHAR AS more) FROM read_parquet(${files})`;
    const differing = `${rows(one)} EXCEPT ALL ${rows(other)}`;
    t.deepEqual(await duck.rows(differing), []);
  }

  const metadata = (from: string) =>
    duck.rows(
      `SELECT path_in_schema AS "column", row_group_num_rows AS "rows", num_values AS "values", encodings,
          stats_min_value AS "min", stats_max_value AS "max", stats_null_count AS "nulls", bloom_filter_length AS "filter"
        FROM parquet_metadata(${from}) ORDER BY file_name, row_group_id, column_id`,
    );
  t.deepEqual(await metadata(`'${joined}'`), await metadata(list));
  t.deepEqual(await duck.rows(`SELECT DISTINCT compression FROM parquet_metadata('${joined}')`), [
    { compression: 'UNCOMPRESSED' },
  ]);
  const excluded = (user: string) =>
    duck.rows(
      `SELECT count(*) FILTER (WHERE bloom_filter_excludes)::INTEGER AS "groups"
        FROM parquet_bloom_probe('${joined}', 'user', '${user}')`,
    );
  t.deepEqual(await excluded('u7'), [{ groups: 0 }]);
  t.deepEqual(await excluded('not one of them'), [{ groups: 9 }]);
});

test('a joined file can be joined again', async (t) => {
  const { duck, folder } = await openWorkshop(t);
  const one = join(folder, 'one');
  await joinParquet([await write(duck, join(folder, 'file'), 0)], one, ENOUGH);
  const two = join(folder, 'two');
  await joinParquet([one], two, ENOUGH);
  t.true(readFileSync(one).equals(readFileSync(two)));
});

test('what cannot be joined is refused, and leaves no file', async (t) => {
  const { duck, folder } = await openWorkshop(t);
  const file = await write(duck, join(folder, 'file'), 0);
  const wider = await write(duck, join(folder, 'wider'), 0, ', i AS wide');
  const snappy = await write(duck, join(folder, 'snappy'), 0, '', 'snappy');
  const torn = await write(duck, join(folder, 'torn'), 0);
  truncateSync(torn, statSync(torn).size - 1);
  const joined = join(folder, 'joined');
  const refusal = async (paths: string[], bytesMax = ENOUGH) => {
    const error = await t.throwsAsync(joinParquet(paths, joined, bytesMax), {
      instanceOf: RangeError,
    });
    t.false(existsSync(joined));
    return error.message;
  };
  t.regex(await refusal([file, wider]), /different schemas/);
  t.regex(await refusal([snappy]), /compressed by method 1/);
  t.regex(await refusal([file, torn]), /does not end/);
  t.regex(await refusal([]), /no files/);
  t.regex(await refusal([file], statSync(file).size), /too long/);
});

test('a footer that is read as a tree and written again is what it was', async (t) => {
  const { duck, folder } = await openWorkshop(t);
  const path = await write(duck, join(folder, 'file'), 0);
  const { bytes } = readFooter(path, statSync(path).size);
  const reader = new ThriftReader(bytes);
  const writer = new ThriftWriter();
  writer.tree(reader.tree());
  t.is(reader.position, bytes.length);
  t.deepEqual(Buffer.from(writer.bytes), Buffer.from(bytes));
});
