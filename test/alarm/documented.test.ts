/** docs/alarms.md and the state machine mirror each other: what is not in the table never happens, what is in it does. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { RuleRun } from '../../src/alarm/rule-run.ts';
import { emptyValue } from '../../src/alarm/windows.ts';
import { readRule } from '../../src/config/alarms.ts';
import {
  ALARM_STATES,
  type AlarmTransition,
  NO_VALUE_POLICIES,
  TRANSITION_REASONS,
} from '../../src/model/alarm.ts';
import { Random } from '../simulation/random.ts';
import { MINUTE, ruleWith, ticksOf } from './ticks.ts';

const PAGE = readFileSync(new URL('../../docs/alarms.md', import.meta.url), 'utf8');
const RUNS = 4_000;
const WORDS = ['0', '-', '?', '50', '90', '101', '500'];

/** The cells of the table whose head begins so. */
function tableOf(head: string): string[][] {
  const lines = PAGE.split('\n');
  const from = lines.findIndex((line) => line.startsWith(head));
  const rows = lines.slice(from + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** What is set as code in a cell. */
const codesIn = (cell = ''): string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);

const ANY_BUT_OK = ALARM_STATES.filter((state) => state !== 'ok');

function documented(): string[] {
  return tableOf('| from | what happens').flatMap(([from = '', , to, reasons]) => {
    const froms = from.startsWith('any') ? ANY_BUT_OK : codesIn(from);
    const [state] = codesIn(to);
    return froms.flatMap((each) => codesIn(reasons).map((reason) => `${each}>${state} ${reason}`));
  });
}

/** Rules and windows by chance, until nothing new comes for a long time. */
function seen(): Set<string> {
  const random = new Random(1);
  const found = new Set<string>();
  const note = (transitions: readonly AlarmTransition[]): void => {
    for (const { from, to, reason } of transitions) found.add(`${from}>${to} ${reason}`);
  };
  for (let i = 0; i < RUNS; i++) {
    const rule = ruleWith({
      measure: random.pick([{ op: 'count' }, { op: 'quantile', field: 'ms', q: 0.5 }]),
      condition: random.pick([
        { kind: 'threshold', above: { fire: 100, clear: 80 } },
        { kind: 'noData' },
      ]),
      groupBy: random.chance(0.7) ? ['host'] : [],
      forMs: random.int(0, 3) * MINUTE,
      keepFiringForMs: random.int(0, 3) * MINUTE,
      onNoValue: random.pick(NO_VALUE_POLICIES),
      escalation: random.chance(0.5) ? [{ afterWindows: 2, severity: 'critical' }] : [],
      groupsMax: random.int(1, 3),
      forgetAfterMs: random.int(2, 8) * MINUTE,
    });
    const hosts = rule.groupBy.length > 0 ? ['a', 'b', 'c'] : [null];
    const series = hosts.map((host) => ({
      group: host === null ? [] : [host],
      windows: Array.from({ length: 12 }, () => random.pick(WORDS)).join(' '),
    }));
    const run = new RuleRun(rule);
    for (const tick of ticksOf(rule, series)) note(run.tick(tick));
    note(run.end(random.pick(['ruleChanged', 'ruleRemoved'])));
  }
  return found;
}

test('every transition that the page lists happens, and no other', (t) => {
  t.deepEqual([...seen()].sort(), documented().sort());
});

test('the page has every state and every reason', (t) => {
  const states = tableOf('| state | meaning').flatMap(([state]) => codesIn(state));
  t.deepEqual(states.sort(), [...ALARM_STATES].sort());
  const reasons = tableOf('| from | what happens').flatMap(([, , , reason]) => codesIn(reason));
  t.deepEqual([...new Set(reasons)].sort(), [...TRANSITION_REASONS].sort());
});

test('what a window without events is worth is what the page says', (t) => {
  const rows = tableOf('| measure | value').filter(([measure = '']) => !measure.includes('over'));
  const told = rows.flatMap(([measure, , empty]) =>
    codesIn(measure).map((code) => [code.replace('(f', '(n'), empty]),
  );
  t.true(told.length >= 9);
  for (const [measure = '', empty] of told) {
    const rule = readRule({ name: 'r', measure, window: '5m', above: 1 }, 'acme');
    if (!rule.ok) return t.fail(JSON.stringify(rule.error));
    t.is(emptyValue(rule.value), empty === '0' ? 0 : Number.NaN, measure);
  }
  return undefined;
});
