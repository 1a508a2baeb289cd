import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { AppError } from '../../../src/model/errors.ts';
import { ChangeChain, readChange } from '../../../storage/checkpoint/change-chain.ts';
import { CheckpointStore } from '../../../storage/checkpoint/checkpoint-store.ts';
import {
  decodeSequence,
  sequenceKey,
  sequenceOp,
} from '../../../storage/checkpoint/server-rows.ts';
import { takeCheckpoint } from '../../../storage/checkpoint/take.ts';
import { claimLate, type LocalRows, takeChain } from '../../../storage/checkpoint/take-chain.ts';
import { BOARD_ROW, boardKey } from '../../../storage/state/board-keys.ts';
import { STATE_VERSION } from '../../../storage/state/rocksdb.ts';
import type { StateOp } from '../../../storage/state/state.ts';
import { MemoryStore } from '../../simulation/memory-store.ts';
import { MemoryArchive } from '../archive/memory-archive.ts';
import { silent } from '../archive/silent.ts';
import { folderOf } from './scene.ts';

const clock = { now: () => 1 };
const keyOf = (id: string) => boardKey(BOARD_ROW.silence, 'acme', id);
const put = (id: string, value: string): StateOp => ({
  key: keyOf(id),
  value: Buffer.from(value),
});
const remove = (id: string): StateOp => ({ key: keyOf(id), value: undefined });

async function scene(t: ExecutionContext) {
  const folder = await folderOf(t);
  const archive = new MemoryArchive({ clock });
  const store = new CheckpointStore({ archive, logId: 'x', log: silent, clock });
  const options = (life: number, state: MemoryStore, sleep = async () => undefined as unknown) => ({
    ...{ store, life, state, sleep, log: silent, workDir: join(folder, `work-${life}`) },
    ...{ stateVersion: STATE_VERSION, partitions: 1 },
  });
  /** Begins to write in this life; undefined: whatever is here, the archive counts. */
  const take = (
    life: number,
    state = new MemoryStore(),
    local: LocalRows | undefined = undefined,
  ) => takeChain({ ...options(life, state), local });
  /** What rows a and b hold, and the sequence. */
  const rowsOf = async (state: MemoryStore) => {
    const [a, b, sequence] = await state.getMany([keyOf('a'), keyOf('b'), sequenceKey()]);
    const texts = [a, b].map((value) => value && Buffer.from(value).toString());
    return [...texts, sequence && decodeSequence(sequence)];
  };
  const round = (life: number, number: number, state: MemoryStore) =>
    takeCheckpoint({
      ...{ store, offsetBase: 0, turn: { life, number }, serverVersion: '0', partitions: 1 },
      ...{ stateVersion: STATE_VERSION, known: [], isTouched: false, isAlone: false, clock },
      ...{ owned: () => [], chainLife: life, committed: () => [], setsKept: 2, positionOf: Number },
      snapshot: async function* (range) {
        yield await state.page(range, 1_000);
      },
      workDir: join(folder, 'round'),
      pace: async () => undefined,
      sleep: async () => undefined,
    });
  return { archive, store, options, take, rowsOf, round };
}

test('changes come back in their order, on what a checkpoint has', async (t) => {
  const { take, rowsOf, round } = await scene(t);
  const first = new MemoryStore();
  const { chain } = await take(1, first);
  await chain.append([put('a', 'first'), put('b', 'first')]);
  await first.commit([put('a', 'first'), put('b', 'first'), sequenceOp(2)]);
  const { set } = await round(1, 1, first);
  t.is(set.parts[0]?.position, 1);
  await chain.append([remove('a')]);
  await chain.append([put('b', 'second')]);
  const next = new MemoryStore();
  // What is here is replaced.
  await next.commit([put('a', 'old'), sequenceOp(9)]);
  const { restored } = await take(2, next);
  t.deepEqual(await rowsOf(next), [undefined, 'second', 5]);
  t.is(restored?.part?.position, 1);
});

test('the one before is told with its next change, and keeps none', async (t) => {
  const { take, store } = await scene(t);
  const { chain } = await take(1);
  await take(2);
  await t.throwsAsync(chain.append([put('a', 'late')]), { code: 'archive_fenced' });
  t.is((await readChange(store, 2))?.life, 2);
});

