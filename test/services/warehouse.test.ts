/** Events through a server into HDFS, counted there by the programs of others: as many as the server says it has. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import test from 'ava';
import { type Hdfs, startHdfs } from '../../deploy/local/hdfs.ts';
import { type Hive, startHive } from '../../deploy/local/hive.ts';
import { runMapReduce } from '../../deploy/local/readers/mapreduce.ts';
import { runPig } from '../../deploy/local/readers/pig.ts';
import { runSpark } from '../../deploy/local/readers/spark.ts';
import { Server } from '../../load-tests/server.ts';
import { sendApplied } from '../send-applied.ts';
import { openSession } from './hive.ts';

const STREAM = 'shop';
const FIRST_MS = 1_790_000_000_123;
const dir = mkdtempSync(join(tmpdir(), 'streamgauge-warehouse-'));
let hdfs: Hdfs;
let hive: Hive;
let server: Server;
/** By type, as `timeseries` counts. */
let counted: Record<string, number>;
/** Where the segments are, as Hadoop calls it, down to the folder of an hour. */
let hours: string;

const eventsFrom = (from: number, to: number): object[] =>
  Array.from({ length: to - from }, (_, i) => {
    const n = from + i;
    // A field that comes later, and one that changes its kind.
    const later = n < 600 ? {} : { coupon: `c${n % 3}`, amount: `${n} EUR` };
    const type = n % 3 === 0 ? 'buy' : 'look';
    return { id: `e${n}`, type, ts: FIRST_MS + n, amount: n, ...later };
  });

test.before(async () => {
  hdfs = await startHdfs({ dir });
  hive = await startHive({ dir, hdfs });
  const webhdfs = {
    namenodes: [hdfs.webHdfsUrl],
    dir: '/warehouse',
    defaultFs: hdfs.rpcUrl,
    user: 'streamgauge',
  };
  const rollups = [{ name: 'by_type', stream: STREAM, dimensions: ['type'], measures: ['count'] }];
  server = await Server.prepare({
    folder: join(dir, 'server'),
    partitions: 2,
    config: {
      rollups,
      archive: {
        ...{ webhdfs, hive: { host: hive.host, port: hive.port } },
        cut: { ageMaxMs: 1_000 },
        // Longer than a query of Hive takes.
        removedKeptMs: 20_000,
      },
    },
  });
  await server.start();
  await send(eventsFrom(0, 600));
  await send(eventsFrom(300, 900));
  await server.kill();
  await server.start();
  await send(eventsFrom(0, 1_000));
  await archived(1_000);
  counted = await countsOf();
  hours = `${hdfs.rpcUrl}/warehouse/tenant=default/stream=${STREAM}/dt=*/hour=*`;
});

test.after.always(async () => {
  await server?.kill();
  await hive?.stop();
  await hdfs?.stop();
  rmSync(dir, { recursive: true });
});

const send = (events: readonly object[]): Promise<string> => sendApplied(server, STREAM, events);

async function archived(rows: number, how = ''): Promise<void> {
  for (;;) {
    const { archiveNow } = await server.query<{ archiveNow: { rows: number } }>(
      `mutation { archiveNow${how} { rows } }`,
    );
    if (archiveNow.rows >= rows) return;
  }
}

async function countsOf(): Promise<Record<string, number>> {
  const { timeseries } = await server.query<{
    timeseries: {
      series: { labels: { value: string }[]; points: { values: { value: number }[] }[] }[];
    };
  }>(
    `query ($stream: String!, $from: Timestamp!, $to: Timestamp!) {
      timeseries(stream: $stream, from: $from, to: $to, groupBy: ["type"]) {
        series { labels { value } points { values { value } } }
      }
    }`,
    { stream: STREAM, from: FIRST_MS - 60_000, to: FIRST_MS + 3_600_000 },
  );
  return Object.fromEntries(
    timeseries.series.map(({ labels, points }) => [
      labels[0]?.value,
      points.reduce((sum, { values }) => sum + (values[0]?.value ?? 0), 0),
    ]),
  );
}

test.serial('the server has each event once', (t) => {
  t.deepEqual(counted, { buy: 334, look: 666 });
});

test.serial('MapReduce counts as many', async (t) => {
  const counts = await runMapReduce({
    hdfs,
    folder: join(dir, 'mapreduce'),
    input: hours.replace(hdfs.rpcUrl, ''),
    column: 'type',
  });
  t.deepEqual(Object.fromEntries(counts), counted);
});

test.serial('Pig counts as many', async (t) => {
  const tuples = await runPig({
    hdfs,
    folder: join(dir, 'pig'),
    script: `events = LOAD '${hours}' USING org.apache.parquet.pig.ParquetLoader('type: chararray');
      types = GROUP events BY type;
      counts = FOREACH types GENERATE group, COUNT_STAR(events);
      DUMP counts;`,
  });
  t.deepEqual(
    tuples.toSorted(),
    Object.entries(counted)
      .map(([type, count]) => `(${type},${count})`)
      .toSorted(),
  );
});

