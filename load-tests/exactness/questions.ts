/** What is asked: each measure of each stream, from every place that answers. */
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/units.ts';
import { type Measure, scalarsOf, sketchesOf, topsOf } from './measures.ts';
import { evenSteps, type Steps, zoneSteps } from './steps.ts';
import { STREAMS, type StreamName } from './streams.ts';

export interface Question {
  readonly stream: StreamName;
  readonly steps: Steps;
  readonly groupBy: readonly string[];
  readonly where?: { readonly name: string; readonly asked: string; readonly exact: string };
  /** Each set is one query. */
  readonly sets: readonly (readonly Measure[])[];
  /** Who must answer: buckets of this length, or the events themselves. */
  readonly from: number | 'events';
  /** How many points share an event: a window of 30 days each day has 30. */
  readonly overlap?: number;
}

/** As in the table. */
export function describe({ stream, steps, groupBy, where }: Question): string {
  const by = groupBy.length === 0 ? '' : ` by ${groupBy.join(', ')}`;
  return `${stream}: ${steps.name}${by}${where === undefined ? '' : ` where ${where.name}`}`;
}

const SECOND_MS = 1_000;
const QUARTER_MS = 15 * MINUTE_MS;
const SIX_HOURS_MS = 6 * HOUR_MS;
const DATE_LENGTH = 10;

const setsOf = (stream: StreamName) => {
  const { fields, topCapacity } = STREAMS[stream];
  return {
    scalars: scalarsOf(fields),
    sketches: sketchesOf(fields),
    tops: topsOf(fields, topCapacity),
  };
};

/** Of streams that end with `endMs`, a whole minute. */
export const questionsUpTo = (endMs: number): readonly Question[] => [
  ...benchmarkFromRollup(endMs),
  ...benchmarkFromEvents(endMs),
  ...(['uniform', 'adversarial'] as const).flatMap((stream) => yearOf(stream, endMs)),
];

function benchmarkFromRollup(endMs: number): Question[] {
  const { scalars, sketches, tops } = setsOf('events');
  const all = [scalars, sketches, tops];
  const stream = 'events';
  const hourEndMs = Math.floor(endMs / HOUR_MS) * HOUR_MS;
  const dayEndMs = (Math.floor(endMs / DAY_MS) + 1) * DAY_MS;
  const days = { fromMs: dayEndMs - 32 * DAY_MS, toMs: dayEndMs };
  return [
    {
      ...{ stream, groupBy: [], from: SECOND_MS, sets: all },
      steps: evenSteps('each second of 20 min', last(endMs, 20 * MINUTE_MS, SECOND_MS)),
    },
    {
      ...{ stream, groupBy: ['type'], from: SECOND_MS, sets: [scalars] },
      ...{ where: US_AND_DE },
      steps: evenSteps('5 s of 10 min', last(endMs, 10 * MINUTE_MS, 5 * SECOND_MS)),
    },
    {
      ...{ stream, groupBy: ['type'], from: MINUTE_MS, sets: all },
      steps: evenSteps('each minute of 1 h', last(endMs, HOUR_MS, MINUTE_MS)),
    },
    {
      ...{ stream, groupBy: [], from: MINUTE_MS, sets: [scalars], overlap: 1 },
      steps: evenSteps('the hour before, each minute', {
        ...last(endMs, HOUR_MS, MINUTE_MS),
        compare: { asked: 'PERIOD_BEFORE', backMs: HOUR_MS },
      }),
    },
    {
      ...{ stream, groupBy: ['type'], from: MINUTE_MS, sets: all, overlap: 12 },
      steps: evenSteps('1 h up to each 5 min', {
        ...last(Math.floor(endMs / (5 * MINUTE_MS)) * 5 * MINUTE_MS, 3 * HOUR_MS, 5 * MINUTE_MS),
        windowMs: HOUR_MS,
      }),
    },
    {
      ...{ stream, groupBy: ['country'], from: QUARTER_MS, sets: [scalars, sketches] },
      steps: evenSteps('each hour of 24 h', last(hourEndMs + HOUR_MS, DAY_MS, HOUR_MS)),
    },
    {
      ...{ stream, groupBy: ['type', 'country'], from: QUARTER_MS, sets: [scalars, sketches] },
      steps: evenSteps('each day of 32 d', { ...days, stepMs: DAY_MS }),
    },
    {
      ...{ stream, groupBy: [], from: QUARTER_MS, sets: all },
      steps: evenSteps('32 d as one', { ...days, stepMs: 32 * DAY_MS }),
    },
    {
      ...{ stream, groupBy: [], from: QUARTER_MS, sets: all },
      steps: zoneSteps({ ...daysBefore(endMs, 31), timeZone: 'Asia/Kathmandu', step: '1d' }),
    },
    {
      ...{ stream, groupBy: ['type'], from: QUARTER_MS, sets: [sketches], overlap: 7 },
      steps: zoneSteps({
        ...{ ...daysBefore(endMs, 24), timeZone: 'Europe/Berlin', step: '1d', window: '7d' },
      }),
    },
  ];
}

