import test from 'ava';
import type { Question } from '../../../src/dashboard/question/question.ts';
import { questionOf } from '../../../src/dashboard/question/question-address.ts';
import {
  canShow,
  endsNow,
  panelQuestionOf,
  questionOfPanel,
  rangeInWords,
  shownAs,
  titleOf,
} from '../../../src/dashboard/saved/panel-question.ts';

const asked = (text: string): Question => questionOf(new URLSearchParams(text)).question;
const TOP = '{"op":"top","field":"path"}';
const DISTINCT = '{"op":"distinct","field":"user"}';

test('a chart asks for the steps of its range, beside an earlier time if one was asked for', (t) => {
  const question = asked('groupBy=["type"]&last=6h&step=1m&compare=DAY_BEFORE');
  t.deepEqual(panelQuestionOf(question, 'CHART'), {
    ...{ stream: 'events', last: '6h', step: '1m', measures: [{ op: 'count' }] },
    ...{ groupBy: ['type'], limit: 12, fill: 'ZERO', compare: 'DAY_BEFORE' },
  });
});

test('a number of what adds up asks for steps, all else for a window as long as the range', (t) => {
  const count = panelQuestionOf(asked('last=1h&groupBy=["type"]&compare=PERIOD_BEFORE'), 'NUMBER');
  t.like(count, { last: '1h', groupBy: [], compare: 'PERIOD_BEFORE' });
  t.is(count.window, undefined);
  const users = panelQuestionOf(asked(`last=1h&measures=[${DISTINCT}]`), 'NUMBER');
  t.like(users, { last: '15s', step: '15s', window: '1h' });
  const byMinutes = panelQuestionOf(asked(`last=1h&measures=[${DISTINCT}]`), 'NUMBER', 60_000);
  t.like(byMinutes, { last: '60000ms', step: '60000ms', window: '1h' });
  t.like(panelQuestionOf(asked('last=15m'), 'TABLE', 3_600_000), { step: '5s', window: '15m' });
  t.like(panelQuestionOf(asked('last=1mo'), 'TABLE'), { step: '1d', window: '1mo' });
});

test('the period before a window is the day before it, or the week, or nothing', (t) => {
  const compareOf = (last: string) =>
    panelQuestionOf(asked(`last=${last}&measures=[${DISTINCT}]&compare=PERIOD_BEFORE`), 'NUMBER')
      .compare;
  t.deepEqual(['1d', '7d', '1h'].map(compareOf), ['DAY_BEFORE', 'WEEK_BEFORE', undefined]);
});

test('a table has the heaviest values, or by its groups what else is measured', (t) => {
  const measures = `measures=[{"op":"count"},${TOP}]`;
  const heaviest = panelQuestionOf(asked(measures), 'TABLE');
  t.deepEqual(heaviest.measures, [{ op: 'top', field: 'path' }]);
  const grouped = panelQuestionOf(asked(`${measures}&groupBy=["type"]`), 'TABLE');
  t.like(grouped, { measures: [{ op: 'count' }], groupBy: ['type'], window: '1h' });
});

test('heaviest values alone are a table and nothing else', (t) => {
  const question = asked(`measures=[${TOP}]`);
  const shows = (['CHART', 'TABLE', 'NUMBER'] as const).filter((show) => canShow(question, show));
  t.deepEqual(shows, ['TABLE']);
});

test('a range that is over is one step of a number, and keeps its ends', (t) => {
  const question = asked(`from=1000&to=61000&measures=[${DISTINCT}]`);
  const kept = panelQuestionOf(question, 'NUMBER');
  t.like(kept, { from: 1_000, to: 61_000, step: '60000ms' });
  t.deepEqual(questionOfPanel(kept), question);
  t.is(rangeInWords(kept), 'a range that is over');
});

test('what a panel keeps leads back to the question of Explore, however it is shown', (t) => {
  const where = '{"and":[{"field":"type","eq":"buy"},{"field":"country","prefix":"D"}]}';
  const question = asked(
    `stream=shop&last=7d&groupBy=["type"]&where=${where}&measures=[${DISTINCT},{"expression":"2 * a"}]`,
  );
  for (const show of ['CHART', 'TABLE'] as const) {
    t.deepEqual(questionOfPanel(panelQuestionOf(question, show)), question);
  }
  t.is(rangeInWords(panelQuestionOf(question, 'TABLE')), 'last 7 d');
});

test('a panel that is shown otherwise keeps what Explore has no word for', (t) => {
  const kept = {
    stream: 'events',
    last: '1h',
    measures: [{ op: 'count' }],
    orderBy: { measure: 0 },
  };
  t.like(shownAs(kept, 'TABLE'), { orderBy: { measure: 0 }, window: '1h', last: '15s' });
  t.like(shownAs(shownAs(kept, 'TABLE'), 'CHART'), { last: '1h', window: undefined });
});

test('a range that Explore has no word for is told as it is, kept, and opened as it was answered', (t) => {
  const count = { stream: 'events', measures: [{ op: 'count' }] };
  const local = {
    ...count,
    localFrom: '2026-11-22',
    localTo: '2026-11-23',
    timeZone: 'Europe/Berlin',
  };
  t.is(rangeInWords(local), '2026-11-22 – 2026-11-23 (Europe/Berlin)');
  t.is(rangeInWords({ ...count, localFrom: '2026-11-22' }), 'since 2026-11-22 (UTC)');
  t.is(rangeInWords({ ...count, localTo: '2026-11-22' }), '1 h up to 2026-11-22 (UTC)');
  t.regex(
    rangeInWords({ ...count, from: Date.UTC(2020, 5, 5, 12) }),
    /^since 2020-06-0\d \d\d:\d\d:00$/,
  );
  t.deepEqual(shownAs(local, 'TABLE'), local);
  t.deepEqual(questionOfPanel(local, { from: 5, to: 9 }).range, { from: 5, to: 9 });
  t.true(endsNow({ ...count, from: 0 }));
  t.false(endsNow(local));
});

test('a title says what is measured, by what and of which events, and has an end', (t) => {
  const question = asked('groupBy=["country"]&where={"field":"type","eq":"buy"}');
  t.is(titleOf(question), 'count by country, of type = buy');
  t.is(titleOf({ ...question, groupBy: ['x'.repeat(300)] }).length, 120);
});
