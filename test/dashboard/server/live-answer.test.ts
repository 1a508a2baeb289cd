import test from 'ava';
import type { Point, TimeseriesUpdate } from '../../../src/dashboard/server/answers.ts';
import { applyUpdate, ranking, recentMean } from '../../../src/dashboard/server/live-answer.ts';

const point = (t: number, value: number | null): Point => ({
  t,
  end: t + 10,
  values: [{ value, errorBound: 0 }],
});
const labelled = (value: string) => [{ name: 'type', value }];
const update = (fields: Partial<TimeseriesUpdate>): TimeseriesUpdate => ({
  ...{ snapshot: false, gap: false, from: 0, to: 100, stepMs: 10, rollup: 'by_type' },
  ...{ watermark: 100, restated: false, missingPartitions: [], seriesFound: 1, names: ['count'] },
  ...{ series: [], removedSeries: [] },
  ...fields,
});
const SNAPSHOT = update({
  snapshot: true,
  series: [
    { labels: labelled('view'), points: [point(0, 1), point(10, 2)] },
    { labels: labelled('buy'), points: [point(10, 5)] },
  ],
});

test('changes take the place of points of the same time, in the order of time', (t) => {
  const before = applyUpdate(undefined, SNAPSHOT);
  const changes = [{ labels: labelled('view'), points: [point(20, 4), point(10, 3)] }];
  const after = applyUpdate(before, update({ series: changes, watermark: 110 }));
  t.deepEqual(after?.series[0]?.points, [point(0, 1), point(10, 3), point(20, 4)]);
  t.is(after?.watermark, 110);
});

test('points that the range has left behind go, and so do series that are none any more', (t) => {
  const before = applyUpdate(undefined, SNAPSHOT);
  const after = applyUpdate(
    before,
    update({ from: 10, to: 110, removedSeries: [{ labels: labelled('buy') }] }),
  );
  t.deepEqual(after?.series, [{ labels: labelled('view'), points: [point(10, 2)] }]);
});

test('a gap changes nothing, a snapshot everything, and before the first nothing is known', (t) => {
  const before = applyUpdate(undefined, SNAPSHOT);
  t.is(applyUpdate(before, update({ gap: true })), before);
  t.deepEqual(applyUpdate(before, update({ snapshot: true }))?.series, []);
  t.is(applyUpdate(undefined, update({})), undefined);
});

test('what comes now is the mean of steps that are complete', (t) => {
  const series = [
    { labels: [], points: [point(0, 9), point(10, 4), point(20, null), point(30, 99)] },
  ];
  const answer = applyUpdate(undefined, update({ snapshot: true, series, watermark: 30 }));
  t.is(recentMean(answer, 2), 2);
  t.is(
    recentMean(applyUpdate(undefined, update({ snapshot: true, series, watermark: null })), 2),
    undefined,
  );
});

test('series are ranked by their newest point', (t) => {
  const answer = applyUpdate(undefined, SNAPSHOT);
  t.deepEqual(answer && ranking(answer), [
    { label: 'buy', value: 5 },
    { label: 'view', value: 2 },
  ]);
});
