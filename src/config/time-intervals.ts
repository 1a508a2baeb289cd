/** Hours, weekdays, days and months as people write them: `monday-friday`, `20:00-24:00`, `-1`. */
import type { TimeInterval, TimeRange } from '../model/notification.ts';
import { findTimeZone } from '../model/time-zone.ts';
import { name, scalar } from './scalars.ts';
import { group, list } from './shapes.ts';

const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];
const DAY_MINUTES = 24 * 60;

/** The days or months from one to the other; over the end of the week or the year if it is written so. */
const weekday = scalar('a day or days, such as "saturday" or "monday-friday"', (raw) =>
  span(raw, (text) => positionIn(WEEKDAYS, text), 0, 6),
);
const month = scalar('a month or months, such as "december", "june-august" or "6-8"', (raw) =>
  span(raw, monthOf, 1, 12),
);
const dayOfMonth = scalar(
  'a day or days of the month, 1 to 31, or from its end, such as "1-7", "15" or "-1"',
  (raw) => {
    const [, from, to] = /^(-?\d{1,2})(?:-(-?\d{1,2}))?$/.exec(String(raw)) ?? [];
    const [first, last] = [Number(from), Number(to ?? from)];
    const isDay = (day: number) => day !== 0 && Math.abs(day) <= 31;
    // From the beginning to the end of the month would depend on its length.
    const isSpan = isDay(first) && isDay(last) && first < 0 === last < 0 && first <= last;
    return isSpan ? Array.from({ length: last - first + 1 }, (_, i) => first + i) : undefined;
  },
);
const time = scalar(
  'hours from and to, such as "20:00-24:00"; over midnight two of them, "20:00-24:00" and "00:00-07:00"',
  (raw) => {
    const [, from = '', to = ''] = /^(\d\d:\d\d)-(\d\d:\d\d)$/.exec(String(raw)) ?? [];
    const [fromMinute, toMinute] = [minuteOf(from), minuteOf(to)];
    return fromMinute < toMinute && toMinute <= DAY_MINUTES ? { fromMinute, toMinute } : undefined;
  },
);
const zone = scalar('a time zone of the IANA list, such as "Europe/Berlin" or "UTC"', (raw) =>
  typeof raw === 'string' && isZone(raw) ? raw : undefined,
);

const range = group({
  weekdays: list(weekday, 7).optional(),
  times: list(time, 24).optional(),
  daysOfMonth: list(dayOfMonth, 62).optional(),
  months: list(month, 12).optional(),
}).transform(
  ({ weekdays, times, daysOfMonth, months }): TimeRange => ({
    ...(weekdays && { weekdays: once(weekdays) }),
    ...(times && { times }),
    ...(daysOfMonth && { daysOfMonth: once(daysOfMonth) }),
    ...(months && { months: once(months) }),
  }),
);

export const timeInterval = group({
  name: name('a name'),
  timeZone: zone.default('UTC'),
  /** It holds if one of them does. All parts of one must hold. */
  ranges: list(range, 64).min(1, { error: 'expected at least one range' }),
}).transform((value): TimeInterval => value);

export function timeIntervalText({ name: called, timeZone, ranges }: TimeInterval) {
  return {
    name: called,
    timeZone,
    ranges: ranges.map(({ weekdays, times, daysOfMonth, months }) => ({
      ...(weekdays && { weekdays: weekdays.map((day) => WEEKDAYS[day]) }),
      ...(times && { times: times.map((t) => `${clock(t.fromMinute)}-${clock(t.toMinute)}`) }),
      ...(daysOfMonth && { daysOfMonth: daysOfMonth.map(String) }),
      ...(months && { months: months.map((number) => MONTHS[number - 1]) }),
    })),
  };
}

function span(
  raw: unknown,
  read: (text: string) => number | undefined,
  min: number,
  max: number,
): number[] | undefined {
  const [first = '', second = first, ...rest] = String(raw).toLowerCase().split('-');
  const [from, to] = [read(first.trim()), read(second.trim())];
  if (from === undefined || to === undefined || rest.length > 0) return undefined;
  const size = max - min + 1;
  const length = ((to - from + size) % size) + 1;
  return Array.from({ length }, (_, i) => ((from - min + i) % size) + min);
}

/** In full or by its first three letters. */
function positionIn(names: readonly string[], text: string): number | undefined {
  const at = names.findIndex(
    (full) => full === text || (text.length === 3 && full.startsWith(text)),
  );
  return at < 0 ? undefined : at;
}

function monthOf(text: string): number | undefined {
  if (/^\d{1,2}$/.test(text)) return +text >= 1 && +text <= 12 ? +text : undefined;
  const at = positionIn(MONTHS, text);
  return at === undefined ? undefined : at + 1;
}

function minuteOf(text: string): number {
  const [hours = 0, minutes = 0] = text.split(':').map(Number);
  return minutes < 60 ? hours * 60 + minutes : Number.NaN;
}

function clock(minute: number): string {
  return [Math.floor(minute / 60), minute % 60].map((n) => String(n).padStart(2, '0')).join(':');
}

const isZone = (text: string): boolean => findTimeZone(text) !== undefined;

const once = (lists: readonly (readonly number[])[]): number[] =>
  [...new Set(lists.flat())].sort((a, b) => a - b);
