/** A topic that is deleted under a server with a spool: nothing is acknowledged that could never come into it, and what was is kept. */
import { mkdtempSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { type Kafka, startKafka } from '../../deploy/local/kafka.ts';
import type { Server } from '../../load-tests/server.ts';
import { HOUR_MS } from '../../src/model/units.ts';
import { eventsLeft } from '../../storage/spool/spool-note.ts';
import { sendApplied } from '../send-applied.ts';
import {
  eventOf,
  PARTITIONS,
  readiness,
  send,
  sendUntil,
  serverOn,
  spoolDirOf,
  untilReadiness,
} from './gone-topic.ts';
import { deleteTopic, growTopic, makeLogTopic } from './kafka-topics.ts';

const dir = mkdtempSync(join(tmpdir(), 'streamgauge-spool-gone-'));
let kafka: Kafka;

test.before(async () => {
  kafka = await startKafka({ dir });
});

test.after.always(async () => {
  await kafka?.stop();
  await rm(dir, { recursive: true, force: true });
});

/** The reason of a start that has to be refused, and how many requests were taken meanwhile. */
async function refusedStart(
  server: Server,
): Promise<{ readonly why: string; readonly taken: number }> {
  let why: string | undefined;
  const started = server.start({}, 'ingest').then(
    () => 'it was not refused',
    (error: unknown) => String(error),
  );
  void started.then((reason) => {
    why = reason;
  });
  let taken = 0;
  while (why === undefined) {
    const sent = await send(server, `during-${taken}`).catch(() => undefined);
    if (sent?.status === 200) taken += 1;
    await sleep(5);
  }
  await server.kill();
  return { why, taken };
}

/** Of a node that is the only one of its cluster. */
const nodeConfig = (queryPort: number) => ({
  cluster: {
    enabled: true,
    node: 'a',
    url: `http://127.0.0.1:${queryPort}`,
    secret: 'secret of the cluster',
  },
  archive: { local: { dir: join(dir, 'archive') } },
});

for (const [kind, config] of [
  ['a server', undefined],
  ['a node of a cluster', nodeConfig],
] as const) {
  test.serial(
    `${kind} does not start over a topic that was deleted while it was stopped, and takes nothing meanwhile`,
    async (t) => {
      const topic = `stopped-${kind.replaceAll(' ', '-')}`;
      const server = await serverOn(t, kafka, {
        folder: join(dir, topic),
        topic,
        spool: 'local',
        ...(config && { config }),
      });
      await server.start();
      await sendApplied(server, 'events', [eventOf('a')]);
      await server.stop();
      await deleteTopic(kafka, topic);
      const deleted = await refusedStart(server);
      t.regex(
        deleted.why,
        new RegExp(`there is no topic ${topic}: the data folder belongs to the log`),
      );
      await makeLogTopic(kafka, { topic, partitions: PARTITIONS });
      const anew = await refusedStart(server);
      t.regex(anew.why, /deleted and made anew/);
      t.deepEqual([deleted.taken, anew.taken], [0, 0]);
      t.is(await eventsLeft(spoolDirOf(server)), undefined);
    },
  );
}

test.serial(
  'a running server says so on both listeners, and keeps what it has acknowledged',
  async (t) => {
    const topic = 'running';
    const server = await serverOn(t, kafka, { folder: join(dir, topic), topic, spool: 'local' });
    await server.start();
    await sendApplied(server, 'events', [eventOf('a'), eventOf('b')]);
    await deleteTopic(kafka, topic);
    const { last, spooled } = await sendUntil(server, 'log_gone');
    t.is(last.status, 503);
    await untilReadiness(server, /^503 .*the topic running was deleted/);
    await untilReadiness(server, /^503 .*the topic running was deleted/, 'query');
    await makeLogTopic(kafka, { topic, partitions: PARTITIONS });
    await sleep(3_000);
    t.is((await send(server, 'd')).error?.code, 'log_gone');
    t.regex(await readiness(server, 'query'), /^503 .*the topic running was deleted/);
    t.is((await eventsLeft(spoolDirOf(server))) ?? 0, spooled);
  },
);

test.serial(
  'a server that started without brokers takes nothing more once they know no such topic, and what was spooled is moved to another one',
  async (t) => {
    const topic = 'unreached';
    const server = await serverOn(t, kafka, { folder: join(dir, 'first'), topic, spool: 'local' });
    await server.start();
    await sendApplied(server, 'events', [eventOf('a'), eventOf('b')]);
    await server.stop();
    await kafka.broker.kill();
    await server.start({}, 'ingest');
    for (const id of ['x', 'y', 'z']) t.true((await send(server, id)).spooled);
    // It must not see the topic again.
    server.pause();
    await kafka.broker.start();
    await deleteTopic(kafka, topic);
    server.resume();
    const { last, spooled } = await sendUntil(server, 'log_gone');
    const kept = 3 + spooled;
    t.is(last.status, 503);
    const said = new RegExp(
      `^503 .*the topic ${topic} was deleted.*; ${kept} events that were acknowledged`,
    );
    await untilReadiness(server, said);
    await untilReadiness(server, said, 'query');
    t.is((await send(server, 'refused')).error?.code, 'log_gone');
    await server.kill();
    const deleted = await refusedStart(server);
    t.regex(
      deleted.why,
      new RegExp(`there is no topic ${topic}.*holds ${kept} events that were acknowledged`),
    );
    await makeLogTopic(kafka, { topic, partitions: PARTITIONS });
    const anew = await refusedStart(server);
    t.regex(
      anew.why,
      new RegExp(`deleted and made anew.*holds ${kept} events that were acknowledged`),
    );
    t.deepEqual([deleted.taken, anew.taken], [0, 0]);
    t.is(await eventsLeft(spoolDirOf(server)), kept);

    const next = await serverOn(t, kafka, { folder: join(dir, 'next'), topic, spool: 'local' });
    await next.start({ STREAMGAUGE_LOG_KAFKA_SPOOL: 'none' });
    await next.stop();
    await rename(spoolDirOf(server), spoolDirOf(next));
    await next.start();
    t.is((await send(next, 'new')).status, 200);
    while ((await next.ledger()).applied < kept + 1) await sleep(50);
    t.like(await next.caughtUp(), { applied: kept + 1, duplicate: 0, balanced: true });
    t.is(await counted(next), kept + 1);
  },
);

test.serial(
  'a topic that has grown is refused with what the spool holds, which is kept',
  async (t) => {
    const topic = 'grown';
    const server = await serverOn(t, kafka, { folder: join(dir, topic), topic, spool: 'local' });
    await server.start();
    await sendApplied(server, 'events', [eventOf('a')]);
    await server.stop();
    await kafka.broker.kill();
    await server.start({}, 'ingest');
    for (const id of ['x', 'y', 'z']) t.true((await send(server, id)).spooled);
    await server.kill();
    await kafka.broker.start();
    await growTopic(kafka, topic, PARTITIONS + 1);
    const { why, taken } = await refusedStart(server);
    t.regex(
      why,
      /grown has 3 partitions, and the server has 2.*spool holds 3 events that were ack/,
    );
    t.is(taken, 0);
    t.is(await eventsLeft(spoolDirOf(server)), 3);
  },
);

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
