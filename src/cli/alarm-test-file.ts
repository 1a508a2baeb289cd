/** The file of `streamgauge alarms test`: rules, and what should become of them. Its errors have their place, as those of settings have. */
import type { z } from 'zod';
import { readSeries, SERIES_LENGTH_MAX } from '../alarm/series-notation.ts';
import { rule } from '../config/alarm-rule.ts';
import { texts } from '../config/alarm-scalars.ts';
import { problemAt, problemsOf } from '../config/problems.ts';
import { duration, name, oneOf, scalar, text } from '../config/scalars.ts';
import { group, list } from '../config/shapes.ts';
import { fileSource, writtenIn } from '../config/sources.ts';
import { type ConfigProblem, loadConfig } from '../config.ts';
import { ALARM_STATES, type AlarmRule, SEVERITIES, TRANSITION_REASONS } from '../model/alarm.ts';
import { err, ok, type Result } from '../model/result.ts';
import { durationMs } from '../model/units.ts';

const YEAR_MS = 365 * 86_400_000;
/** A Monday. */
const START = Date.UTC(2026, 0, 5);

const series = scalar(
  `values such as "0+10x5 _x3 100 0x10", at most ${SERIES_LENGTH_MAX} of them`,
  (raw) =>
    typeof raw === 'string' || typeof raw === 'number' ? readSeries(String(raw)) : undefined,
);
const labels = texts('labels', () => true, 1_024).default({});
const instant = scalar('a date and time such as "2026-01-05T00:00:00Z"', (raw) => {
  const ms = typeof raw === 'string' && raw.endsWith('Z') ? Date.parse(raw) : Number.NaN;
  return ms >= 0 ? ms : undefined;
});

const transition = group({
  at: duration(0, YEAR_MS),
  rule: name('a rule'),
  labels,
  from: oneOf(ALARM_STATES).optional(),
  to: oneOf(ALARM_STATES),
  severity: oneOf(SEVERITIES).optional(),
  reason: oneOf(TRANSITION_REASONS).optional(),
});
const expectation = group({
  at: duration(0, YEAR_MS),
  rule: name('a rule'),
  /** All that are not ok at that time. */
  alarms: list(
    group({
      labels,
      state: oneOf(ALARM_STATES).default('firing'),
      severity: oneOf(SEVERITIES).optional(),
    }),
    10_000,
  ).default([]),
});
const alarmTest = group({
  name: text('a name', 256),
  /** Only these; without it all. */
  rules: list(name('a rule'), 1_000).optional(),
  /** From one value to the next. */
  interval: duration(1_000, 86_400_000).default(durationMs(60_000)),
  /** The rules begin to count here. */
  start: instant.default(START),
  input: list(
    group({
      labels,
      /** Of a count or rate: how many events; of a sum: their sum; of another measure: one event's value. */
      values: series,
      /** The same of the denominator. */
      over: series.optional(),
    }),
    1_000,
  ).default([]),
  expect: list(expectation, 10_000).default([]),
  /** All of them, in their order. */
  expectTransitions: list(transition, 10_000).optional(),
});
const schema = group({
  config: text('the path of a configuration file').optional(),
  rules: list(rule, 1_000).default([]),
  tests: list(alarmTest, 1_000).min(1, { error: 'expected at least one test' }),
});

export type AlarmTest = z.output<typeof alarmTest>;
export type ExpectedTransition = z.output<typeof transition>;
export interface AlarmTestFile {
  readonly rules: readonly AlarmRule[];
  readonly tests: readonly AlarmTest[];
}

export function readAlarmTests(path: string, cwd: string): Result<AlarmTestFile, ConfigProblem[]> {
  const source = fileSource(path, cwd);
  if (!source.ok) return source;
  const written = writtenIn([source.value]);
  const parsed = schema.safeParse(source.value.values);
  if (!parsed.success) return err(problemsOf(parsed.error.issues, schema, written));
  const { config, tests, rules: inline } = parsed.data;
  const configured = config === undefined ? ok([]) : rulesOf(config, source.value.folder);
  if (!configured.ok) return configured;
  const rules = [...configured.value, ...inline];
  const names = rules.map((known) => known.name);
  const problems = tests.flatMap((test, i) => {
    const places = [
      ...(test.rules ?? []).map((called, j) => ({ called, path: ['rules', j] })),
      ...test.expect.map((item, j) => ({ called: item.rule, path: ['expect', j, 'rule'] })),
      ...(test.expectTransitions ?? []).map((item, j) => ({
        called: item.rule,
        path: ['expectTransitions', j, 'rule'],
      })),
    ];
    const message = `expected the name of a rule (there are ${names.join(', ')})`;
    return places
      .filter(({ called }) => !names.includes(called))
      .map(({ path: at }) => problemAt(['tests', i, ...at], message, written));
  });
  return problems.length > 0 ? err(problems) : ok({ rules, tests });
}

/** The environment is left out: a test must mean the same everywhere. */
function rulesOf(file: string, cwd: string): Result<readonly AlarmRule[], ConfigProblem[]> {
  const loaded = loadConfig({ file, cwd, env: {} });
  return loaded.ok ? ok(loaded.value.config.alarms.rules) : loaded;
}
