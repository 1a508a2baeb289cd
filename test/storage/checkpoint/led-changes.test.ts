import test from 'ava';
import { AppError } from '../../../src/model/errors.ts';
import { ChangeChain, encodeChange, readChange } from '../../../storage/checkpoint/change-chain.ts';
import { CheckpointStore } from '../../../storage/checkpoint/checkpoint-store.ts';
import { LedChanges } from '../../../storage/checkpoint/led-changes.ts';
import { decodeSequence } from '../../../storage/checkpoint/server-rows.ts';
import { BOARD_ROW, boardKey } from '../../../storage/state/board-keys.ts';
import type { StateOp } from '../../../storage/state/state.ts';
import { MemoryArchive } from '../archive/memory-archive.ts';
import { silent } from '../archive/silent.ts';

const row = (id: string): StateOp => ({
  key: boardKey(BOARD_ROW.silence, 'acme', id),
  value: Buffer.from(id),
});

/** A leader whose archive can be out of reach; what happens is noted in its order. */
async function scene() {
  const archive = new MemoryArchive({ clock: { now: () => 1 } });
  const store = new CheckpointStore({ archive, logId: 'x', log: silent });
  const happened: string[] = [];
  const lost: AppError[] = [];
  let isOut = false;
  let isFull = false;
  const sleeps: (() => void)[] = [];
  const sleep = () => new Promise<void>((end) => sleeps.push(end));
  const chain = await ChangeChain.claim({ store, life: 3, sleep, log: silent }, 1, {
    after: 0,
    ops: [],
  });
  if (chain === undefined) throw new Error('nobody else claims');
  const create = archive.create.bind(archive);
  archive.create = async (path, bytes) => {
    if (isOut) throw new AppError('archive_unavailable', 'out of reach');
    const isNew = await create(path, bytes);
    if (isNew) happened.push(`archive ${chain.number + 1}`);
    return isNew;
  };
  const led = new LedChanges({
    chain,
    state: {
      commit: async (ops) => {
        if (isFull) throw new AppError('state_io', 'no space');
        const sequence = decodeSequence(ops.at(-1)?.value ?? new Uint8Array());
        happened.push(`state ${ops.slice(0, -1).map(({ value }) => `${value}`)} ${sequence}`);
      },
    },
    sleep,
    onLost: (fault) => lost.push(fault),
    log: silent,
  });
  const settle = async () => {
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
  };
  return {
    ...{ archive, store, led, happened, lost, settle },
    set: (what: { isOut?: boolean; isFull?: boolean }) => {
      isOut = what.isOut ?? isOut;
      isFull = what.isFull ?? isFull;
    },
    wake: async () => {
      for (const end of sleeps.splice(0)) end();
      await settle();
    },
  };
}

test('what others are told of is in the archive before it is in the state', async (t) => {
  const { led, happened } = await scene();
  await led.commit([row('a')], 'synced');
  t.deepEqual(happened, ['archive 2', 'state a 2']);
});

test('what can wait is in the state at once, and in the archive with what can not', async (t) => {
  const { led, happened, store, wake } = await scene();
  await led.commit([row('a')]);
  t.deepEqual(happened, ['state a 2']);
  await led.commit([row('b')], 'synced');
  t.is((await readChange(store, 2))?.ops.length, 2);
  await led.commit([row('c')]);
  await wake();
  t.deepEqual(happened.slice(1), ['archive 2', 'state b 2', 'state c 3', 'archive 3']);
});

test('while the archive is away a commit waits, and those behind it, for as long as that takes', async (t) => {
  const { led, happened, set, settle, wake } = await scene();
  set({ isOut: true });
  const first = led.commit([row('a')], 'synced');
  const second = led.commit([row('b')]);
  for (let i = 0; i < 5; i++) await wake();
  t.deepEqual(happened, []);
  set({ isOut: false });
  await wake();
  await Promise.all([first, second, settle()]);
  t.deepEqual(happened.slice(0, 3), ['archive 2', 'state a 2', 'state b 3']);
});

test('a leader that is overtaken commits nothing more, and says so once', async (t) => {
  const { archive, led, happened, lost, store } = await scene();
  archive.store(store.paths.change(2), await encodeChange({ life: 4, after: 1, ops: [] }));
  const commits = [led.commit([row('a')], 'synced'), led.commit([row('b')])];
  for (const commit of commits) await t.throwsAsync(commit, { code: 'not_leader' });
  await t.throwsAsync(led.flush(), { code: 'not_leader' });
  t.deepEqual(happened, []);
  t.deepEqual(
    lost.map(({ code }) => code),
    ['archive_fenced'],
  );
});

test('of a lead that is over no commit gets through, also of those that wait for the archive', async (t) => {
  const { led, happened, lost, set, settle, wake } = await scene();
  set({ isOut: true });
  const commit = led.commit([row('a')], 'synced');
  await settle();
  await led.end();
  set({ isOut: false });
  const refused = t.throwsAsync(commit, { code: 'not_leader' });
  await wake();
  await refused;
  t.deepEqual(happened, []);
  t.deepEqual(lost, [], 'nobody has to be told');
});

test('a state that refuses what the archive has is lost: the rows come from the archive again', async (t) => {
  const { led, happened, lost, set } = await scene();
  set({ isFull: true });
  await t.throwsAsync(led.commit([row('a')], 'synced'), { code: 'not_leader' });
  t.deepEqual(happened, ['archive 2']);
  t.is(lost[0]?.code, 'state_io');
});
