import test from 'ava';
import { exactnessOf, measureText } from '../../../src/dashboard/question/words.ts';
import { point, value } from '../answer-of.ts';

test('measures are told as people write them', (t) => {
  t.is(measureText({ op: 'quantile', field: 'ms', q: 0.99 }), 'quantile(ms, 0.99)');
  t.is(
    measureText({ op: 'count', where: { field: 'status', gte: 500 } }),
    'count where status ≥ 500',
  );
});

test('how exact an answer is, is told by the worst of its numbers', (t) => {
  const exactness = (...values: ReturnType<typeof value>[]) =>
    exactnessOf({ series: [{ labels: [], points: [point(0, ...values)] }] });
  t.is(exactness(value(3), value(null)), 'exact');
  t.is(exactness(value(100, 1.6), value(1)), '± 1.6 % at most');
  t.is(exactness(value(1, Number.MAX_VALUE)), 'some values may be wholly off');
});
