/**
 * The clock of a time zone, as stretches of time in which it is as far from UTC. Intl knows them, but tells only what a clock shows at one
 * moment, in 1.6 µs: so a year is looked at every few days, a change of the clock is found by halving, and the year is kept.
 *
 * A local time is written as the epoch milliseconds at which a clock of UTC shows the same.
 */
import { DAY_MS } from './units.ts';

/** `[fromMs, toMs)`, in which local time is UTC plus `offsetMs`. */
export interface ClockPeriod {
  readonly fromMs: number;
  readonly toMs: number;
  readonly offsetMs: number;
}

/** From 1970 to 2037 no zone has changed its clock twice within 7 days (the closest were in Brazil, in 2000). */
const LOOK_EVERY_MS = 4 * DAY_MS;
/** Clocks of different zones are never further apart from each other: from -12 to +14 hours. */
const OFFSET_MAX_MS = 26 * 3_600_000;
/** Years of a zone's clock that are kept, about 300 bytes each; past it they are looked up anew. */
const YEARS_KEPT_MAX = 400;
/** Zones that are kept: about as many as there are. Names in other cases are kept apart. */
const ZONES_KEPT_MAX = 512;
const OFFSET = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/;

export class TimeZone {
  /** As it was asked for: Intl tells older ones of the same zone. */
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;
  readonly #years = new Map<number, readonly ClockPeriod[]>();

  /** Throws `RangeError` if Intl does not know the name. */
  constructor(name: string) {
    this.#format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
    this.name = name;
  }

  /** Those that have a part of `[fromMs, toMs)`, ascending and without gaps; the first and last are cut at years at most. */
  periods(fromMs: number, toMs: number): ClockPeriod[] {
    const all: ClockPeriod[] = [];
    const lastYear = new Date(toMs - 1).getUTCFullYear();
    for (let year = new Date(fromMs).getUTCFullYear(); year <= lastYear; year++) {
      for (const period of this.#yearOf(year)) {
        const before = all.at(-1);
        if (before?.offsetMs !== period.offsetMs) all.push(period);
        else all[all.length - 1] = { ...before, toMs: period.toMs };
      }
    }
    return all.filter((period) => period.toMs > fromMs && period.fromMs < toMs);
  }

  localOf(atMs: number): number {
    return atMs + (this.periods(atMs, atMs + 1)[0] as ClockPeriod).offsetMs;
  }

  /** When the clock first shows this time or a later one: a time that is skipped is reached at the skip, one that comes twice at its first. */
  reaches(localMs: number): number {
    const periods = this.periods(localMs - OFFSET_MAX_MS, localMs + OFFSET_MAX_MS);
    const { fromMs, offsetMs } = periods.find(
      (period) => period.toMs + period.offsetMs > localMs,
    ) as ClockPeriod;
    return Math.max(fromMs, localMs - offsetMs);
  }

  #yearOf(year: number): readonly ClockPeriod[] {
    const known = this.#years.get(year);
    if (known !== undefined) return known;
    if (this.#years.size >= YEARS_KEPT_MAX) this.#years.clear();
    const periods = this.#look(Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1));
    this.#years.set(year, periods);
    return periods;
  }

  #look(fromMs: number, toMs: number): ClockPeriod[] {
    const periods: ClockPeriod[] = [];
    let begin = { fromMs, offsetMs: this.#offsetAt(fromMs) };
    for (let seenMs = fromMs; seenMs < toMs; ) {
      const nextMs = Math.min(toMs, seenMs + LOOK_EVERY_MS);
      const offsetMs = this.#offsetAt(nextMs);
      if (offsetMs !== begin.offsetMs) {
        const changeMs = this.#changeBetween(seenMs, nextMs, begin.offsetMs);
        if (changeMs === toMs) break;
        periods.push({ ...begin, toMs: changeMs });
        begin = { fromMs: changeMs, offsetMs };
      }
      seenMs = nextMs;
    }
    return [...periods, { ...begin, toMs }];
  }

  /** The first millisecond that is not `offsetMs` from UTC any more; `toMs` is not. */
  #changeBetween(fromMs: number, toMs: number, offsetMs: number): number {
    let [same, other] = [fromMs, toMs];
    while (other - same > 1) {
      const middle = Math.floor((same + other) / 2);
      if (this.#offsetAt(middle) === offsetMs) same = middle;
      else other = middle;
    }
    return other;
  }

  #offsetAt(atMs: number): number {
    const [, sign, hours, minutes, seconds = '0'] = OFFSET.exec(this.#format.format(atMs)) ?? [];
    if (sign === undefined) return 0;
    const ms = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000;
    return sign === '-' ? -ms : ms;
  }
}

const zones = new Map<string, TimeZone>();

/** By its name in the IANA data base, such as "Europe/Berlin", in any case; undefined if there is none. */
export function findTimeZone(name: string): TimeZone | undefined {
  const known = zones.get(name);
  if (known !== undefined) return known;
  try {
    const zone = new TimeZone(name);
    if (zones.size >= ZONES_KEPT_MAX) zones.clear();
    zones.set(name, zone);
    return zone;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
