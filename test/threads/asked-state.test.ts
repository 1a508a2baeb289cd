import { MessageChannel } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { EMPTY_SNAPSHOT, encodePartitionState } from '../../actors/partition/snapshot.ts';
import { AppError } from '../../src/model/errors.ts';
import { offset } from '../../src/model/units.ts';
import { AskedState, serveState, withElsewhere } from '../../src/threads/asked-state.ts';
import { createProgress, setOwned } from '../../src/threads/progress.ts';
import { partitionOf, partitionStateKey, verdictRange } from '../../storage/state/keys.ts';
import type { StateReader } from '../../storage/state/state.ts';

/** Says of each row who was asked for it. */
const stateOf = (name: string): StateReader => ({
  getMany: async (keys) => keys.map(() => Buffer.from(name)),
  page: async ({ from }) => [{ key: from, value: Buffer.from(name) }],
});
const text = (value: Uint8Array | undefined) => value && Buffer.from(value).toString();

function scene(t: ExecutionContext, state: StateReader) {
  const progress = createProgress(2);
  setOwned(progress, [1], false);
  const { port1, port2 } = new MessageChannel();
  t.teardown(() => port1.close());
  const stays = ['here 1', 'there 1'];
  serveState(port1, { state, stayOf: (partition) => stays[partition] });
  return { asked: new AskedState(port2, stateOf('local'), progress), progress, stays, port1 };
}

test('rows of partitions that are here are read here, others by the main thread', async (t) => {
  const { asked, progress } = scene(t, stateOf('main'));
  const pageOf = async (partition: number) =>
    text((await asked.page(verdictRange(partition, 0, 9), 10))[0]?.value);
  t.is(await pageOf(0), 'local');
  t.is(await pageOf(1), 'main');
  const both = await asked.getMany([0, 1].map(partitionStateKey));
  t.deepEqual(both.map(text), ['main', 'main']);
  setOwned(progress, [1], true);
  t.is(await pageOf(1), 'local');
});

test('a fault of another node is one here', async (t) => {
  const away = async () => {
    throw new AppError('node_away', 'silent');
  };
  const { asked } = scene(t, { getMany: away, page: away });
  await t.throwsAsync(asked.page(verdictRange(1, 0, 9), 10), { code: 'node_away' });
});

test('verdicts are vouched for by where partitions are, and by nobody when the main thread has ended', async (t) => {
  const rows: StateReader = {
    ...stateOf('main'),
    getMany: async (keys) =>
      keys.map((key) =>
        encodePartitionState({ ...EMPTY_SNAPSHOT, position: 10 * partitionOf(key) }),
      ),
  };
  const { asked, stays, port1 } = scene(t, rows);
  const vouched = await asked.voucher.vouch(new Map([[1, offset(10)]]));
  t.deepEqual([...vouched.partitions], [1]);
  t.true(await vouched.holds());
  stays[1] = 'there 2';
  t.false(await vouched.holds());
  port1.close();
  t.is((await asked.voucher.vouch(new Map([[1, offset(10)]]))).fault?.code, 'partition_elsewhere');
});

test('a thread of a server that is alone gets no way to anywhere', (t) => {
  t.deepEqual(withElsewhere({ a: 1 }, undefined), { data: { a: 1 }, transfer: [] });
});
