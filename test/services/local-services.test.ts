/**
 * The services that other tests build on: they start, do their work, and come back after a kill. Other files of this folder run
 * at the same time with services of their own, side by side with these.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { Kafka as KafkaClient, logLevel } from 'kafkajs';
import { type Hdfs, startHdfs } from '../../deploy/local/hdfs.ts';
import { startHive } from '../../deploy/local/hive.ts';
import { startKafka } from '../../deploy/local/kafka.ts';
import { openSession } from './hive.ts';
import { readFile, writeFile } from './webhdfs.ts';

const dir = mkdtempSync(join(tmpdir(), 'streamgauge-services-'));
let hdfs: Hdfs;

test.before(async () => {
  hdfs = await startHdfs({ dir });
});

test.after.always(async () => {
  await hdfs?.stop();
  rmSync(dir, { recursive: true });
});

test.serial('a file that is written is read back, and survives a kill of each part', async (t) => {
  await writeFile(hdfs, '/kept/file', 'first');
  t.is(await readFile(hdfs, '/kept/file'), 'first');

  await hdfs.datanode.kill();
  t.is(hdfs.datanode.pid, undefined);
  await t.throwsAsync(readFile(hdfs, '/kept/file'));
  await hdfs.datanode.start();
  t.true(await hdfs.datanode.isReady());
  t.is(await readOnceReported('/kept/file'), 'first');
  await writeFile(hdfs, '/kept/file', 'second');

  const { pid } = hdfs.datanode;
  await hdfs.namenode.kill();
  await hdfs.start();
  t.is(hdfs.datanode.pid, pid, 'what runs is left alone');
  t.is(await readOnceReported('/kept/file'), 'second');
});

/** A DataNode that is ready, or whose NameNode is new, says a moment later which blocks it has. */
async function readOnceReported(path: string): Promise<string> {
  for (;;) {
    try {
      return await readFile(hdfs, path);
    } catch (error) {
      if (!/No active nodes contain this block/.test(String(error))) throw error;
      await sleep(50);
    }
  }
}

test.serial(
  'Hive makes a table of files in HDFS, and says what is wrong with a statement',
  async (t) => {
    const hive = await startHive({ dir, hdfs });
    t.teardown(() => hive.stop());
    await writeFile(hdfs, '/events/day=1/part', 'click,1\nview,2\n');
    const session = await openSession(hive);
    await session.execute(
      `CREATE EXTERNAL TABLE events (type STRING, n BIGINT) PARTITIONED BY (day INT)
     ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION '${hdfs.rpcUrl}/events'`,
    );
    t.deepEqual(await session.execute('SELECT type FROM events'), []);
    await session.execute('ALTER TABLE events ADD PARTITION (day = 1)');
    t.deepEqual(await session.execute('SELECT type, n, day FROM events'), [
      { type: 'click', n: 1, day: 1 },
      { type: 'view', n: 2, day: 1 },
    ]);
    const twice = session.execute('ALTER TABLE events ADD PARTITION (day = 1)');
    await t.throwsAsync(twice, { message: /AlreadyExistsException/ });
    await session.close();
  },
);

test.serial('a record that is produced is consumed', async (t) => {
  const kafka = await startKafka({ dir });
  t.teardown(() => kafka.stop());
  const client = new KafkaClient({ brokers: [kafka.bootstrap], logLevel: logLevel.NOTHING });
  const admin = client.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'events', numPartitions: 1 }] });
  await admin.disconnect();

  const producer = client.producer({ idempotent: true });
  await producer.connect();
  await producer.send({ topic: 'events', messages: [{ value: 'one' }] });
  await producer.disconnect();

  const consumer = client.consumer({ groupId: 'readers' });
  await consumer.connect();
  await consumer.subscribe({ topic: 'events', fromBeginning: true });
  const value = await new Promise((resolve, reject) => {
    const eachMessage = async ({ message }: { message: { value: Buffer | null } }) =>
      resolve(String(message.value));
    consumer.run({ eachMessage }).catch(reject);
  });
  t.is(value, 'one');
  await consumer.disconnect();
});
