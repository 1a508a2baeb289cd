/**
 * What a question about single events costs beside DuckDB alone:
 * `node load-tests/cold-bench.ts [--rows 10000000] [--days 30] [--cuts-an-hour 6] [--uncompacted] [--threads 2]
 * [--times 5] [--data DIR] [--save]`.
 *
 * Events of a month lie in segments by the hour, each merged from the cuts of that hour as the archiver does it. With `--data` they stay in that
 * folder for later runs, which then need the same options. Each question goes the way of the server, from its text to its answer: parsed and judged, views over the files, a process of its own. DuckDB alone has a database that stays; both have
 * as many threads, the same memory and the same priority, and take turns. The first time a question opens each segment; then small ones are joined, as the
 * thread does it when nobody asks.
 */
import { ok as assert } from 'node:assert';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { findEvents } from '../actors/cold/events.ts';
import { buildFilters } from '../actors/cold/filter-build.ts';
import { FILTERS_BYTES_MAX, JOINS_BYTES_MAX } from '../actors/cold/limits.ts';
import type { FindTools } from '../actors/cold/question-tools.ts';
import { localSegments } from '../actors/cold/segment-files.ts';
import { SegmentFilters } from '../actors/cold/segment-filters.ts';
import { SegmentJoins } from '../actors/cold/segment-joins.ts';
import { findSeries } from '../actors/cold/series.ts';
import type { SeriesQuestion } from '../actors/cold/series-question.ts';
import type { StreamSnapshot } from '../actors/cold/snapshots.ts';
import { answerSql } from '../actors/cold/sql.ts';
import { ValueFilters } from '../actors/cold/value-filters.ts';
import type { StreamSchema } from '../src/model/stream-schema.ts';
import { HOUR_MS } from '../src/model/units.ts';
import { evenEdges } from '../src/query/steps.ts';
import { DuckProcess } from '../src/threads/duck-process.ts';
import { beginLocalArchive } from '../storage/archive/local.ts';
import type { SegmentFile } from '../storage/archive/manifest.ts';
import {
  hourFolder,
  rewrittenFolder,
  rewrittenPath,
  segmentPath,
} from '../storage/archive/segment-path.ts';
import { type Duck, openDuck } from '../storage/segments/duckdb.ts';
import { mergeSegments } from '../storage/segments/seal.ts';
import { literal } from '../storage/segments/segment-columns.ts';
import { grouped, median, megabytes, saveResult, table } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000000' },
    days: { type: 'string', default: '30' },
    'cuts-an-hour': { type: 'string', default: '6' },
    uncompacted: { type: 'boolean', default: false },
    threads: { type: 'string', default: '2' },
    times: { type: 'string', default: '5' },
    data: { type: 'string' },
    save: { type: 'boolean', default: false },
  },
});
const ROWS = Number(options.rows);
const HOURS = Number(options.days) * 24;
const CUTS_AN_HOUR = Number(options['cuts-an-hour']);
const CUT_MS = HOUR_MS / CUTS_AN_HOUR;
const START_MS = Date.UTC(2026, 8, 1);
const TIMES = Number(options.times);
const REST_MS = 100;
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

/** One cut's segment, in the order of the log. */
async function writeCut(duck: Duck, root: string, index: number): Promise<SegmentFile> {
  const cuts = HOURS * CUTS_AN_HOUR;
  const first = Math.floor((ROWS * index) / cuts);
  const to = Math.floor((ROWS * (index + 1)) / cuts);
  const fromMs = START_MS + index * CUT_MS;
  const hourMs = Math.floor(fromMs / HOUR_MS) * HOUR_MS;
  const folder = hourFolder({ ...WHERE, hourMs });
  const path = segmentPath({ folder, partition: 0, from: first, to, epoch: 1 });
  await mkdir(join(root, folder), { recursive: true });
  const spread = Math.max(1, Math.floor(CUT_MS / (to - first)));
  await duck.rows(
    `COPY (SELECT 'e' || i AS id, make_timestamp_ms(${fromMs} + (i - ${first}) * ${spread}) AS ts,
        ['page_view', 'click', 'search', 'buy', 'login'][(1 + hash(i) % 5)::BIGINT] AS type,
        'u' || hash(i, 1) % 100000 AS "user", '/p/' || hash(i, 2) % 2000 AS url,
        (hash(i, 3) % 10000) / 100 AS amount, NULL::MAP(VARCHAR, VARCHAR) AS more, ts AS _arrival,
        0::INTEGER AS _partition, i AS _position, 0::INTEGER AS _row
      FROM (SELECT range AS i FROM range(${first}, ${to})))
    TO ${literal(join(root, path))} (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION V1)`,
  );
  const { size } = statSync(join(root, path));
  const times = { tsMinMs: fromMs, tsMaxMs: fromMs + (to - first - 1) * spread, aheadMaxMs: 0 };
  return {
    path,
    ...WHERE,
    hourMs,
    from: first,
    to,
    rows: to - first,
    bytes: size,
    schema: 1,
    ...times,
  };
}

