/** The topic that is the log is deleted under a running server, and made anew: nothing is taken for it, and it is said why. */
import { mkdtempSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type Kafka, startKafka } from '../../deploy/local/kafka.ts';
import { Server } from '../../load-tests/server.ts';
import { HOUR_MS } from '../../src/model/units.ts';
import { sendApplied } from '../send-applied.ts';
import { clientOf, makeLogTopic } from './kafka-topics.ts';

const PARTITIONS = 2;
const dir = mkdtempSync(join(tmpdir(), 'streamgauge-topic-gone-'));
let kafka: Kafka;

test.before(async () => {
  kafka = await startKafka({ dir });
});

test.after.always(async () => {
  await kafka?.stop();
  await rm(dir, { recursive: true, force: true });
});

async function serverOn(
  t: ExecutionContext,
  folder: string,
  topic: string,
  spool: 'local' | 'none',
): Promise<Server> {
  const server = await Server.prepare({
    folder: join(dir, folder),
    partitions: PARTITIONS,
    config: { log: { type: 'kafka', kafka: { brokers: [...kafka.addresses], topic, spool } } },
  });
  t.teardown(() => server.kill());
  return server;
}

async function deleteTopic(topic: string): Promise<void> {
  const admin = clientOf(kafka).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
}

const eventOf = (id: string) => ({ id, type: 'view', url: '/', country: 'de' });

interface Sent {
  readonly status: number;
  readonly spooled?: boolean;
  readonly error?: { readonly code: string; readonly message: string };
}

async function send({ host, ingestPort }: Server, id: string): Promise<Sent> {
  const response = await fetch(`http://${host}:${ingestPort}/v1/events?stream=events`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: JSON.stringify(eventOf(id)),
  });
  const answer: Omit<Sent, 'status'> = JSON.parse(await response.text());
  return { status: response.status, ...answer };
}

async function readiness({ host, ingestPort }: Server): Promise<string> {
  const response = await fetch(`http://${host}:${ingestPort}/readyz`);
  return `${response.status} ${await response.text()}`;
}

async function untilReadiness(server: Server, said: RegExp): Promise<void> {
  while (!said.test(await readiness(server))) await sleep(50);
}

/** Sends one after the other until one is refused as `code`; answers that, and how many were spooled. */
async function sendUntil(server: Server, code: string): Promise<{ last: Sent; spooled: number }> {
  let spooled = 0;
  for (let i = 0; ; i++) {
    const last = await send(server, `late-${i}`);
    if (last.spooled === true) spooled += 1;
    if (last.error?.code === code) return { last, spooled };
    await sleep(50);
  }
}

/** By a rollup. */
async function counted(server: Server): Promise<number> {
  const { timeseries } = await server.query<{
    timeseries: { series: { points: { values: { value: number }[] }[] }[] };
  }>(
    `query ($from: Timestamp!, $to: Timestamp!) {
      timeseries(
        stream: "events", from: $from, to: $to, step: "1h", source: ROLLUP, measures: [{ op: count }]
      ) { series { points { values { value } } } }
    }`,
    {
      from: HOUR_MS * Math.floor(Date.now() / HOUR_MS - 1),
      to: HOUR_MS * Math.ceil(Date.now() / HOUR_MS + 1),
    },
  );
  const points = timeseries.series.flatMap((series) => series.points);
  return points.reduce((sum, { values }) => sum + (values[0]?.value ?? 0), 0);
}

test.serial(
  'a deleted topic is told to senders and by readiness, also while nobody sends, and after it was made anew',
  async (t) => {
    const server = await serverOn(t, 'plain', 'plain', 'none');
    await server.start();
    await sendApplied(server, 'events', [eventOf('a'), eventOf('b')]);
    await deleteTopic('plain');
    await untilReadiness(server, /^503 .*the topic plain was deleted, or made anew/);
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
  const server = await serverOn(t, 'away', 'away', 'none');
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
  'nothing more is spooled for a topic that was deleted, and what was is moved to another one',
  async (t) => {
    const server = await serverOn(t, 'first', 'spooled', 'local');
    await server.start();
    await sendApplied(server, 'events', [eventOf('a'), eventOf('b')]);
    await deleteTopic('spooled');
    const { last, spooled } = await sendUntil(server, 'log_gone');
    t.is(last.status, 503);
    t.true(spooled > 0);
    await untilReadiness(
      server,
      new RegExp(
        `^503 .*the topic spooled was deleted.*; ${spooled} events that were acknowledged`,
      ),
    );
    await makeLogTopic(kafka, { topic: 'spooled', partitions: PARTITIONS });
    await sleep(3_000);
    t.is((await send(server, 'd')).error?.code, 'log_gone');
    await server.kill();
    await t.throwsAsync(server.start(), {
      message: new RegExp(`deleted and made anew.*holds ${spooled} events that were acknowledged`),
    });

    const next = await serverOn(t, 'next', 'spooled', 'local');
    await next.start({ STREAMGAUGE_LOG_KAFKA_SPOOL: 'none' });
    await next.stop();
    await rename(join(server.dataDir, 'spool'), join(next.dataDir, 'spool'));
    await next.start();
    t.is((await send(next, 'z')).status, 200);
    while ((await next.ledger()).applied < spooled + 1) await sleep(50);
    t.like(await next.caughtUp(), { applied: spooled + 1, duplicate: 0, balanced: true });
    t.is(await counted(next), spooled + 1);
  },
);
