/** Archivers of several nodes over one log and one archive: real partitions, segments and verdicts. */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SWEEP_INTERVAL_MS } from '../../../actors/archiver/limits.ts';
import { decodePartitionState } from '../../../actors/partition/snapshot.ts';
import { VerdictCursors } from '../../../actors/partition/verdict-cursor.ts';
import { AppError } from '../../../src/model/errors.ts';
import { DAY_MS } from '../../../src/model/units.ts';
import type { Manifest } from '../../../storage/archive/manifest.ts';
import { CheckpointStore } from '../../../storage/checkpoint/checkpoint-store.ts';
import { restorePartition } from '../../../storage/checkpoint/restore-partition.ts';
import { takeCheckpoint } from '../../../storage/checkpoint/take.ts';
import { openDuck } from '../../../storage/segments/duckdb.ts';
import { openState, STATE_VERSION } from '../../../storage/state/rocksdb.ts';
import type { KeyRange, StateStore } from '../../../storage/state/state.ts';
import { silent } from '../../storage/archive/silent.ts';
import { NOW_MS } from '../partition/group-scene.ts';
import { archiverScene, PARTITIONS } from './archiver-scene.ts';

test('nodes that archive the same partitions at once bring each event into the archive once', async (t) => {
  const { node, archived, send } = await archiverScene(t);
  const nodes = await Promise.all([node(10), node(20), node(30)]);
  for (let round = 0; round < 3; round++) {
    for (const partition of [0, 1]) await send(partition, round * 10, round * 10 + 10);
    await Promise.all(nodes.map((each) => each.archiveAll()));
  }
  t.deepEqual(await archived(), { rows: 60, ids: 60 });
});

test('a partition that comes to a node is archived from where others have left it, and what others archive is known everywhere', async (t) => {
  const { clock, group, manifests, node, archived, send } = await archiverScene(t);
  let hasPartition = false;
  const first = await node(10, { isLeader: () => false });
  const second = await node(20, {
    takingOf: (partition) => (partition === 0 && hasPartition ? 1 : undefined),
    isLeader: () => false,
  });
  await send(0, 0, 10);
  await first.archiveAll();
  await second.archiveAll();
  t.deepEqual(await archived(), { rows: 10, ids: 10 });
  clock.ms += 60_000;
  await second.look();
  t.is(manifests.get(20)?.positions.get(0), group.committed.get(0));
  t.is(second.numbers().waitingBytes, 0);
  await send(0, 10, 20);
  hasPartition = true;
  await second.archiveAll();
  await first.archiveAll();
  t.deepEqual(await archived(), { rows: 20, ids: 20 });
});

/** A copy of the partition as a node has it that takes it from a checkpoint. */
async function restored(
  t: ExecutionContext,
  { dir, group, archive }: Awaited<ReturnType<typeof archiverScene>>,
): Promise<StateStore> {
  const store = new CheckpointStore({ archive, logId: 'j', log: silent });
  async function* snapshot(range: KeyRange) {
    yield await group.state.page(range, 100_000);
  }
  await takeCheckpoint({
    store,
    snapshot,
    owned: () => [0],
    ...{ chainLife: 1, isAlone: false, sleep: async () => undefined },
    offsetBase: 0,
    turn: { life: 1, number: 1 },
    ...{ serverVersion: '0', stateVersion: STATE_VERSION, partitions: PARTITIONS, known: [] },
    isTouched: false,
    committed: () => [group.committed.get(0) ?? 0, 0],
    positionOf: (row) => decodePartitionState(row).position,
    workDir: join(dir, 'checkpoint-work'),
    setsKept: 2,
    pace: async () => undefined,
    clock: { now: () => NOW_MS },
  });
  const state = await openState({ dir: join(dir, 'other-state'), partitions: PARTITIONS });
  t.teardown(() => state.close());
  await restorePartition({
    ...{ store, state, partition: 0, partitions: PARTITIONS, stateVersion: STATE_VERSION },
    bounds: { start: 0, end: Number.MAX_SAFE_INTEGER },
    position: undefined,
    workDir: join(dir, 'restore-work'),
    progress: () => undefined,
    log: silent,
  });
  return state;
}

test('a node that takes a partition from a checkpoint has the verdicts on everything that is not archived yet', async (t) => {
  const here = await archiverScene(t);
  const { node, archived, send } = here;
  const first = await node(10);
  await send(0, 0, 10);
  await first.archiveAll();
  // Half of it came before, in a block that is archived.
  const doubled = await send(0, 5, 15);
  // All of it.
  const whole = await send(0, 0, 15);
  // Commits since do not take verdicts away that the archive still needs.
  for (let round = 2; round < 6; round++) await send(0, round * 10, round * 10 + 10);
  const state = await restored(t, here);
  const verdicts = new VerdictCursors(state);
  t.is((await verdicts.at(0, doubled))?.dropped, 5);
  t.is((await verdicts.at(0, whole))?.dropped, 15);
  const second = await node(20, {}, { state });
  await second.archiveAll();
  t.deepEqual(await archived(), { rows: 55, ids: 55 });
  t.is(second.numbers().waitingBytes, 0);
});

