import test from 'ava';
import { bucketsBetween } from '../../src/aggregate/histogram.ts';
import type { TimeseriesAnswer } from '../../src/query/answer.ts';
import { changesBetween } from '../../src/query/live-changes.ts';

/** One series of one point, whose four values lie in two buckets. */
const answer = (counts: readonly [number, number]): TimeseriesAnswer => ({
  fromMs: 0,
  toMs: 1_000,
  stepMs: 1_000,
  source: 'ROLLUP',
  rollup: 'r',
  resolutionMs: 1_000,
  note: null,
  scanned: null,
  watermarkMs: null,
  complete: false,
  restated: false,
  missingPartitions: [],
  names: ['histogram(ms)'],
  seriesFound: 1,
  series: [
    {
      labels: [],
      points: [
        {
          t: 0,
          end: 1_000,
          values: [{ value: 4, errorBound: 0, buckets: bucketsBetween([10], counts) }],
        },
      ],
    },
  ],
});

test('a point of which an entry differs has changed', (t) => {
  const top = (value: string): TimeseriesAnswer => {
    const entries = [{ value, count: 4, error: 0 }];
    const points = [{ t: 0, end: 1_000, values: [{ value: 4, errorBound: 0, entries }] }];
    return { ...answer([3, 1]), series: [{ labels: [], points }] };
  };
  t.is(changesBetween(top('a'), top('a')).points, 0);
  t.is(changesBetween(top('a'), top('b')).points, 2);
});

test('a point whose buckets differ has changed, though the number of its values has not', (t) => {
  t.is(changesBetween(answer([3, 1]), answer([3, 1])).points, 0);
  const { series, points } = changesBetween(answer([3, 1]), answer([2, 2]));
  t.deepEqual(series, answer([2, 2]).series);
  t.is(points, 3, 'a bucket weighs as much as a point');
});
