/**
 * What a question about single events costs beside DuckDB alone:
 * `node load-tests/cold-bench.ts [--rows 10000000] [--days 30] [--files-an-hour 1] [--threads 2] [--save]`.
 *
 * Events of a month lie in segments by the hour. Each question goes the way of the server, from its text to its answer: parsed and
 * judged, views over the files, a process of its own. DuckDB alone has a database that stays; both have
 * as many threads, the same memory and the same priority, and take turns.
 */
import { ok as assert } from 'node:assert';
import { statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type EventTools, findEvents } from '../actors/cold/events.ts';
import { localSegments } from '../actors/cold/segment-files.ts';
import type { StreamSnapshot } from '../actors/cold/snapshots.ts';
import { answerSql } from '../actors/cold/sql.ts';
import type { StreamSchema } from '../src/model/stream-schema.ts';
import { HOUR_MS } from '../src/model/units.ts';
import { DuckProcess } from '../src/threads/duck-process.ts';
import type { SegmentFile } from '../storage/archive/manifest.ts';
import { hourFolder, segmentPath } from '../storage/archive/segment-path.ts';
import { type Duck, openDuck } from '../storage/segments/duckdb.ts';
import { literal } from '../storage/segments/segment-columns.ts';
import { grouped, median, megabytes, saveResult, table } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000000' },
    days: { type: 'string', default: '30' },
    'files-an-hour': { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    save: { type: 'boolean', default: false },
  },
});
const ROWS = Number(options.rows);
const HOURS = Number(options.days) * 24;
const FILES_AN_HOUR = Number(options['files-an-hour']);
const START_MS = Date.UTC(2026, 8, 1);
const TIMES = 7;
const MEMORY_BYTES = 512 * 2 ** 20;
const TIMEOUT_MS = 60_000;
/** src/threads/duck.ts */
const PRIORITY = 5;
const WHERE = { tenant: 'default', stream: 'shop' };
const SCHEMA: StreamSchema = {
  ...WHERE,
  version: 1,
  columns: [
    { name: 'user', field: 'user', kind: 1 },
    { name: 'url', field: 'url', kind: 1 },
    { name: 'amount', field: 'amount', kind: 2 },
  ],
};
const USER = 'u4711';

/** One segment, sorted as the archiver does it. */
async function writeSegment(duck: Duck, root: string, index: number): Promise<SegmentFile> {
  const files = HOURS * FILES_AN_HOUR;
  const rows = Math.floor((ROWS * (index + 1)) / files) - Math.floor((ROWS * index) / files);
  const first = Math.floor((ROWS * index) / files);
  const hourMs = START_MS + Math.floor(index / FILES_AN_HOUR) * HOUR_MS;
  const place = {
    ...WHERE,
    hourMs,
    partition: index % FILES_AN_HOUR,
    from: first,
    to: first + rows,
  };
  const path = segmentPath({ ...place, folder: hourFolder(place), epoch: 1 });
  await mkdir(join(root, hourFolder(place)), { recursive: true });
  const spread = Math.max(1, Math.floor(HOUR_MS / rows));
  await duck.rows(
    `COPY (SELECT 'e' || i AS id, make_timestamp_ms(${hourMs} + (i - ${first}) * ${spread}) AS ts,
        ['page_view', 'click', 'search', 'buy', 'login'][(1 + hash(i) % 5)::BIGINT] AS type,
        'u' || hash(i, 1) % 100000 AS "user", '/p/' || hash(i, 2) % 2000 AS url,
        (hash(i, 3) % 10000) / 100 AS amount, NULL::MAP(VARCHAR, VARCHAR) AS more, ts AS _arrival,
        ${place.partition} AS _partition, i AS _position, 0 AS _row
      FROM (SELECT range AS i FROM range(${first}, ${first + rows})) ORDER BY type, ts)
    TO ${literal(join(root, path))} (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION V1)`,
  );
  const { size } = statSync(join(root, path));
  const tsMaxMs = hourMs + (rows - 1) * spread;
  return { path, ...place, rows, bytes: size, schema: 1, tsMinMs: hourMs, tsMaxMs };
}

interface Case {
  readonly question: string;
  readonly ours: () => Promise<number>;
  /** The same in DuckDB's own words; FILES is the table. */
  readonly sql: string;
}

interface Outcome {
  readonly question: string;
  readonly rows: number;
  readonly oursMs: number;
  readonly aloneMs: number;
}

async function measured(work: () => Promise<number>): Promise<{ ms: number; rows: number }> {
  const started = performance.now();
  const rows = await work();
  return { ms: performance.now() - started, rows };
}