test('what another node has committed is not archived before it is here', async (t) => {
  const here = await archiverScene(t);
  const { group, node, archived, send } = here;
  await send(0, 0, 10);
  const state = await restored(t, here);
  const position = group.committed.get(0);
  await send(0, 5, 15);
  // The rows are of before the second block, and the shared memory tells of both.
  const behind = await node(20, {}, { state });
  await behind.archiveAll();
  t.deepEqual(await archived(), { rows: 10, ids: 10 });
  t.deepEqual(behind.numbers().waitsFrom, [{ partition: 0, offset: position ?? 0 }]);
});

test('a cut whose partition was elsewhere meanwhile comes to nothing, and is made anew', async (t) => {
  const { dir, manifests, node, archived, send } = await archiverScene(t);
  await send(0, 0, 10);
  let taking = 1;
  let ducks = 0;
  const archiver = await node(
    10,
    { takingOf: () => taking },
    {
      openDuck: () => {
        ducks += 1;
        if (ducks === 1) taking += 1;
        return openDuck({
          threads: 1,
          memoryBytesMax: 128 * 2 ** 20,
          tempDir: join(dir, 'duckdb'),
          folders: [dir],
        });
      },
    },
  );
  await archiver.archiveAll();
  t.is(manifests.get(10)?.files.size, 0);
  await archiver.archiveAll();
  t.deepEqual(await archived(), { rows: 10, ids: 10 });
});

test('hours are compacted by the leader alone, beside other nodes that cut', async (t) => {
  const { clock, manifests, node, archived, send } = await archiverScene(t);
  let isLeading = false;
  const leader = await node(10, { isLeader: () => isLeading });
  const other = await node(20, { isLeader: () => false });
  for (let round = 0; round < 3; round++) {
    await send(0, round * 10, round * 10 + 10);
    await other.archiveAll();
  }
  clock.ms += DAY_MS / 2;
  await leader.look();
  t.is(manifests.get(10)?.files.size, 3);
  t.is(leader.numbers().workDueMs, Number.POSITIVE_INFINITY);
  isLeading = true;
  await leader.look();
  t.is(manifests.get(10)?.files.size, 1);
  // It has not heard of that, and puts its file where the hour is now.
  await send(0, 30, 40);
  await other.archiveAll();
  const folders = new Set(
    Array.from(manifests.get(20)?.files.keys() ?? [], (path) => path.split('/').at(-2)),
  );
  t.is(folders.size, 1);
  t.deepEqual(await archived(), { rows: 40, ids: 40 });
});

test('the leader dismisses a node that is no member for two looks, and one that was none by mistake is admitted again', async (t) => {
  const { clock, manifests, node, archived, send } = await archiverScene(t);
  const leader = await node(10);
  const gone = await node(20, { isLeader: () => false });
  const writers = () => [...(manifests.get(10)?.writers ?? [])];
  clock.ms += SWEEP_INTERVAL_MS;
  await leader.look();
  t.deepEqual(writers(), [10, 20]);
  clock.ms += SWEEP_INTERVAL_MS;
  await leader.look();
  t.deepEqual(writers(), [10]);
  await send(0, 0, 10);
  const error = await t.throwsAsync(gone.archiveAll(), { instanceOf: AppError });
  t.regex(error?.message ?? '', /has taken this node for gone, and dismissed its life 20/);
  // As its supervisor does.
  const again = await node(20, { isLeader: () => false });
  await again.archiveAll();
  t.deepEqual(await archived(), { rows: 10, ids: 10 });
});

test('a stop leaves the cut that is being made to the next start', async (t) => {
  const { node, archived, send } = await archiverScene(t);
  for (let round = 0; round < 3; round++) await send(0, round * 10, round * 10 + 10);
  const stop = new AbortController();
  const interrupted = Promise.withResolvers<never>();
  const stopped = await node(
    10,
    {},
    {
      signal: stop.signal,
      // It would take for ever.
      openDuck: async () => ({
        rows: () => {
          stop.abort();
          return interrupted.promise;
        },
        interrupt: () => interrupted.reject(new Error('interrupted')),
        close: () => undefined,
      }),
    },
  );
  await stopped.archiveAll();
  t.deepEqual(await archived(), { rows: 0, ids: 0 });
  await (await node(10)).archiveAll();
  t.deepEqual(await archived(), { rows: 30, ids: 30 });
});

test('a stop leaves the cuts that have not begun to the next start', async (t) => {
  const { manifests, node, archived, send } = await archiverScene(t);
  for (let round = 0; round < 3; round++) await send(0, round * 10, round * 10 + 10);
  const stop = new AbortController();
  const publish = {
    archived: (manifest: Manifest) => {
      manifests.set(10, manifest);
      if (manifest.files.size > 0) stop.abort();
    },
    numbers: () => undefined,
    fenced: (reason: string) => t.fail(reason),
  };
  await (await node(10, {}, { signal: stop.signal, publish })).archiveAll();
  t.deepEqual(await archived(), { rows: 10, ids: 10 });
  await (await node(10)).archiveAll();
  t.deepEqual(await archived(), { rows: 30, ids: 30 });
});