/** By type, of the thousand events. */
const EXPECTED = ['buy', 'look'].map((type) => {
  const of = Array.from({ length: 1_000 }, (_, n) => n).filter(
    (n) => (n % 3 === 0) === (type === 'buy'),
  );
  const early = of.filter((n) => n < 600);
  const first = new Date(FIRST_MS + (of[0] ?? 0)).toISOString();
  return {
    type,
    total: of.length,
    ids: of.length,
    amount: early.reduce((sum, n) => sum + n, 0),
    texts: of.length - early.length,
    coupons: of.length - early.length,
    first: first.slice(0, 23).replace('T', ' '),
  };
});
/** Times are to be had to the millisecond, and columns of any age. */
const SELECTED = `type, count(*) AS total, count(DISTINCT id) AS ids, sum(amount) AS amount,
  count(amount_string) AS texts, count(coupon) AS coupons, CAST(min(ts) AS STRING) AS first`;

const sparkCounts = (folder: string, source: string): Promise<unknown[]> =>
  runSpark({
    hdfs,
    folder: join(dir, folder),
    statements: [
      `CREATE TEMPORARY VIEW events ${source}`,
      `SELECT ${SELECTED} FROM events GROUP BY type ORDER BY type`,
    ],
  });

async function hiveCounts(): Promise<unknown[]> {
  const session = await openSession(hive);
  try {
    return await session.execute(
      `SELECT ${SELECTED} FROM streamgauge_default.${STREAM} WHERE dt >= '2026-01-01'
        GROUP BY type ORDER BY type`,
    );
  } finally {
    await session.close();
  }
}

test.serial('Spark counts as many', async (t) => {
  const path = `/warehouse/tenant=default/stream=${STREAM}`;
  t.deepEqual(
    await sparkCounts('spark', `USING parquet OPTIONS (path '${path}', mergeSchema true)`),
    EXPECTED,
  );
});

test.serial('Hive has been told, and counts as many', async (t) => {
  await told();
  t.deepEqual(await hiveCounts(), EXPECTED);
});

test.serial(
  'after a compaction Hive counts as many at every moment, and others by the list of files',
  async (t) => {
    const before = await filesOf();
    await archived(1_000, '(compact: true)');
    const after = await filesOf();
    t.true(after.length < before.length);
    t.true(after.every((path) => /hour=\d\d-c\d+\/c0-/.test(path)));
    // Told or not, and whether the old files are still there or not.
    for (let isOver = false; !isOver; ) {
      isOver = (await removedFiles()) === 0;
      t.deepEqual(await hiveCounts(), EXPECTED);
    }
    await told();
    t.deepEqual(await hiveCounts(), EXPECTED);
    const session = await openSession(hive);
    const [place] = await session.execute(
      `SELECT max(INPUT__FILE__NAME) AS place FROM streamgauge_default.${STREAM}`,
    );
    await session.close();
    t.regex(JSON.stringify(place), /hour=\d\d-c\d+/);
    const list = after.map((path) => `parquet.\`/warehouse/${path}\``);
    const union = list.map((table) => `SELECT * FROM ${table}`).join(' UNION ALL ');
    t.deepEqual(await sparkCounts('spark-list', `AS ${union}`), EXPECTED);
    t.deepEqual(await duckCounts(after), [1_000, 1_000]);
  },
);

/** Of the newest version. */
async function filesOf(): Promise<string[]> {
  const { segments } = await server.query<{ segments: { segments: { path: string }[] } }>(
    `{ segments(stream: "${STREAM}") { segments { path } } }`,
  );
  return segments.segments.map(({ path }) => path);
}

async function removedFiles(): Promise<number> {
  const { archive } = await server.query<{ archive: { filesRemoved: number } }>(
    '{ archive { filesRemoved } }',
  );
  return archive.filesRemoved;
}

/** Rows, and ids that differ, of files that are taken out of HDFS. */
async function duckCounts(paths: readonly string[]): Promise<unknown[]> {
  const local: string[] = [];
  for (const [i, path] of paths.entries()) {
    const url = `${hdfs.webHdfsUrl}/webhdfs/v1/warehouse/${path}?op=OPEN&user.name=streamgauge`;
    const answer = await fetch(url);
    local.push(join(dir, `duck-${i}.parquet`));
    writeFileSync(local.at(-1) ?? '', Buffer.from(await answer.arrayBuffer()));
  }
  const duck = await (await DuckDBInstance.create(':memory:')).connect();
  const list = local.map((path) => `'${path}'`).join(', ');
  const found = await duck.runAndReadAll(
    `SELECT count(*)::INT, count(DISTINCT id)::INT FROM read_parquet([${list}], union_by_name = true)`,
  );
  duck.closeSync();
  return found.getRows()[0] ?? [];
}

/** Until Hive has the newest version. */
async function told(): Promise<void> {
  for (;;) {
    const { archive } = await server.query<{
      archive: { version: number; hive: { version: number } | null };
    }>('{ archive { version hive { version } } }');
    if (archive.hive?.version === archive.version) return;
    await sleep(200);
  }
}
