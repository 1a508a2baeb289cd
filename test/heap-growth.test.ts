import test from 'ava';
import { growthPercent } from '../src/heap-growth.ts';

test('heaps grow as V8 likes while the process takes little, and by less the more it takes', (t) => {
  const megabytes = [0, 180, 599, 600, 799, 800, 4_000];
  t.deepEqual(
    megabytes.map((each) => growthPercent(each * 1e6)),
    [0, 0, 0, 40, 40, 20, 20],
  );
});
