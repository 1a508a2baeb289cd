/** The topic that is the log is deleted under a running server, and made anew: nothing is taken for it, and it is said why. */
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { type Kafka, startKafka } from '../../deploy/local/kafka.ts';
import { KafkaCluster } from '../../storage/kafka/cluster.ts';
import { sendApplied } from '../send-applied.ts';
import {
  eventOf,
  PARTITIONS,
  readiness,
  send,
  sendUntil,
  serverOn,
  untilReadiness,
} from './gone-topic.ts';
import { deleteTopic, makeLogTopic } from './kafka-topics.ts';

const dir = mkdtempSync(join(tmpdir(), 'streamgauge-topic-gone-'));
let kafka: Kafka;

test.before(async () => {
  kafka = await startKafka({ dir });
});

test.after.always(async () => {
  await kafka?.stop();
  await rm(dir, { recursive: true, force: true });
});

test.serial(
  'a deleted topic is told to senders and by readiness, also while nobody sends, and after it was made anew',
  async (t) => {
    const server = await serverOn(t, kafka, {
      folder: join(dir, 'plain'),
      topic: 'plain',
      spool: 'none',
    });
    await server.start();
    await sendApplied(server, 'events', [eventOf('a'), eventOf('b')]);
    await deleteTopic(kafka, 'plain');
    const said = /^503 .*the topic plain was deleted, or made anew/;
    await untilReadiness(server, said);
    await untilReadiness(server, said, 'query');
    const refused = await send(server, 'c');
    t.like(refused, { status: 503, error: { code: 'log_gone' } });
    t.regex(refused.error?.message ?? '', /the topic that is the log was deleted/);
    await makeLogTopic(kafka, { topic: 'plain', partitions: PARTITIONS });
    await sleep(3_000);
    t.is((await send(server, 'd')).error?.code, 'log_gone');
    t.regex(await readiness(server), /^503 .*the topic plain was deleted, or made anew/);
  },
);

test.serial('brokers that are away are called that', async (t) => {
  const server = await serverOn(t, kafka, {
    folder: join(dir, 'away'),
    topic: 'away',
    spool: 'none',
  });
  await server.start();
  await sendApplied(server, 'events', [eventOf('a')]);
  await kafka.broker.kill();
  const { last } = await sendUntil(server, 'log_away');
  t.is(last.status, 503);
  t.regex(last.error?.message ?? '', /the brokers do not answer/);
  await untilReadiness(server, /^503 .*the brokers that have the topic away do not answer/);
  await kafka.broker.start();
  await untilReadiness(server, /^200 /);
});

test.serial(
  'a broker that does not know the topic does not speak for others that do',
  async (t) => {
    const other = await startKafka({ dir: join(dir, 'other') });
    t.teardown(() => other.stop());
    const { topic } = await makeLogTopic(kafka, { partitions: PARTITIONS });
    const cluster = new KafkaCluster({ brokers: [...other.addresses, ...kafka.addresses] });
    t.teardown(() => cluster.close());
    // The broker that is asked first is another one each time.
    for (let i = 0; i < 4; i++) t.is((await cluster.topic(topic))?.partitions.length, PARTITIONS);
    t.is(await cluster.topic('nowhere'), undefined);
  },
);
