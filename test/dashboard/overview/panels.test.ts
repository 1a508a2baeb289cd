import test from 'ava';
import { offerOf, RANGES, rangeOf, wholeOf } from '../../../src/dashboard/overview/panels.ts';
import type { Rollup } from '../../../src/dashboard/server/answers.ts';

const rollup = (fields: Partial<Rollup>): Rollup => ({
  ...{
    name: 'r',
    stream: 'events',
    filter: [],
    dimensions: [],
    measures: [{ op: 'count', field: null }],
  },
  resolutions: [
    { stepMs: 1_000, retentionMs: 7_200_000 },
    { stepMs: 60_000, retentionMs: 86_400_000 * 14 },
  ],
  ...fields,
});
const [QUARTER, HOUR, , DAY] = RANGES;

test('a stream is offered what its own rollups have', (t) => {
  const types = rollup({ dimensions: ['country', 'type'] });
  const users = rollup({ measures: [{ op: 'distinct', field: 'user' }] });
  const orders = rollup({ stream: 'orders', measures: [{ op: 'quantile', field: 'amount' }] });
  const offer = offerOf([users, types, orders], 'events');
  t.is(offer.counting, types);
  t.is(offer.byType, types);
  t.deepEqual([...offer.distinct], [['user', users]]);
  t.is(offer.quantiles.size, 0);
  t.like(offerOf([users, types, orders], 'orders'), { counting: undefined, byType: undefined });
});

test('what counts some events only is offered as nothing', (t) => {
  const views = rollup({
    filter: [{ field: 'bot' }],
    measures: [
      { op: 'count', field: null },
      { op: 'distinct', field: 'visitor' },
    ],
  });
  const offer = offerOf([views], 'events');
  t.like(offer, { counting: undefined, byType: undefined });
  t.is(offer.distinct.size, 0);
});

test('a figure of the whole range moves on in steps that the rollup keeps for as long', (t) => {
  t.deepEqual(wholeOf(QUARTER, rollup({})), { last: '5000ms', step: '5000ms', window: '15m' });
  t.deepEqual(wholeOf(HOUR, rollup({})), { last: '15000ms', step: '15000ms', window: '1h' });
  t.deepEqual(wholeOf(DAY, rollup({})), { last: '300000ms', step: '300000ms', window: '1d' });
  const coarse = rollup({ resolutions: [{ stepMs: 900_000, retentionMs: 1e12 }] });
  t.is(wholeOf(QUARTER, coarse).step, '900000ms');
});

test('an address that names no range shows the shortest', (t) => {
  t.is(rangeOf(null), QUARTER);
  t.is(rangeOf('1d'), DAY);
  t.is(rangeOf('1y'), QUARTER);
});
