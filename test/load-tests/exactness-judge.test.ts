import test from 'ava';
import { type AnsweredValue, judge } from '../../load-tests/exactness/judge.ts';
import {
  type Measure,
  scalarsOf,
  sketchesOf,
  topsOf,
} from '../../load-tests/exactness/measures.ts';
import type { Exact } from '../../load-tests/exactness/oracle.ts';
import { STREAMS } from '../../load-tests/exactness/streams.ts';

const { fields } = STREAMS.uniform;
const ALL: readonly Measure[] = [
  ...scalarsOf(fields),
  ...sketchesOf(fields),
  ...topsOf(fields, 10),
];
const ROLLUP = { isFromEvents: false };
const EVENTS = { isFromEvents: true };

const measure = (name: string): Measure => {
  const found = ALL.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no measure ${name}`);
  return found;
};
const answered = (value: number | null, more: Partial<AnsweredValue> = {}): AnsweredValue => ({
  ...{ value, errorBound: 0, buckets: null, entries: null, ...more },
});

/** Of one point: whether the answer is found to be wrong. */
function isOut(name: string, answer: AnsweredValue, exact: Exact, how = ROLLUP): boolean {
  const [verdict] = judge(
    [measure(name)],
    { answers: new Map([['p', [answer]]]), faults: [] },
    new Map([['p', [exact]]]),
    how,
  );
  return (verdict?.faults ?? []).length > 0;
}

test('what is exact is off by nothing, and says so', (t) => {
  for (const name of ['count', 'sum(whole)', 'min(fraction)', 'max(whole)', 'count where']) {
    t.false(isOut(name, answered(1_000_000), { value: 1_000_000 }));
    t.true(isOut(name, answered(1_000_001), { value: 1_000_000 }));
    t.true(isOut(name, answered(1_000_000, { errorBound: 1 }), { value: 1_000_000 }));
    t.true(isOut(name, answered(null), { value: 0 }));
    t.true(isOut(name, answered(0), { value: null }));
  }
});

test('sums and quotients are off by rounding, of all that was added up', (t) => {
  t.false(isOut('avg(whole)', answered(1 + 1e-13), { value: 1 }));
  t.true(isOut('avg(whole)', answered(1 + 1e-11), { value: 1 }));
  t.false(isOut('sum(fraction)', answered(1 + 1e-11), { value: 1, scale: 100 }));
  t.true(isOut('sum(fraction)', answered(1 + 1e-9), { value: 1, scale: 100 }));
  t.true(isOut('sum(fraction)', answered(1), { value: 0, scale: 0 }));
});

test('a quantile lies within its bound, and the bound within what is promised', (t) => {
  const answer = answered(1_000, { errorBound: 3 });
  t.false(isOut('quantile(whole)', answer, { value: 1_003 }));
  t.true(isOut('quantile(whole)', answer, { value: 1_004 }));
  t.true(isOut('quantile(whole)', answered(1_000, { errorBound: 5 }), { value: 1_000 }));
  t.true(isOut('quantile(whole)', answer, { value: 1_003 }, EVENTS));
});

test('buckets lie within their bounds, and these are no more than what lies near the edges', (t) => {
  const bucket = (count: number, errorBound: number) => ({ count, errorBound });
  const exact = { value: 30, counts: [10, 20], near: [2, 2] };
  const given = (...buckets: AnsweredValue['buckets'] & object) => answered(30, { buckets });
  t.false(isOut('histogram(whole)', given(bucket(11, 1), bucket(19, 1)), exact));
  t.true(isOut('histogram(whole)', given(bucket(11, 0), bucket(19, 1)), exact));
  t.true(isOut('histogram(whole)', given(bucket(11, 3), bucket(19, 3)), exact));
  t.true(isOut('histogram(whole)', given(bucket(10, 0)), exact));
  t.true(isOut('histogram(whole)', given(bucket(11, 1), bucket(19, 1)), exact, EVENTS));
});

test('of distinct counts few lie outside of their bounds, and none far outside', (t) => {
  const found = (offs: readonly number[], overlap = 1) => {
    const points = offs.map((off, i): [string, AnsweredValue] => [
      String(i),
      answered(1_000 + off, { errorBound: 32 }),
    ]);
    const [verdict] = judge(
      [measure('distinct(item)')],
      { answers: new Map(points.map(([name, answer]) => [name, [answer]])), faults: [] },
      new Map(points.map(([name]) => [name, [{ value: 1_000 }]])),
      { ...ROLLUP, overlap },
    );
    return verdict?.faults.length;
  };
  const outside = (count: number) => Array.from({ length: 100 }, (_, i) => (i < count ? 40 : 0));
  t.is(found(outside(14)), 0);
  t.is(found(outside(15)), 1);
  t.is(found(outside(15), 7), 0);
  t.is(found([82]), 0);
  t.is(found([83]), 1);
  t.true(isOut('distinct(item)', answered(1_001), { value: 1_000 }, EVENTS));
});

test('of the heaviest values each is between its bounds, none is missing, and no bound is too wide', (t) => {
  const weights = new Map(Array.from({ length: 20 }, (_, i) => [`v${i}`, i < 10 ? 90 : 10]));
  const exact = { value: 1_000, weights };
  const entries = [...weights].slice(0, 10).map(([value, count]) => ({ value, count, error: 0 }));
  const given = (changed: Partial<(typeof entries)[number]>, value = 1_000, at = 0) =>
    answered(value, {
      entries: entries.map((each, i) => (i === at ? { ...each, ...changed } : each)),
    });
  const top = (answer: AnsweredValue, how = ROLLUP) => isOut('top(item)', answer, exact, how);
  t.false(top(given({})));
  t.false(top(given({}), EVENTS));
  t.false(top(given({ count: 100, error: 10 })));
  t.true(top(given({ count: 100, error: 10 }), EVENTS));
  t.true(top(given({ count: 91 })));
  t.true(top(given({ count: 89 })));
  t.true(top(given({ count: 190, error: 101 })));
  t.true(top(given({ value: 'v10', count: 89, error: 80 }, 1_000, 9)));
  t.true(top(given({ count: 95, error: 5 }, 1_000, 9)));
  t.true(top(given({ value: 'v1' })));
  t.true(top(given({}, 1_001)));
  t.true(top(answered(1_000, { entries: entries.slice(1) })));
});

test('a point too few and a point too many are found with every measure', (t) => {
  const [one, two] = [answered(1), answered(2)];
  const both = new Map([
    ['a', [one]],
    ['b', [two]],
  ]);
  const truth = new Map([
    ['a', [{ value: 1 }]],
    ['b', [{ value: 2 }]],
  ]);
  const faults = (...[answers, exact]: [typeof both, typeof truth]) =>
    judge([measure('count')], { answers, faults: [] }, exact, ROLLUP)[0]?.faults;
  t.deepEqual(faults(both, truth), []);
  t.deepEqual(faults(new Map([['a', [one]]]), truth), ['expected a point b, received none']);
  t.deepEqual(faults(both, new Map([['a', [{ value: 1 }]]])), [
    'expected no point b, received one',
  ]);
  t.deepEqual(faults(new Map(), new Map()), ['expected points, there are none']);
});
