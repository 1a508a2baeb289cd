import test from 'ava';
import { elsewhere, neededBytes, neededPlaces } from '../src/log-needs.ts';
import { offset } from '../src/model/units.ts';
import { createProgress, setOwned } from '../src/threads/progress.ts';
import { createLogShared, publishEnd } from '../storage/log/log-shared.ts';

/** Three partitions of a topic that end at 10; the last one is of another node. */
function scene() {
  const shared = createLogShared(3, 'kafka');
  shared.bytesPerOffset[0] = 100;
  for (const partition of [0, 1, 2]) publishEnd(shared, partition, offset(10));
  const progress = createProgress(3);
  setOwned(progress, [2], false);
  progress.committed.set([10, 6, 3]);
  shared.applied.set([10, 8, 4]);
  return { shared, progress };
}

test('what a node needs of the log is of its own partitions, what the leader looks after is of all', (t) => {
  const { shared, progress } = scene();
  t.is(neededBytes(shared, progress), 400);
  t.deepEqual(neededPlaces(shared, progress), [
    { partition: 1, offset: 6 },
    { partition: 2, offset: 3 },
  ]);
});

test('partitions of other nodes are as far behind as is heard of them; a server that is alone has none', (t) => {
  const { shared, progress } = scene();
  t.deepEqual(elsewhere(shared, progress), [{ partition: 2, appliedOffset: 4, lagBytes: 600 }]);
  t.deepEqual(elsewhere(shared, createProgress(3)), []);
});
