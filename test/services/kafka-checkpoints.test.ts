/** A machine whose data folder is lost, over a real topic: the next one goes on from checkpoints in the archive. */
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type Kafka, startKafka } from '../../deploy/local/kafka.ts';
import { Server } from '../../load-tests/server.ts';
import { sendApplied } from '../send-applied.ts';
import { clientOf, deleteRecords } from './kafka-topics.ts';

const PARTITIONS = 3;
const STREAM = 'events';
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const dir = mkdtempSync(join(tmpdir(), 'streamgauge-checkpoints-'));
let kafka: Kafka;

test.before(async () => {
  kafka = await startKafka({ dir });
});

test.after.always(async () => {
  await kafka?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** What it was told, by ids of messages in the order of their arrival. */
async function receiver(t: ExecutionContext) {
  const heard: string[] = [];
  const server = createServer(async (request, response) => {
    await text(request);
    heard.push(String(request.headers['webhook-id']));
    response.writeHead(204).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a port');
  return { heard, url: `http://127.0.0.1:${address.port}/` };
}

async function site(t: ExecutionContext, topic: string, more: object = {}) {
  const hook = await receiver(t);
  const server = await Server.prepare({
    folder: join(dir, topic),
    partitions: PARTITIONS,
    config: {
      log: { type: 'kafka', kafka: { brokers: kafka.addresses, topic } },
      archive: { local: { dir: join(dir, `${topic}-archive`) } },
      checkpoints: { intervalMs: '1h', ...more },
      commit: { intervalMs: 100 },
      rollups: [{ name: 'by_type', dimensions: ['type'], measures: ['count', 'distinct(user)'] }],
      alarms: {
        rules: [{ name: 'busy', groupBy: ['type'], window: '1h', every: '1s', above: 50 }],
        receivers: [
          {
            name: 'hook',
            webhook: { url: hook.url, secrets: [SECRET], allowNetworks: ['127.0.0.0/8'] },
          },
        ],
        routes: [{ receiver: 'hook', groupBy: ['type'], groupWait: '0s' }],
        server: { enabled: false },
      },
    },
  });
  t.teardown(() => server.kill());
  return { server, hook };
}

const eventsOf = (type: string, from: number, to: number): object[] =>
  Array.from({ length: to - from }, (_, i) => ({
    id: `${type}-${from + i}`,
    ts: Date.now(),
    type,
    user: `user ${(from + i) % 17}`,
  }));

async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`expected ${what} within 30 s`);
    await sleep(50);
  }
}

const WHOLE = `query ($from: Timestamp!, $to: Timestamp!) {
  ledger(stream: "events") { received applied duplicate rejected pending clamped expired erased balanced }
  timeseries(stream: "events", from: $from, to: $to, step: 86400000, groupBy: ["type"],
    measures: [{ op: count }, { op: distinct, field: "user" }]) {
    series { labels { value } points { t values { value } } }
  }
  deadLetters(first: 100) { letters { code text } }
  alarms(states: [firing]) { alarms { id rule group state since silencedBy acknowledgement { comment } } }
  silences { id comment state }
  receivers { name waiting }
  alarmHistory(first: 100) { entries { id } }
  deliveries(first: 100) { deliveries { id state attemptCount } }
  archived: segments { rows segments { path rows } }
}`;

/** All that people can ask, as long as time does not change it. */
async function answers(server: Server): Promise<Record<string, object>> {
  const day = 86_400_000;
  const from = Math.floor(Date.now() / day) * day;
  return server.query(WHOLE, { from: from - day, to: from + 2 * day });
}

const archiveAll = (server: Server) =>
  server.query('mutation { archiveNow { waitingBytes } }').then(() => undefined);

test.serial(
  'after the loss of a data folder everything is as it was, and nobody is told twice',
  async (t) => {
    const { server, hook } = await site(t, 'lost');
    await server.start();
    await sendApplied(server, STREAM, eventsOf('a', 0, 60));
    await sendApplied(server, STREAM, eventsOf('a', 50, 70));
    await sendApplied(server, STREAM, [{ id: 'no type' }]).catch(() => undefined);
    await until('a message about type a', () => hook.heard.length === 1);
    await archiveAll(server);
    await server.query('mutation { takeCheckpoint { taken problem } }');

    // What comes now is in no checkpoint.
    await sendApplied(server, STREAM, eventsOf('b', 0, 60));
    await sendApplied(server, STREAM, eventsOf('a', 60, 80));
    await until('a message about type b', () => hook.heard.length === 2);
    await server.query(`mutation {
    addSilence(silence: { comment: "known", matchers: ["type=c"], endsAt: ${Date.now() + 3_600_000} }) { silence { id } }
  }`);
    await until('outcomes of all messages', async () => {
      const { deliveries } = await server.query<{
        deliveries: { deliveries: { state: string }[] };
      }>('{ deliveries(first: 10) { deliveries { state } } }');
      return deliveries.deliveries.every(({ state }) => state === 'delivered');
    });
    await archiveAll(server);
    const before = await answers(server);
    t.like(before['ledger'], { received: 161, applied: 140, duplicate: 20, rejected: 1 });
    // Outcomes are in the archive a second later at the latest.
    await sleep(1_500);
    await server.kill();
    rmSync(server.dataDir, { recursive: true });

    await server.start();
    await server.caughtUp();
    t.regex(server.log(), /the state was taken from checkpoints/);
    await until('alarms that are judged again', async () => {
      return (await server.metric('streamgauge_alarm_lag_milliseconds')) < 3_000;
    });
    // It has nothing to add, and is open then.
    await archiveAll(server);
    t.deepEqual(await answers(server), before);

    const again = [...eventsOf('a', 0, 80), ...eventsOf('b', 0, 60)];
    await sendApplied(server, STREAM, again);
    t.like(await server.ledger(), { applied: 140, duplicate: 160, balanced: true });
    await sendApplied(server, STREAM, eventsOf('d', 0, 60));
    t.like(await server.ledger(), { applied: 200, duplicate: 160, balanced: true });
    await until('a message about type d', () => hook.heard.length >= 3);
    await archiveAll(server);
    t.like((await answers(server))['archived'], { rows: 200 });
    t.is(hook.heard.length, 3, 'each was told of once');
    t.is(new Set(hook.heard).size, 3);
    const { events } = await server.query<{ events: { events: { id: string }[] } }>(
      '{ events(stream: "events", first: 500) { events { id } } }',
    );
    t.is(new Set(events.events.map(({ id }) => id)).size, 200);
    await server.stop();
  },
);

test.serial('an old copy of a data folder goes on from what was done without it', async (t) => {
  const { server } = await site(t, 'copied');
  await server.start();
  await sendApplied(server, STREAM, eventsOf('a', 0, 10));
  await server.stop();
  cpSync(server.dataDir, join(dir, 'copy'), { recursive: true });
  await server.start();
  await sendApplied(server, STREAM, eventsOf('a', 10, 30));
  await archiveAll(server);
  await server.query('mutation { takeCheckpoint { taken problem } }');
  await server.kill();
  rmSync(server.dataDir, { recursive: true });
  cpSync(join(dir, 'copy'), server.dataDir, { recursive: true });
  await server.start();
  t.like(await server.caughtUp(), { applied: 30, balanced: true });
  await sendApplied(server, STREAM, eventsOf('a', 30, 40));
  await archiveAll(server);
  t.like((await answers(server))['archived'], { rows: 40 });
  await server.stop();
});

test.serial(
  'a topic that has lost its beginning is refused, and gone on with where that is set',
  async (t) => {
    const { server } = await site(t, 'cut');
    await server.start();
    await sendApplied(server, STREAM, eventsOf('a', 0, 30));
    await server.kill();
    const admin = clientOf(kafka).admin();
    await admin.connect();
    const ends = await admin.fetchTopicOffsets('cut');
    await admin.disconnect();
    for (const { partition, high } of ends) {
      const source = {
        connection: { brokers: kafka.addresses },
        topic: 'cut',
        id: '',
        offsetBase: 0,
      };
      await deleteRecords(kafka, source, { partition, before: Number(high) });
    }
    rmSync(server.dataDir, { recursive: true });
    rmSync(join(dir, 'cut-archive'), { recursive: true });
    const error = await t.throwsAsync(server.start());
    t.regex(error?.message ?? '', /the topic cut no longer has .*whenMissing to goOn/);
    const { server: goesOn } = await site(t, 'cut', { whenMissing: 'goOn' });
    await goesOn.start();
    await sendApplied(goesOn, STREAM, eventsOf('b', 0, 5));
    t.like(await goesOn.ledger(), { applied: 5, balanced: true });
    await goesOn.stop();
  },
);
