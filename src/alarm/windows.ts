/** Which windows a rule looks at, from when on it may, and what a window without events is worth. */

import type { AlarmMeasure, AlarmRule } from '../model/alarm.ts';
import { DAY_MS, WEEK_MS } from '../model/units.ts';

/** How far around the same time of the week the samples of an anomaly reach, to each side. */
const SEASON_MS = 30 * 60_000;

/** How much earlier the window lies that a change is measured from; undefined for other conditions. */
export function referenceShiftMs({ condition, windowMs }: AlarmRule): number | undefined {
  if (condition.kind !== 'change') return undefined;
  return { windowBefore: windowMs, yesterday: DAY_MS, lastWeek: WEEK_MS }[condition.versus];
}

/** For how long the rows of a rule that compares with past days are kept; 0 for other rules. */
export function historyMs(rule: AlarmRule): number {
  const { condition } = rule;
  if (condition.kind === 'anomaly') return condition.weeks * WEEK_MS + DAY_MS;
  const isOfDays = condition.kind === 'change' && condition.versus !== 'windowBefore';
  return isOfDays ? (referenceShiftMs(rule) ?? 0) + DAY_MS : 0;
}

/**
 * Ends of the windows that an anomaly's baseline is made of, in a fixed order: those within half an hour of the same
 * time of the week, in each of the past weeks. Only windows that are whole: none begins before `sinceMs`.
 */
export function sampleWindows(rule: AlarmRule, atMs: number, sinceMs: number): number[] {
  const { condition, windowMs } = rule;
  if (condition.kind !== 'anomaly') return [];
  const aside = Math.floor(SEASON_MS / windowMs);
  const ends: number[] = [];
  for (let week = condition.weeks; week >= 1; week--) {
    for (let j = -aside; j <= aside; j++) {
      const endMs = atMs - week * WEEK_MS + j * windowMs;
      if (endMs - windowMs >= sinceMs && endMs <= atMs - windowMs) ends.push(endMs);
    }
  }
  return ends;
}

/**
 * The first tick at which the rule may judge, if its counting began at `sinceMs`. A window that began earlier is not
 * whole. For an upper threshold on what only grows that does not matter: what was seen is enough to cross it.
 */
export function judgesFromMs(rule: AlarmRule, sinceMs: number): number {
  if (judgesPartly(rule)) return sinceMs;
  return sinceMs + rule.windowMs + (referenceShiftMs(rule) ?? 0);
}

/** From this tick on every window that the rule compares with is whole; until then an anomaly without samples is silent. */
export function comparesFromMs(rule: AlarmRule, sinceMs: number): number {
  const { condition, windowMs } = rule;
  return condition.kind === 'anomaly'
    ? sinceMs + condition.weeks * WEEK_MS + SEASON_MS + windowMs
    : judgesFromMs(rule, sinceMs);
}

/** The value of a window without events: nothing was counted, which is known; NaN where it cannot be said. */
export function emptyValue({ measure, over }: AlarmRule): number {
  if (over !== undefined) return Number.NaN;
  return isKnownWhenEmpty(measure) ? 0 : Number.NaN;
}

/** Zero without events. The others (quantile, avg, min, max, first, last) have no value then. */
export function isKnownWhenEmpty({ op }: AlarmMeasure): boolean {
  return op === 'count' || op === 'sum' || op === 'rate' || op === 'distinct';
}

const GROWING: readonly string[] = ['count', 'sum', 'rate', 'distinct', 'max'];

function judgesPartly({ condition, over, measure }: AlarmRule): boolean {
  return (
    condition.kind === 'threshold' &&
    condition.below === undefined &&
    over === undefined &&
    GROWING.includes(measure.op)
  );
}
