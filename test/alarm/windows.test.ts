import test from 'ava';
import fc from 'fast-check';
import { annotationsOf, labelsOf } from '../../src/alarm/annotations.ts';
import { compileRule, evaluationOf, rollupsOf } from '../../src/alarm/compile.ts';
import { baselineOf, deviationsOf } from '../../src/alarm/robust.ts';
import { RuleRun, type TickInput } from '../../src/alarm/rule-run.ts';
import { comparesFromMs, judgesFromMs, sampleWindows } from '../../src/alarm/windows.ts';
import type { AlarmCondition } from '../../src/model/alarm.ts';
import { identityOf } from '../../src/model/rollup.ts';
import { MINUTE, ruleWith, START } from './ticks.ts';

const DAY = 86_400_000;
const WEEK = 7 * DAY;
const ANOMALY: AlarmCondition = { kind: 'anomaly', deviations: 4, weeks: 2, direction: 'both' };

test('median and MAD are those of the paper', (t) => {
  t.deepEqual(baselineOf([1, 1, 2, 2, 4, 6, 9]), { median: 2, mad: 1 });
  t.deepEqual(baselineOf([4, 1, 3, 2]), { median: 2.5, mad: 1 });
  t.is(baselineOf([1, 2, Number.NaN]), undefined);
});

test('up to half of the samples may be arbitrarily wrong', (t) => {
  const good = fc.array(fc.double({ min: 0, max: 10, noNaN: true }), {
    minLength: 4,
    maxLength: 9,
  });
  const property = fc.property(good, fc.double({ min: 1e6, max: 1e12 }), (samples, wild) => {
    const wrong = new Array<number>(Math.ceil(samples.length / 2) - 1).fill(wild);
    const { median = -1, mad = -1 } = baselineOf([...samples, ...wrong]) ?? {};
    t.true(median >= 0 && median <= 10 && mad <= 10);
  });
  fc.assert(property);
});

test('where the samples never vary every other value is infinitely far', (t) => {
  const baseline = { median: 100, mad: 0 };
  t.is(deviationsOf(101, baseline), Number.POSITIVE_INFINITY);
  t.is(deviationsOf(99, baseline), Number.NEGATIVE_INFINITY);
  t.is(deviationsOf(100 + 1e-8, baseline), 0, 'the error of arithmetic is no difference');
  t.is(deviationsOf(2 * 1.4826, { median: 0, mad: 1 }), 2);
});

test('samples are whole windows within half an hour of the same time of the week', (t) => {
  const rule = ruleWith({ condition: ANOMALY, windowMs: 15 * MINUTE });
  const at = START + 3 * WEEK;
  const ago = sampleWindows(rule, at, 0).map((endMs) => (at - endMs) / MINUTE);
  const week = WEEK / MINUTE;
  const around = [30, 15, 0, -15, -30];
  t.deepEqual(ago, [...around.map((m) => 2 * week + m), ...around.map((m) => week + m)]);
  t.is(sampleWindows(rule, at, at - WEEK - 30 * MINUTE).length, 4);
  t.is(sampleWindows(ruleWith({ condition: ANOMALY, windowMs: 60 * MINUTE }), at, 0).length, 2);
});

test('a rule judges when its windows are whole', (t) => {
  const from = (condition: AlarmCondition, changes = {}) =>
    judgesFromMs(ruleWith({ condition, windowMs: 5 * MINUTE, ...changes }), 0);
  const above = { fire: 1, clear: 1 };
  t.is(from({ kind: 'threshold', above }), 0);
  t.is(from({ kind: 'threshold', above }, { measure: { op: 'avg', field: 'x' } }), 5 * MINUTE);
  t.is(from({ kind: 'threshold', above, below: above }), 5 * MINUTE);
  t.is(from({ kind: 'noData' }), 5 * MINUTE);
  t.is(from({ kind: 'change', versus: 'windowBefore', by: 'percent', above }), 10 * MINUTE);
  t.is(from({ kind: 'change', versus: 'lastWeek', by: 'percent', above }), WEEK + 5 * MINUTE);
  t.is(comparesFromMs(ruleWith({ condition: ANOMALY }), 0), 2 * WEEK + 31 * MINUTE);
});

