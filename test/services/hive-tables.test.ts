/** What Hive says of an archive in HDFS that it was told of. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import test from 'ava';
import { type Hdfs, startHdfs } from '../../deploy/local/hdfs.ts';
import { type Hive, startHive } from '../../deploy/local/hive.ts';
import { runSpark } from '../../deploy/local/readers/spark.ts';
import { connectHive, type HiveConnection, type HiveServer } from '../../src/hive/hive-client.ts';
import { type HiveSync, startHiveSync } from '../../src/hive/hive-sync.ts';
import { isFault } from '../../src/model/errors.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import type { SegmentFile } from '../../storage/archive/manifest.ts';
import { segmentProjection } from '../../storage/segments/segment-columns.ts';
import {
  type ArchiveFixture,
  fileOf,
  openArchiveFixture,
  schemaOf,
} from '../hive/archive-fixture.ts';
import { silent } from '../storage/archive/silent.ts';
import { writeFile } from './webhdfs.ts';

const TABLE = '`streamgauge_acme`.`web_clicks`';
const NARROW = schemaOf('acme', 'web-clicks', ['path', 'n_amount', 'is_new']);
const WIDE = schemaOf('acme', 'web-clicks', ['path', 'n_amount', 'is_new', 'browser'], 2);
const WAIT_MS_MAX = 120_000;

const dir = mkdtempSync(join(tmpdir(), 'streamgauge-hive-tables-'));
let hdfs: Hdfs;
let hive: Hive;
let fixture: ArchiveFixture;
let sync: HiveSync;
let session: HiveConnection;

test.before(async () => {
  hdfs = await startHdfs({ dir });
  hive = await startHive({ dir, hdfs });
  fixture = await openArchiveFixture();
  sync = openSync();
  session = await connectHive(server());
});

test.after.always(async () => {
  session?.close();
  await sync?.close();
  await hive?.stop();
  await hdfs?.stop();
  rmSync(dir, { recursive: true });
});

test.serial(
  'a stream is a table, and its hours are partitions with all rows and values',
  async (t) => {
    const files = [fileOf(NARROW, 0), fileOf(NARROW, 1), fileOf(NARROW, 17)];
    for (const file of files) await writeSegment(file, NARROW);
    await fixture.commit({ add: files, schemas: [NARROW] });
    await level();
    t.deepEqual(await partitions(), [
      'dt=2026-11-21/hour=08',
      'dt=2026-11-21/hour=09',
      'dt=2026-11-22/hour=01',
    ]);
    t.deepEqual(
      await session.run(
        `SELECT dt, hour, count(*) AS total, sum(n_amount) AS amount,
         min(\`_position\`) AS first, max(\`_row\`) AS last
       FROM ${TABLE} GROUP BY dt, hour ORDER BY dt, hour`,
      ),
      [
        { dt: '2026-11-21', hour: '08', total: 10, amount: 22.5, first: 0, last: 9 },
        { dt: '2026-11-21', hour: '09', total: 10, amount: 22.5, first: 100, last: 9 },
        { dt: '2026-11-22', hour: '01', total: 10, amount: 22.5, first: 1_700, last: 9 },
      ],
    );
    t.deepEqual(
      await session.run(
        `SELECT id, CAST(ts AS STRING) AS ts, type, path, n_amount, is_new, \`more\`['rare'] AS rare,
         CAST(\`_arrival\` AS STRING) AS arrival, \`_partition\`
       FROM ${TABLE} WHERE dt = '2026-11-21' AND hour = '09' AND \`_row\` IN (0, 7) ORDER BY \`_row\``,
      ),
      [
        {
          id: 'e100-0',
          ts: '2026-11-21 09:00:00.001',
          type: 'click',
          path: '/ä"\'\\',
          n_amount: 0,
          is_new: true,
          rare: null,
          arrival: '2026-11-21 09:00:00.5',
          _partition: 0,
        },
        {
          id: 'e100-7',
          ts: '2026-11-21 09:11:40.778',
          type: 'click',
          path: '/ä"\'\\',
          n_amount: 3.5,
          is_new: false,
          rare: 'yes',
          arrival: '2026-11-21 09:00:00.5',
          _partition: 0,
        },
      ],
    );
  },
);

test.serial(
  'a new column is null in older files, also in the same hour, and right in new ones',
  async (t) => {
    const files = [fileOf(WIDE, 17, { from: 5_000, to: 5_100 }), fileOf(WIDE, 18)];
    for (const file of files) await writeSegment(file, WIDE);
    await fixture.commit({ add: files, schemas: [WIDE] });
    await level();
    const count = `SELECT dt, hour, browser, count(*) AS total, sum(n_amount) AS amount FROM ${TABLE}
    GROUP BY dt, hour, browser ORDER BY dt, hour, browser NULLS FIRST`;
    const row = (dt: string, hour: string, browser: string | null) => ({
      dt,
      hour,
      browser,
      total: 10,
      amount: 22.5,
    });
    t.deepEqual(await session.run(count), [
      row('2026-11-21', '08', null),
      row('2026-11-21', '09', null),
      row('2026-11-22', '01', null),
      row('2026-11-22', '01', 'firefox'),
      row('2026-11-22', '02', 'firefox'),
    ]);
    // A question that Hive answers without a job takes another way to the files.
    t.deepEqual(
      await session.run(`SELECT browser FROM ${TABLE} WHERE hour = '01' AND id LIKE '%-7'`),
      [{ browser: null }, { browser: 'firefox' }],
    );
  },
);

test.serial('Spark reads the same from the folders', async (t) => {
  const rows = await runSpark({
    hdfs,
    folder: join(dir, 'spark'),
    statements: [
      `CREATE TEMPORARY VIEW clicks USING parquet
         OPTIONS (path '${archiveUrl()}/tenant=acme/stream=web-clicks', mergeSchema 'true')`,
      `SELECT CAST(dt AS STRING) AS dt, hour, browser, count(*) AS total, sum(n_amount) AS amount,
         CAST(max(ts) AS STRING) AS latest
       FROM clicks GROUP BY dt, hour, browser ORDER BY dt, hour, browser NULLS FIRST`,
    ],
  });
  t.deepEqual(
    rows.map(({ dt, hour, browser = null, total }) => [dt, hour, browser, total]),
    [
      ['2026-11-21', 8, null, 10],
      ['2026-11-21', 9, null, 10],
      ['2026-11-22', 1, null, 10],
      ['2026-11-22', 1, 'firefox', 10],
      ['2026-11-22', 2, 'firefox', 10],
    ],
  );
  t.like(rows[1], { amount: 22.5, latest: '2026-11-21 09:15:01' });
});

test.serial('a compacted hour is read at its new place, once', async (t) => {
  const [old] = [fileOf(NARROW, 0)];
  const folder = 'tenant=acme/stream=web-clicks/dt=2026-11-21/hour=08-compacted';
  const compacted = { ...old, path: `${folder}/c-0-100.parquet` };
  await writeSegment(compacted, WIDE);
  await fixture.commit({ change: 'compaction', add: [compacted], remove: [old.path] });
  await level();
  t.deepEqual(
    await session.run(
      `SELECT browser, count(*) AS total FROM ${TABLE} WHERE dt = '2026-11-21' AND hour = '08' GROUP BY browser`,
    ),
    [{ browser: 'firefox', total: 10 }],
  );
});

test.serial('an hour that is not kept any more is no partition', async (t) => {
  await fixture.commit({ remove: [fileOf(NARROW, 1).path] });
  await level();
  t.deepEqual(await partitions(), [
    'dt=2026-11-21/hour=08',
    'dt=2026-11-22/hour=01',
    'dt=2026-11-22/hour=02',
  ]);
});

test.serial(
  'what came while Hive was killed is there after its restart, however far it had come',
  async (t) => {
    const other = schemaOf('acme', 'checks');
    const files = Array.from({ length: 400 }, (_, hour) => fileOf(other, hour));
    const before = sync.numbers().statements;
    await fixture.commit({ add: files, schemas: [other] });
    // Past the table, within its partitions.
    await until(() => sync.numbers().statements >= before + 6);
    await hive.server.kill();
    await until(() => sync.numbers().problem !== undefined);
    t.true(sync.numbers().versionsBehind > 0);
    await hive.start();
    session = await connectHive(server());
    await level();
    t.is((await session.run('SHOW PARTITIONS streamgauge_acme.checks')).length, 400);
    t.is(sync.numbers().problem, undefined);
  },
);

test.serial(
  'a server that starts anew says nothing to Hive while nothing has changed',
  async (t) => {
    await sync.close();
    sync = openSync();
    await level();
    t.is(sync.numbers().statements, 0);
  },
);

test.serial(
  'without its position, and with a table dropped, everything comes to the same again',
  async (t) => {
    await sync.close();
    const before = await session.run(
      `SELECT id, dt, hour, browser FROM ${TABLE} ORDER BY id, dt, hour`,
    );
    await session.run('DROP TABLE streamgauge_acme.checks');
    await session.run(`ALTER TABLE ${TABLE} ADD PARTITION (dt = '2020-01-01', hour = '00')`);
    for (const path of fixture.archive.files.keys()) {
      if (path.startsWith('_hive/')) fixture.archive.files.delete(path);
    }
    sync = openSync();
    await level();
    t.is((await session.run('SHOW PARTITIONS streamgauge_acme.checks')).length, 400);
    t.is((await partitions()).length, 3);
    t.deepEqual(
      await session.run(`SELECT id, dt, hour, browser FROM ${TABLE} ORDER BY id, dt, hour`),
      before,
    );
  },
);

test.serial(
  'streams whose names differ only where Hive sees no difference have tables of their own',
  async (t) => {
    const streams = [
      'Web.Clicks',
      'web_clicks',
      "x`'; DROP TABLE web_clicks --",
      '$' + '{env:HOME}',
    ];
    const schemas = streams.map((stream) => schemaOf('acme', stream));
    await fixture.commit({ add: schemas.map((schema) => fileOf(schema, 0)), schemas });
    await level();
    const tables = await session.run('SHOW TABLES IN streamgauge_acme');
    t.is(tables.length, 2 + streams.length);
    t.deepEqual(sync.numbers().problem, undefined);
  },
);

test.serial('a table of somebody else is left alone, and keeps no other stream', async (t) => {
  await session.run('CREATE TABLE streamgauge_acme.taken (x INT)');
  const schemas = [schemaOf('acme', 'taken'), schemaOf('acme', 'free')];
  await fixture.commit({ add: schemas.map((schema) => fileOf(schema, 0)), schemas });
  await until(() => sync.numbers().tablesBehind === 1 && sync.numbers().problem !== undefined);
  t.regex(sync.numbers().problem ?? '', /`taken`.*drop that table/);
  t.is((await session.run('SHOW PARTITIONS streamgauge_acme.free')).length, 1);
  await session.run('DROP TABLE streamgauge_acme.taken');
  await level();
  t.is((await session.run('SHOW PARTITIONS streamgauge_acme.taken')).length, 1);
});

test.serial(
  'a greeting that the server does not understand is given up, with the reason',
  async (t) => {
    const timeouts = { connectMs: 2_000, callMs: 2_000, statementMs: 2_000 };
    const error = await t.throwsAsync(
      connectHive({ ...server(), auth: 'nosasl' }, undefined, timeouts),
    );
    t.true(isFault(error, 'hive_unavailable'), String(error));
  },
);

test.serial('a refused statement says why, and the next one goes well', async (t) => {
  const error = await t.throwsAsync(session.run('SELECT nothing FROM nowhere.at_all'));
  t.true(isFault(error, 'hive_refused'));
  t.regex(error.message, /Table not found 'at_all'/);
  t.deepEqual(await session.run('SELECT 1 AS one'), [{ one: 1 }]);
});

function openSync(): HiveSync {
  return startHiveSync({
    settings: { ...server(), databasePrefix: 'streamgauge_', archiveUrl: archiveUrl() },
    archive: fixture.archive,
    manifest: () => fixture.store.manifest,
    clock: { now: () => Date.now() },
    log: silent,
    sleep: (ms, signal) => sleep(Math.min(ms, 200), undefined, { signal }),
  });
}

const archiveUrl = () => `${hdfs.rpcUrl}/archive`;
const server = (): HiveServer => ({
  host: hive.host,
  port: hive.port,
  auth: 'plain',
  user: 'streamgauge',
  tls: false,
});

const level = () => until(() => sync.numbers().version === fixture.store.manifest.version);

async function until(isTrue: () => boolean): Promise<void> {
  const endMs = performance.now() + WAIT_MS_MAX;
  while (!isTrue()) {
    if (performance.now() > endMs) throw new Error(JSON.stringify(sync.numbers()));
    await sleep(20);
  }
}

async function partitions(): Promise<unknown[]> {
  const rows = await session.run(`SHOW PARTITIONS ${TABLE}`);
  return rows.map((row) => row['partition']);
}

/** Ten events, with what tells them apart. */
async function writeSegment(file: SegmentFile, schema: StreamSchema): Promise<void> {
  const hour = new Date(file.hourMs).toISOString().slice(0, 19).replace('T', ' ');
  const events = `SELECT 'e${file.from}-' || n AS id,
      TIMESTAMP '${hour}' + n * INTERVAL 100111 MILLISECOND + INTERVAL 1 MILLISECOND AS ts,
      'click' AS type, '/ä"''\\' AS path, n / 2 AS n_amount, n % 3 = 0 AS is_new, 'firefox' AS browser,
      CASE WHEN n = 7 THEN MAP {'rare': 'yes'} END AS more,
      TIMESTAMP '${hour}' + INTERVAL 500 MILLISECOND AS _arrival,
      0::INTEGER AS _partition, ${file.from}::BIGINT AS _position, n::INTEGER AS _row
    FROM (SELECT unnest(range(10)) AS n)`;
  const columns = [...schema.columns.map(({ name }) => name), ...FIXED];
  const local = join(dir, 'segment.parquet');
  const duckdb = await DuckDBInstance.create();
  const connection = await duckdb.connect();
  await connection.run(
    `COPY (SELECT ${segmentProjection(schema, columns)} FROM (${events}) ORDER BY type, ts)
     TO '${local}' (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v1)`,
  );
  connection.closeSync();
  duckdb.closeSync();
  await writeFile(hdfs, `/archive/${file.path}`, readFileSync(local));
}

const FIXED = ['id', 'ts', 'type', 'more', '_arrival', '_partition', '_position', '_row'];
