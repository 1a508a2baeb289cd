import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { loadHead, type PartitionState } from '../../actors/partition/snapshot.ts';
import { offset } from '../../src/model/units.ts';
import { forgetVerdicts, MovedState, stateOf } from '../../src/move/moved-state.ts';
import { verdictKey, verdictOffset, verdictRange } from '../../storage/state/keys.ts';
import { type OpenState, openState } from '../../storage/state/rocksdb.ts';

const BASE = 1_000;
const STATE: PartitionState = {
  position: 300,
  watermarkMs: 7,
  nowMs: 8,
  producers: [{ id: 1, epoch: 2, sequence: 3 }],
  generations: [
    { from: 96, to: 104, sinceMs: 1 },
    { from: 200, to: 264, sinceMs: 2 },
  ],
};
const bytes = new Uint8Array();
const blockAt = (partition: number, at: number) => ({
  partition,
  offset: offset(at),
  nextOffset: offset(at + 8),
  bytes,
});

async function open(t: ExecutionContext): Promise<OpenState> {
  const dir = mkdtempSync(join(tmpdir(), 'moved-state-'));
  const store = await openState({ dir, partitions: 2 });
  t.teardown(async () => {
    await store.close();
    rmSync(dir, { recursive: true });
  });
  return store;
}

async function verdictsIn(store: OpenState, partition: number): Promise<string[]> {
  const rows = await store.page(verdictRange(partition, 0, Number.MAX_SAFE_INTEGER), 100);
  return rows.map(({ key, value }) => `${verdictOffset(key)}:${value.join()}`);
}

test('each position becomes that of the first copied block at or behind it', async (t) => {
  const store = await open(t);
  const idle = { ...(await stateOf(store, 1)), position: 50 };
  const moved = new MovedState({
    store,
    states: [STATE, idle],
    archived: [264, 50],
    offsetBase: BASE,
  });
  // Between them lie blocks of others; the last two are not committed.
  for (const [i, at] of [96, 104, 200, 264, 304, 312].entries()) {
    await moved.see(blockAt(0, at), BASE + i);
  }
  t.deepEqual(moved.archived, [BASE + 3, BASE]);
  await moved.commit();
  t.deepEqual((await loadHead(store, 0))?.state, {
    ...STATE,
    position: BASE + 4,
    generations: [
      { from: BASE, to: BASE + 1, sinceMs: 1 },
      { from: BASE + 2, to: BASE + 3, sinceMs: 2 },
    ],
  });
  const head = await loadHead(store, 1);
  t.is(head?.state.position, BASE, 'without a block it goes on where the topic begins');
  t.is(head?.state.watermarkMs, Number.NEGATIVE_INFINITY);
});

test('behind the last block all positions are the end', async (t) => {
  const store = await open(t);
  const states = [{ ...STATE, generations: [] }, await stateOf(store, 1)];
  const moved = new MovedState({ store, states, archived: null, offsetBase: BASE });
  await moved.see(blockAt(0, 200), BASE);
  await moved.see(blockAt(0, 208), BASE + 1);
  t.is(moved.archived, undefined);
  await moved.commit();
  t.is((await loadHead(store, 0))?.state.position, BASE + 2);
});

test('verdicts come along with their blocks, however often it is tried', async (t) => {
  const store = await open(t);
  const ops = [
    [0, 40],
    [0, 104],
    [0, 264],
    [1, 112],
  ].map(([partition = 0, at = 0]) => ({
    key: verdictKey(partition, at),
    value: Uint8Array.of(at % 256),
  }));
  await store.commit(ops);
  const states = [STATE, { ...STATE, generations: [] }];
  for (let tries = 0; tries < 2; tries++) {
    const moved = new MovedState({ store, states, archived: null, offsetBase: BASE });
    await moved.see(blockAt(0, 96), BASE);
    await moved.see(blockAt(1, 112), BASE);
    await moved.see(blockAt(0, 104), BASE + 1);
    await moved.see(blockAt(0, 264), BASE + 2);
    await moved.commit();
    t.deepEqual(await verdictsIn(store, 0), ['40:40', '104:104', '264:8', '1001:104', '1002:8']);
    t.deepEqual(await verdictsIn(store, 1), ['112:112', '1000:112']);
  }
  await forgetVerdicts(store, 0, BASE);
  t.deepEqual(await verdictsIn(store, 0), ['40:40', '104:104', '264:8']);
});
