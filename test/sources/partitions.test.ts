import test from 'ava';
import { PartitionProgress, Partitions } from '../../src/sources/partitions.ts';

test('a position moves only when all before it is durable', (t) => {
  const progress = new PartitionProgress('a', 0, 10);
  const [first, second, third] = [20, 30, 40].map((end) => progress.took(end));
  t.is(progress.fetched, 40);
  second?.(2_000);
  t.is(progress.position, 10);
  first?.(1_000);
  t.is(progress.position, 30);
  third?.(3_000);
  t.is(progress.position, 40);
});

test('what is committed is what was durable when it was asked for', (t) => {
  const [one, two] = [new PartitionProgress('a', 0, 0), new PartitionProgress('a', 1, 0)];
  const partitions = new Partitions([one, two]);
  t.is(partitions.uncommitted(), undefined);
  one.took(5)(0);
  const moved = partitions.uncommitted();
  t.deepEqual(moved?.positions, new Map([['a', new Map([[0, 5]])]]));
  one.took(9)(0);
  moved?.keep();
  t.deepEqual(partitions.uncommitted()?.positions, new Map([['a', new Map([[0, 9]])]]));
});
