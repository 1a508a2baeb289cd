import test from 'ava';
import { Looks } from '../../../src/dashboard/chart/colours.ts';
import { picturesOf } from '../../../src/dashboard/chart/explored.ts';
import type { Question } from '../../../src/dashboard/question/question.ts';
import { answerOf, label, point, QUESTION, value } from '../answer-of.ts';

test('measures of one scale stand in one chart, with groups each in its own', (t) => {
  const measures = [
    { op: 'quantile', field: 'ms', q: 0.5 },
    { op: 'count' },
    { op: 'quantile', field: 'ms', q: 0.99 },
    { op: 'top', field: 'path' },
  ];
  const titles = (question: Question) =>
    picturesOf(answerOf({}), question, new Looks()).map(({ title }) => title);
  t.deepEqual(titles({ ...QUESTION, measures }), [
    'quantile(ms, 0.5), quantile(ms, 0.99)',
    'count',
  ]);
  t.deepEqual(titles({ ...QUESTION, measures, groupBy: ['country'] }), [
    'quantile(ms, 0.5)',
    'count',
    'quantile(ms, 0.99)',
  ]);
});

test('series stand at the same times, and what one lacks is a gap', (t) => {
  const series = [
    { labels: label('DE'), points: [point(10, value(4, 1))] },
    { labels: [{ name: 'country', value: null }], points: [point(0, value(2))] },
  ];
  const [picture] = picturesOf(
    answerOf({ series }),
    { ...QUESTION, groupBy: ['country'] },
    new Looks(),
  );
  t.deepEqual(picture?.times, [0, 10]);
  t.like(picture?.lines[0], { name: 'DE', values: [null, 4], errorBounds: [0, 1] });
  t.like(picture?.lines[1], { name: 'without country', values: [2, null] });
  t.deepEqual(picture?.labels.get('DE'), label('DE'));
});

test('an earlier time stands beside its series, in the same colour', (t) => {
  const compared = {
    ...{ from: -20, to: 0, restated: false, missingPartitions: [] },
    series: [{ labels: label('DE'), compared: [{ t: 0, values: [value(7)] }] }],
  };
  const series = [
    { labels: label('FR'), points: [point(0, value(1))] },
    { labels: label('DE'), points: [point(0, value(5))] },
  ];
  const question: Question = { ...QUESTION, groupBy: ['country'], compare: 'DAY_BEFORE' };
  const [picture] = picturesOf(answerOf({ series, compared }), question, new Looks());
  const [french, german, before] = picture?.lines ?? [];
  t.is(french?.name, 'FR');
  t.like(before, { name: 'DE, a day before', values: [7], beside: 'DE' });
  t.is(before?.look, german?.look);
  t.not(french?.look, german?.look);
});
