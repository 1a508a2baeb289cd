/** The steps and windows of a question, by what clocks show: looked at every quarter of an hour, where all of them change. */
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/units.ts';
import type { TimeseriesRequest } from '../../src/query/request.ts';
import { MONTH_MS } from '../../src/query/time.ts';
import { shownAt } from '../query/wall-clock.ts';
import { getOr } from './get-or.ts';

export interface NaiveStep {
  readonly tMs: number;
  readonly endMs: number;
  /** Where the time begins that the point is of: with the step, or with the window that ends where the step does. */
  readonly fromMs: number;
}

const QUARTER_MS = 15 * MINUTE_MS;
/** 1970 began on a Thursday. */
const MONDAY_MS = 4 * DAY_MS;

/** Of the range that was answered, ascending. `stepMs` and `windowMs` are parts of a day, whole days, or a month. */
export function naiveSteps(
  { stepMs = 0, timeZone, windowMs }: TimeseriesRequest,
  fromMs: number,
  toMs: number,
): NaiveStep[] {
  const isOfCalendar = timeZone !== undefined || stepMs === MONTH_MS;
  const zone = timeZone ?? 'UTC';
  const edges: number[] = [fromMs];
  if (isOfCalendar) {
    const lookMs = Math.min(QUARTER_MS, stepMs);
    for (let atMs = after(fromMs, lookMs); atMs < toMs; atMs += lookMs) {
      if (stepNamed(zone, stepMs, atMs) !== stepNamed(zone, stepMs, atMs - 1)) edges.push(atMs);
    }
  } else {
    for (let atMs = fromMs + stepMs; atMs < toMs; atMs += stepMs) edges.push(atMs);
  }
  const beginOf = (endMs: number): number => {
    if (windowMs === undefined) return endMs;
    const isOfDays = isOfCalendar && stepMs >= DAY_MS && windowMs % DAY_MS === 0;
    return isOfDays ? earlier(zone, endMs, windowMs) : endMs - windowMs;
  };
  return edges.map((tMs, i) => {
    const endMs = edges[i + 1] ?? toMs;
    return { tMs, endMs, fromMs: windowMs === undefined ? tMs : beginOf(endMs) };
  });
}

/** Equal within a step and different between neighbours. An hour that the clock shows twice is two steps, if steps are no longer. */
function stepNamed(zone: string, stepMs: number, atMs: number): string {
  const localMs = localOf(zone, atMs);
  if (stepMs === MONTH_MS) return new Date(localMs).toISOString().slice(0, 7);
  const name = `${Math.floor((localMs - MONDAY_MS) / stepMs)}`;
  return stepMs <= HOUR_MS ? `${name} ${localMs - atMs}` : name;
}

/** When the clock first showed so much less than it shows then. */
function earlier(zone: string, endMs: number, byMs: number): number {
  const shownMs = localOf(zone, endMs) - byMs;
  let atMs = Math.floor((endMs - byMs - DAY_MS) / QUARTER_MS) * QUARTER_MS;
  while (localOf(zone, atMs) < shownMs) atMs += QUARTER_MS;
  return atMs;
}

/** No clock that is asked for changes within a quarter of an hour. */
function localOf(zone: string, atMs: number): number {
  const quarterMs = Math.floor(atMs / QUARTER_MS) * QUARTER_MS;
  const offsets = getOr(offsetsOf, zone, () => new Map<number, number>());
  return atMs + getOr(offsets, quarterMs, () => shownAt(zone, quarterMs) - quarterMs);
}

const offsetsOf = new Map<string, Map<number, number>>();

const after = (atMs: number, lookMs: number): number => (Math.floor(atMs / lookMs) + 1) * lookMs;
