import test from 'ava';
import { allKnown } from '../../src/cluster/all-known.ts';
import { offset } from '../../src/model/units.ts';
import { createProgress, setOwned } from '../../src/threads/progress.ts';
import { createLogShared, publishEnd } from '../../storage/log/log-shared.ts';

const HERE = 0;
const THERE = 1;

function scene(knownMsAgo: () => number) {
  const shared = createLogShared(2, 'kafka');
  const progress = createProgress(2);
  setOwned(progress, [THERE], false);
  return { shared, progress, remote: { knownMsAgo } };
}

test('nothing is waited for where each partition is here or its node tells', async (t) => {
  await t.notThrowsAsync(allKnown(scene(() => 100)));
});

test('a partition whose node is silent is named, and who asks is told to come again', async (t) => {
  const fault = await t.throwsAsync(allKnown(scene(() => Number.POSITIVE_INFINITY)));
  t.like(fault, { code: 'partition_elsewhere', location: { partition: THERE } });
});

test('a node that tells again within the patience of a question is believed', async (t) => {
  let looks = 0;
  await t.notThrowsAsync(allKnown(scene(() => (++looks > 3 ? 0 : Number.POSITIVE_INFINITY))));
  t.is(looks, 4);
});

test('a partition with events of which nothing is committed is still being loaded', async (t) => {
  const all = scene(() => 0);
  publishEnd(all.shared, HERE, offset(5));
  const fault = await t.throwsAsync(allKnown(all));
  t.like(fault, { code: 'partition_elsewhere', location: { partition: HERE } });
  all.progress.committed[HERE] = 5;
  await t.notThrowsAsync(allKnown(all));
});
