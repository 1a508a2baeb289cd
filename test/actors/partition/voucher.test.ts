import test from 'ava';
import { EMPTY_SNAPSHOT, encodePartitionState } from '../../../actors/partition/snapshot.ts';
import { ownVoucher, voucherOf } from '../../../actors/partition/voucher.ts';
import { AppError } from '../../../src/model/errors.ts';
import { offset } from '../../../src/model/units.ts';
import { partitionOf } from '../../../storage/state/keys.ts';
import type { StateReader } from '../../../storage/state/state.ts';

/** Partitions at these positions; of one that is undefined nobody answers. */
function scene(positions: readonly (number | undefined)[]) {
  const stays: (string | undefined)[] = positions.map(() => 'a');
  const state: StateReader = {
    page: async () => [],
    getMany: async (keys) =>
      keys.map((key) => {
        const position = positions[partitionOf(key)];
        if (position === undefined) throw new AppError('node_away', 'silent');
        return encodePartitionState({ ...EMPTY_SNAPSHOT, position });
      }),
  };
  const voucher = voucherOf(state, async (asked) => asked.map((p) => stays[p]));
  const to = (...ends: number[]) => new Map(ends.map((end, p) => [p, offset(end)]));
  return { stays, voucher, to };
}

test('verdicts of a partition are believed while the same node has it, which has come far enough', async (t) => {
  const { stays, voucher, to } = scene([10, 20]);
  const vouched = await voucher.vouch(to(10, 19));
  t.deepEqual([...vouched.partitions], [0, 1]);
  t.is(vouched.fault, undefined);
  t.true(await vouched.holds());
  stays[1] = 'b';
  t.false(await vouched.holds());
  stays[1] = undefined;
  t.false(await vouched.holds());
});

test('not of one that is behind, of one that nobody has, or of one whose node is silent', async (t) => {
  const { stays, voucher, to } = scene([9, 20, undefined, 30]);
  stays[1] = undefined;
  const vouched = await voucher.vouch(to(10, 20, 1, 30));
  t.deepEqual([...vouched.partitions], [3]);
  t.is(vouched.fault?.code, 'partition_elsewhere');
  stays[0] = 'other';
  t.true(await vouched.holds());
  stays[3] = 'other';
  t.false(await vouched.holds());
});

test('a server that is alone vouches for everything', async (t) => {
  const vouched = await ownVoucher.vouch(new Map([[3, offset(7)]]));
  t.deepEqual([...vouched.partitions], [3]);
  t.true(await vouched.holds());
});
