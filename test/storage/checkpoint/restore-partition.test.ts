import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { LogBounds } from '../../../storage/checkpoint/candidates.ts';
import { CheckpointStore } from '../../../storage/checkpoint/checkpoint-store.ts';
import { refuseLost, restorePartition } from '../../../storage/checkpoint/restore-partition.ts';
import { RESTORE_AHEAD_MIN } from '../../../storage/limits.ts';
import { partitionRange, partitionStateKey } from '../../../storage/state/keys.ts';
import { type OpenState, openState, STATE_VERSION } from '../../../storage/state/rocksdb.ts';
import { silent } from '../archive/silent.ts';
import { archiveIn, committedTo, folderOf, PARTITIONS, rowKey, taker, text } from './scene.ts';

/** Two nodes over one archive, each with a state of its own. */
async function scene(t: ExecutionContext) {
  const folder = await folderOf(t);
  const store = await archiveIn(folder);
  const stateIn = async (name: string): Promise<OpenState> => {
    const state = await openState({ dir: join(folder, name), partitions: PARTITIONS });
    t.teardown(() => state.close());
    return state;
  };
  const [a, b] = [await stateIn('a'), await stateIn('b')];
  const partFiles = async () => {
    const names = await readdir(join(folder, 'archive/_checkpoints/cluster.topic/parts'));
    return names.map((name) => name.replace(/-0{15}(\d)-0{15}(\d).*/, '-$1-$2')).sort();
  };
  const restore = (state: OpenState, partition: number, more: RestoreWanted = {}) =>
    restorePartition({
      ...{ store, state, partition, partitions: PARTITIONS, stateVersion: STATE_VERSION },
      bounds: { start: 0, end: 1_000_000 },
      position: undefined,
      ...more,
      workDir: join(folder, `restore-${partition}`),
      progress: () => undefined,
      log: silent,
    });
  const node = (state: OpenState, life: number, owned: readonly number[]) =>
    taker(store, state, folder, life, { owned, isAlone: false });
  return { folder, store, a, b, partFiles, restore, node };
}

interface RestoreWanted {
  readonly signal?: AbortSignal;
  readonly bounds?: LogBounds;
  readonly position?: number | undefined;
}

const rowsOf = async (state: OpenState, partition: number): Promise<number> =>
  (await state.page(partitionRange(partition), 100_000)).length;

test('a partition is taken from whichever node was furthest, and the others stay as they are', async (t) => {
  const { a, b, node, restore } = await scene(t);
  await a.commit([...committedTo(0, 60), ...committedTo(1, 5)]);
  await node(a, 7, [0, 1])([60, 5]);
  await b.commit(committedTo(0, 40));
  // Its life began later, and it is behind.
  await node(b, 8, [0])([40, 0]);
  await b.commit(committedTo(1, 3));
  const restored = await restore(b, 0, { position: 40 });
  t.is(restored.position, 40, 'what is not worth it is not fetched');
  const empty = await restore(b, 0);
  t.is(empty.position, 60);
  t.is(empty.part?.life, 7);
  t.deepEqual([await rowsOf(b, 0), await rowsOf(b, 1)], [61, 4]);
});

test('what is here is left for a checkpoint that is ahead by enough', async (t) => {
  const { a, b, node, restore } = await scene(t);
  await a.commit([{ key: partitionStateKey(0), value: text(String(RESTORE_AHEAD_MIN)) }]);
  await node(a, 7, [0])([RESTORE_AHEAD_MIN, 0]);
  await b.commit(committedTo(0, 3));
  t.is((await restore(b, 0, { position: 1 })).part, undefined);
  t.is((await restore(b, 0, { position: 0 })).position, RESTORE_AHEAD_MIN);
  t.is(await rowsOf(b, 0), 1);
});

test('one that is broken off between its rows counts as nothing, and the next one begins anew', async (t) => {
  const { a, b, node, restore } = await scene(t);
  // Of several pages.
  const rows = Array.from({ length: 60 }, (_, n) => ({
    key: rowKey(0, n),
    value: Buffer.alloc(64 * 1_024, n),
  }));
  await a.commit([...rows, { key: partitionStateKey(0), value: text('60') }]);
  await node(a, 7, [0])([60, 0]);
  await b.commit(committedTo(0, 3));
  const ending = new AbortController();
  const reason = new Error('another node has it');
  const commits: number[] = [];
  const stopped: OpenState = {
    ...b,
    commit: async (ops) => {
      commits.push(ops.length);
      await b.commit(ops);
      ending.abort(reason);
    },
  };
  const fault = await t.throwsAsync(restore(stopped, 0, { signal: ending.signal }));
  t.is(fault, reason);
  t.is(commits.length, 1, 'it ends with the page that it was at');
  t.deepEqual(await b.getMany([partitionStateKey(0)]), [undefined]);
  t.is((await restore(b, 0)).position, 60);
  t.deepEqual(await b.getMany([rowKey(0, 59)]), [Buffer.alloc(64 * 1_024, 59)]);
});

