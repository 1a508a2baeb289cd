import test from 'ava';
import { Looks } from '../../src/dashboard/colours.ts';
import { csvOf, curlOfQuestion, graphqlOf } from '../../src/dashboard/copies.ts';
import { type Explored, picturesOf } from '../../src/dashboard/explored.ts';
import type { Question } from '../../src/dashboard/question.ts';
import { questionOf } from '../../src/dashboard/question-address.ts';
import { exactnessOf, measureText } from '../../src/dashboard/words.ts';

const QUESTION: Question = questionOf(new URLSearchParams()).question;
const value = (number: number | null, errorBound = 0) => ({ value: number, errorBound });
const point = (t: number, ...values: ReturnType<typeof value>[]) => ({ t, end: t + 10, values });
const label = (name: string) => [{ name: 'country', value: name }];
const answerOf = (fields: Partial<Explored>): Explored => ({
  ...{ from: 0, to: 20, stepMs: 10, rollup: 'r', watermark: 20, restated: false },
  ...{ missingPartitions: [], seriesFound: 1, names: [], source: 'ROLLUP', note: null },
  ...{ series: [], compared: undefined },
  ...fields,
});

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

test('a label keeps its look, and dashes come when all colours are taken', (t) => {
  const looks = new Looks();
  const before = looks.of(['DE', 'FR']);
  const many = looks.of(Array.from({ length: 12 }, (_, i) => `L${i}`).concat('DE'));
  t.is(many.get('DE'), before.get('DE'));
  t.is(new Set(many.values()).size, 13);
  t.deepEqual([...new Looks().of(['FR', 'DE'])].sort(), [...before].sort());
  t.true([...before.values()].every((look) => look < 8));
});

test('the question as GraphQL has its arguments in it', (t) => {
  const text = graphqlOf({
    ...QUESTION,
    measures: [{ op: 'quantile', field: 'ms', q: 0.9 }],
    conditions: [{ field: 'name', eq: `it's "x"` }],
    groupBy: ['country'],
    compare: 'PERIOD_BEFORE',
  });
  for (const line of [
    'stream: "events"',
    'last: "1h"',
    'measures: [{op: quantile, field: "ms", q: 0.9}]',
    'where: {field: "name", eq: "it\'s \\"x\\""}',
    'fill: ZERO',
    'compare: PERIOD_BEFORE',
  ]) {
    t.true(text.includes(`\n    ${line}\n`), `${line} is in ${text}`);
  }
});

test('a command quotes what a shell would take for itself', (t) => {
  const question = { ...QUESTION, conditions: [{ field: 'name', eq: `it's  so` }] };
  const line = curlOfQuestion(question, 'http://localhost:8081', true);
  t.true(line.startsWith("curl 'http://localhost:8081/graphql' -H 'Authorization: Bearer KEY'"));
  t.true(line.includes(`it'\\''s  so`), line);
});

test('a table has a row for each point, quoted where it must be', (t) => {
  const compared = {
    ...{ from: -20, to: 0, restated: false, missingPartitions: [] },
    series: [{ labels: label('D,"E"'), compared: [{ t: 10, values: [value(7)] }] }],
  };
  const series = [
    { labels: label('D,"E"'), points: [point(0, value(5, 1)), point(10, value(null))] },
  ];
  const csv = csvOf(answerOf({ series, compared }), { ...QUESTION, groupBy: ['country'] });
  t.deepEqual(csv.split('\r\n'), [
    'from,to,country,count,count error bound,count before',
    '1970-01-01T00:00:00.000Z,1970-01-01T00:00:00.010Z,"D,""E""",5,1,',
    '1970-01-01T00:00:00.010Z,1970-01-01T00:00:00.020Z,"D,""E""",,0,7',
    '',
  ]);
});

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
