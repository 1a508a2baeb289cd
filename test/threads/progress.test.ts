import test from 'ava';
import { createProgress, movesOf, setOwned, takingOf } from '../../src/threads/progress.ts';

test('each coming and going of a partition makes a greater number of it', (t) => {
  const progress = createProgress(2);
  progress.owned.fill(0);
  const seen = [movesOf(progress, 1)];
  for (const has of [true, false, true, false]) {
    setOwned(progress, [1], has);
    seen.push(movesOf(progress, 1));
  }
  t.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
  );
  t.is(new Set(seen).size, seen.length);
  t.is(movesOf(progress, 0), 0);
});

test('a partition that is said to be here once more has not come anew', (t) => {
  const progress = createProgress(1);
  const [taking, moves] = [takingOf(progress, 0), movesOf(progress, 0)];
  setOwned(progress, [0], true);
  t.is(takingOf(progress, 0), taking);
  t.is(movesOf(progress, 0), moves);
});
