/** Numbers, sizes and times as people read them, each with its unit. */

/** What would be written as a thousand of the one below is one of these. */
const SI = [
  { from: 999.5e9, by: 1e12, suffix: 'T' },
  { from: 999.5e6, by: 1e9, suffix: 'G' },
  { from: 999.5e3, by: 1e6, suffix: 'M' },
  { from: 9_999.5, by: 1e3, suffix: 'k' },
] as const;

/** Past it a number has more digits than anybody counts. */
const BEYOND_SI = 1e15;

/** Three digits that matter; whole up to 10,000: "0.25", "42", "9,876", "12.3k", "1.2M", "1e+308". Null is nothing known. */
export function shortNumber(value: number | null | undefined): string {
  if (value == null) return '–';
  const size = Math.abs(value);
  if (size >= BEYOND_SI) return Number(value.toPrecision(3)).toExponential();
  const step = SI.find(({ from }) => size >= from);
  if (step !== undefined) return `${digits(value / step.by)}${step.suffix}`;
  return size >= 100 || Number.isInteger(value) ? grouped(Math.round(value)) : digits(value);
}

export const perSecond = (value: number | null | undefined): string =>
  value == null ? '–' : `${shortNumber(value)}/s`;

/** Every digit of a count: "1,234,567". */
export const grouped = (count: number): string => WHOLE.format(count);

// Making a formatter takes a hundred times as long as using it.
const WHOLE = new Intl.NumberFormat('en');
const THREE_DIGITS = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

/** Three that matter, and all of a whole part. */
const digits = (value: number): string =>
  Math.abs(value) >= 1_000 ? grouped(Math.round(value)) : THREE_DIGITS.format(value);

/** Of a part of one: "42.5 %". */
export const shortPercent = (part: number | null | undefined): string =>
  part == null ? '–' : `${shortNumber(100 * part)} %`;

const BYTES = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function shortBytes(bytes: number | null | undefined): string {
  if (bytes == null) return '–';
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), BYTES.length - 1);
  return `${digits(bytes / 1024 ** step)} ${BYTES[step]}`;
}

const LENGTHS = [
  { ms: 86_400_000, unit: 'd' },
  { ms: 3_600_000, unit: 'h' },
  { ms: 60_000, unit: 'min' },
  { ms: 1_000, unit: 's' },
] as const;

export function shortLength(ms: number | null | undefined): string {
  if (ms == null) return '–';
  const length = LENGTHS.find((each) => Math.abs(ms) >= each.ms);
  return length === undefined ? `${digits(ms)} ms` : `${digits(ms / length.ms)} ${length.unit}`;
}

/** On the clock of a zone; default: the viewer's. */
export const clockTime = (ms: number, timeZone?: string): string =>
  clockOf(timeZone).time.format(ms);

const dayOf = (ms: number, timeZone?: string): string => clockOf(timeZone).day.format(ms);

/** With the day where it is another one than today. */
export function moment(ms: number, nowMs = Date.now(), timeZone?: string): string {
  const day = dayOf(ms, timeZone);
  const time = clockTime(ms, timeZone);
  return day === dayOf(nowMs, timeZone) ? time : `${day} ${time}`;
}

/** Below an axis whose marks are so many seconds apart: no more than tells them apart, and the day where one begins. */
export function axisTime(ms: number, apartSeconds: number, timeZone?: string): string {
  const time = clockTime(ms, timeZone);
  if (apartSeconds >= 86_400 || time === '00:00:00') return dayOf(ms, timeZone);
  return apartSeconds >= 60 ? time.slice(0, 5) : time;
}

/** For a title: the date, the time, and how far the clock is from UTC. */
export const wholeMoment = (ms: number, timeZone?: string): string =>
  clockOf(timeZone).whole.format(ms);

/** "1 event", "2 events". */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${grouped(count)} ${count === 1 ? one : many}`;

type Clock = Readonly<Record<'time' | 'day' | 'whole', Intl.DateTimeFormat>>;

const clocks = new Map<string | undefined, Clock>();
/** Whoever looks at many zones has their formatters made anew. */
const CLOCKS_MAX = 16;

function clockOf(timeZone: string | undefined): Clock {
  const known = clocks.get(timeZone);
  if (known !== undefined) return known;
  if (clocks.size === CLOCKS_MAX) clocks.clear();
  const made = clockFormats(timeZone);
  clocks.set(timeZone, made);
  return made;
}

const clockFormats = (timeZone: string | undefined): Clock => ({
  time: new Intl.DateTimeFormat('en-GB', {
    ...{ hour: '2-digit', minute: '2-digit', second: '2-digit' },
    timeZone,
  }),
  day: new Intl.DateTimeFormat('en-CA', { timeZone }),
  whole: new Intl.DateTimeFormat('en-CA', {
    ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric', hourCycle: 'h23' },
    timeZoneName: 'longOffset',
    timeZone,
  }),
});
