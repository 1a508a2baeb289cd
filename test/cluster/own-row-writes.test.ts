import test from 'ava';
import { ownRowWrites } from '../../src/cluster/own-row-writes.ts';
import { createProgress, setOwned } from '../../src/threads/progress.ts';
import { RowWrites } from '../../storage/state/row-writes.ts';

const AT = { partition: 1, tenant: 'a', rollup: 'r', stepMs: 1_000, group: 0 };

test('nobody counts the rows of a partition that is elsewhere, and after its return no count is as before', (t) => {
  const progress = createProgress(2);
  const writes = ownRowWrites(new RowWrites(), progress);
  const look = () => [writes.ofRows(AT)?.(0, 1_000), writes.ofSeries(1, 'a', 'r')];
  const before = look();
  t.deepEqual(look(), before);
  setOwned(progress, [0], false);
  t.deepEqual(look(), before);
  setOwned(progress, [1], false);
  t.deepEqual(look(), [undefined, undefined]);
  setOwned(progress, [1], true);
  const after = look();
  t.not(after[0], before[0]);
  t.not(after[1], before[1]);
});
