import test from 'ava';
import { growthPercent } from '../src/heap-growth.ts';

const percents = (memoryMegabytes: number, residentMegabytes: readonly number[]) =>
  residentMegabytes.map((each) => growthPercent(each * 1e6, memoryMegabytes * 1e6));

test('heaps grow as V8 likes while the process takes little, and by less the more it takes', (t) => {
  t.deepEqual(percents(16_000, [0, 180, 599, 600, 799, 800, 4_000]), [0, 0, 0, 40, 40, 20, 20]);
});

test('on a small machine they do so by its memory', (t) => {
  t.deepEqual(percents(1_000, [0, 299, 301, 399, 401, 900]), [0, 0, 40, 40, 20, 20]);
});
