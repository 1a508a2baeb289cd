import test from 'ava';
import type { Explored } from '../../../src/dashboard/chart/explored.ts';
import {
  changeInWords,
  numbersOf,
  seriesRows,
  wholeValues,
} from '../../../src/dashboard/dashboards/panel-values.ts';

const value = (number: number | null, errorBound = 0) => ({ value: number, errorBound });
const point = (t: number, ...values: ReturnType<typeof value>[]) => ({ t, end: t + 10, values });
const RANGE = { from: 0, to: 20, stepMs: 10 };
const answerOf = (fields: Partial<Explored>): Explored => ({
  ...{ from: 0, to: 20, stepMs: 10, rollup: 'r', watermark: 20, restated: false },
  ...{ missingPartitions: [], seriesFound: 1, names: [], source: 'ROLLUP', note: null },
  ...{ series: [], compared: undefined },
  ...fields,
});

test('steps add up to the range, each measure in its own way, and some do not', (t) => {
  const measures = ['count', 'rate', 'min', 'max', 'distinct'].map((op) => ({ op }));
  const steps = [
    point(0, value(1), value(2), value(5), value(5), value(3)),
    point(10, value(3), value(4), value(null), value(null), value(3)),
  ];
  const whole = wholeValues(steps, { measures }, RANGE);
  t.deepEqual(
    whole.map((each) => each?.value),
    [4, 3, 5, 5, undefined],
  );
});

test('of a window the newest point is the whole range, with its error', (t) => {
  const kept = { stream: 'events', window: '1h', measures: [{ op: 'distinct', field: 'user' }] };
  t.deepEqual(wholeValues([point(0, value(9)), point(10, value(7, 1))], kept, RANGE), [
    value(7, 1),
  ]);
  t.deepEqual(wholeValues([], kept, RANGE), [value(null)]);
});

test('a rate is that of the whole range, whether or not its empty steps are there', (t) => {
  const kept = { measures: [{ op: 'rate' }] };
  const wide = { from: 0, to: 100, stepMs: 10 };
  const rate = (points: Parameters<typeof wholeValues>[0]) =>
    wholeValues(points, kept, wide)[0]?.value;
  t.is(rate([point(30, value(90))]), 9);
  t.is(rate([point(30, value(90)), point(50, value(10))]), 10);
  t.is(
    rate([
      { t: 0, values: [value(20)] },
      { t: 10, values: [value(null)] },
    ]),
    2,
  );
  t.is(rate([{ t: 0, end: 100, values: [value(3)] }]), 3);
  t.is(rate([]), null);
});

test('steps that are filled with what was before do not add up, and have extremes', (t) => {
  const measures = ['count', 'rate', 'max'].map((op) => ({ op }));
  const steps = [point(0, value(5), value(5), value(5)), point(10, value(5), value(5), value(5))];
  const whole = wholeValues(steps, { measures, fill: 'PREVIOUS' }, RANGE);
  t.deepEqual(whole, [undefined, undefined, value(5)]);
});

test('with groups each series has its number, beside its own of the earlier time', (t) => {
  const labels = (name: string) => [{ name: 'type', value: name }];
  const series = [
    { labels: labels('a'), points: [point(0, value(40)), point(10, value(20))] },
    { labels: labels('b'), points: [point(0, value(30))] },
  ];
  const before = { labels: labels('b'), compared: [{ t: 0, values: [value(7)] }] };
  const compared = { from: 0, to: 20, restated: false, missingPartitions: [], series: [before] };
  const kept = { stream: 'events', measures: [{ op: 'count' }], groupBy: ['type'] };
  t.like(numbersOf(answerOf({ series, compared }), kept), [
    { labels: labels('a'), now: value(60), before: null },
    { labels: labels('b'), now: value(30), before: 7 },
  ]);
  t.like(numbersOf(answerOf({}), kept), [{ labels: [], now: value(null) }]);
  const many = Array.from({ length: 40 }, (_, i) => ({ labels: labels(`${i}`), points: [] }));
  t.is(numbersOf(answerOf({ series: many }), kept).length, 12);
});

test('a number stands beside what it was, null where there were no events', (t) => {
  const kept = { stream: 'events', measures: [{ op: 'count' }] };
  const series = [{ labels: [], points: [point(0, value(1)), point(10, value(5))] }];
  const beside = { from: -20, to: 0, restated: false, missingPartitions: [] };
  const earlier = { labels: [], compared: [{ t: 0, values: [value(4)] }] };
  const before = (compared: Explored['compared']) =>
    numbersOf(answerOf({ series, compared }), kept)[0]?.before;
  t.is(before({ ...beside, series: [earlier] }), 4);
  t.is(before({ ...beside, series: [] }), null);
  t.is(before(undefined), undefined);
});

test('a change is told in percent of what was, and not of nothing', (t) => {
  t.deepEqual(
    [
      changeInWords(112, 100),
      changeInWords(97.5, 100),
      changeInWords(5, 5),
      changeInWords(-1, -2),
      changeInWords(3, 0),
      changeInWords(null, 3),
      changeInWords(3, null),
    ],
    ['+12 %', '−2.5 %', '±0 %', '+50 %', undefined, undefined, undefined],
  );
});

test('rows are ordered by their first measure, those without a value at the end', (t) => {
  const labels = (name: string) => [{ name: 'country', value: name }];
  const series = [
    { labels: labels('DE'), points: [point(0, value(2))] },
    { labels: labels('FR'), points: [] },
    { labels: labels('IT'), points: [point(0, value(8))] },
  ];
  const rows = seriesRows(answerOf({ series }), { stream: 'events', measures: [{ op: 'avg' }] });
  t.deepEqual(
    rows.map(({ labels: [label] }) => label?.value),
    ['IT', 'DE', 'FR'],
  );
});
