/** Times and lengths of time as people write them. */
import { EPOCH_MS_MAX, EPOCH_MS_MIN } from '../model/units.ts';

/**
 * A twelfth of the mean year of the Gregorian calendar, 365.2425 days. Where there is a calendar, whole numbers of it stand for its months,
 * which are not equally long.
 */
export const MONTH_MS = 2_629_746_000;

const DURATION_UNITS_MS = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
  mo: MONTH_MS,
  y: 12 * MONTH_MS,
} as const;
type DurationUnit = keyof typeof DURATION_UNITS_MS;

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/;
const DURATION = /^(\d{1,12})(ms|s|m|h|d|w|mo|y)$/;

const LOCAL = /^\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d)?)?$/;

/** Epoch milliseconds of a number, of a text of digits, or of an RFC 3339 date-time; undefined for anything else. */
export function parseTimestamp(value: unknown): number | undefined {
  const ms = timestampMs(value);
  return ms >= EPOCH_MS_MIN && ms <= EPOCH_MS_MAX ? Math.trunc(ms) : undefined;
}

function timestampMs(value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return Number.NaN;
  if (/^\d{1,15}$/.test(value)) return Number(value);
  return RFC_3339.test(value) ? Date.parse(value.toUpperCase().replace(' ', 'T')) : Number.NaN;
}

/** Of `"2026-03-29"` or `"2026-03-29T06:30"` when a clock of UTC shows it, epoch ms; undefined for anything else. */
export function parseLocalTime(value: unknown): number | undefined {
  if (typeof value !== 'string' || !LOCAL.test(value)) return undefined;
  const [date, time = '00:00'] = value.toUpperCase().replace(' ', 'T').split('T');
  const ms = Date.parse(`${date}T${time}Z`);
  // A day that a month does not have is taken for one of the next month.
  const isReal = ms >= EPOCH_MS_MIN && new Date(ms).toISOString().startsWith(`${date}`);
  return isReal ? ms : undefined;
}

/** Milliseconds of `"250ms"`, `"1s"`, `"15m"`, `"2h"`, `"7d"`, `"2w"`, `"1mo"`, `"1y"` or a number; undefined unless positive. */
export function parseDuration(value: unknown): number | undefined {
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && value > 0 ? value : undefined;
  const match = typeof value === 'string' ? DURATION.exec(value) : null;
  if (match === null) return undefined;
  const ms = Number(match[1]) * DURATION_UNITS_MS[match[2] as DurationUnit];
  return Number.isSafeInteger(ms) && ms > 0 ? ms : undefined;
}

/** The shortest exact form: `90000` is `90s`, `900000` is `15m`. */
export function formatDuration(ms: number): string {
  for (const unit of ['y', 'mo', 'd', 'h', 'm', 's'] as const) {
    const unitMs = DURATION_UNITS_MS[unit];
    if (ms > 0 && ms % unitMs === 0) return `${ms / unitMs}${unit}`;
  }
  return `${ms}ms`;
}

export const floorTo = (ms: number, stepMs: number): number => Math.floor(ms / stepMs) * stepMs;
export const ceilTo = (ms: number, stepMs: number): number => Math.ceil(ms / stepMs) * stepMs;
