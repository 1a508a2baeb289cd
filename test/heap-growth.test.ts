import test from 'ava';
import { growthLevel } from '../src/heap-growth.ts';

const levels = (memoryMegabytes: number, residentMegabytes: readonly number[]): number[] => {
  let level = 0;
  return residentMegabytes.map((each) => {
    level = growthLevel(level, each * 1e6, memoryMegabytes * 1e6);
    return level;
  });
};

test('heaps grow by less the more the process takes', (t) => {
  t.deepEqual(levels(16_000, [0, 180, 599, 600, 799, 800, 4_000]), [0, 0, 0, 1, 1, 2, 2]);
});

test('a level is left a tenth below what led to it', (t) => {
  t.deepEqual(levels(16_000, [900, 721, 719, 541, 539, 599, 600]), [2, 2, 1, 1, 0, 0, 1]);
});

test('on a small machine it goes by its memory', (t) => {
  t.deepEqual(levels(1_000, [0, 299, 301, 399, 401, 900]), [0, 0, 1, 1, 2, 2]);
});
