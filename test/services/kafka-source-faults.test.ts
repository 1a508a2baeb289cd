/** Topics are read while servers are killed, brokers are away and partitions change hands: every event counts, and counts once. */
import test from 'ava';
import type { Server } from '../../load-tests/server.ts';
import {
  ledgerOf,
  makeTopic,
  prepareServer,
  type Scene,
  sourcesOf,
  startScene,
  until,
  write,
} from './source-scene.ts';

const STREAM = 'orders';
const SOURCE = { name: 'orders', topics: ['orders'], stream: STREAM, type: 'order' };
const BATCH = 5_000;

/** Numbered events without an id of their own. */
async function writeOrders(scene: Scene, from: number, count: number): Promise<void> {
  for (let at = from; at < from + count; at += BATCH) {
    const messages = Array.from({ length: Math.min(BATCH, from + count - at) }, (_, i) => ({
      key: `customer-${(at + i) % 997}`,
      value: JSON.stringify({ n: at + i, amount: (at + i) % 100, text: 'x'.repeat(120) }),
    }));
    await write(scene, 'orders', messages);
  }
}

const recordsOf = async (server: Server): Promise<number> =>
  (await sourcesOf(server))[0]?.records ?? 0;

const partitionsOf = async (server: Server): Promise<number> =>
  (await sourcesOf(server))[0]?.partitions.length ?? 0;

test.serial('a server that is killed while it reads counts every event once', async (t) => {
  const COUNT = 200_000;
  const scene = await startScene(t);
  await makeTopic(scene, 'orders', 4);
  const server = await prepareServer(t, scene, 'server', [SOURCE]);
  const writing = writeOrders(scene, 0, COUNT);
  for (const share of [0.1, 0.4, 0.7]) {
    await server.start();
    const before = (await ledgerOf(server, STREAM, 0)).received;
    const wanted = COUNT * share - before;
    await until(
      async () => ((await recordsOf(server)) >= wanted ? true : undefined),
      `${wanted} records to be read`,
    );
    await server.kill();
  }
  await writing;
  await server.start();
  const ledger = await until(async () => {
    const now = await ledgerOf(server, STREAM, COUNT);
    return now.applied >= COUNT ? now : undefined;
  }, 'all events');
  t.is(ledger.applied, COUNT);
  t.is(ledger.rejected, 0);
  t.is(ledger.received, COUNT + ledger.duplicate);
  t.true(ledger.balanced);
  t.log(`${ledger.duplicate} were read again`);
  await server.stop();
});

test.serial('a source whose broker is killed says so, and goes on when it is back', async (t) => {
  const COUNT = 20_000;
  const scene = await startScene(t);
  await makeTopic(scene, 'orders', 2);
  const server = await prepareServer(t, scene, 'server', [SOURCE]);
  await server.start();
  await writeOrders(scene, 0, COUNT);
  await ledgerOf(server, STREAM, COUNT);
  await scene.kafka.broker.kill();
  const problem = await until(
    async () => (await sourcesOf(server))[0]?.problem ?? undefined,
    'a problem',
  );
  t.regex(problem, /(no broker answers|a broker is out of reach), of 127\.0\.0\.1:\d+/);
  t.is(await server.metric('streamgauge_source_problem'), 1);
  // The server itself is well.
  t.is((await ledgerOf(server, STREAM, COUNT)).applied, COUNT);
  await scene.kafka.start();
  await writeOrders(scene, COUNT, COUNT);
  const ledger = await ledgerOf(server, STREAM, 2 * COUNT);
  t.is(ledger.applied, 2 * COUNT);
  await until(
    async () => ((await sourcesOf(server))[0]?.problem === null ? true : undefined),
    'no problem any more',
  );
  await server.stop();
});

test.serial(
  'servers of one group share the partitions, and hand them over without a gap and without counting twice',
  async (t) => {
    const COUNT = 120_000;
    const scene = await startScene(t);
    await makeTopic(scene, 'orders', 6);
    const a = await prepareServer(t, scene, 'a', [SOURCE]);
    const b = await prepareServer(t, scene, 'b', [SOURCE]);
    await a.start();
    await until(async () => ((await partitionsOf(a)) === 6 ? true : undefined), 'all partitions');
    const first = writeOrders(scene, 0, COUNT / 2);
    await b.start();
    await until(async () => ((await partitionsOf(b)) === 3 ? true : undefined), 'half of them');
    t.is(await partitionsOf(a), 3);
    const second = writeOrders(scene, COUNT / 2, COUNT / 2);
    await until(async () => ((await recordsOf(b)) > 0 ? true : undefined), 'the other to read');
    await b.stop();
    await until(async () => ((await partitionsOf(a)) === 6 ? true : undefined), 'all again');
    await b.start();
    await Promise.all([first, second]);
    await until(async () => {
      const lags = [...(await sourcesOf(a)), ...(await sourcesOf(b))].flatMap((source) =>
        source.partitions.map(({ lag }) => lag),
      );
      return lags.length === 6 && lags.every((lag) => lag === 0) ? true : undefined;
    }, 'everything to be read');
    const ledgers = [await ledgerOf(a, STREAM, 0), await ledgerOf(b, STREAM, 0)];
    const applied = ledgers.map((ledger) => ledger.applied);
    t.is(
      applied.reduce((sum, each) => sum + each),
      COUNT,
      applied.join(' and '),
    );
    await Promise.all([a.stop(), b.stop()]);
  },
);
