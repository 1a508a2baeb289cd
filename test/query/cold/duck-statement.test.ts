/** The second wall alone: whatever a statement says, DuckDB reads the files of its question. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { parseStatement, runStatement } from '../../../actors/cold/duck-statement.ts';
import type { DuckQuestion } from '../../../actors/cold/questions.ts';
import { FUNCTIONS } from '../../../actors/cold/sql-functions.ts';
import { openDuck } from '../../../storage/segments/duckdb.ts';

let folder: string;
const at = (name: string) => join(folder, name);

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  const duck = await openDuck({
    threads: 1,
    memoryBytesMax: 128 * 2 ** 20,
    tempDir: at('duck'),
    folders: [folder],
  });
  for (const name of ['mine', 'theirs']) {
    await duck.rows(`COPY (SELECT '${name}' AS whose) TO '${at(name)}.parquet' (FORMAT parquet)`);
  }
  duck.close();
  await writeFile(at('secret.txt'), 'a secret');
});
test.after.always(() => rm(folder, { recursive: true }));

const limits = () => ({
  threads: 1,
  memoryBytesMax: 128 * 2 ** 20,
  tempDir: at('temp'),
  folders: [folder],
});
const run = (sql: string, rest: Partial<DuckQuestion> = {}) =>
  runStatement(limits(), {
    author: 'user',
    sql,
    parameters: [],
    views: [{ name: 'mine', sql: `SELECT * FROM read_parquet('${at('mine')}.parquet')` }],
    paths: [at('mine.parquet')],
    rowsMax: 10,
    timeoutMs: 20_000,
    ...rest,
  });

test.serial('files of the question are read, and no others, by whatever function', async (t) => {
  t.deepEqual((await run('SELECT * FROM mine')).rows, [['mine']]);
  for (const from of [
    `read_parquet('${at('theirs.parquet')}')`,
    `read_parquet('${folder}/*.parquet')`,
    `read_parquet('${at('duck/../theirs.parquet')}')`,
    `read_parquet('file://${at('theirs.parquet')}')`,
    `'${at('theirs.parquet')}'`,
    `read_text('${at('secret.txt')}')`,
    `read_blob('${at('theirs.parquet')}')`,
    `read_csv('/etc/passwd')`,
    `glob('${folder}/*')`,
    `parquet_metadata('${at('theirs.parquet')}')`,
  ]) {
    await t.throwsAsync(run(`SELECT * FROM ${from}`), undefined, from);
  }
});

test.serial('nothing is written, attached, loaded or set', async (t) => {
  for (const sql of [
    `COPY (SELECT 1) TO '${at('out.csv')}'`,
    `ATTACH '${at('other.db')}'`,
    'INSTALL httpfs',
    'LOAD httpfs',
    'SET GLOBAL enable_external_access = true',
    "SET memory_limit = '100GB'",
    `SET GLOBAL allowed_paths = ['${at('theirs.parquet')}']`,
    `EXPORT DATABASE '${at('export')}'`,
  ]) {
    await t.throwsAsync(run(sql), undefined, sql);
  }
  await t.throwsAsync(readFile(at('out.csv')), { code: 'ENOENT' });
});

test.serial('an error tells nobody where files lie', async (t) => {
  const error = await t.throwsAsync(run('SELECT whose::INT FROM mine'));
  t.regex(error?.message ?? '', /Conversion Error/);
  t.notRegex(error?.message ?? '', /streamgauge-/);
});

test.serial('an answer has the rows that were allowed, and says that there are more', async (t) => {
  const answer = await run('SELECT * FROM range(1000000000000)');
  t.deepEqual([answer.rows.length, answer.isTruncated], [10, true]);
  const wide = await run("SELECT repeat('x', 1000000) FROM range(100)", { rowsMax: 100 });
  t.true(wide.isTruncated && wide.rows.length === 8);
});

test.serial('a statement past its time is stopped', async (t) => {
  const sql =
    'SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE hash(a.range, b.range) = 1';
  await t.throwsAsync(run(sql, { timeoutMs: 200 }), { message: /took too long/ });
});

test.serial('values come as JSON has them, exactly', async (t) => {
  const { rows } = await run(
    `SELECT 9007199254740993, 12::BIGINT, 1.5, 1e999::DOUBLE, TIMESTAMP '2026-01-02 03:04:05.678', DATE '2026-01-02',
      [1, NULL], {'a': 1, 'b': 'c'}, MAP {'k': 1}, NULL, true, INTERVAL 3 DAY, 'x'::BLOB`,
  );
  t.deepEqual(rows, [
    [
      '9007199254740993',
      12,
      1.5,
      'Infinity',
      '2026-01-02T03:04:05.678Z',
      '2026-01-02',
      [1, null],
      { a: 1, b: 'c' },
      { k: 1 },
      null,
      true,
      '3 days',
      'x',
    ],
  ]);
});

test.serial(
  'every function of the list is there, and none that reads files, settings or statements',
  async (t) => {
    const { rows } = await run(
      `SELECT DISTINCT lower(function_name) FROM duckdb_functions()
      WHERE function_type IN ('scalar', 'aggregate', 'macro')`,
      { rowsMax: 10_000 },
    );
    const known = new Set(rows.map(([name]) => String(name)));
    const syntax = new Set(['unnest', 'row', 'grouping_id']);
    t.deepEqual(
      [...FUNCTIONS].filter((name) => !known.has(name) && !syntax.has(name)),
      [],
    );
    const forbidden =
      /^(read_|query|glob$|sniff|pragma|duckdb_|pg_|icu_|json_(de)?serialize|json_execute|current_(setting|database|query|schema)|getvariable|getenv|nextval|currval|sleep|write_log|version$)/;
    t.deepEqual(
      [...FUNCTIONS].filter((name) => forbidden.test(name)),
      [],
    );
  },
);

test.serial('a statement is parsed, not run', async (t) => {
  t.regex(await parseStatement(limits(), "SELECT * FROM 'x'"), /BASE_TABLE/);
  t.regex(await parseStatement(limits(), 'DROP TABLE x'), /"error":true/);
});
