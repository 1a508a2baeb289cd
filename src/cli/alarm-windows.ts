/**
 * Windows over the values of a test, computed from single events: what partitions and the board do with columns and
 * sketches, done plainly. Quantiles and distinct counts are exact here.
 */

import { normalizeText } from '../aggregate/normalizer.ts';
import type { TickInput } from '../alarm/rule-run.ts';
import { groupKey } from '../alarm/rule-run.ts';
import { isKnownWhenEmpty, referenceShiftMs, sampleWindows } from '../alarm/windows.ts';
import type { AlarmMeasure, AlarmRule, GroupValues } from '../model/alarm.ts';
import type { RollupFilter } from '../model/rollup.ts';
import type { AlarmTest } from './alarm-test-file.ts';

/** One value at one time. Of a count: so many events at once. */
interface Point {
  readonly atMs: number;
  readonly value: number;
}
interface TestGroup {
  readonly labels: GroupValues;
  /** Ascending in time. */
  readonly points: Point[];
  readonly over: Point[];
}

/** The ticks of a rule from the start of the test until `untilMs`. */
export function* testTicks(
  rule: AlarmRule,
  test: AlarmTest,
  untilMs: number,
): Generator<TickInput> {
  const groups = groupsOf(rule, test);
  const { everyMs, windowMs } = rule;
  const shiftMs = referenceShiftMs(rule);
  const firstMs = (Math.floor(test.start / everyMs) + 1) * everyMs;
  for (let atMs = firstMs; atMs <= untilMs; atMs += everyMs) {
    const valuesAt = (endMs: number) => groups.map((group) => windowValue(rule, group, endMs));
    yield {
      atMs,
      sinceMs: test.start,
      groupCount: groups.length,
      labels: (id) => groups[id]?.labels ?? [],
      values: valuesAt(atMs),
      hasEvents: groups.map(({ points, over }) =>
        countIn(rule.measure, within(points, atMs - windowMs, atMs)) +
          countIn(rule.over?.measure ?? rule.measure, within(over, atMs - windowMs, atMs)) >
        0
          ? 1
          : 0,
      ),
      ...(shiftMs !== undefined && { references: valuesAt(atMs - shiftMs) }),
      samples: (id) => {
        const group = groups[id];
        const ends = group === undefined ? [] : sampleWindows(rule, atMs, test.start);
        return ends.map((endMs) => (group ? windowValue(rule, group, endMs) : Number.NaN));
      },
      isOverflowing: false,
    };
  }
}

function groupsOf(rule: AlarmRule, test: AlarmTest): TestGroup[] {
  const groups = new Map<string, TestGroup>();
  if (rule.groupBy.length === 0) groups.set(groupKey([]), { labels: [], points: [], over: [] });
  for (const { labels, values, over } of test.input) {
    const group = rule.groupBy.map((field) => {
      const label = Object.hasOwn(labels, field) ? (labels[field] ?? null) : null;
      return label !== null && rule.normalize.includes(field) ? normalizeText(label) : label;
    });
    const key = groupKey(group);
    const known = groups.get(key) ?? { labels: group, points: [], over: [] };
    groups.set(key, known);
    if (passes(labels, rule.filter)) known.points.push(...pointsOf(values, test));
    if (rule.over && over && passes(labels, rule.over.filter))
      known.over.push(...pointsOf(over, test));
  }
  for (const { points, over } of groups.values()) {
    for (const row of [points, over]) row.sort((a, b) => a.atMs - b.atMs || a.value - b.value);
  }
  return [...groups.values()];
}

/** A label that an input does not mention is taken to fit: its values are what the rule sees. */
function passes(
  labels: Readonly<Record<string, string>>,
  filter: readonly RollupFilter[],
): boolean {
  return filter.every(({ field, in: allowed }) => {
    return !Object.hasOwn(labels, field) || allowed.includes(labels[field] ?? '');
  });
}

function pointsOf(values: readonly (number | null)[], { start, interval }: AlarmTest): Point[] {
  return values.flatMap((value, i) =>
    value === null ? [] : [{ atMs: start + i * interval, value }],
  );
}

function windowValue(rule: AlarmRule, { points, over }: TestGroup, endMs: number): number {
  const { measure, windowMs } = rule;
  const value = valueIn(measure, within(points, endMs - windowMs, endMs), windowMs);
  if (rule.over === undefined) return value;
  const divisor = valueIn(rule.over.measure, within(over, endMs - windowMs, endMs), windowMs);
  return divisor === 0 ? Number.NaN : value / divisor;
}

function valueIn(measure: AlarmMeasure, points: readonly Point[], windowMs: number): number {
  if (points.length === 0) return isKnownWhenEmpty(measure) ? 0 : Number.NaN;
  const values = points.map(({ value }) => value);
  const sum = () => values.reduce((total, value) => total + value, 0);
  switch (measure.op) {
    case 'count':
    case 'sum':
      return sum();
    case 'rate':
      return sum() / (windowMs / 1_000);
    case 'avg':
      return sum() / values.length;
    case 'min':
      return values.reduce((a, b) => Math.min(a, b));
    case 'max':
      return values.reduce((a, b) => Math.max(a, b));
    case 'first':
      return values[0] ?? Number.NaN;
    case 'last':
      return values.at(-1) ?? Number.NaN;
    case 'distinct':
      return new Set(values).size;
    case 'quantile': {
      // The nearest rank.
      const sorted = Float64Array.from(values).sort();
      const q = 'q' in measure ? measure.q : 0.5;
      return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
    }
  }
}

/** A count of zero is no event; a sum of zero is one. */
function countIn(measure: AlarmMeasure, points: readonly Point[]): number {
  const isCount = measure.op === 'count' || (measure.op === 'rate' && measure.field === undefined);
  return isCount ? points.reduce((total, { value }) => total + value, 0) : points.length;
}

/** Those of [from, to). */
function within(points: readonly Point[], fromMs: number, toMs: number): readonly Point[] {
  return points.slice(firstFrom(points, fromMs), firstFrom(points, toMs));
}

function firstFrom(points: readonly Point[], ms: number): number {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points[middle]?.atMs ?? ms) < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}
