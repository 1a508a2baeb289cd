import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readSeries } from '../../src/alarm/series-notation.ts';
import { testAlarms } from '../../src/cli/alarms.ts';
import { heardTerminal } from './heard-terminal.ts';

const DOCUMENT = new URL('../../docs/alarms.md', import.meta.url);
const WEEK_MINUTES = 7 * 24 * 60;

test('series are written as Prometheus writes them', (t) => {
  t.deepEqual(readSeries('1 -2.5 1e3'), [1, -2.5, 1_000]);
  t.deepEqual(readSeries('0+10x2 100-5x2 7x2'), [0, 10, 20, 100, 95, 90, 7, 7, 7]);
  t.deepEqual(readSeries('1 _x3 _ 2'), [1, null, null, null, null, 2]);
  for (const text of ['x', '1x', '1+x2', '1..2', '1x999999', 'stale'])
    t.is(readSeries(text), undefined);
});

test('the example of the documentation passes', (t) => {
  const [, example = ''] = /```yaml\n(.*?)```/s.exec(readFileSync(DOCUMENT, 'utf8')) ?? [];
  const { exitCode, out } = run(t, example);
  t.is(exitCode, 0);
  t.regex(out, /✓ errors fire after two minutes, and resolve\n\n1 test passed/);
});

test('a failure shows what was expected and what was seen', (t) => {
  const { exitCode, err } = run(
    t,
    `rules: [{name: low, window: 1m, every: 1m, below: 5, groupBy: [service]}]
tests:
  - name: dips
    input: [{labels: {service: api}, values: '9 1 9'}]
    expect: [{at: 2m, rule: low, alarms: [{labels: {service: web}, state: pending}]}]
    expectTransitions: [{at: 1m, rule: low, labels: {service: api}, to: firing}]
`,
  );
  t.is(exitCode, 1);
  t.is(
    err.replace(/^.*\n/, ''),
    `  ✗ dips
      alarms of low at 2m
        - expected: {service: web} pending
        + seen:     {service: api} firing warning
      transitions
        - expected: 1m low {service: api} * → firing
        + seen:     2m low {service: api} ok → firing warning abnormal (value 1, held against 5)
        + seen:     3m low {service: api} firing → ok warning normal (value 9, held against 5)

1 of 1 test failed
`,
  );
});

test('an error in the file has its place, and the exit code of a configuration', (t) => {
  const wrong = run(t, 'rules: [{name: a, window: 1m}]\ntests: [{name: x, input: [{values: 1y}]}]');
  t.is(wrong.exitCode, 3);
  t.regex(wrong.err, /rules\.yaml:1:9: rules\[0\]: expected exactly one condition/);
  t.regex(wrong.err, /rules\.yaml:2:28: tests\[0\]\.input\[0\]\.values: expected values such as/);
  t.regex(wrong.err, /1 of 1 files not usable/);
  const unknown = run(t, 'tests: [{name: x, expect: [{at: 1m, rule: nope}]}]');
  t.regex(unknown.err, /tests\[0\]\.expect\[0\]\.rule: expected the name of a rule/);
});

test('rules come from a configuration file beside it', (t) => {
  const files = { 'streamgauge.yaml': 'alarms: {rules: [{name: a, window: 1m, above: 5}]}' };
  const text = `config: streamgauge.yaml
tests: [{name: x, input: [{values: '0 9 0'}], expectTransitions: [{at: 61s, rule: a, to: firing}, {at: 121s, rule: a, to: ok}]}]`;
  t.is(run(t, text, files).exitCode, 0);
  t.is(run(t, text).exitCode, 3);
});

