import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  decodePartitionState,
  EMPTY_SNAPSHOT,
  encodePartitionState,
} from '../actors/partition/snapshot.ts';
import {
  adoptOrigin,
  type CheckpointStartOptions,
  startNode,
  startOver,
} from '../src/checkpoint-start.ts';
import { AppError } from '../src/model/errors.ts';
import type { CheckpointPart } from '../storage/checkpoint/checkpoint-set.ts';
import { CheckpointStore } from '../storage/checkpoint/checkpoint-store.ts';
import { takeCheckpoint } from '../storage/checkpoint/take.ts';
import { readLogOrigin } from '../storage/log/log-origin.ts';
import { BOARD_ROW, boardKey } from '../storage/state/board-keys.ts';
import { partitionStateKey } from '../storage/state/keys.ts';
import { openState, STATE_VERSION } from '../storage/state/rocksdb.ts';
import { MemoryArchive } from './storage/archive/memory-archive.ts';
import { silent } from './storage/archive/silent.ts';

const clock = { now: () => 5_000_000 };

async function scene(t: ExecutionContext) {
  const dataDir = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  t.teardown(() => rm(dataDir, { recursive: true, force: true }));
  const archive = new MemoryArchive({ clock });
  const store = new CheckpointStore({ archive, logId: 'cluster/topic', log: silent });
  const waited: (string | undefined)[] = [];
  let states = 0;
  /** A server's start on what `dir` has, or on nothing. */
  async function start(
    options: Partial<CheckpointStartOptions> = {},
    dir = `new-${states++}`,
    begin = startOver,
  ) {
    let started: Awaited<ReturnType<typeof startOver>> | undefined;
    const state = await openState({
      dir: join(dataDir, dir),
      partitions: 1,
      async prepare(rows) {
        started = await begin(rows, {
          ...{ store, topic: 'events', bounds: [{ start: 0, end: 100 }], whenMissing: 'refuse' },
          ...{ dataDir, clock, log: silent, progress: () => undefined },
          waits: (problem) => waited.push(problem),
          ...options,
        });
        return started.life;
      },
    });
    t.teardown(() => state.close());
    const [row] = await state.getMany([partitionStateKey(0)]);
    const position = row === undefined ? undefined : decodePartitionState(row).position;
    return { state, started, position, close: () => state.close() };
  }
  /** Of a server that has committed so far. */
  async function checkpointAt(position: number, life = 3): Promise<readonly CheckpointPart[]> {
    const at = { ...EMPTY_SNAPSHOT, position };
    const row = { key: partitionStateKey(0), value: encodePartitionState(at) };
    const { set } = await takeCheckpoint({
      ...{ owned: () => [0], chainLife: undefined, isAlone: true, sleep: async () => undefined },
      ...{ store, offsetBase: 40, turn: { life, number: 1 }, serverVersion: '0', partitions: 1 },
      ...{ stateVersion: STATE_VERSION, known: [], isTouched: true, setsKept: 2, clock },
      committed: () => [position],
      snapshot: async function* (range) {
        if (range.from[0] === 0) yield [row];
      },
      positionOf: (value) => decodePartitionState(value).position,
      workDir: join(dataDir, 'work'),
      pace: async () => undefined,
    });
    return set.parts;
  }
  return { dataDir, archive, store, start, checkpointAt, waited };
}

test('no two starts over a log have the same life, whatever data folder they have', async (t) => {
  const { start } = await scene(t);
  const lives = [];
  for (const dir of ['a', 'b', 'a', 'a']) {
    const { started, state, close } = await start({}, dir);
    t.is(started?.life, state.server.starts);
    lives.push(started?.life);
    await close();
  }
  t.deepEqual(lives, [5_000, 5_001, 5_002, 5_003]);
});

test('without an archive the wall clock names lives, and never one that this folder has had', async (t) => {
  const { start } = await scene(t);
  const first = await start({ store: undefined }, 'a');
  t.is(first.started?.life, 5_000);
  await first.close();
  const second = await start({ store: undefined, clock: { now: () => 1 } }, 'a');
  t.is(second.started?.life, 5_001);
});

test('an empty folder starts with the newest checkpoint', async (t) => {
  const { start, checkpointAt } = await scene(t);
  await checkpointAt(30);
  const { position, started } = await start();
  t.is(position, 30);
  t.is(started?.known[0]?.position, 30);
});

