/** Rules and their windows as short texts, for the tables of this folder. */
import type { TickInput } from '../../src/alarm/rule-run.ts';
import { RuleRun } from '../../src/alarm/rule-run.ts';
import type { AlarmCondition, AlarmRule, AlarmTransition } from '../../src/model/alarm.ts';

/** Ticks are a minute apart, so that every kind of condition is allowed. */
export const MINUTE = 60_000;
export const START = Date.UTC(2026, 0, 5);

export const ABOVE_100: AlarmCondition = { kind: 'threshold', above: { fire: 100, clear: 100 } };

export function ruleWith(changes: Partial<AlarmRule> = {}): AlarmRule {
  return {
    name: 'errors',
    tenant: 'acme',
    stream: 'events',
    measure: { op: 'count' },
    filter: [],
    groupBy: [],
    normalize: [],
    windowMs: MINUTE,
    everyMs: MINUTE,
    latenessMs: 0,
    condition: ABOVE_100,
    forMs: 0,
    keepFiringForMs: 0,
    onNoValue: 'noData',
    severity: 'warning',
    escalation: [],
    suppress: [],
    labels: {},
    annotations: {},
    groupsMax: 100,
    forgetAfterMs: 5 * MINUTE,
    ...changes,
  };
}

/** One group's windows, one word a tick: its value, `-` for none without events, `?` for none with events, `0e` = 0 with events. */
export type Words = string;
export interface Series {
  readonly group?: readonly (string | null)[];
  readonly windows: Words;
  readonly references?: string;
}

/** Tick 1 ends at START + a minute. Zero means no events; everything else has some. */
export function ticksOf(rule: AlarmRule, series: readonly Series[], sinceMs = START): TickInput[] {
  const words = series.map(({ windows }) => windows.split(' '));
  const references = series.map(({ references: text }) => text?.split(' '));
  const count = Math.max(...words.map(({ length }) => length));
  return Array.from({ length: count }, (_, i) => ({
    atMs: START + (i + 1) * rule.everyMs,
    sinceMs,
    groupCount: series.length,
    labels: (id) => series[id]?.group ?? [],
    values: words.map((w) => numberOf(w[i])),
    hasEvents: words.map((w) => (['0', '-', undefined].includes(w[i]) ? 0 : 1)),
    references: references.map((r) => numberOf(r?.[i])),
    isOverflowing: false,
  }));
}

export const transitionsOf = (run: RuleRun, ticks: readonly TickInput[]): AlarmTransition[] =>
  ticks.flatMap((tick) => run.tick(tick));

/** `3 ok>firing abnormal warning 101/100`, with the group in front if it has one. */
export function asText({ group, atMs, from, to, reason, ...rest }: AlarmTransition): string {
  const { value, threshold, severity } = rest;
  const name = group.length === 0 ? '' : `${group.map((v) => v ?? '∅').join(',')} `;
  const tick = (atMs - START) / MINUTE;
  const numbers = [value, threshold].map((n) => n ?? '-').join('/');
  return `${name}${tick} ${from}>${to} ${reason} ${severity} ${numbers}`;
}

export function run(changes: Partial<AlarmRule>, ...series: readonly (Words | Series)[]): string[] {
  const rule = ruleWith(changes);
  const all = series.map((s) => (typeof s === 'string' ? { windows: s } : s));
  return transitionsOf(new RuleRun(rule), ticksOf(rule, all)).map(asText);
}

function numberOf(word: string | undefined): number {
  if (word === undefined || word === '-' || word === '?') return Number.NaN;
  return Number.parseFloat(word);
}
