import test from 'ava';
import { csvOf, curlOfQuestion, graphqlOf } from '../../../src/dashboard/explore/copies.ts';
import { answerOf, label, point, QUESTION, value } from '../answer-of.ts';

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