/** The files of an hour that is over. */
async function writeHour(duck: Duck, root: string, hour: number): Promise<SegmentFile[]> {
  const cuts: SegmentFile[] = [];
  for (let i = 0; i < CUTS_AN_HOUR; i++) {
    cuts.push(await writeCut(duck, root, hour * CUTS_AN_HOUR + i));
  }
  const [first, last] = [cuts[0], cuts.at(-1)];
  if (options.uncompacted || first === undefined || last === undefined) return cuts;
  const folder = rewrittenFolder(first, 1);
  const path = rewrittenPath(folder, 0, { from: first.from, to: last.to });
  await mkdir(join(root, folder), { recursive: true });
  const paths = cuts.map((cut) => join(root, cut.path));
  const merged = await mergeSegments(duck, paths, SCHEMA, join(root, path));
  for (const each of paths) rmSync(each);
  return [{ ...first, ...merged, path, to: last.to }];
}

async function writeAll(): Promise<SegmentFile[]> {
  if (existsSync(listPath)) return JSON.parse(readFileSync(listPath, 'utf8'));
  const files: SegmentFile[] = [];
  for (let hour = 0; hour < HOURS; hour++) files.push(...(await writeHour(duck, root, hour)));
  await beginLocalArchive(root);
  writeFileSync(listPath, JSON.stringify(files));
  return files;
}

interface Case {
  readonly question: string;
  readonly ours: (by: FindTools) => Promise<number>;
  /** The same in DuckDB's own words; FILES is the table. */
  readonly sql: string;
}

interface Outcome {
  readonly question: string;
  readonly rows: number;
  /** Before segments were joined. */
  readonly singleMs: number;
  readonly joinedMs: number;
  readonly aloneMs: number;
}

async function measured(work: () => Promise<number>): Promise<{ ms: number; rows: number }> {
  const started = performance.now();
  const rows = await work();
  return { ms: performance.now() - started, rows };
}

async function run({ question, ours, sql }: Case, duck: Duck): Promise<Outcome> {
  const times = { single: [] as number[], joined: [] as number[], alone: [] as number[] };
  let rows = 0;
  for (let i = 0; i <= TIMES; i++) {
    const single = await measured(() => ours(tools));
    // What is done behind an answer is not to slow the other one down.
    await setTimeout(REST_MS);
    const joined = await measured(() => ours({ ...tools, joins }));
    await setTimeout(REST_MS);
    const alone = await measured(async () => (await duck.rows(sql)).length);
    rows = alone.rows;
    for (const own of [single, joined]) {
      assert(own.rows === rows, `${question}: ${own.rows} rows, DuckDB alone ${rows}`);
    }
    // The first of each warms the page cache.
    if (i === 0) continue;
    times.single.push(single.ms);
    times.joined.push(joined.ms);
    times.alone.push(alone.ms);
  }
  return {
    ...{ question, rows, singleMs: median(times.single) },
    ...{ joinedMs: median(times.joined), aloneMs: median(times.alone) },
  };
}

// That of a process which answers: beside other work a lower one alone makes a question slower.
setPriority(PRIORITY);
const folder = scratchFolder('cold');
const root = resolve(options.data ?? join(folder, 'archive'));
/** Of the files in `root`, once all are written. */
const listPath = join(root, 'files.json');
const limits = { threads: Number(options.threads), memoryBytesMax: MEMORY_BYTES };
const duck = await openDuck({ ...limits, tempDir: join(folder, 'alone'), folders: [root] });
const files = await writeAll();
const paths = files.map(({ path }) => literal(join(root, path))).join(', ');
const FILES = `read_parquet([${paths}], hive_partitioning = false)`;

