import test from 'ava';
import { median, medianRun } from '../../load-tests/results.ts';

test('a median is the value in the middle, of an even count the mean of the two there', (t) => {
  t.is(median([9, 1, 10]), 9);
  t.is(median([4, 1, 10, 2]), 3);
  t.is(median([7]), 7);
  t.is(median([]), Number.NaN);
});

test('a median run is a whole one, of an even count the larger of the two in the middle', (t) => {
  const runs = [3, 1, 10, 2].map((rate) => ({ rate }));
  t.deepEqual(
    medianRun(runs, ({ rate }) => rate),
    { rate: 3 },
  );
  t.throws(() => medianRun([], () => 0), { message: /at least one run/ });
});
