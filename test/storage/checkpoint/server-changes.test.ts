import test from 'ava';
import { AppError } from '../../../src/model/errors.ts';
import { ChangeChain, encodeChange, readChange } from '../../../storage/checkpoint/change-chain.ts';
import { CheckpointStore } from '../../../storage/checkpoint/checkpoint-store.ts';
import { ServerChanges } from '../../../storage/checkpoint/server-changes.ts';
import { sequenceOp } from '../../../storage/checkpoint/server-rows.ts';
import { BOARD_ROW, boardKey } from '../../../storage/state/board-keys.ts';
import type { StateOp } from '../../../storage/state/state.ts';
import { MemoryArchive } from '../archive/memory-archive.ts';
import { silent } from '../archive/silent.ts';

const row = (id: string) => ({ key: boardKey(BOARD_ROW.silence, 'acme', id), value: Buffer.of(1) });

/** With sleeps that the test ends, the shortest first. */
async function scene() {
  const archive = new MemoryArchive({ clock: { now: () => 1 } });
  const sleeps: { ms: number; end: () => void }[] = [];
  const committed: (readonly StateOp[])[] = [];
  /** How each of the next commits ends; the others succeed. */
  const outcomes: Promise<void>[] = [];
  let isOut = false;
  const create = archive.create.bind(archive);
  archive.create = async (path, bytes) => {
    if (isOut) throw new AppError('archive_unavailable', 'out of reach');
    return create(path, bytes);
  };
  const sleep = (ms: number) => new Promise<void>((end) => sleeps.push({ ms, end }));
  const store = new CheckpointStore({ archive, logId: 'x', log: silent });
  const options = { store, life: 3, sleep, log: silent };
  const chain = await ChangeChain.claim(options, 10, { after: 9, ops: [] });
  const changes = new ServerChanges({
    state: {
      getMany: async (keys) => keys.map(() => undefined),
      page: async ({ from }) => (from.length > 3 ? [] : [row('of the state')]),
      commit: async (ops) => {
        committed.push(ops);
        await outcomes.shift();
      },
    },
    chain,
    claim: async () => {
      throw new Error('it has one');
    },
    sequence: 10,
    ...{ sleep, log: silent },
  });
  return {
    ...{ archive, store, changes, committed, outcomes },
    /** Behind the claim. */
    files: () => [...archive.files.keys()].slice(1).map((path) => Number(path.slice(-21, -5))),
    setOut: (is: boolean) => {
      isOut = is;
    },
    /** Ends what sleeps for so long. */
    wake: async (ms: number) => {
      for (const sleep of sleeps.splice(0)) {
        if (sleep.ms === ms) sleep.end();
        else sleeps.push(sleep);
      }
      for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    },
  };
}

test('what others are told of is in the archive before the commit is answered', async (t) => {
  const { changes, files, committed } = await scene();
  await changes.commit(
    [row('a'), { key: Buffer.from('partition'), value: Buffer.of(2) }],
    'synced',
  );
  t.deepEqual(files(), [11]);
  t.is(committed[0]?.length, 3);
});

test('rows of partitions alone are no change of the server', async (t) => {
  const { changes, files, committed } = await scene();
  await changes.commit([{ key: Buffer.from('partition'), value: Buffer.of(2) }], 'synced');
  t.deepEqual(files(), []);
  t.is(committed[0]?.length, 1);
});

test('what can wait goes together, and with what can not', async (t) => {
  const { changes, files, wake } = await scene();
  await changes.commit([row('a')]);
  await changes.commit([row('b')]);
  t.deepEqual(files(), []);
  await wake(1_000);
  t.deepEqual(files(), [11]);
  await changes.commit([row('c')]);
  await changes.commit([row('d')], 'synced');
  await wake(1_000);
  t.deepEqual(files(), [11, 12]);
});

test('how far rules were evaluated makes no file of its own, and goes with the next', async (t) => {
  const { changes, files, wake } = await scene();
  const run = { key: boardKey(BOARD_ROW.run, 'acme', 'rule'), value: Buffer.of(1) };
  await changes.commit([run]);
  await wake(1_000);
  t.deepEqual(files(), []);
  await changes.commit([row('a')], 'synced');
  t.deepEqual(files(), [11]);
  const many = Array.from({ length: 10_001 }, (_, n) => ({
    key: boardKey(BOARD_ROW.runGroup, 'acme', 'rule', String(n)),
    value: Buffer.of(1),
  }));
  await changes.commit(many);
  await wake(1_000);
  t.deepEqual(files(), [11, 12]);
});

