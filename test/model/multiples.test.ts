import test from 'ava';
import { multiplesOf } from '../../src/model/multiples.ts';

test('multiples reach as far as they are asked for, in whatever order that is', (t) => {
  for (const count of [3, 1, 0, 100, 16_383, 16_384, 20_000, 5]) {
    for (const length of [20, 0, 1, 63, 64, 1_024]) {
      const multiples = multiplesOf(length, count);
      t.true(multiples.length > count);
      for (let i = 0; i <= count; i++) if (multiples[i] !== i * length) t.fail(`${length}: ${i}`);
    }
  }
});
