/**
 * One unit test of alarm rules. It runs through the very code that evaluates them in the server; only the windows are
 * computed from the file.
 */
import { dryRun } from '../alarm/dry-run.ts';
import type { GroupStatus } from '../alarm/rule-run.ts';
import { formatDuration } from '../config/scalars.ts';
import type { AlarmRule, AlarmTransition, GroupValues } from '../model/alarm.ts';
import type { AlarmTest, AlarmTestFile, ExpectedTransition } from './alarm-test-file.ts';
import { testTicks } from './alarm-windows.ts';

/** Where expected and seen differ. Lines are words for people, the same for equal things. */
export interface Difference {
  readonly what: string;
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
}
export interface TestReport {
  readonly name: string;
  readonly differences: readonly Difference[];
}
export function runTest({ rules }: AlarmTestFile, test: AlarmTest): TestReport {
  const chosen = rules.filter(({ name }) => test.rules?.includes(name) ?? true);
  const transitions: AlarmTransition[] = [];
  const differences: Difference[] = [];
  for (const rule of chosen) {
    const wanted = test.expect.filter((item) => item.rule === rule.name);
    const found = new Map<number, string[]>();
    const run = dryRun(rule, testTicks(rule, test, endOf(test)), (atMs, groups) => {
      for (const { at } of wanted) {
        const isLast = test.start + at >= atMs && test.start + at < atMs + rule.everyMs;
        if (isLast) found.set(at, activeIn(rule, groups()));
      }
    });
    transitions.push(...run.transitions);
    differences.push(
      ...wanted.flatMap((item) => expectedAlarms(rule, item, found.get(item.at) ?? [])),
    );
  }
  if (test.expectTransitions !== undefined) {
    transitions.sort((a, b) => a.atMs - b.atMs);
    differences.push(...expectedTransitions(test, test.expectTransitions, transitions, chosen));
  }
  return { name: test.name, differences };
}

/** The last value, and every time that is asked for, have been judged. */
function endOf(test: AlarmTest): number {
  const lengths = test.input.map(({ values, over }) => Math.max(values.length, over?.length ?? 0));
  const times = [...test.expect, ...(test.expectTransitions ?? [])].map(({ at }) => at);
  const valuesMs = lengths.reduce((a, b) => Math.max(a, b), 0) * test.interval;
  return test.start + times.reduce((a, b) => Math.max(a, b), valuesMs);
}

function activeIn(rule: AlarmRule, groups: Iterable<GroupStatus>): string[] {
  const lines: string[] = [];
  for (const { group, state, severity } of groups) {
    if (state !== 'ok') lines.push(`${labelsText(groupLabels(rule, group))} ${state} ${severity}`);
  }
  return lines;
}

function expectedAlarms(
  rule: AlarmRule,
  { at, alarms }: AlarmTest['expect'][number],
  seen: readonly string[],
): Difference[] {
  const wanted = alarms.map(({ labels, state, severity }) =>
    [labelsText(labels), state, severity].filter((part) => part !== undefined).join(' '),
  );
  // Without a severity any is right.
  const found = unmet(wanted, seen, (item, of) => of === item || of.startsWith(`${item} `));
  const isSame = found.missing.length + found.unexpected.length === 0;
  return isSame ? [] : [{ what: `alarms of ${rule.name} at ${formatDuration(at)}`, ...found }];
}

function expectedTransitions(
  test: AlarmTest,
  wanted: readonly ExpectedTransition[],
  seen: readonly AlarmTransition[],
  rules: readonly AlarmRule[],
): Difference[] {
  const described = seen.map((transition): Described => {
    const rule = rules.find(({ name }) => name === transition.rule);
    const labels = rule === undefined ? {} : groupLabels(rule, transition.group);
    return { ...transition, at: transition.atMs - test.start, labels };
  });
  const { missing, unexpected } = unmet(wanted, described, isExpected);
  const isSame = missing.length + unexpected.length === 0;
  return isSame
    ? []
    : [
        {
          what: 'transitions',
          missing: missing.map(transitionText),
          unexpected: unexpected.map((of) => {
            const against = of.threshold === null ? '' : `, held against ${of.threshold}`;
            return `${transitionText(of)} (value ${of.value ?? 'none'}${against})`;
          }),
        },
      ];
}

interface Described extends AlarmTransition {
  /** From the start of the test. */
  readonly at: number;
  readonly labels: Readonly<Record<string, string>>;
}

function isExpected(item: ExpectedTransition, of: Described): boolean {
  return (
    item.at === of.at &&
    item.rule === of.rule &&
    item.to === of.to &&
    (item.from ?? of.from) === of.from &&
    (item.severity ?? of.severity) === of.severity &&
    (item.reason ?? of.reason) === of.reason &&
    labelsText(item.labels) === labelsText(of.labels)
  );
}

function transitionText(item: ExpectedTransition | Described): string {
  const states = `${item.from ?? '*'} → ${item.to}`;
  return [
    formatDuration(item.at),
    item.rule,
    labelsText(item.labels),
    states,
    item.severity,
    item.reason,
  ]
    .filter((part) => part !== undefined)
    .join(' ');
}

/** Each that is wanted takes one that was seen. */
function unmet<W, S>(
  wanted: readonly W[],
  seen: readonly S[],
  isMet: (item: W, of: S) => boolean,
): { readonly missing: W[]; readonly unexpected: S[] } {
  const unexpected = [...seen];
  const missing = wanted.filter((item) => {
    const at = unexpected.findIndex((of) => isMet(item, of));
    if (at >= 0) unexpected.splice(at, 1);
    return at < 0;
  });
  return { missing, unexpected };
}

function groupLabels({ groupBy }: AlarmRule, group: GroupValues): Record<string, string> {
  if (group.length === 0) return {};
  return Object.fromEntries(
    groupBy.flatMap((field, i) => {
      const value = group[i];
      return value === null || value === undefined ? [] : [[field, value]];
    }),
  );
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${parts.map(([name, value]) => `${name}: ${value}`).join(', ')}}`;
}
