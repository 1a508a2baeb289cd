/** Events that come while the brokers are away, and the server with them: a real broker that is stopped, a real server that is killed. */
import { mkdtempSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Producers } from '../../actors/partition/producers.ts';
import { type Kafka, startKafka } from '../../deploy/local/kafka.ts';
import { Generator } from '../../load-tests/generator.ts';
import { loadOptions, MAIN_CASE } from '../../load-tests/load-case.ts';
import { Server } from '../../load-tests/server.ts';
import { differences } from '../../load-tests/verify.ts';
import { Block } from '../../src/model/block.ts';
import { clientOf } from './kafka-topics.ts';

const PARTITIONS = 4;
const TOPIC = 'streamgauge';

interface Spool {
  readonly spooling: boolean;
  readonly waiting: { readonly events: number };
  readonly drained: { readonly events: number };
}

interface Site {
  readonly kafka: Kafka;
  readonly server: Server;
  readonly generator: Generator;
  readonly dataDir: string;
}

async function startSite(t: ExecutionContext): Promise<Site> {
  const dir = mkdtempSync(join(tmpdir(), 'streamgauge-spool-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  const kafka = await startKafka({ dir });
  t.teardown(() => kafka.stop());
  const brokers = [...kafka.addresses];
  const server = await Server.prepare({
    folder: join(dir, 'server'),
    partitions: PARTITIONS,
    config: { log: { type: 'kafka', kafka: { brokers, topic: TOPIC, spool: 'local' } } },
  });
  t.teardown(() => server.kill());
  const generator = new Generator();
  t.teardown(() => generator.close());
  await server.start();
  const load = { ...MAIN_CASE, bodies: 64, eventsPerBody: 100, connections: 4 };
  const options = loadOptions(load, server, { eventsPerSecond: 4_000 });
  await generator.ask({ type: 'prepare', options });
  return { kafka, server, generator, dataDir: server.dataDir };
}

const spoolOf = async (server: Server): Promise<Spool> =>
  (
    await server.query<{ spool: Spool }>(
      '{ spool { spooling waiting { events } drained { events } } }',
    )
  ).spool;

async function until(server: Server, holds: (spool: Spool) => boolean): Promise<void> {
  while (!holds(await spoolOf(server))) await sleep(20);
}

async function acknowledged(generator: Generator, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await generator.ask({ type: 'nextAcknowledgement' });
}

/** Since it was last asked. */
async function refused(generator: Generator): Promise<number> {
  const { refused, unexpected } = await generator.ask({ type: 'measure' });
  if (unexpected.length > 0) throw new Error(unexpected.join('; '));
  return refused;
}

/** As a client that is not ours reads them, in their order. */
async function blocksIn(kafka: Kafka): Promise<Block[][]> {
  const client = clientOf(kafka);
  const admin = client.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(TOPIC);
  await admin.disconnect();
  const found: Block[][] = Array.from({ length: PARTITIONS }, () => []);
  const wanted = ends.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
  const consumer = client.consumer({ groupId: `spool-${process.pid}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
  const { promise, resolve } = Promise.withResolvers<void>();
  let seen = 0;
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      if (message.value === null) return;
      found[partition]?.push(new Block(Uint8Array.from(message.value)));
      seen += 1;
      if (seen === wanted) resolve();
    },
  });
  await promise;
  await consumer.disconnect();
  return found;
}

test('while brokers are away and the server is killed no event is refused, lost or counted twice, and their order is kept', async (t) => {
  const { kafka, server, generator, dataDir } = await startSite(t);
  await generator.ask({ type: 'resume' });
  await generator.ask({ type: 'nextAcknowledgement' });

  await kafka.broker.kill();
  await until(server, ({ waiting }) => waiting.events > 10_000);
  t.true((await server.ledger()).pending >= 10_000);
  const ready = await fetch(`http://${server.host}:${server.ingestPort}/readyz`);
  t.regex(await ready.text(), /"status":"ready","note":"since .* events go to the spool/);
  t.is(await refused(generator), 0);

  await server.kill();
  await server.start({}, 'ingest');
  await acknowledged(generator, 100);
  await refused(generator);
  await acknowledged(generator, 100);
  t.is(await refused(generator), 0);

  await server.stop();
  await server.start({}, 'ingest');
  await acknowledged(generator, 100);

  await kafka.broker.start();
  await until(server, ({ drained }) => drained.events > 0);
  await server.kill();
  await server.start();
  await until(server, ({ spooling }) => !spooling);
  await generator.ask({ type: 'nextAcknowledgement' });
  await generator.ask({ type: 'drain' });

  const truth = await generator.ask({ type: 'truth' });
  // What was sent again as a block counts as duplicates, all of it.
  t.deepEqual(await differences(server, { ...truth, resent: Number.POSITIVE_INFINITY }), []);
  t.like(await spoolOf(server), { spooling: false, waiting: { events: 0 } });
  const files = await readdir(join(dataDir, 'spool'));
  t.is(files.filter((name) => name.endsWith('.journal')).length, 1);

  await inOrder(t, kafka, 4);
});

test('a broker that hangs is not waited for, and what it takes late is counted once', async (t) => {
  const { kafka, server, generator } = await startSite(t);
  await generator.ask({ type: 'resume' });
  await acknowledged(generator, 10);
  kafka.broker.pause();
  await until(server, ({ waiting }) => waiting.events > 20_000);
  kafka.broker.resume();
  await until(server, ({ spooling }) => !spooling);
  t.is(await refused(generator), 0);
  await generator.ask({ type: 'drain' });
  const truth = await generator.ask({ type: 'truth' });
  t.deepEqual(await differences(server, { ...truth, resent: Number.POSITIVE_INFINITY }), []);
  await inOrder(t, kafka, 1);
});

/** As partitions read them, blocks of each of so many lives of the server are there in the order of their numbers. */
async function inOrder(t: ExecutionContext, kafka: Kafka, lives: number): Promise<void> {
  for (const blocks of await blocksIn(kafka)) {
    const producers = new Producers();
    const applied = blocks.filter((block) => !producers.isResent(block));
    const numbers = applied.map(({ producerEpoch, sequence }) => [producerEpoch, sequence]);
    const sorted = numbers.toSorted(
      ([epochA = 0, a = 0], [epochB = 0, b = 0]) => epochA - epochB || a - b,
    );
    t.deepEqual(numbers, sorted);
    t.is(new Set(applied.map(({ producerEpoch }) => producerEpoch)).size, lives);
  }
}
