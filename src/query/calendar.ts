/**
 * Steps of a calendar: where hours, days, weeks and months begin on the clock of a time zone. A step begins when the clock first reaches
 * it, and ends when the next one does: so days have 23, 24 or 25 hours, and no moment belongs to two steps or to none. What a clock that is
 * set back shows a second time is a step of its own if that is a whole step or more (25 steps of an hour), else it makes its step longer.
 */
import { AppError } from '../model/errors.ts';
import { findTimeZone, type TimeZone } from '../model/time-zone.ts';
import { DAY_MS } from '../model/units.ts';
import { CALENDAR_RANGE_MAX_MS } from './limits.ts';
import { formatDuration, MONTH_MS } from './time.ts';

/** How local time is counted off. */
interface Unit {
  indexOf(localMs: number): number;
  startOf(index: number): number;
}

export class Calendar {
  readonly zone: TimeZone;
  readonly #stepMs: number;
  readonly #unit: Unit;

  /** `stepMs` is a part of a day, or whole days or months. */
  constructor(zone: TimeZone, stepMs: number) {
    this.zone = zone;
    this.#stepMs = stepMs;
    this.#unit = isMonths(stepMs) ? monthsUnit(stepMs / MONTH_MS) : evenUnit(stepMs);
  }

  /** Where steps begin within `(fromMs, toMs)`, ascending. Throws `query_invalid` if that is longer than a calendar is looked up. */
  beginsIn(fromMs: number, toMs: number): number[] {
    checkLength('range', toMs - fromMs);
    const begins: number[] = [];
    const add = (atMs: number): void => {
      if (atMs > fromMs && atMs < toMs && atMs > (begins.at(-1) ?? fromMs)) begins.push(atMs);
    };
    // What the clock has shown already. A change of the clock long before says nothing any more.
    let reachedMs = Number.NEGATIVE_INFINITY;
    for (const period of this.zone.periods(fromMs - 2 * DAY_MS, toMs)) {
      const { offsetMs } = period;
      const localFromMs = period.fromMs + offsetMs;
      if (reachedMs - localFromMs >= this.#stepMs) {
        add(period.fromMs);
        const againToMs = Math.min(reachedMs, toMs + offsetMs);
        this.#visit(Math.max(localFromMs, fromMs + offsetMs), againToMs, (localMs) => {
          if (localMs > localFromMs) add(localMs - offsetMs);
        });
      }
      const firstMs = Math.max(reachedMs, localFromMs, fromMs + offsetMs);
      const endMs = Math.min(period.toMs, toMs) + offsetMs;
      this.#visit(firstMs, endMs, (localMs) => {
        if (localMs >= reachedMs) add(Math.max(period.fromMs, localMs - offsetMs));
      });
      reachedMs = Math.max(reachedMs, period.toMs + offsetMs);
    }
    return begins;
  }

  /** Where the step begins that has this moment. */
  beginOf(atMs: number): number {
    const { indexOf, startOf } = this.#unit;
    const reachedMs = this.zone.reaches(startOf(indexOf(this.zone.localOf(atMs))));
    const sinceMs = Math.max(reachedMs, atMs - this.#repeatedMs);
    return this.beginsIn(sinceMs, atMs + 1).at(-1) ?? reachedMs;
  }

  /** Where the next one begins. */
  endOf(atMs: number): number {
    const [beginMs] = this.beginsIn(atMs, atMs + this.#repeatedMs + 1);
    if (beginMs !== undefined) return beginMs;
    const { indexOf, startOf } = this.#unit;
    let index = indexOf(this.zone.localOf(atMs));
    let reachedMs = atMs;
    // Twice at most: what the clock shows again is shorter than a step, or has steps of its own.
    while (reachedMs <= atMs) reachedMs = this.zone.reaches(startOf(++index));
    return reachedMs;
  }

  /** No step that the clock shows a second time is longer: it never goes back by more than a day. */
  get #repeatedMs(): number {
    return Math.min(this.#stepMs, DAY_MS);
  }

  /** So long before: months by the calendar, and days by the clock where steps are days or months; the rest by what passes. Throws as `beginsIn`. */
  before(atMs: number, lengthMs: number): number {
    checkLength('window or range', lengthMs);
    if (isMonths(lengthMs))
      return this.zone.reaches(monthsBefore(this.zone.localOf(atMs), lengthMs));
    const isOfDays = lengthMs % DAY_MS === 0 && (isMonths(this.#stepMs) || this.#stepMs >= DAY_MS);
    return isOfDays ? this.zone.reaches(this.zone.localOf(atMs) - lengthMs) : atMs - lengthMs;
  }

  #visit(localFromMs: number, localToMs: number, visit: (localMs: number) => void): void {
    const { indexOf, startOf } = this.#unit;
    for (let index = indexOf(localFromMs); ; index++) {
      const localMs = startOf(index);
      if (localMs >= localToMs) return;
      visit(localMs);
    }
  }
}

function checkLength(what: string, ms: number): void {
  if (ms <= CALENDAR_RANGE_MAX_MS) return;
  throw invalid(
    `a ${what} by the calendar may be ${formatDuration(CALENDAR_RANGE_MAX_MS)} long, received ${formatDuration(ms)}: use a shorter one`,
  );
}

/** Undefined: steps are equally long, and begin with the range. Throws `query_invalid` for a zone or a step that no calendar has. */
export function calendarOf(
  timeZone: string | undefined,
  stepMs: number,
  lengthMs = 0,
): Calendar | undefined {
  if (timeZone === undefined && !isMonths(stepMs) && !isMonths(lengthMs)) return undefined;
  const zone = zoneOf(timeZone ?? 'UTC');
  checkLength('step', stepMs);
  checkLength('window', lengthMs);
  if (isMonths(stepMs) || stepMs % DAY_MS === 0 || DAY_MS % stepMs === 0) {
    return new Calendar(zone, stepMs);
  }
  throw invalid(
    `steps by the clock of a time zone are parts of a day, whole days, or months: use "15m", "6h", "1d", "1w" or "1mo", received ${formatDuration(stepMs)}`,
  );
}

/** Throws `query_invalid`. */
export function zoneOf(name: string): TimeZone {
  const zone = findTimeZone(name);
  if (zone !== undefined) return zone;
  throw invalid(
    `"timeZone" must be a name of the IANA data base, such as "Europe/Berlin" or "UTC", received "${name.slice(0, 64)}"`,
  );
}

export const isMonths = (lengthMs: number): boolean => lengthMs > 0 && lengthMs % MONTH_MS === 0;

/** The day and time of so many months earlier, or the last day of that month where it is shorter. */
function monthsBefore(localMs: number, lengthMs: number): number {
  const date = new Date(localMs);
  const month = date.getUTCFullYear() * 12 + date.getUTCMonth() - lengthMs / MONTH_MS;
  const daysInMonth = (monthStart(month + 1) - monthStart(month)) / DAY_MS;
  const day = Math.min(date.getUTCDate(), daysInMonth);
  return monthStart(month) + (day - 1) * DAY_MS + (localMs - startOfDay(localMs));
}

const startOfDay = (localMs: number): number => Math.floor(localMs / DAY_MS) * DAY_MS;

/** The first Monday of 1970: weeks are those of ISO 8601, and longer steps of days begin on some Mondays or days since. */
const MONDAY_MS = 4 * DAY_MS;
const evenUnit = (stepMs: number): Unit => ({
  indexOf: (localMs) => Math.floor((localMs - MONDAY_MS) / stepMs),
  startOf: (index) => MONDAY_MS + index * stepMs,
});

/** Quarters and years begin with January. */
const monthsUnit = (months: number): Unit => ({
  indexOf: (localMs) => {
    const date = new Date(localMs);
    return Math.floor((date.getUTCFullYear() * 12 + date.getUTCMonth()) / months);
  },
  startOf: (index) => monthStart(index * months),
});

/** `month` counts from the year 0. `Date.UTC` takes a year below 100 for one of the 20th century. */
const monthStart = (month: number): number => Date.UTC(Math.floor(month / 12), month % 12, 1);

const invalid = (message: string): AppError => new AppError('query_invalid', message);