const runner = new DuckProcess(
  { ...limits, tempDir: join(folder, 'ours'), folders: [root, folder] },
  folder,
);
const joins = new SegmentJoins(join(folder, 'joins'), JOINS_BYTES_MAX, 0);
const tools: FindTools = {
  duck: runner,
  joins: new SegmentJoins(join(folder, 'none'), 0, 0),
  filters: new ValueFilters(FILTERS_BYTES_MAX),
  segmentFilters: new SegmentFilters(),
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
const bySql =
  (query: string) =>
  async (by: FindTools): Promise<number> =>
    (await answerSql(by, snapshots, { tenant: WHERE.tenant, query, limit })).rows.length;
const byTypeAndHour = (from: string) =>
  `SELECT type, date_trunc('hour', ts) AS hour, count(*) AS n FROM ${from} GROUP BY ALL`;
const users = (from: string) => `SELECT count(DISTINCT "user") FROM ${from}`;
const countOfUser = (from: string) => `SELECT count(*) FROM ${from} WHERE "user" = '${USER}'`;
const page = { ...WHERE, fromMs: START_MS, toMs: START_MS + HOURS * HOUR_MS, first: 200 };
const END_MS = START_MS + HOURS * HOUR_MS;
const series: SeriesQuestion = {
  ...{ ...WHERE, fromMs: START_MS, toMs: END_MS, limit: 100 },
  edges: evenEdges(START_MS, END_MS, HOUR_MS),
  ...{ measures: [{ op: 'count' }], groupBy: ['type'], scanRowsMax: ROWS },
  orderBy: { term: { kind: 'measure' as const, at: 0 }, descending: true },
};
const pointsOf =
  (question: SeriesQuestion) =>
  async (by: FindTools): Promise<number> =>
    (await findSeries(by, snapshot, question)).series.reduce((n, { steps }) => n + steps.length, 0);
const byTypeAndDay = `SELECT type, date_trunc('day', ts) AS day, quantile_disc(amount, 0.99)
  FROM ${FILES} GROUP BY ALL`;
const event = 'epoch_ms(ts), id, type, "user", url, amount, more, _partition, _position, _row';

const byUser = `SELECT ${event} FROM ${FILES} WHERE "user" = '${USER}' ORDER BY ts DESC LIMIT 200`;
/** As the thread does it, once somebody has opened all files. */
async function makeJoins() {
  joins.take(files, files).release();
  let made = 0;
  const { ms } = await measured(async () => {
    while (await joins.build(tools.segments)) made += 1;
    return made;
  });
  return { made, ms, bytes: joins.bytes };
}

const userEvents = async (by: FindTools, user = USER): Promise<number> => {
  const where = { field: 'user', eq: user };
  return (await findEvents(by, snapshot, { ...page, where })).events.length;
};

/** Of files that have none in them, as the thread makes them when nobody asks. */
async function makeFilters() {
  await userEvents(tools, 'nobody');
  let statements = 0;
  const { ms } = await measured(async () => {
    while (await buildFilters(tools)) statements += 1;
    return statements;
  });
  return { statements, ms, bytes: tools.filters.bytes };
}
const made = await makeFilters();
const joined = await makeJoins();

const outcomes = [
  await run(
    {
      question: 'count by type and hour',
      ours: bySql(byTypeAndHour('shop')),
      sql: byTypeAndHour(FILES),
    },
    duck,
  ),
  await run({ question: 'distinct users', ours: bySql(users('shop')), sql: users(FILES) }, duck),
  await run(
    {
      question: 'timeseries: count by type and hour',
      ours: pointsOf(series),
      sql: byTypeAndHour(FILES),
    },
    duck,
  ),
  await run(
    {
      question: 'timeseries: p99 by type and day',
      ours: pointsOf({
        ...series,
        edges: evenEdges(START_MS, END_MS, 24 * HOUR_MS),
        measures: [{ op: 'quantile', field: 'amount', q: 0.99 }],
      }),
      sql: byTypeAndDay,
    },
    duck,
  ),
  await run(
    {
      question: "one user's events of all days",
      ours: (by) =>
        userEvents({
          ...by,
          filters: new ValueFilters(FILTERS_BYTES_MAX),
          segmentFilters: new SegmentFilters(),
        }),
      sql: byUser,
    },
    duck,
  ),
  await run(
    {
      question: "the same once others' were asked for",
      ours: (by) => userEvents(by),
      sql: byUser,
    },
    duck,
  ),
  await run(
    {
      question: "a count of one user's events",
      ours: bySql(countOfUser('shop')),
      sql: countOfUser(FILES),
    },
    duck,
  ),
  await run(
    {
      question: 'the newest 200 events',
      ours: async (by) => (await findEvents(by, snapshot, page)).events.length,
      sql: `SELECT ${event} FROM ${FILES} ORDER BY ts DESC LIMIT 200`,
    },
    duck,
  ),
];
runner.close();
duck.close();
removeScratch(folder);

const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
const about = [
  `${grouped(ROWS)} events of ${options.days} days in ${grouped(files.length)} files of ${megabytes(bytes)} in all, ${(bytes / ROWS).toFixed(1)} bytes an event; medians of ${TIMES}, ${options.threads} threads each.`,
  `Segments joined as ${grouped(joined.made)} files of ${megabytes(joined.bytes)} in ${grouped(joined.ms)} ms.`,
  ...(made.statements > 0
    ? [
        `Filters of the users of all files: ${megabytes(made.bytes)}, made by ${made.statements} statements in ${grouped(made.ms)} ms.`,
      ]
    : []),
].join(' ');
const ratio = (ms: number, aloneMs: number): string => (ms / aloneMs).toFixed(2);
const text = table<Outcome>(
  [
    { title: 'question', cell: ({ question }) => question },
    { title: 'rows', cell: ({ rows }) => grouped(rows) },
    { title: 'at first, ms', cell: ({ singleMs }) => grouped(singleMs) },
    { title: 'joined, ms', cell: ({ joinedMs }) => grouped(joinedMs) },
    { title: 'DuckDB alone, ms', cell: ({ aloneMs }) => grouped(aloneMs) },
    { title: 'at first, ratio', cell: ({ singleMs, aloneMs }) => ratio(singleMs, aloneMs) },
    { title: 'joined, ratio', cell: ({ joinedMs, aloneMs }) => ratio(joinedMs, aloneMs) },
  ],
  outcomes,
);
console.log(`${about}\n\n${text}`);
if (options.save) console.log(saveResult('cold', `${about}\n\n${text}`, { options, outcomes }));