test('an archive that does not answer holds a commit up once, and nothing of it is left out', async (t) => {
  const { changes, files, setOut, wake } = await scene();
  setOut(true);
  let isAnswered = false;
  void changes.commit([row('a')], 'synced').then(() => {
    isAnswered = true;
  });
  await wake(0);
  t.false(isAnswered);
  await wake(2_000);
  t.true(isAnswered);
  t.true(changes.isBehind);
  await changes.commit([row('b')], 'synced');
  setOut(false);
  await wake(100);
  t.deepEqual(files(), [11, 12]);
  t.false(changes.isBehind);
});

test('past the bound all rows go to the archive at once, when it is back', async (t) => {
  const { changes, files, setOut, store, wake } = await scene();
  setOut(true);
  void changes.commit([row('a')], 'synced');
  await wake(0);
  await wake(2_000);
  const many = Array.from({ length: 20_001 }, (_, n) => row(String(n)));
  await changes.commit(many, 'synced');
  await changes.commit([row('b')], 'synced');
  setOut(false);
  await wake(100);
  t.deepEqual(files(), [11, 12]);
  const change = await readChange(store, 12);
  t.is(change?.after, 0);
  t.deepEqual(
    change?.ops.map(({ key }) => Buffer.from(key)),
    [Buffer.from(row('of the state').key)],
  );
});

test('of a server that another has gone on from nothing is kept, and it goes on by itself', async (t) => {
  const { changes, archive, store, committed } = await scene();
  await archive.create(store.paths.change(11), await encodeChange({ life: 4, after: 10, ops: [] }));
  await changes.commit([row('a')], 'synced');
  t.true(changes.isFenced);
  t.is(changes.chainLife, undefined);
  await changes.commit([row('b')], 'synced');
  t.is(committed.length, 2);
  t.is((await readChange(store, 11))?.life, 4);
});

test('what the state has refused does not go to the archive', async (t) => {
  const { changes, files, outcomes } = await scene();
  outcomes.push(Promise.reject(new AppError('state_io', 'no space')));
  await t.throwsAsync(changes.commit([row('a')], 'synced'), { message: /no space/ });
  await changes.close();
  t.deepEqual(files(), []);
});

test('a commit that takes long is in the file whose sequence its rows say', async (t) => {
  const { changes, committed, files, outcomes, wake } = await scene();
  const { promise, resolve } = Promise.withResolvers<void>();
  outcomes.push(promise);
  const slow = changes.commit([row('a')], 'synced');
  const quick = changes.commit([row('b')], 'synced');
  await wake(0);
  t.deepEqual(files(), []);
  resolve();
  await Promise.all([slow, quick]);
  t.deepEqual(files(), [11]);
  t.deepEqual(
    committed.map((ops) => ops.at(-1)),
    [sequenceOp(11), sequenceOp(11)],
  );
});

test('closing writes what waits', async (t) => {
  const { changes, files } = await scene();
  await changes.commit([row('a')]);
  await changes.close();
  t.deepEqual(files(), [11]);
});

test('who could not claim the chain does so with what is written first, and all rows are there before', async (t) => {
  const archive = new MemoryArchive({ clock: { now: () => 1 } });
  const store = new CheckpointStore({ archive, logId: 'x', log: silent });
  const sleep = () => new Promise<void>(() => undefined);
  const sequences: (StateOp | undefined)[] = [];
  const changes = new ServerChanges({
    state: {
      getMany: async (keys) => keys.map(() => undefined),
      page: async () => [],
      commit: async (ops) => {
        sequences.push(ops.at(-1));
      },
    },
    chain: undefined,
    claim: async () => {
      const claimed = { after: 0, ops: [row('all')] };
      const chain = await ChangeChain.claim({ store, life: 3, sleep, log: silent }, 1, claimed);
      if (chain === undefined) throw new Error('nobody else claims');
      return chain;
    },
    sequence: 7,
    ...{ sleep, log: silent },
  });
  t.is(changes.chainLife, undefined);
  await changes.commit([row('a')], 'synced');
  t.is(changes.chainLife, 3);
  t.is((await readChange(store, 2))?.ops.length, 1);
  await changes.commit([row('b')], 'synced');
  t.deepEqual(sequences, [sequenceOp(8), sequenceOp(3)]);
});
