import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  blockOffset,
  FILTER_BLOCK_BYTES,
  filterHash,
  mayHold,
  xxHash64,
} from '../../../storage/parquet/bloom-filter.ts';
import { readFooter, withFilters } from '../../../storage/parquet/footer.ts';
import { type Duck, openDuck } from '../../../storage/segments/duckdb.ts';

async function scene(t: ExecutionContext): Promise<{ duck: Duck; path: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'streamgauge-parquet-'));
  const tempDir = join(folder, 'temp');
  const duck = await openDuck({ threads: 1, memoryBytesMax: 256e6, tempDir, folders: [folder] });
  t.teardown(() => {
    duck.close();
    rmSync(folder, { recursive: true });
  });
  return { duck, path: join(folder, 'file.parquet') };
}

const filtersOf = async (duck: Duck, path: string) =>
  (
    await duck.rows(
      `SELECT row_group_id AS "group", path_in_schema AS "column", bloom_filter_offset AS "offset",
          bloom_filter_length AS "length" FROM parquet_metadata('${path}') ORDER BY ALL`,
    )
  ).map((row) => [row['column'], Number(row['offset']), Number(row['length'])]);

test('texts have the hashes that others give them', (t) => {
  const hex = (text: string) => xxHash64(Buffer.from(text)).toString(16);
  t.is(hex(''), 'ef46db3751d8e999');
  t.is(hex('a'), 'd24ec4f1a98c6e5b');
  t.is(hex('abc'), '44bc2cf5ad770999');
  t.is(hex('Nobody inspects the spammish repetition'), 'fbcea83c8a378bf1');
});

test('a footer tells where the filters are that DuckDB has written, and what they hold', async (t) => {
  const { duck, path } = await scene(t);
  const texts = Array.from({ length: 3_000 }, (_, i) => `${'ü'.repeat(i % 40)} ${i}`);
  await duck.rows(
    `COPY (SELECT 1::DOUBLE AS n, {'a': 'x', 'b': MAP {'k': 'v'}} AS nested, repeat('ü', i % 40) || ' ' || i AS text
        FROM (SELECT range::INTEGER AS i FROM range(3000)))
      TO '${path}' (FORMAT parquet, DICTIONARY_SIZE_LIMIT 10000, ROW_GROUP_SIZE 2048)`,
  );
  const { chunks } = readFooter(path, statSync(path).size);
  t.is(chunks.length, 2 * 5);
  t.deepEqual(chunks.map(({ column }) => column).slice(0, 5), [
    'n',
    'nested.a',
    'nested.b.key_value.key',
    'nested.b.key_value.value',
    'text',
  ]);
  const known = await filtersOf(duck, path);
  for (const column of ['n', 'text']) {
    t.deepEqual(
      chunks.filter((each) => each.column === column).map(({ filter }) => filter),
      known
        .filter(([name]) => name === column)
        .map(([, offset, length]) => ({ offset: Number(offset), length: Number(length) })),
    );
  }
  const file = readFileSync(path);
  const asked = (text: string) =>
    chunks.some(({ column, filter }) => {
      if (column !== 'text' || filter === undefined) return false;
      const hash = filterHash(text);
      const at = file.byteOffset + blockOffset(filter, hash);
      return mayHold(new DataView(file.buffer, at, FILTER_BLOCK_BYTES), hash);
    });
  t.deepEqual(
    texts.filter((text) => !asked(text)),
    [],
  );
  const others = Array.from({ length: 1_000 }, (_, i) => `other ${i}`);
  t.true(others.filter(asked).length < 60);
});

test('a footer takes filters, and the file reads as before', async (t) => {
  const { duck, path } = await scene(t);
  await duck.rows(
    `COPY (SELECT 'u' || range AS "user", range % 3 AS few FROM range(5000))
      TO '${path}' (FORMAT parquet, DICTIONARY_SIZE_LIMIT 10, ROW_GROUP_SIZE 2048)`,
  );
  const before = await duck.rows(`SELECT sum(hash(COLUMNS(*))) FROM '${path}'`);
  const few = (await filtersOf(duck, path)).filter(([column]) => column === 'few');
  const bytes = readFileSync(path);
  const footer = readFooter(path, bytes.length);
  const place = { offset: 123_456_789_012, length: 4_113 };
  const other = { offset: 7, length: 8 };
  const changed = withFilters(
    footer,
    new Map([
      ['user', place],
      ['few', other],
    ]),
  );
  writeFileSync(path, joined(bytes.subarray(0, footer.offset), changed));
  t.deepEqual(await duck.rows(`SELECT sum(hash(COLUMNS(*))) FROM '${path}'`), before);
  // Those that are there stay.
  t.deepEqual(
    (await filtersOf(duck, path)).filter(([column]) => column === 'few'),
    few,
  );
  t.deepEqual(
    readFooter(path, statSync(path).size).chunks.map(({ column, filter }) => [
      column,
      filter?.length,
    ]),
    [1, 2, 3].flatMap(() => [
      ['user', place.length],
      ['few', Number(few[0]?.[2])],
    ]),
  );
});

test('what is no Parquet file has no footer', async (t) => {
  const { duck, path } = await scene(t);
  writeFileSync(path, '');
  t.throws(() => readFooter(path, 0), { instanceOf: RangeError });
  await duck.rows(`COPY (SELECT 'a' AS text) TO '${path}' (FORMAT parquet)`);
  const bytes = readFileSync(path);
  t.throws(() => readFooter(path, bytes.length + 1), { instanceOf: RangeError });
  writeFileSync(
    path,
    Buffer.concat([bytes.subarray(0, -8), Buffer.from([255, 255, 255, 127]), bytes.subarray(-4)]),
  );
  t.throws(() => readFooter(path, bytes.length), { instanceOf: RangeError });
  const footer = readFooterBytes(bytes);
  for (let cut = 1; cut < footer.length; cut += 7) {
    const part = footer.subarray(0, footer.length - cut);
    writeFileSync(path, joined(Buffer.alloc(0), part));
    t.throws(() => readFooter(path, statSync(path).size), { instanceOf: RangeError });
  }
});

function joined(data: Buffer, footer: Uint8Array): Buffer {
  const tail = Buffer.from('    PAR1');
  tail.writeUInt32LE(footer.length);
  return Buffer.concat([data, footer, tail]);
}

const readFooterBytes = (file: Buffer): Buffer =>
  file.subarray(-8 - file.readUInt32LE(file.length - 8), -8);
