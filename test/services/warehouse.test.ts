/** Events through a server into HDFS, counted there by the programs of others: as many as the server says it has. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { runMapReduce } from '../../deploy/local/readers/mapreduce.ts';
import { runPig } from '../../deploy/local/readers/pig.ts';
import { COUNTS_BY_TYPE, countsByType, END_MS, EVENTS, eventsFrom, FIRST_MS } from './shop.ts';
import { STREAM, Warehouse } from './warehouse.ts';

const dir = mkdtempSync(join(tmpdir(), 'streamgauge-warehouse-'));
let warehouse: Warehouse;
/** By type, as `timeseries` counts. */
let counted: Record<string, number>;
/** Where the segments are, as Hadoop calls it, down to the folder of an hour. */
let hours: string;

test.before(async () => {
  warehouse = await Warehouse.start({ dir, measures: ['count'] });
  await warehouse.send(eventsFrom(0, 600));
  await warehouse.send(eventsFrom(300, 900));
  await warehouse.server.kill();
  await warehouse.server.start();
  await warehouse.send(eventsFrom(0, EVENTS));
  await warehouse.archived(EVENTS);
  counted = await countsOf();
  hours = `${warehouse.hdfs.rpcUrl}/warehouse/tenant=default/stream=${STREAM}/dt=*/hour=*`;
});

test.after.always(async () => {
  await warehouse?.close();
  rmSync(dir, { recursive: true });
});

async function countsOf(): Promise<Record<string, number>> {
  const { timeseries } = await warehouse.server.query<{
    timeseries: {
      series: { labels: { value: string }[]; points: { values: { value: number }[] }[] }[];
    };
  }>(
    `query ($stream: String!, $from: Timestamp!, $to: Timestamp!) {
      timeseries(stream: $stream, from: $from, to: $to, groupBy: ["type"]) {
        series { labels { value } points { values { value } } }
      }
    }`,
    { stream: STREAM, from: FIRST_MS - 60_000, to: END_MS },
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
  const { hdfs } = warehouse;
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
    hdfs: warehouse.hdfs,
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

test.serial('Spark counts as many', async (t) => {
  const path = `/warehouse/tenant=default/stream=${STREAM}`;
  const view = `USING parquet OPTIONS (path '${path}', mergeSchema true)`;
  t.deepEqual(await warehouse.inSpark(view, countsByType), COUNTS_BY_TYPE);
});

test.serial('Hive has been told, and counts as many', async (t) => {
  await warehouse.told();
  t.deepEqual(await warehouse.inHive(countsByType), COUNTS_BY_TYPE);
});

test.serial(
  'after a compaction Hive counts as many at every moment, and others by the list of files',
  async (t) => {
    const before = await warehouse.files();
    await warehouse.archived(EVENTS, '(compact: true)');
    const after = await warehouse.files();
    t.true(after.length < before.length);
    t.true(after.every((path) => /hour=\d\d-c\d+\/c0-/.test(path)));
    // Told or not, and whether the old files are still there or not.
    for (let isOver = false; !isOver; ) {
      isOver = (await removedFiles()) === 0;
      t.deepEqual(await warehouse.inHive(countsByType), COUNTS_BY_TYPE);
    }
    await warehouse.told();
    t.deepEqual(await warehouse.inHive(countsByType), COUNTS_BY_TYPE);
    const [place] = await warehouse.inHive(
      (source) => `SELECT max(INPUT__FILE__NAME) AS place FROM ${source}`,
    );
    t.regex(JSON.stringify(place), /hour=\d\d-c\d+/);
    t.deepEqual(await warehouse.inSpark(warehouse.viewOf(after), countsByType), COUNTS_BY_TYPE);
    t.deepEqual(
      await warehouse.inDuck(
        after,
        (source) => `SELECT count(*)::INT AS total, count(DISTINCT id)::INT AS ids FROM ${source}`,
      ),
      [{ total: EVENTS, ids: EVENTS }],
    );
  },
);

async function removedFiles(): Promise<number> {
  const { archive } = await warehouse.server.query<{ archive: { filesRemoved: number } }>(
    '{ archive { filesRemoved } }',
  );
  return archive.filesRemoved;
}
