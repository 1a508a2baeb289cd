import test from 'ava';
import { dashboardAsRead, questionAsRead } from '../../../src/dashboard/saved/panel-as-read.ts';
import {
  questionOfPanel,
  rangeInWords,
  shownAs,
  titleOf,
} from '../../../src/dashboard/saved/panel-question.ts';

const COUNT = { stream: 'events', measures: [{ op: 'count' }] };

test('a question without measures counts the events of the default stream', (t) => {
  t.deepEqual(questionAsRead({}), COUNT);
  t.deepEqual(questionAsRead({ last: '15m', stream: null, where: null }), {
    ...COUNT,
    last: '15m',
  });
});

test('one stands for a list of one, at every depth', (t) => {
  const where = { or: { and: { field: 'type', in: 'buy' } } };
  t.deepEqual(
    questionAsRead({ measures: { op: 'count', field: null, where }, groupBy: 'type', where }),
    {
      stream: 'events',
      measures: [{ op: 'count', where: { or: [{ and: [{ field: 'type', in: ['buy'] }] }] } }],
      groupBy: ['type'],
      where: { or: [{ and: [{ field: 'type', in: ['buy'] }] }] },
    },
  );
});

test('lengths that are numbers, and moments that are texts, have the form of the page', (t) => {
  const read = questionAsRead({ last: 900_000, step: 1_500, window: '1mo' });
  t.deepEqual(read, { ...COUNT, last: '15m', step: '1500ms', window: '1mo' });
  t.is(rangeInWords(questionAsRead({ last: 900_000 })), 'last 15 min');
  const range = questionAsRead({ from: '2026-11-22 00:00:00z', to: '1795392000000' });
  t.deepEqual(range, { ...COUNT, from: Date.UTC(2026, 10, 22), to: 1_795_392_000_000 });
});

test('what the page has no word for stays as it was given', (t) => {
  const given = {
    orderBy: { measure: 0 },
    fill: 'PREVIOUS',
    timeZone: 'Europe/Berlin',
    source: 'SEGMENTS',
  };
  t.deepEqual(questionAsRead(given), { ...COUNT, ...given });
});

test('whatever a panel asks has a title, a range and every way to be shown', (t) => {
  const odd = [
    {},
    { measures: { op: 'top', field: 'user' }, groupBy: 'type' },
    { from: 0 },
    { localTo: '2026-11-22' },
  ];
  const panels = odd.map((question, i) => ({
    ...{ id: `${i}`, title: '', show: 'CHART' as const },
    question,
  }));
  const dashboard = { ...{ id: 'd', name: '', version: 1, updatedAt: 0, builtIn: false }, panels };
  for (const { question } of dashboardAsRead(dashboard).panels) {
    t.not(titleOf(questionOfPanel(question)), '');
    t.not(rangeInWords(question), '');
    for (const show of ['CHART', 'TABLE', 'NUMBER'] as const) {
      t.deepEqual(shownAs(question, show).stream, 'events');
    }
  }
});
