import test from 'ava';
import type { AlarmCondition, AlarmRule } from '../../../src/dashboard/alarms/alarm-answers.ts';
import {
  draftOf,
  filterOf,
  filterText,
  readDraft,
  ruleInWords,
  thresholdsOf,
} from '../../../src/dashboard/alarms/rule-draft.ts';
import { measureOf } from '../../../src/dashboard/alarms/rule-measure.ts';
import { seriesVariables, TRIALS } from '../../../src/dashboard/alarms/rule-question.ts';

const NO_CONDITION: AlarmCondition = {
  ...{ kind: 'threshold', above: null, below: null, versus: null, by: null },
  ...{ deviations: null, weeks: null, direction: null },
};
const rule = (fields: Partial<AlarmRule>): AlarmRule => ({
  ...{ name: 'errors', declaredIn: 'mutation', stream: 'events', measure: 'count' },
  ...{ filter: [], over: null, groupBy: [], normalize: [], windowMs: 300_000, everyMs: 5_000 },
  ...{ latenessMs: 0, condition: { ...NO_CONDITION, above: 2 }, forMs: 0, keepFiringForMs: 0 },
  ...{ onNoValue: 'ok', severity: 'warning', escalation: [], suppress: [], labels: [] },
  ...{ annotations: [], groupsMax: 1_000, forgetAfterMs: 86_400_000, progress: null, states: [] },
  ...fields,
});
const [SIX_HOURS] = TRIALS;

test('a rule is written as the configuration has it, with exactly one condition', (t) => {
  t.like(draftOf(rule({ annotations: [{ name: 'summary', value: 's' }] })), {
    window: '5m',
    lateness: '0s',
    above: 2,
    below: undefined,
    annotations: { summary: 's' },
  });
  const above = { ...NO_CONDITION, above: { fire: 2, clear: 2 } };
  t.like(draftOf(rule({ condition: above })), { above: 2 });
  const change: AlarmCondition = {
    ...NO_CONDITION,
    ...{ kind: 'change', versus: 'yesterday', by: 'percent', below: { fire: -50, clear: -40 } },
  };
  t.like(draftOf(rule({ condition: change })), {
    change: { versus: 'yesterday', by: 'percent', below: { fire: -50, clear: -40 } },
    above: undefined,
  });
  t.like(draftOf(rule({ condition: { ...NO_CONDITION, kind: 'noData' } })), { noData: true });
});

test('a filter is one line, save where its texts have the signs of that line', (t) => {
  const filter = [
    { field: 'type', in: ['error', 'fatal'] },
    { field: 'url', in: ['/a?b=c'] },
  ];
  t.is(filterText(filter), 'type=error,fatal; url=/a?b=c');
  t.deepEqual(filterOf(' type = error , fatal;url=/a?b=c; '), filter);
  t.is(filterText([{ field: 'title', in: ['a, b'] }]), undefined);
});

test('rules are read as words, and have lines to draw where their bounds stand still', (t) => {
  const between = { ...NO_CONDITION, above: { fire: 100, clear: 80 }, below: 5 };
  t.is(
    ruleInWords(rule({ condition: between, groupBy: ['country'] })),
    'count above 100 or below 5 in 5 min by country',
  );
  t.deepEqual(thresholdsOf(draftOf(rule({ condition: between }))), [100, 5]);
  const silent = rule({ condition: { ...NO_CONDITION, kind: 'noData' }, windowMs: 3_600_000 });
  t.is(ruleInWords(silent), 'no event in 1 h');
  t.deepEqual(thresholdsOf(draftOf(silent)), []);
});

test('the bounds of a rule have the unit of its measure, where they are values of it', (t) => {
  const slow = { measure: 'quantile(duration_ms, 0.99)' };
  const above = (bound: number, fields: Partial<AlarmCondition> = {}) => ({
    ...{ ...NO_CONDITION, above: bound, ...fields },
  });
  const words = (fields: Partial<AlarmRule>) => ruleInWords(rule({ ...slow, ...fields }));
  t.is(words({ condition: above(1_500) }), 'quantile(duration_ms, 0.99) above 1.5 s in 5 min');
  const change = { kind: 'change', versus: 'windowBefore' } as const;
  t.regex(words({ condition: above(50, { ...change, by: 'percent' }) }), /above 50 % from/);
  const part = { measure: 'sum(wait_ms)', over: { measure: 'count', filter: [] } };
  t.regex(words({ ...part, condition: above(0.5) }), /above 0\.5 in/);
});

test('JSON that the form could not show is no draft', (t) => {
  const draft = { name: 'a', filter: [{ field: 'type', in: ['x'] }], over: {}, later: 1 };
  t.deepEqual(readDraft(JSON.stringify(draft)), draft);
  for (const text of [
    ...['{', 'null', '[]', '1', '{"filter":1}', '{"filter":[1]}', '{"filter":[{"field":"a"}]}'],
    ...['{"groupBy":"a"}', '{"groupBy":[1]}', '{"over":1}', '{"over":{"filter":{}}}'],
  ]) {
    t.is(readDraft(text), undefined, text);
  }
});

test('the chart asks for the values that the rule judges', (t) => {
  const filter = [{ field: 'type', in: ['error'] }];
  t.deepEqual(measureOf('quantile(duration_ms, 0.99)'), {
    ...{ op: 'quantile', field: 'duration_ms', q: 0.99 },
  });
  t.like(seriesVariables({ window: '5m', filter }, SIX_HOURS, 21_600_001), {
    ...{ stream: 'events', from: 120_000, to: 21_720_000, step: '120000ms', window: '300000ms' },
    measures: [{ op: 'count' }],
    where: { and: [{ field: 'type', in: ['error'] }] },
    fill: 'ZERO',
  });
  t.like(seriesVariables({ window: '5m', measure: 'avg(ms)' }, SIX_HOURS, 0), { fill: 'NULL' });
  t.like(seriesVariables({ window: '10s', over: { measure: 'count' }, filter }, SIX_HOURS, 0), {
    step: '10000ms',
    measures: [
      { expression: 'part / whole' },
      { op: 'count', as: 'part', where: { and: filter } },
      { op: 'count', as: 'whole' },
    ],
  });
  t.is(seriesVariables({ window: 'long' }, SIX_HOURS, 0), undefined);
});
