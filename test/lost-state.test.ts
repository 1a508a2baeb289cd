/** A state that is lost, or put back from before, is made again from the log; what is sent then is no copy of what the log has. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Server } from '../load-tests/server.ts';
import { sendApplied } from './send-applied.ts';

const REQUESTS = 20;

async function site(t: ExecutionContext): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  const server = await Server.prepare({
    folder,
    partitions: 2,
    config: { rollups: [{ name: 'all', stream: 'shop', measures: ['count'] }] },
  });
  t.teardown(async () => {
    await server.kill();
    await rm(folder, { recursive: true });
  });
  return server;
}

/** One life of the server, in which each request is a block of its own. Answers what is counted at its end. */
async function countAfterLife(server: Server): Promise<number> {
  await server.start();
  let after = '';
  for (let i = 0; i < REQUESTS; i++) after = await sendApplied(server, 'shop', [{ type: 'look' }]);
  const { timeseries } = await server.query<{
    timeseries: { series: { points: { values: { value: number }[] }[] }[] };
  }>(
    `{ timeseries(stream: "shop", last: "1d", step: "1d", after: "${after}", measures: [{ op: count }]) { series { points { values { value } } } } }`,
  );
  await server.stop();
  const points = timeseries.series.flatMap((series) => series.points);
  return points.reduce((sum, { values }) => sum + (values[0]?.value ?? 0), 0);
}

test('a state that was lost: events without ids that are sent then count', async (t) => {
  const server = await site(t);
  t.is(await countAfterLife(server), REQUESTS);
  t.is(await countAfterLife(server), 2 * REQUESTS);
  await rm(join(server.dataDir, 'state'), { recursive: true });
  t.is(await countAfterLife(server), 3 * REQUESTS);
});

test('a state of an earlier day that was put back: events without ids that are sent then count', async (t) => {
  const server = await site(t);
  const [state, kept] = [join(server.dataDir, 'state'), join(server.dataDir, '../kept')];
  await countAfterLife(server);
  await cp(state, kept, { recursive: true });
  t.is(await countAfterLife(server), 2 * REQUESTS);
  await rm(state, { recursive: true });
  await cp(kept, state, { recursive: true });
  t.is(await countAfterLife(server), 3 * REQUESTS);
});
