import test from 'ava';
import { streamsOf } from '../../../src/dashboard/question/streams.ts';
import type { Rollup } from '../../../src/dashboard/server/answers.ts';

const rollupOf = (stream: string): Rollup => ({
  ...{ name: 'r', stream, filter: [], dimensions: [] },
  ...{ measures: [{ op: 'count', field: null }], resolutions: [] },
});

test('streams are those of rollups, those in which events have come, and the one that is always there', (t) => {
  t.deepEqual(streamsOf([], []), ['events']);
  t.deepEqual(streamsOf([rollupOf('orders'), rollupOf('orders')], ['shop', 'events']), [
    'events',
    'orders',
    'shop',
  ]);
});
