/** Parquet as DuckDB writes it for us, read from HDFS by the programs of others: each counts the same rows. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import test from 'ava';
import { type Hdfs, startHdfs } from '../../deploy/local/hdfs.ts';
import { startHive } from '../../deploy/local/hive.ts';
import { runMapReduce } from '../../deploy/local/readers/mapreduce.ts';
import { runPig } from '../../deploy/local/readers/pig.ts';
import { runSpark } from '../../deploy/local/readers/spark.ts';
import { openSession } from './hive.ts';
import { writeFile } from './webhdfs.ts';

/** Events in two partitions of a day each; every seventh has no type. */
const ROWS = `SELECT
    CASE WHEN n % 7 = 0 THEN NULL WHEN n % 3 = 0 THEN 'click' ELSE 'view' END AS type,
    n,
    TIMESTAMP '2026-11-21 08:00:00' + n * INTERVAL 1 SECOND AS at,
    MAP {'host': 'h' || n % 5} AS dimensions
  FROM (SELECT unnest(range(1000)) AS n)`;
const EXPECTED = [
  { type: null, total: 143, latest: '2026-11-21 08:16:34' },
  { type: 'click', total: 286, latest: '2026-11-21 08:16:39' },
  { type: 'view', total: 571, latest: '2026-11-21 08:16:38' },
];

const dir = mkdtempSync(join(tmpdir(), 'streamgauge-readers-'));
let hdfs: Hdfs;

test.before(async () => {
  hdfs = await startHdfs({ dir });
  const duckdb = await DuckDBInstance.create();
  const connection = await duckdb.connect();
  for (const day of [1, 2]) {
    const file = join(dir, `day-${day}.parquet`);
    await connection.run(
      `COPY (FROM (${ROWS}) WHERE n % 2 = ${day - 1})
       TO '${file}' (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v1)`,
    );
    await writeFile(hdfs, `/events/day=${day}/part.parquet`, readFileSync(file));
  }
  connection.closeSync();
  duckdb.closeSync();
});

test.after.always(async () => {
  await hdfs?.stop();
  rmSync(dir, { recursive: true });
});

test.serial('MapReduce counts the rows of each type', async (t) => {
  const counts = await runMapReduce({
    hdfs,
    folder: join(dir, 'mapreduce'),
    input: '/events',
    column: 'type',
  });
  t.deepEqual(
    Object.fromEntries(counts),
    Object.fromEntries(EXPECTED.map(({ type, total }) => [String(type), total])),
  );
});

test.serial('Pig counts the rows of each type', async (t) => {
  const tuples = await runPig({
    hdfs,
    folder: join(dir, 'pig'),
    script: `events = LOAD '${hdfs.rpcUrl}/events/day=*' USING org.apache.parquet.pig.ParquetLoader();
      types = GROUP events BY type;
      counts = FOREACH types GENERATE group, COUNT_STAR(events);
      DUMP counts;`,
  });
  t.deepEqual(
    tuples.toSorted(),
    EXPECTED.map(({ type, total }) => `(${type ?? ''},${total})`),
  );
});

test.serial('Spark counts the rows of each type, and finds the partitions', async (t) => {
  const rows = await runSpark({
    hdfs,
    folder: join(dir, 'spark'),
    statements: [
      'CREATE TEMPORARY VIEW events AS SELECT * FROM parquet.`/events`',
      `SELECT type, count(*) AS total, CAST(max(at) AS STRING) AS latest, sum(day) AS days,
         min(dimensions['host']) AS host
       FROM events GROUP BY type ORDER BY type`,
    ],
  });
  t.deepEqual(
    rows.map(({ type = null, total, latest }) => ({ type, total, latest })),
    EXPECTED,
  );
  t.is(
    rows.reduce((sum, { days }) => sum + Number(days), 0),
    500 * 1 + 500 * 2,
  );
  t.is(rows[0]?.['host'], 'h0');
});

test.serial('Hive counts the rows of each type', async (t) => {
  const hive = await startHive({ dir, hdfs });
  t.teardown(() => hive.stop());
  const session = await openSession(hive);
  await session.execute(
    `CREATE EXTERNAL TABLE events
       (type STRING, n BIGINT, \`at\` TIMESTAMP, dimensions MAP<STRING, STRING>)
     PARTITIONED BY (day INT) STORED AS PARQUET LOCATION '${hdfs.rpcUrl}/events'`,
  );
  await session.execute('MSCK REPAIR TABLE events');
  const rows = await session.execute(
    `SELECT type, count(*) AS total, CAST(max(\`at\`) AS STRING) AS latest
     FROM events GROUP BY type ORDER BY type NULLS FIRST`,
  );
  await session.close();
  t.deepEqual(rows, EXPECTED);
});
