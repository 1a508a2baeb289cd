import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { isFault } from '../../../src/model/errors.ts';
import { ChangeChain } from '../../../storage/checkpoint/change-chain.ts';
import { sequenceOp } from '../../../storage/checkpoint/server-rows.ts';
import { partitionRange } from '../../../storage/state/keys.ts';
import { openState } from '../../../storage/state/rocksdb.ts';
import type { StateStore } from '../../../storage/state/state.ts';
import { silent } from '../archive/silent.ts';
import { archiveIn, committedTo, folderOf, restoredState, rowKey, taker, text } from './scene.ts';

/** A server in its seventh life that has committed, and takes checkpoints. */
async function scene(t: ExecutionContext) {
  const folder = await folderOf(t);
  const store = await archiveIn(folder);
  const state = await openState({
    dir: join(folder, 'state'),
    partitions: 2,
    async prepare(rows) {
      await rows.commit([sequenceOp(1)]);
      return 7;
    },
  });
  t.teardown(() => state.close());
  t.is(await store.claimLife(7, 'a', { now: () => 1 }), 7);
  const sleep = async () => undefined;
  const chain = await ChangeChain.claim({ store, life: 7, sleep, log: silent }, 1, {
    after: 0,
    ops: [],
  });
  t.truthy(chain);
  const partFiles = async () =>
    (await readdir(join(folder, 'archive/_checkpoints/cluster.topic/parts'))).sort();
  return { folder, store, state, take: taker(store, state, folder, 7), partFiles };
}

const valuesOf = async (state: StateStore, partition: number): Promise<number> =>
  (await state.page(partitionRange(partition), 100_000)).length;

test('a new machine has every row of each partition, as of its position', async (t) => {
  const { folder, store, state, take } = await scene(t);
  await state.commit([...committedTo(0, 50), ...committedTo(1, 3)]);
  await take([50, 3]);
  const found = await restoredState(t, store, join(folder, 'new'));
  t.deepEqual(found.restored.positions, [50, 3]);
  t.deepEqual([await valuesOf(found.state, 0), await valuesOf(found.state, 1)], [51, 4]);
  t.is(found.state.server.starts, 100);
  t.true(found.progress.length > 0 && (found.progress[0] ?? 0) > 0);
});

test('of rows that the newer checkpoint no longer has, none comes back', async (t) => {
  const { folder, store, state, take } = await scene(t);
  await state.commit([...committedTo(0, 50), ...committedTo(1, 3)]);
  await take([50, 3]);
  const older = await restoredState(t, store, join(folder, 'old'));
  await older.state.close();
  await state.commit([{ key: rowKey(0, 5), value: undefined }, ...committedTo(0, 5)]);
  await state.commit([...committedTo(0, 60), { key: rowKey(0, 5), value: undefined }]);
  await take([60, 3]);
  const newer = await restoredState(t, store, join(folder, 'old'), {
    life: 7,
    positions: [50, 3],
  });
  t.deepEqual(newer.restored.positions, [60, 3]);
  t.is(await valuesOf(newer.state, 0), 60);
});

test('what is here and newer stays, and what the log no longer leads on from does not', async (t) => {
  const { folder, store, state, take } = await scene(t);
  await state.commit([...committedTo(0, 50), ...committedTo(1, 30)]);
  await take([50, 30]);
  const at = { life: 8, positions: [70, 20] };
  const same = await restoredState(t, store, join(folder, 'a'), at);
  t.deepEqual(same.restored.positions, [70, 30]);
  const cut = await restoredState(t, store, join(folder, 'b'), { ...at, starts: 40 });
  t.deepEqual(cut.restored.positions, [70, 20]);
  const shrunk = await restoredState(t, store, join(folder, 'c'), { ends: 40 });
  t.deepEqual(shrunk.restored.positions, [undefined, 30]);
});

test('a machine that was gone goes on from what the one in its place has done', async (t) => {
  const { folder, store, state, take } = await scene(t);
  await state.commit([...committedTo(0, 50), ...committedTo(1, 3)]);
  await take([50, 3]);
  const back = await restoredState(t, store, join(folder, 'back'), {
    life: 6,
    positions: [90, 3],
  });
  t.deepEqual(back.restored.positions, [50, 3]);
});