test('a topic that begins behind what is known is refused in words, or gone on with where that is set', async (t) => {
  const { start, checkpointAt } = await scene(t);
  const bounds = [{ start: 31, end: 100 }];
  const empty = await t.throwsAsync(start({ bounds }), { code: 'checkpoint_missing' });
  t.regex(empty?.message ?? '', /events no longer has 0 to 30 of partition 0.*whenMissing/);
  await checkpointAt(30);
  const old = await t.throwsAsync(start({ bounds }), { code: 'checkpoint_missing' });
  t.regex(old?.message ?? '', /0 to 30/);
  const { position } = await start({ bounds, whenMissing: 'goOn' });
  t.is(position, 31);
});

test('a topic that has lost its end is refused, unless an older checkpoint ends before', async (t) => {
  const { start, checkpointAt } = await scene(t);
  const first = await start({}, 'a');
  await first.state.commit([
    { key: partitionStateKey(0), value: encodePartitionState({ ...EMPTY_SNAPSHOT, position: 50 }) },
  ]);
  await first.close();
  const bounds = [{ start: 0, end: 49 }];
  for (const whenMissing of ['refuse', 'goOn'] as const) {
    const refused = await t.throwsAsync(start({ bounds, whenMissing }, 'a'), {
      code: 'log_truncated',
    });
    t.regex(refused?.message ?? '', /partition 0 of the topic events up to 50, .* ends at 49/);
  }
  await checkpointAt(30, 5_000);
  const { position } = await start({ bounds }, 'a');
  t.is(position, 30);
});

test('with an archive that is out of reach a whole folder starts, and an empty one waits', async (t) => {
  const { start, archive, waited } = await scene(t);
  const first = await start({}, 'a');
  await first.state.commit([
    { key: partitionStateKey(0), value: encodePartitionState({ ...EMPTY_SNAPSHOT, position: 7 }) },
  ]);
  await first.close();
  const list = archive.list.bind(archive);
  let refusals = 0;
  archive.list = async (folder) => {
    if (refusals++ < 1) throw new AppError('archive_unavailable', 'out of reach');
    return list(folder);
  };
  const again = await start({}, 'a');
  t.is(again.position, 7);
  t.deepEqual(waited, []);
  refusals = 0;
  await start({}, 'b');
  t.deepEqual(waited, ['out of reach', undefined]);
});

test('a node that is alone again has what was led without it, also if it was started since', async (t) => {
  const { start, store } = await scene(t);
  const key = boardKey(BOARD_ROW.silence, 'acme', 's');
  const first = await start({}, 'a');
  await first.state.commit([{ key, value: Buffer.from('before') }]);
  await first.close();
  const leader = await start({}, 'b');
  await leader.started?.chain?.append([{ key, value: Buffer.from('since') }]);
  await leader.close();
  const asNode: typeof startOver = (rows, options) => startNode(rows, { ...options, store });
  await (await start({}, 'a', asNode)).close();
  const { state } = await start({}, 'a');
  const [row] = await state.getMany([key]);
  t.is(row && Buffer.from(row).toString(), 'since');
});

test('all nodes know an archive by one id, and another archive by another', async (t) => {
  const here = await scene(t);
  const elsewhere = await scene(t);
  const idOf = async ({ start, store }: typeof here) => {
    const asNode: typeof startOver = (rows, options) => startNode(rows, { ...options, store });
    return (await start({}, undefined, asNode)).started?.archiveId;
  };
  const id = await idOf(here);
  t.regex(id ?? '', /^[0-9a-f-]{36}$/);
  t.is(await idOf(here), id);
  t.not(await idOf(elsewhere), id);
  t.is((await here.start()).started?.archiveId, undefined, 'who is alone needs none');
});

test('a new folder goes on with the offsets of the one whose checkpoints there are', async (t) => {
  const { dataDir, store, checkpointAt } = await scene(t);
  await adoptOrigin(store, dataDir, 'events');
  t.is(await readLogOrigin(dataDir), undefined);
  await checkpointAt(50);
  await adoptOrigin(store, dataDir, 'events');
  t.deepEqual(await readLogOrigin(dataDir), {
    id: 'cluster/topic',
    topic: 'events',
    offsetBase: 40,
  });
});
