/** The services that other tests build on: they start, do their work, and come back after a kill. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  t.is(await readFile(hdfs, '/kept/file'), 'first');
  await writeFile(hdfs, '/kept/file', 'second');

  await hdfs.namenode.kill();
  await hdfs.namenode.start();
  t.is(await readFile(hdfs, '/kept/file'), 'second');
});

test.serial('a start of what runs changes nothing, and starts what does not', async (t) => {
  const { pid } = hdfs.namenode;
  await hdfs.datanode.kill();
  await hdfs.start();
  t.is(hdfs.namenode.pid, pid);
  t.true(await hdfs.datanode.isReady());
});

test.serial('Hive answers statements about files in HDFS, also after a kill', async (t) => {
  const hive = await startHive({ dir, hdfs });
  t.teardown(() => hive.stop());
  await writeFile(hdfs, '/events/day=1/part', 'click,1\nview,2\nclick,3\n');
  const first = await openSession(hive);
  await first.execute(
    `CREATE EXTERNAL TABLE events (type STRING, n BIGINT) PARTITIONED BY (day INT)
     ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION '${hdfs.rpcUrl}/events'`,
  );
  await first.execute('ALTER TABLE events ADD PARTITION (day = 1)');
  const question = 'SELECT type, sum(n) AS total FROM events GROUP BY type ORDER BY type';
  const answer = [
    { type: 'click', total: 4 },
    { type: 'view', total: 2 },
  ];
  t.deepEqual(await first.execute(question), answer);
  await first.close();

  await hive.server.kill();
  await hive.server.start();
  const second = await openSession(hive);
  t.deepEqual(await second.execute(question), answer);
  await second.close();
});

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

test.serial('two services of one kind run side by side in folders of their own', async (t) => {
  const other = mkdtempSync(join(tmpdir(), 'streamgauge-services-'));
  t.teardown(() => rmSync(other, { recursive: true }));
  const second = await startHdfs({ dir: other });
  t.teardown(() => second.stop());
  await writeFile(second, '/only-here', 'x');
  t.is(await readFile(second, '/only-here'), 'x');
  await t.throwsAsync(readFile(hdfs, '/only-here'), { message: /404/ });
  t.true(readdirSync(other).includes('hdfs'));
});