test('a checkpoint with a damaged or missing part is passed over for that partition alone', async (t) => {
  const { folder, store, state, take, partFiles } = await scene(t);
  await state.commit([...committedTo(0, 10), ...committedTo(1, 10)]);
  await take([10, 10]);
  await state.commit([...committedTo(0, 20), ...committedTo(1, 20)]);
  await take([20, 20]);
  const parts = join(folder, 'archive/_checkpoints/cluster.topic/parts');
  const newest = (await partFiles()).find((name) => name.startsWith('p1') && name.includes('02.'));
  const path = join(parts, newest ?? '');
  const sound = await readFile(path);
  for (const damage of [
    () => writeFile(path, sound.subarray(0, -3)),
    () => writeFile(path, Buffer.from(sound).fill(7, 20, 24)),
    () => rm(path),
  ]) {
    await damage();
    const found = await restoredState(t, store, join(folder, 'new'));
    t.deepEqual(found.restored.positions, [20, 10]);
    t.is(await valuesOf(found.state, 1), 11);
    await found.state.close();
    await rm(join(folder, 'new'), { recursive: true });
  }
});

test('a set that is only half there, or of another log or layout, is none', async (t) => {
  const { folder, store, state, take } = await scene(t);
  await state.commit([...committedTo(0, 10), ...committedTo(1, 10)]);
  const [set] = await take([10, 10]);
  if (set === undefined) return t.fail();
  const put = (number: number, change: object) =>
    store.archive.create(
      store.paths.set({ life: 7, number }),
      Buffer.from(JSON.stringify({ ...set, number, ...change })),
    );
  await store.archive.create(store.paths.set({ life: 7, number: 9 }), text('{"format":1,'));
  await put(10, { log: 'cluster/another' });
  await put(11, { state: 99 });
  await put(12, { partitions: 3 });
  const found = await restoredState(t, store, join(folder, 'new'));
  t.deepEqual(found.restored.positions, [10, 10]);
  t.is(found.restored.sets.length, 1);
});

test('idle partitions are not written again, and what no kept set names is taken away', async (t) => {
  const { state, take, partFiles } = await scene(t);
  await state.commit([...committedTo(0, 10), ...committedTo(1, 10)]);
  await take([10, 10]);
  for (const position of [20, 30, 40]) {
    await state.commit(committedTo(0, position));
    await take([position, 10]);
  }
  const kept = (await partFiles()).map((name) => name.replace(/-0{15}7-0{15}/, '-'));
  t.deepEqual(kept, [
    'p0-3.dump.zst',
    'p0-4.dump.zst',
    'p1-1.dump.zst',
    'server-3.dump.zst',
    'server-4.dump.zst',
  ]);
});

test('a partition that has committed nothing has no part', async (t) => {
  const { state, take } = await scene(t);
  await state.commit(committedTo(1, 4));
  const [set] = await take([0, 4]);
  t.deepEqual(
    set?.parts.map(({ part, position }) => [part, position]),
    [
      [1, 4],
      ['server', 0],
    ],
  );
});

test('a restore that was cut off is made again by the next one', async (t) => {
  const { folder, store, state, take } = await scene(t);
  await state.commit([...committedTo(0, 50), ...committedTo(1, 30)]);
  await take([50, 30]);
  const dir = join(folder, 'cut');
  const left: number[] = [];
  const cut = restoredState(t, store, dir, {
    onProgress(bytes) {
      left.push(bytes);
      if (left.length === 2) throw new Error('killed');
    },
  });
  await t.throwsAsync(cut, { message: 'killed' });
  const again = await restoredState(t, store, dir, { positions: [50, undefined] });
  t.deepEqual(again.restored.positions, [50, 30]);
  t.is(again.progress[0], left[0]);
  t.is(await valuesOf(again.state, 0), 51);
  t.is(await valuesOf(again.state, 1), 31);
});

test('a life is claimed once, and a server whose life is over takes no checkpoint', async (t) => {
  const { store, state, take, folder } = await scene(t);
  await state.commit(committedTo(0, 4));
  const clock = { now: () => 1 };
  const lives = await Promise.all(['b', 'c', 'd'].map((host) => store.claimLife(3, host, clock)));
  t.deepEqual(
    lives.sort((a, b) => a - b),
    [8, 9, 10],
  );
  const error = await t.throwsAsync(take([4, 0]));
  t.true(isFault(error, 'archive_fenced'), error?.message);
  t.false((await readdir(join(folder, 'archive/_checkpoints/cluster.topic'))).includes('sets'));
});