async function run({ question, ours, sql }: Case, duck: Duck): Promise<Outcome> {
  const times = { ours: [] as number[], alone: [] as number[] };
  let rows = 0;
  for (let i = 0; i <= TIMES; i++) {
    const own = await measured(ours);
    const alone = await measured(async () => (await duck.rows(sql)).length);
    assert(own.rows === alone.rows, `${question}: ${own.rows} rows, DuckDB alone ${alone.rows}`);
    rows = own.rows;
    // The first of each warms the page cache.
    if (i === 0) continue;
    times.ours.push(own.ms);
    times.alone.push(alone.ms);
  }
  return { question, rows, oursMs: median(times.ours), aloneMs: median(times.alone) };
}

// That of a process which answers: beside other work a lower one alone makes a question slower.
setPriority(PRIORITY);
const folder = scratchFolder('cold');
const root = join(folder, 'archive');
const limits = { threads: Number(options.threads), memoryBytesMax: MEMORY_BYTES };
const duck = await openDuck({ ...limits, tempDir: join(folder, 'alone'), folders: [root] });
const files: SegmentFile[] = [];
for (let i = 0; i < HOURS * FILES_AN_HOUR; i++) files.push(await writeSegment(duck, root, i));
const paths = files.map(({ path }) => literal(join(root, path))).join(', ');
const FILES = `read_parquet([${paths}], hive_partitioning = false)`;

const runner = new DuckProcess(
  { ...limits, tempDir: join(folder, 'ours'), folders: [root] },
  folder,
);
const tools: EventTools = {
  duck: runner,
  segments: localSegments(root),
  timeLeftMs: () => TIMEOUT_MS,
};
const snapshot: StreamSnapshot = {
  ...WHERE,
  schema: SCHEMA,
  files,
  chunks: [],
  archived: new Map(),
};
const snapshots = {
  take: async () => ({
    streams: new Map([[WHERE.stream, snapshot]]),
    archivedStreams: [WHERE.stream],
    release: () => {},
  }),
};
const limit = 100_000;
const bySql = async (query: string): Promise<number> =>
  (await answerSql(tools, snapshots, { tenant: WHERE.tenant, query, limit })).rows.length;
const byTypeAndHour = (from: string) =>
  `SELECT type, date_trunc('hour', ts) AS hour, count(*) AS n FROM ${from} GROUP BY ALL`;
const users = (from: string) => `SELECT count(DISTINCT "user") FROM ${from}`;
const page = { ...WHERE, fromMs: START_MS, toMs: START_MS + HOURS * HOUR_MS, first: 200 };
const event = 'epoch_ms(ts), id, type, "user", url, amount, more, _partition, _position, _row';

const outcomes = [
  await run(
    {
      question: 'count by type and hour',
      ours: () => bySql(byTypeAndHour('shop')),
      sql: byTypeAndHour(FILES),
    },
    duck,
  ),
  await run(
    { question: 'distinct users', ours: () => bySql(users('shop')), sql: users(FILES) },
    duck,
  ),
  await run(
    {
      question: "one user's events of all days",
      ours: async () => {
        const where = { field: 'user', eq: USER };
        return (await findEvents(tools, snapshot, { ...page, where })).events.length;
      },
      sql: `SELECT ${event} FROM ${FILES} WHERE "user" = '${USER}' ORDER BY ts DESC LIMIT 200`,
    },
    duck,
  ),
  await run(
    {
      question: 'the newest 200 events',
      ours: async () => (await findEvents(tools, snapshot, page)).events.length,
      sql: `SELECT ${event} FROM ${FILES} ORDER BY ts DESC LIMIT 200`,
    },
    duck,
  ),
];
runner.close();
duck.close();
removeScratch(folder);

const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
const about = `${grouped(ROWS)} events of ${options.days} days in ${grouped(files.length)} files of ${megabytes(bytes)} in all; medians of ${TIMES}, ${options.threads} threads each.`;
const text = table<Outcome>(
  [
    { title: 'question', cell: ({ question }) => question },
    { title: 'rows', cell: ({ rows }) => grouped(rows) },
    { title: 'ms', cell: ({ oursMs }) => grouped(oursMs) },
    { title: 'DuckDB alone, ms', cell: ({ aloneMs }) => grouped(aloneMs) },
    { title: 'ratio', cell: ({ oursMs, aloneMs }) => (oursMs / aloneMs).toFixed(2) },
  ],
  outcomes,
);
console.log(`${about}\n\n${text}`);
if (options.save) console.log(saveResult('cold', `${about}\n\n${text}`, { options, outcomes }));
