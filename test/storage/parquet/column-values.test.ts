/** Files as DuckDB writes them, and as we do: every column is what was written. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { seededRandom } from '../../../load-tests/random.ts';
import { readPages } from '../../../storage/parquet/column-pages.ts';
import {
  booleansOf,
  numbersOf,
  repetitionOf,
  type TextValues,
  textsOf,
} from '../../../storage/parquet/column-values.ts';
import { type RowGroup, readRowGroups } from '../../../storage/parquet/row-groups.ts';
import { openWorkshop } from '../segments/read-segment.ts';

const NAMES = ['few', 'many', 'n', 'small', 'time', 'at', 'flag', 'all', 'map', 'none'];

type Row = Readonly<Record<string, string | number | boolean | null>>;

const texts = ({ codes, entries }: TextValues): (string | null)[] =>
  Array.from(codes, (code) =>
    code === 0
      ? null
      : Buffer.from(
          entries.bytes.subarray(entries.offsets[code - 1], entries.offsets[code]),
        ).toString(),
  );
const numbers = (values: Float64Array) =>
  Array.from(values, (value) => (Number.isNaN(value) ? null : value));
const booleans = (values: Uint8Array) => Array.from(values, (value) => [null, false, true][value]);

async function readColumns(path: string, names: readonly string[]) {
  const file = await open(path);
  try {
    const groups = await readRowGroups(file, new Set(names));
    const columns = new Map<string, unknown[]>(names.map((name) => [name, []]));
    for (const group of groups) {
      for (const place of group.columns) {
        const column = await readPages(file, place);
        const [name, , leaf] = place.path;
        const into = columns.get(leaf ?? `${name}`) ?? [];
        columns.set(leaf ?? `${name}`, into);
        if (place.physical === 6) into.push(...texts(textsOf(column)));
        else if (place.physical === 0) into.push(...booleans(booleansOf(column)));
        else into.push(...numbers(numbersOf(column)));
      }
    }
    return { groups, columns };
  } finally {
    await file.close();
  }
}

for (const [title, options, rows] of [
  ['of one row group', '', 1_000],
  ['of several', 'ROW_GROUP_SIZE 2048', 9_001],
  ['with a dictionary for hardly a column', 'DICTIONARY_SIZE_LIMIT 3', 5_000],
  ['uncompressed', 'COMPRESSION uncompressed', 3_000],
  ['of one row', '', 1],
] as const) {
  test(`columns of a file ${title} are those that DuckDB reads`, async (t) => {
    const { folder, duck } = await openWorkshop(t);
    const path = join(folder, 'a.parquet');
    const zstd = options.includes('COMPRESSION') ? '' : ', COMPRESSION zstd';
    await duck.rows(`COPY (SELECT
        CASE WHEN hash(i, 1) % 7 > 0 THEN 'f' || (hash(i, 2) % 40) END AS few,
        CASE WHEN i % 5 > 0 THEN repeat('ü', (hash(i) % 90)::BIGINT) || i END AS many,
        CASE WHEN hash(i, 3) % 3 > 0 THEN (hash(i, 4) % 100000)::DOUBLE / 7 - 3000 END AS n,
        (hash(i, 5) % 9)::INTEGER - 4 AS small,
        make_timestamp_ms(1790000000000 + (hash(i, 6) % 100000000)::BIGINT) AS time,
        (i - 500) * 10000000000 AS "at",
        CASE WHEN hash(i, 8) % 4 > 0 THEN hash(i, 9) % 2 = 0 END AS flag,
        'x' || (i % 300) AS "all", NULL::DOUBLE AS none
      FROM range(${rows}) r(i)) TO '${path}' (FORMAT parquet, PARQUET_VERSION V1 ${zstd} ${options && `, ${options}`})`);
    const wanted = (await duck.rows(
      `SELECT * REPLACE (epoch_ms(time)::DOUBLE AS time, ("at")::DOUBLE AS "at") FROM read_parquet('${path}')`,
    )) as Row[];
    const { columns, groups } = await readColumns(path, NAMES);
    t.is(
      groups.reduce((sum, group) => sum + group.rows, 0),
      rows,
    );
    for (const name of NAMES) {
      if (name !== 'map')
        t.deepEqual(
          columns.get(name),
          wanted.map((row) => row[name]),
          name,
        );
    }
    const bounds = (group: RowGroup | undefined) =>
      group?.columns.find((place) => place.path[0] === 'at');
    t.is(bounds(groups[0])?.min, -500 * 1e10);
    t.is(bounds(groups.at(-1))?.max, (rows - 501) * 1e10);
  });
}

test('maps have levels beside their keys and values', async (t) => {
  const { folder, duck } = await openWorkshop(t);
  const path = join(folder, 'a.parquet');
  await duck.rows(`COPY (SELECT CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN MAP {} WHEN 2 THEN MAP {'a': 'x' || i}
      ELSE MAP {'b': NULL, 'a': 'y', 'c' || i: ''} END AS map
      FROM range(600) r(i)) TO '${path}' (FORMAT parquet, PARQUET_VERSION V1, COMPRESSION zstd)`);
  const { columns, groups } = await readColumns(path, ['map']);
  const file = await open(path);
  const [keys] = groups[0]?.columns ?? [];
  if (keys === undefined) throw new Error('there is no column');
  const repetition = repetitionOf(await readPages(file, keys));
  await file.close();
  const maps: [unknown, unknown][][] = [];
  repetition.forEach((level, i) => {
    if (level === 0) maps.push([]);
    const [key, value] = [columns.get('key')?.[i], columns.get('value')?.[i]];
    if (key !== null) maps.at(-1)?.push([key, value]);
  });
  t.deepEqual(
    maps,
    Array.from({ length: 600 }, (_, i) => {
      if (i % 4 < 2) return [];
      return i % 4 === 2
        ? [['a', `x${i}`]]
        : [
            ['b', null],
            ['a', 'y'],
            [`c${i}`, ''],
          ];
    }),
  );
});

test('a damaged file is refused, never misread for ever', async (t) => {
  const { folder, duck } = await openWorkshop(t);
  const path = join(folder, 'a.parquet');
  await duck.rows(`COPY (SELECT 'k' || (i % 9) AS few, 'm' || i AS many, i::DOUBLE AS n, i % 3 = 0 AS flag
      FROM range(400) r(i)) TO '${path}' (FORMAT parquet, PARQUET_VERSION V1, COMPRESSION uncompressed)`);
  const whole = await open(path);
  const bytes = await whole.readFile();
  await whole.close();
  const random = seededRandom(5);
  const damaged = join(folder, 'b.parquet');
  for (let i = 0; i < 100; i++) {
    const copy = Buffer.from(bytes);
    for (let hit = 0; hit < 3; hit++) copy[random.between(0, copy.length)] = random.between(0, 256);
    const file = await open(damaged, 'w');
    await file.writeFile(i % 10 === 0 ? copy.subarray(0, random.between(0, copy.length)) : copy);
    await file.close();
    await t.notThrowsAsync(
      readColumns(damaged, ['few', 'many', 'n', 'flag']).catch((error: unknown) => {
        if (!(error instanceof RangeError)) throw error;
      }),
    );
  }
});
