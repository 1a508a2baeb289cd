import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { loadHead } from '../../actors/partition/snapshot.ts';
import { Declarations } from '../../src/declarations.ts';
import { systemClock } from '../../src/model/clock.ts';
import type { PartialBucket } from '../../src/model/partials.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import { PartialsFeed } from '../../src/query/partials-feed.ts';
import { storedRollups } from '../../src/query/stored-rollups.ts';
import { EdgeWorker } from '../../src/threads/edge-worker.ts';
import { PartitionLinks } from '../../src/threads/partition-links.ts';
import { PartitionWorker } from '../../src/threads/partition-worker.ts';
import { createProgress } from '../../src/threads/progress.ts';
import { createLogShared } from '../../storage/log/log-shared.ts';
import { openState } from '../../storage/state/rocksdb.ts';
import { BY_TYPE, scratchDir } from '../actors/partition/group-scene.ts';
import { send } from '../ingest/send.ts';
import { LIMITS } from '../ingest/start-edge.ts';

const FROZEN: RollupDefinition = {
  ...BY_TYPE,
  name: 'alarm.default.all',
  measures: [{ op: 'count' }],
  latenessMs: 0,
  tenant: 'default',
  frozen: true,
};
const PARTITIONS = 2;

/** A server without its query side. */
async function startLife(t: ExecutionContext, dir: string, rollups: readonly RollupDefinition[]) {
  const shared = createLogShared(PARTITIONS);
  const progress = createProgress(PARTITIONS);
  const state = await openState({ dir: join(dir, 'state'), partitions: PARTITIONS });
  const declarations = new Declarations(state.server.starts, {
    configured: rollups,
    declared: [],
    rules: [],
  });
  const journalDir = join(dir, 'journal');
  const onFailed = (fault: Error) => t.fail(String(fault));
  const partitions = new PartitionWorker(
    {
      thread: 0,
      partitions: [0, 1],
      source: { type: 'journal', dir: journalDir },
      shared: shared.buffer,
      progress: progress.buffer,
      state: state.handle,
      commitIntervalMs: 50,
      bounds: { dedupIdsMax: 1e4, dedupBytesMax: 1e7, dedupOffsetsMax: 1e9, deadLettersMax: 10 },
      logging: { level: 'silent', format: 'json' },
    },
    2,
    onFailed,
  );
  const threads = (asker: number) => [
    { port: partitions.ports[asker] as MessagePort, partitions: partitions.partitions },
  ];
  const edge = new EdgeWorker(
    {
      edgeId: 0,
      options: {
        host: '127.0.0.1',
        port: 0,
        corsOrigins: [],
        trustedProxies: [],
        keys: [],
        limits: LIMITS,
        edges: 1,
        partitions: PARTITIONS,
      },
      logging: { level: 'silent', format: 'json', thread: 'edge/0' },
      producerEpoch: state.server.starts,
      shared: shared.buffer,
      progress: progress.buffer,
      partitionThreads: threads(1),
      log: {
        type: 'journal',
        dir: journalDir,
        diskReserveBytes: 0,
        durableBefore: 0,
        definitions: declarations.current,
      },
    },
    onFailed,
  );
  declarations.logThrough((control) => edge.define(control));
  const { port } = await edge.listening;
  const links = new PartitionLinks(threads(0));
  const feed = new PartialsFeed({
    partitions: {
      partitions: PARTITIONS,
      partials: (partition, request, timeoutMs) =>
        links.ask('partials', { partition, request }, timeoutMs),
    },
    stored: storedRollups(state),
    clock: systemClock,
    sleep,
  });
  /** Until so many rows have closed; the test's own time limit ends it. */
  const follow = async (
    count: number,
    meanwhile: () => Promise<void> = async () => {},
  ): Promise<PartialBucket[]> => {
    const buckets: PartialBucket[] = [];
    while (buckets.reduce((sum, { rows }) => sum + rows.length, 0) < count) {
      await meanwhile();
      for (const ticks of await feed.poll()) buckets.push(...ticks.buckets);
      await sleep(20);
    }
    return buckets;
  };
  /** Names of the rollups that partitions have committed. */
  const stored = async (): Promise<string[]> => {
    const heads = await Promise.all([0, 1].map((partition) => loadHead(state, partition)));
    return heads.flatMap((head) => head?.definitions?.rollups.map(({ name }) => name) ?? []);
  };
  const close = async () => {
    await edge.close();
    await partitions.close();
    await state.close();
  };
  return { declarations, port, feed, follow, stored, close };
}

const rowsOf = (buckets: readonly PartialBucket[]) =>
  buckets.flatMap(({ bucketMs, rows }) =>
    rows.map(({ partition, bytes }) => [bucketMs, partition, Buffer.from(bytes).toString('hex')]),
  );

test('rollups are redefined while events come; idle partitions close their buckets; a restart reads the same', async (t) => {
  const dir = await scratchDir(t);
  const first = await startLife(t, dir, [BY_TYPE]);
  await first.declarations.redefine({ rules: [FROZEN] });
  first.feed.follow(FROZEN);
  const body = '{"type":"a","key":"1"}\n{"type":"a","key":"2"}\n{"type":"a","key":"3"}\n';
  const told = await first.follow(2, async () => {
    const { status, text } = await send(first.port, { body });
    t.is(status, 200, text);
  });
  const fromMs = told[0]?.bucketMs as number;
  await first.close();

  const second = await startLife(t, dir, [BY_TYPE, FROZEN]);
  second.feed.follow(FROZEN, fromMs);
  const again = await second.follow(rowsOf(told).length);
  t.deepEqual(rowsOf(again).slice(0, rowsOf(told).length), rowsOf(told));
  await second.declarations.redefine({ configured: [BY_TYPE] });
  while ((await second.stored()).includes(FROZEN.name)) await sleep(20);
  t.deepEqual(await second.stored(), [BY_TYPE.name, BY_TYPE.name]);
  await second.close();
});