const FACTS: readonly [fact: string, text: string][] = [
  [
    'a ratio divides what is counted, and 0 / 0 has no value',
    `rules: [{name: r, window: 1m, every: 1m, over: {}, above: 0.5}]
tests:
  - name: ratio
    input: [{values: '1 6 0 1', over: '10 10 _ 0'}]
    expectTransitions:
      - {at: 2m, rule: r, from: ok, to: firing}
      - {at: 3m, rule: r, from: firing, to: noData}`,
  ],
  [
    'a quantile is of the values, a sum of the amounts, a filter leaves out what contradicts it',
    `rules:
  - {name: p, window: 2m, every: 1m, measure: "quantile(ms, 0.9)", above: 50}
  - {name: s, window: 2m, every: 1m, measure: sum(ms), filter: [{field: type, in: [a]}], above: 99}
tests:
  - name: both
    input: [{labels: {type: a}, values: '10 60 10 10'}, {labels: {type: b}, values: '50x4'}]
    expect:
      - {at: 2m, rule: p, alarms: [{state: firing}]}
      - {at: 4m, rule: p}
      - {at: 5m, rule: s}`,
  ],
  [
    'of one time the least value is first and the greatest is last',
    `rules:
  - {name: f, window: 2m, every: 1m, measure: first(ms), above: 57}
  - {name: l, window: 2m, every: 1m, measure: last(ms), above: 57}
tests:
  - name: ends
    input: [{labels: {type: a}, values: '10 60 20 90 1'}, {labels: {type: b}, values: '30 55 30 70 1'}]
    expect:
      - {at: 2m, rule: l, alarms: [{state: firing}]}
      - {at: 3m, rule: l}
      - {at: 3m, rule: f}
      - {at: 5m, rule: f, alarms: [{state: firing}]}`,
  ],
  [
    'yesterday is compared from the second day on',
    `rules: [{name: c, window: 1h, every: 1h, change: {versus: yesterday, below: -50}}]
tests:
  - name: dip
    interval: 1h
    input: [{values: '100x23 40 100 0'}]
    expectTransitions:
      - {at: 25h, rule: c, from: ok, to: firing}
      - {at: 26h, rule: c, to: ok}
      - {at: 27h, rule: c, to: firing}`,
  ],
  [
    'an anomaly is judged against the same time of the past weeks',
    `rules: [{name: m, window: 10m, every: 10m, anomaly: {weeks: 2, direction: up}}]
tests:
  - name: spike
    interval: 10m
    input: [{values: '100x${WEEK_MINUTES / 10 + 11} 900 100'}]
    expectTransitions: [{at: ${WEEK_MINUTES + 130}m, rule: m, to: firing}, {at: ${WEEK_MINUTES + 140}m, rule: m, to: ok}]`,
  ],
  [
    'texts with ids are one group',
    `rules: [{name: n, window: 1m, every: 1m, above: 5, groupBy: [message], normalize: [message]}]
tests:
  - name: ids
    input: [{labels: {message: user 1 failed}, values: '3'}, {labels: {message: user 2 failed}, values: '3'}]
    expect: [{at: 1m, rule: n, alarms: [{labels: {message: user ? failed}}]}]`,
  ],
];
for (const [fact, text] of FACTS) {
  test(fact, (t) => {
    const { exitCode, err } = run(t, text);
    t.is(exitCode, 0, err);
  });
}

test('for programs the report is JSON', (t) => {
  const { exitCode, out } = run(
    t,
    'rules: [{name: a, window: 1m, noData: true}]\ntests: [{name: x}]',
    {},
    true,
  );
  t.is(exitCode, 0);
  t.like(JSON.parse(out), [{ problems: [], tests: [{ name: 'x', ok: true, differences: [] }] }]);
});

function run(
  t: ExecutionContext,
  text: string,
  files: Readonly<Record<string, string>> = {},
  json = false,
) {
  const cwd = mkdtempSync(join(tmpdir(), 'streamgauge-alarm-tests-'));
  t.teardown(() => rmSync(cwd, { recursive: true }));
  for (const [name, content] of Object.entries({ ...files, 'rules.yaml': text })) {
    writeFileSync(join(cwd, name), content);
  }
  const { terminal, heard } = heardTerminal();
  const exitCode = testAlarms(['rules.yaml'], { json }, terminal, cwd);
  return { exitCode, ...heard };
}