test('an anomaly without enough samples is silent at first, and has no value later', (t) => {
  const rule = ruleWith({ condition: ANOMALY });
  const run = new RuleRun(rule);
  const tick = (atMs: number, samples: readonly number[]): TickInput => ({
    atMs,
    sinceMs: START,
    groupCount: 1,
    labels: () => [],
    values: [500],
    hasEvents: [1],
    samples: () => samples,
    isOverflowing: false,
  });
  const late = comparesFromMs(rule, START);
  t.deepEqual(run.tick(tick(late - 2 * MINUTE, [1, 2])), []);
  t.deepEqual(
    run.tick(tick(late - MINUTE, [1, 2, 3])).map((x) => x.to),
    ['firing'],
  );
  t.deepEqual(
    run.tick(tick(late, [1, 2])).map((x) => `${x.from} ${x.to} ${x.threshold}`),
    ['firing noData null'],
  );
});

test('a rule becomes one frozen rollup of its tenant, a ratio two', (t) => {
  const rule = ruleWith({
    measure: { op: 'rate', field: 'bytes' },
    over: { measure: { op: 'quantile', field: 'ms', q: 0.9 }, filter: [{ field: 'a', in: ['b'] }] },
    groupBy: ['message'],
    normalize: ['message'],
    groupsMax: 50,
  });
  const { value, over } = compileRule(rule);
  t.deepEqual(value, {
    name: 'alarm.acme.errors',
    stream: 'events',
    filter: [],
    dimensions: ['message'],
    measures: [{ op: 'sum', field: 'bytes' }],
    resolutions: [{ stepMs: MINUTE, retentionMs: 2 * MINUTE + 2 * 3_600_000 }],
    latenessMs: 0,
    seriesMax: 500,
    tenant: 'acme',
    frozen: true,
    normalize: ['message'],
  });
  t.like(over, { name: 'alarm.acme.errors.over', measures: [{ op: 'quantile', field: 'ms' }] });
  t.deepEqual(
    rollupsOf([rule, ruleWith()]).map(({ name }) => name),
    ['alarm.acme.errors', 'alarm.acme.errors.over', 'alarm.acme.errors'],
  );
});

test('what is compared with past days is kept so long', (t) => {
  const kept = (condition: AlarmCondition) =>
    compileRule(ruleWith({ condition })).value.resolutions[0]?.retentionMs;
  const above = { fire: 1, clear: 1 };
  t.is(kept({ kind: 'change', versus: 'yesterday', by: 'percent', above }), 2 * DAY);
  t.is(kept({ kind: 'change', versus: 'lastWeek', by: 'percent', above }), 8 * DAY);
  t.is(kept(ANOMALY), 2 * WEEK + DAY);
});

test('another threshold counts on with the same rows, other texts keep the states too', (t) => {
  const rule = ruleWith();
  const stricter = ruleWith({ condition: { kind: 'threshold', above: { fire: 1, clear: 1 } } });
  t.is(identityOf(compileRule(stricter).value), identityOf(compileRule(rule).value));
  t.not(evaluationOf(stricter), evaluationOf(rule));
  const told = ruleWith({ annotations: { summary: 'x' }, suppress: ['nights'] });
  t.is(evaluationOf(told), evaluationOf(rule));
  const { name, ...rest } = rule;
  t.is(evaluationOf({ ...rest, name }), evaluationOf(rule), 'whatever the order of the keys');
});

test('labels say what the alarm is, annotations tell it', (t) => {
  const rule = ruleWith({
    groupBy: ['service', 'region'],
    labels: { team: 'web' },
    annotations: {
      a: '{{value}} > {{ threshold }} in {{labels.service}}',
      b: '{{labels.__proto__}}{{x}}!',
    },
  });
  const labels = labelsOf(rule, { group: ['api', null], severity: 'critical' });
  t.deepEqual(labels, {
    alertname: 'errors',
    severity: 'critical',
    stream: 'events',
    tenant: 'acme',
    team: 'web',
    service: 'api',
    region: '',
  });
  t.deepEqual(annotationsOf(rule, labels, 1 / 3, 0), { a: '0.333333 > 0 in api', b: '!' });
  t.is(annotationsOf(rule, labels, null, null)['a'], 'no value > no value in api');
});

test('a value with dollar signs stays what it is', (t) => {
  const rule = ruleWith({ groupBy: ['s'], annotations: { a: '{{labels.s}}' } });
  const labels = labelsOf(rule, { group: ['$& $1 {{value}}'], severity: 'info' });
  t.deepEqual(annotationsOf(rule, labels, 1, 1), { a: '$& $1 {{value}}' });
});
