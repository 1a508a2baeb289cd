/** RFC 3339 date-times, read straight from bytes: both decoding paths share this one reader. */
import { DAY_MS } from '../../model/units.ts';

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/**
 * Epoch milliseconds of the text `[from, to)`, digits below a millisecond cut off; NaN if it is no date-time.
 *
 * `T` and `Z` may be lower case, as the RFC says; a zone is required. A leap second, which only 23:59:60 UTC can be,
 * becomes the last millisecond of its minute, because POSIX time has no place for it.
 */
export function parseRfc3339(bytes: Uint8Array, from: number, to: number): number {
  if (to - from < 20) return Number.NaN;
  const year = digits2(bytes, from) * 100 + digits2(bytes, from + 2);
  const month = digits2(bytes, from + 5);
  const day = digits2(bytes, from + 8);
  const hour = digits2(bytes, from + 11);
  const minute = digits2(bytes, from + 14);
  const second = digits2(bytes, from + 17);
  const shaped =
    bytes[from + 4] === 0x2d &&
    bytes[from + 7] === 0x2d &&
    ((bytes[from + 10] as number) | 0x20) === 0x74 &&
    bytes[from + 13] === 0x3a &&
    bytes[from + 16] === 0x3a;
  // NaN, from something that is no digit, fails every comparison.
  const ranged = year >= 0 && month >= 1 && day >= 1 && hour <= 23 && minute <= 59 && second <= 60;
  if (!shaped || !ranged || !(month <= 12 && day <= daysOf(year, month))) return Number.NaN;

  let at = from + 19;
  let fractionMs = 0;
  if (bytes[at] === 0x2e) {
    const first = ++at;
    for (let unit = 100; at < to && isDigit(bytes[at] as number); at++, unit /= 10) {
      if (unit >= 1) fractionMs += ((bytes[at] as number) - 0x30) * unit;
    }
    if (at === first) return Number.NaN;
  }
  const offsetMs = zoneOffsetMs(bytes, at, to);
  const minuteMs =
    (daysSinceEpoch(year, month, day) * 1440 + hour * 60 + minute) * 60_000 - offsetMs;
  if (second < 60) return minuteMs + second * 1000 + fractionMs;
  const lastOfDay = (((minuteMs % DAY_MS) + DAY_MS) % DAY_MS) + 60_000 === DAY_MS;
  return lastOfDay ? minuteMs + 59_999 : Number.NaN;
}

/** NaN if `[at, to)` is not exactly a zone. */
function zoneOffsetMs(bytes: Uint8Array, at: number, to: number): number {
  const sign = bytes[at] as number;
  if (to - at === 1 && (sign | 0x20) === 0x7a) return 0;
  if (to - at !== 6 || (sign !== 0x2b && sign !== 0x2d) || bytes[at + 3] !== 0x3a)
    return Number.NaN;
  const hours = digits2(bytes, at + 1);
  const minutes = digits2(bytes, at + 4);
  if (!(hours <= 23 && minutes <= 59)) return Number.NaN;
  return (hours * 60 + minutes) * (sign === 0x2b ? 60_000 : -60_000);
}

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

function digits2(bytes: Uint8Array, at: number): number {
  const tens = bytes[at] as number;
  const ones = bytes[at + 1] as number;
  return isDigit(tens) && isDigit(ones) ? tens * 10 + ones - 0x30 * 11 : Number.NaN;
}

function daysOf(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && leap ? 29 : (MONTH_DAYS[month - 1] as number);
}

/** Howard Hinnant, "chrono-compatible low-level date algorithms", days_from_civil. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
