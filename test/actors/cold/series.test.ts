import test from 'ava';
import { timesCounted } from '../../../actors/cold/series.ts';

test('events are counted once for each window, and for the order of series that are grouped', (t) => {
  const edges = [0, 1, 2, 3, 4];
  const windows = [0, 1, 2].map((first) => ({ first, end: first + 2 }));
  t.is(timesCounted({ edges, groupBy: ['country'] }), 1);
  t.is(timesCounted({ edges, windows, groupBy: [] }), 2);
  t.is(timesCounted({ edges, windows, groupBy: ['country'] }), 3);
});
