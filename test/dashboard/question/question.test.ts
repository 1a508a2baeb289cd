import test from 'ava';
import {
  eventsPath,
  lineVariablesOf,
  type Question,
  variablesOf,
  zoomedOut,
} from '../../../src/dashboard/question/question.ts';
import { addressOf, questionOf } from '../../../src/dashboard/question/question-address.ts';

const read = (text: string) => questionOf(new URLSearchParams(text));
const parametersOf = (question: Question): string =>
  new URLSearchParams(
    Object.entries(addressOf(question)).filter((pair): pair is [string, string] => {
      return pair[1] !== undefined;
    }),
  ).toString();

test('an address that says nothing asks for the count of the last hour, and needs no parameters', (t) => {
  const { question, problems } = read('');
  t.deepEqual(problems, []);
  t.like(question, { stream: 'events', measures: [{ op: 'count' }], range: { last: '1h' } });
  t.is(parametersOf(question), '');
});

test('a question comes back from its address as it was', (t) => {
  const question: Question = {
    stream: 'shop',
    measures: [{ op: 'quantile', field: 'duration_ms', q: 0.99 }, { expression: '2 * a' }],
    conditions: [
      { field: 'type', eq: 'buy & sell' },
      {
        or: [
          { field: 'status', gte: 500 },
          { field: 'ok', exists: false },
        ],
      },
    ],
    groupBy: ['country', 'a,b'],
    range: { from: 1_000, to: 61_000 },
    step: '10s',
    compare: 'WEEK_BEFORE',
    timeZone: 'Asia/Tokyo',
  };
  t.deepEqual(read(parametersOf(question)), { question, problems: [] });
});

test('measures whose parts are of other types are none', (t) => {
  for (const measure of [
    'null',
    '{}',
    '{"op":1}',
    '{"op":"sum","field":{}}',
    '{"op":"count","where":null}',
  ]) {
    t.is(read(`measures=[${measure}]`).problems.length, 1, measure);
  }
  t.deepEqual(
    read('measures=[{"op":"count","where":{"field":"a","eq":"b"},"buckets":[1]}]').problems,
    [],
  );
});

test('what cannot be read is named with what was expected and received', (t) => {
  const { problems } = read(
    'measures=count&where=7&groupBy=type&from=9&to=5&last=soon&step=x&compare=A&zone=Mars',
  );
  t.deepEqual(problems, [
    '"to": expected epoch milliseconds after "from", received "5"',
    '"last": expected a length of time such as 15m, received "soon"',
    '"where": expected a condition such as {"field":"type","eq":"buy"}, received "7"',
    '"measures": expected 1 to 16 such as [{"op":"count"}], received "count"',
    '"groupBy": expected a list of at most 8 fields such as ["type"], received "type"',
    '"step": expected a length of time such as 1m, received "x"',
    '"compare": expected PERIOD_BEFORE, DAY_BEFORE, WEEK_BEFORE, received "A"',
    '"zone": expected a time zone such as Europe/Berlin, received "Mars"',
  ]);
});

test('half a range is none', (t) => {
  t.deepEqual(read('from=5').problems, ['"from" and "to": expected both, or neither']);
  t.deepEqual(read('to=5').problems, ['"from" and "to": expected both, or neither']);
});

test('measures have letters for names where an expression may call them', (t) => {
  const asked = (measures: Question['measures']) =>
    variablesOf({ ...read('').question, measures }).measures;
  t.deepEqual(asked([{ op: 'count' }, { op: 'rate' }]), [{ op: 'count' }, { op: 'rate' }]);
  t.deepEqual(asked([{ op: 'count' }, { op: 'rate', as: 'speed' }, { expression: 'a / speed' }]), [
    { as: 'a', op: 'count' },
    { as: 'speed', op: 'rate' },
    { as: 'c', expression: 'a / speed' },
  ]);
});

test('heaviest values are no lines, and without lines events are counted', (t) => {
  const { question } = read('compare=DAY_BEFORE');
  const top = { op: 'top', field: 'path' };
  const lines = (measures: Question['measures']) =>
    lineVariablesOf({ ...question, measures }).measures;
  t.deepEqual(lines([top, { op: 'rate' }]), [{ op: 'rate' }]);
  t.deepEqual(lines([top]), [{ op: 'count' }]);
  t.false('compare' in lineVariablesOf(question));
});

test('the events behind a step are found by its time, the conditions, and the labels of its series', (t) => {
  const step = { from: 10, to: 20 };
  const path = eventsPath({ stream: 'shop', conditions: [{ field: 'type', ne: 'x' }] }, step, [
    { name: 'country', value: 'DE' },
    { name: 'city', value: null },
  ]);
  const url = new URL(path ?? '', 'http://localhost');
  t.is(url.pathname, '/events');
  const { where, ...rest } = Object.fromEntries(url.searchParams);
  t.deepEqual(rest, { stream: 'shop', from: '10', to: '20' });
  t.deepEqual(JSON.parse(where ?? ''), {
    and: [
      { field: 'type', ne: 'x' },
      { field: 'country', eq: 'DE' },
      { field: 'city', exists: false },
    ],
  });
  t.is(eventsPath({ stream: 'e', conditions: [] }, step, []), '/events?stream=e&from=10&to=20');
});

test('sessions, and what a rollup put together, have no events to list', (t) => {
  const step = { from: 10, to: 20 };
  t.is(eventsPath({ stream: 'sessions:app', conditions: [] }, step, []), undefined);
  const rest = [{ name: 'user', value: '__overflow__' }];
  t.is(eventsPath({ stream: 'events', conditions: [] }, step, rest), undefined);
});

test('zooming out shows twice as long a time around the same middle, and none of the future', (t) => {
  t.deepEqual(zoomedOut({ from: 1_000, to: 2_000 }, 9_000), { from: 500, to: 2_500 });
  t.deepEqual(zoomedOut({ from: 1_000, to: 2_000 }, 2_100), { from: 100, to: 2_100 });
  t.deepEqual(zoomedOut({ from: 1_000, to: 2_000 }, 1_500), { from: 0, to: 2_000 });
});
