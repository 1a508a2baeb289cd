/**
 * Is it now one of these times? Wall-clock times of the interval's own zone: the hour that summer time skips never comes,
 * the one that winter time repeats comes twice. Pure.
 */

import type { TimeInterval, TimeRange } from '../../src/model/notification.ts';
import { findTimeZone } from '../../src/model/time-zone.ts';
import { MINUTE_MS } from '../../src/model/units.ts';

interface WallTime {
  readonly minute: number;
  /** 0 = Sunday. */
  readonly weekday: number;
  readonly day: number;
  readonly month: number;
  readonly daysInMonth: number;
}

/** Intervals by name. One that is not known never holds. */
export class TimeIntervals {
  readonly #intervals: ReadonlyMap<string, TimeInterval>;
  /** Of one minute: nothing changes within it. */
  readonly #answers = new Map<string, boolean>();
  #minute = Number.NaN;

  constructor(intervals: readonly TimeInterval[]) {
    this.#intervals = new Map(intervals.map((interval) => [interval.name, interval]));
  }

  /** In at least one of the named. */
  isWithin(names: readonly string[], nowMs: number): boolean {
    return names.some((name) => this.#holds(name, nowMs));
  }

  #holds(name: string, nowMs: number): boolean {
    const minute = Math.floor(nowMs / MINUTE_MS);
    if (minute !== this.#minute) {
      this.#answers.clear();
      this.#minute = minute;
    }
    let answer = this.#answers.get(name);
    if (answer === undefined) {
      const interval = this.#intervals.get(name);
      answer = interval !== undefined && isWithin(interval, nowMs);
      this.#answers.set(name, answer);
    }
    return answer;
  }
}

export function isWithin({ timeZone, ranges }: TimeInterval, atMs: number): boolean {
  const time = wallTime(timeZone, atMs);
  return ranges.some((range) => contains(range, time));
}

function contains({ weekdays, times, daysOfMonth, months }: TimeRange, time: WallTime): boolean {
  const { minute, weekday, day, month, daysInMonth } = time;
  if (weekdays !== undefined && !weekdays.includes(weekday)) return false;
  if (months !== undefined && !months.includes(month)) return false;
  const isDay = (wanted: number) => day === (wanted < 0 ? daysInMonth + 1 + wanted : wanted);
  if (daysOfMonth !== undefined && !daysOfMonth.some(isDay)) return false;
  return (
    times === undefined ||
    times.some(({ fromMinute, toMinute }) => minute >= fromMinute && minute < toMinute)
  );
}

function wallTime(timeZone: string, atMs: number): WallTime {
  const zone = findTimeZone(timeZone);
  if (zone === undefined) throw new RangeError(`there is no time zone "${timeZone}"`);
  const shown = new Date(zone.localOf(atMs));
  const [year, month] = [shown.getUTCFullYear(), shown.getUTCMonth() + 1];
  return {
    minute: shown.getUTCHours() * 60 + shown.getUTCMinutes(),
    weekday: shown.getUTCDay(),
    day: shown.getUTCDate(),
    month,
    daysInMonth: new Date(Date.UTC(year, month, 0)).getUTCDate(),
  };
}