test('a damaged or missing part costs that partition an older one', async (t) => {
  const { a, b, folder, node, restore } = await scene(t);
  const take = node(a, 7, [0, 1]);
  await a.commit([...committedTo(0, 10), ...committedTo(1, 10)]);
  await take([10, 10]);
  await a.commit([...committedTo(0, 20), ...committedTo(1, 20)]);
  await take([20, 20]);
  const parts = join(folder, 'archive/_checkpoints/cluster.topic/parts');
  const names = await readdir(parts);
  const newest = names.find((name) => name.startsWith('p0') && name.includes('02.')) ?? '';
  await rm(join(parts, newest));
  t.is((await restore(b, 0)).position, 10);
  t.is((await restore(b, 1)).position, 20);
});

test('what the log does not lead on from is a problem of that partition', async (t) => {
  const { a, b, node, restore } = await scene(t);
  await a.commit(committedTo(0, 60));
  await node(a, 7, [0])([60, 0]);
  const of = { partition: 0, topic: 'events' };
  // The topic has lost its end: a checkpoint behind it leads nowhere.
  const lostEnd = { start: 0, end: 50 };
  const ahead = await restore(b, 0, { bounds: lostEnd, position: 55 });
  t.throws(() => refuseLost({ ...of, position: ahead.position }, lostEnd), {
    code: 'log_truncated',
  });
  const older = await restore(b, 0, { bounds: { start: 0, end: 100 }, position: 155 });
  t.is(older.position, 60);
  const lostStart = { start: 61, end: 100 };
  const behind = await restore(b, 0, { bounds: lostStart });
  t.throws(() => refuseLost({ ...of, position: behind.position }, lostStart), {
    code: 'checkpoint_missing',
  });
  t.notThrows(() => refuseLost({ ...of, position: undefined }, { start: 0, end: 0 }));
});

test('rounds of several nodes lie side by side, and none takes away what another needs', async (t) => {
  const { a, b, node, partFiles, restore, store } = await scene(t);
  const [takeA, takeB] = [node(a, 7, [0]), node(b, 8, [1])];
  for (const position of [10, 20, 30]) {
    await a.commit(committedTo(0, position));
    await b.commit(committedTo(1, position));
    await Promise.all([takeA([position, 0]), takeB([0, position])]);
  }
  // Of two that tidy at once one may leave something to whoever does it next.
  await store.tidy(2);
  t.deepEqual(await partFiles(), ['p0-7-2', 'p0-7-3', 'p1-8-2', 'p1-8-3']);
  // Partition 0 goes to b, which brings it further; a takes no more rounds.
  await restore(b, 0);
  const takeBoth = node(b, 9, [0, 1]);
  await b.commit([...committedTo(0, 40), ...committedTo(1, 40)]);
  await takeBoth([40, 40]);
  t.deepEqual(await partFiles(), ['p0-7-3', 'p0-9-1', 'p1-8-3', 'p1-9-1']);
  await b.commit([...committedTo(0, 50), ...committedTo(1, 50)]);
  await takeBoth([50, 50]);
  t.deepEqual(await partFiles(), ['p0-9-1', 'p0-9-2', 'p1-9-1', 'p1-9-2']);
});

test('a part of a round that is not over stays, and is taken away when nobody can be at it any more', async (t) => {
  const { a, b, folder, node, partFiles, store } = await scene(t);
  await b.commit(committedTo(1, 10));
  await node(b, 8, [1])([0, 10]);
  const path = store.paths.part({ part: 1, life: 9, number: 1 });
  await store.archive.put(path, join(folder, 'archive', store.paths.set({ life: 8, number: 1 })));
  const takeA = node(a, 7, [0]);
  await a.commit(committedTo(0, 10));
  await takeA([10, 0]);
  t.deepEqual(await partFiles(), ['p0-7-1', 'p1-8-1', 'p1-9-1']);
  const inTwoDays = { now: () => Date.now() + 2 * 86_400_000 };
  const later = new CheckpointStore({
    ...{ archive: store.archive, logId: store.logId, log: silent, clock: inTwoDays },
  });
  await later.tidy(2);
  t.deepEqual(await partFiles(), ['p0-7-1', 'p1-8-1']);
});