/** What no rollup can answer, and what it could. */
function benchmarkFromEvents(endMs: number): Question[] {
  const { scalars, sketches, tops } = setsOf('events');
  const stream = 'events';
  return [
    {
      ...{ stream, groupBy: ['type'], from: 'events', sets: [scalars, sketches, tops] },
      steps: evenSteps('each minute of 1 h', last(endMs, HOUR_MS, MINUTE_MS)),
    },
    {
      ...{ stream, groupBy: ['browser'], from: 'events', sets: [scalars, sketches] },
      where: {
        ...{ name: 'status >= 400', asked: '{field: "status", gte: 400}', exact: 'status >= 400' },
      },
      steps: evenSteps('7 min of 7 h', last(endMs, 7 * HOUR_MS, 7 * MINUTE_MS)),
    },
    {
      ...{ stream, groupBy: [], from: 'events', sets: [scalars, sketches, tops] },
      steps: zoneSteps({ ...daysBefore(endMs, 31), timeZone: 'Asia/Kathmandu', step: '1d' }),
    },
    {
      ...{ stream, groupBy: [], from: 'events', sets: [scalars, sketches], overlap: 7 },
      steps: zoneSteps({
        ...{ ...daysBefore(endMs, 24), timeZone: 'Europe/Berlin', step: '1d', window: '7d' },
      }),
    },
  ];
}

/** Every change of the clock of these zones. */
function yearOf(stream: StreamName, endMs: number): Question[] {
  const { scalars, sketches, tops } = setsOf(stream);
  const year = daysBefore(endMs, 380);
  const firstMs = (Math.floor(endMs / DAY_MS) - 380) * DAY_MS;
  return [
    {
      ...{ stream, groupBy: ['kind'], from: SIX_HOURS_MS, sets: [scalars, sketches] },
      steps: evenSteps('each day of 381 d', {
        ...{ fromMs: firstMs, toMs: firstMs + 381 * DAY_MS, stepMs: DAY_MS },
      }),
    },
    {
      ...{ stream, groupBy: [], from: QUARTER_MS, sets: [scalars, sketches, tops] },
      steps: zoneSteps({ ...year, timeZone: 'Europe/Berlin', step: '1d' }),
    },
    {
      ...{ stream, groupBy: [], from: QUARTER_MS, sets: [scalars] },
      steps: zoneSteps({ ...year, timeZone: 'America/New_York', step: '6h' }),
    },
    ...['Asia/Kolkata', 'Asia/Kathmandu', 'Australia/Lord_Howe'].map(
      (timeZone): Question => ({
        ...{ stream, groupBy: [], from: QUARTER_MS, sets: [scalars] },
        steps: zoneSteps({ ...year, timeZone, step: '1d' }),
      }),
    ),
    {
      ...{ stream, groupBy: [], from: QUARTER_MS, sets: [sketches, tops] },
      steps: zoneSteps({ ...monthsBefore(endMs), timeZone: 'Europe/Berlin', step: '1mo' }),
    },
    {
      ...{ stream, groupBy: [], from: 'events', sets: [scalars, sketches, tops] },
      steps: zoneSteps({ ...year, timeZone: 'Australia/Lord_Howe', step: '1d' }),
    },
  ];
}

const US_AND_DE = {
  name: 'country in US, DE',
  asked: '{field: "country", in: ["US", "DE"]}',
  exact: "country IN ('US', 'DE')",
};

const last = (toMs: number, rangeMs: number, stepMs: number) => ({
  ...{ fromMs: toMs - rangeMs, toMs, stepMs },
});

/** As a clock shows them, up to tomorrow everywhere. */
function daysBefore(endMs: number, days: number): { from: string; to: string } {
  const day = (backMs: number) => new Date(endMs - backMs).toISOString().slice(0, DATE_LENGTH);
  return { from: day(days * DAY_MS), to: day(-DAY_MS) };
}

function monthsBefore(endMs: number): { from: string; to: string } {
  const end = new Date(endMs);
  const month = (by: number) =>
    new Date(Date.UTC(end.getUTCFullYear(), end.getUTCMonth() + by))
      .toISOString()
      .slice(0, DATE_LENGTH);
  return { from: month(-12), to: month(1) };
}