test('the server that comes back goes on with what is here, whole also after a power cut', async (t) => {
  const { take, rowsOf } = await scene(t);
  const state = new MemoryStore();
  const { chain } = await take(1, state);
  await chain.append([put('a', 'told'), put('b', 'told')]);
  await state.commit([put('a', 'told'), sequenceOp(2)]);
  const { restored } = await take(2, state, { life: 1, sequence: 2 });
  t.is(restored, undefined);
  t.deepEqual(await rowsOf(state), ['told', 'told', 3]);
});

test('what is here and nowhere else goes to the archive as a whole', async (t) => {
  const { take, rowsOf, store } = await scene(t);
  const state = new MemoryStore();
  await take(1, state);
  await state.commit([put('a', 'unknown'), sequenceOp(2)]);
  // Also of a life that could not claim anything.
  for (const life of [1, 2]) {
    const { chain } = await take(life + 1, state, { life, sequence: life + 1 });
    t.is((await readChange(store, chain.number))?.after, 0);
    await state.commit([sequenceOp(chain.number + 1)]);
  }
  const next = new MemoryStore();
  await take(9, next);
  t.is((await rowsOf(next))[0], 'unknown');
});

test('what another has done since counts more than what is here', async (t) => {
  const { take, rowsOf } = await scene(t);
  const here = new MemoryStore();
  await take(1, here);
  await here.commit([put('a', 'mine'), sequenceOp(2)]);
  const { chain } = await take(2);
  await chain.append([put('b', 'other')]);
  await take(3, here, { life: 1, sequence: 2 });
  t.deepEqual(await rowsOf(here), [undefined, 'other', 4]);
});

test('behind a damaged change nothing is taken, and all who come later agree on that', async (t) => {
  const { archive, take, rowsOf, store } = await scene(t);
  const { chain } = await take(1);
  await chain.append([put('a', 'kept')]);
  await chain.append([put('a', 'damaged')]);
  await chain.append([put('b', 'behind')]);
  archive.store(store.paths.change(3), Buffer.from('nothing'));
  for (const life of [2, 3]) {
    const state = new MemoryStore();
    const { chain: next } = await take(life, state);
    t.deepEqual(await rowsOf(state), ['kept', undefined, next.number]);
  }
});

test('a claim that an earlier try has made is known again, unless it was made of other rows', async (t) => {
  const { options } = await scene(t);
  const of5 = options(5, new MemoryStore());
  const claim = (after: number, ops: readonly StateOp[]) =>
    ChangeChain.claim(of5, 2, { after, ops });
  t.is((await claim(1, []))?.number, 2);
  t.is((await claim(1, []))?.number, 2);
  t.is(await claim(0, [put('a', '1')]), undefined);
});

test('a part whose last rows the archive does not have is not named', async (t) => {
  const { take, round } = await scene(t);
  const state = new MemoryStore();
  const { chain } = await take(1, state);
  await state.commit([put('a', 'on its way'), sequenceOp(2)]);
  t.deepEqual((await round(1, 1, state)).set.parts, []);
  await chain.append([put('a', 'on its way')]);
  t.is((await round(1, 2, state)).set.parts.length, 1);
  await state.commit([put('a', 'lost'), sequenceOp(3)]);
  await take(2);
  t.deepEqual((await round(1, 3, state)).set.parts, []);
});

test('who could not claim at its start does so when the archive is back, unless another has begun a later life', async (t) => {
  const { archive, options, store, take, rowsOf } = await scene(t);
  const state = new MemoryStore();
  await state.commit([put('a', 'alone'), sequenceOp(1)]);
  const create = archive.create.bind(archive);
  let refusals = 2;
  archive.create = async (path, bytes) => {
    if (refusals-- > 0) throw new AppError('archive_unavailable', 'out of reach');
    return create(path, bytes);
  };
  const chain = await claimLate(options(5, state));
  t.is(chain.number, 1);
  const next = new MemoryStore();
  await take(6, next);
  t.is((await rowsOf(next))[0], 'alone');
  t.is(await store.claimLife(7, 'b', clock), 7);
  await t.throwsAsync(claimLate(options(5, state)), { code: 'archive_fenced' });
});
