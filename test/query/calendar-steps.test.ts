/** Questions by the calendar of a zone, held against single events that are grouped by what their clock shows. */
import test, { type ExecutionContext } from 'ava';
import { isFault } from '../../src/model/errors.ts';
import type { TimeseriesAnswer } from '../../src/query/answer.ts';
import { Queries } from '../../src/query/queries.ts';
import type { TimeseriesRequest } from '../../src/query/request.ts';
import { MONTH_MS } from '../../src/query/time.ts';
import { MemoryPartitions, TENANT, type TestEvent } from './partitions.ts';
import { rollup } from './rollups.ts';
import { shownAt } from './wall-clock.ts';

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000] as const;
const TIERS = [MINUTE, 15 * MINUTE, HOUR, DAY].map((stepMs) => ({
  stepMs,
  retentionMs: 800 * DAY,
}));
const BY_TYPE = rollup('by_type', { dimensions: ['type'], resolutions: TIERS });
const BY_HOUR = rollup('by_hour', { stream: 'hours', resolutions: TIERS.slice(2) });
const BY_DAY = rollup('by_day', { stream: 'days', resolutions: TIERS.slice(3) });

/** Around the changes of these clocks: four days, of which one is shorter or longer. */
const CHANGES: readonly [timeZone: string, from: string, hours: readonly number[]][] = [
  ['Europe/Berlin', '2026-03-28', [24, 23, 24, 24]],
  ['Europe/Berlin', '2026-10-24', [24, 25, 24, 24]],
  ['America/New_York', '2026-03-07', [24, 23, 24, 24]],
  ['America/New_York', '2026-10-31', [24, 25, 24, 24]],
  ['Australia/Lord_Howe', '2026-04-04', [24, 24.5, 24, 24]],
  ['Australia/Lord_Howe', '2026-10-03', [24, 23.5, 24, 24]],
  ['Asia/Kolkata', '2026-03-28', [24, 24, 24, 24]],
  ['Asia/Kathmandu', '2026-03-28', [24, 24, 24, 24]],
];

/** An event every few minutes, at no round time, in two partitions. */
async function setUp(fromMs: number, toMs: number) {
  const memory = new MemoryPartitions([BY_TYPE, BY_HOUR, BY_DAY], 2);
  const clock = { nowMs: toMs + DAY, now: () => clock.nowMs };
  const events: TestEvent[] = [];
  for (let ts = fromMs + 1, n = 0; ts < toMs; ts += (7 + (n % 5)) * MINUTE + 13_001, n++) {
    events.push({ ts, type: n % 3 === 0 ? 'buy' : 'view' });
  }
  for (let from = 0; from < events.length; from += 50) {
    const some = events.slice(from, from + 50);
    memory.apply((from / 50) % 2, some, (some.at(-1) as TestEvent).ts);
    if (from % 200 === 0) memory.commit((from / 50) % 2);
  }
  const queries = new Queries({ partitions: memory, stored: memory, catalog: memory, clock });
  const ask = (parts: Partial<TimeseriesRequest>) =>
    queries.timeseries({
      ...{ tenant: TENANT, stream: 'events', measures: [{ op: 'count' }], groupBy: [] },
      ...parts,
    });
  return { memory, clock, queries, ask, events };
}

const points = ({ series }: TimeseriesAnswer) =>
  (series[0]?.points ?? []).map(({ t, end, values }) => ({ t, end, value: values[0]?.value ?? 0 }));

const sum = (answer: TimeseriesAnswer): number =>
  points(answer).reduce((total, { value }) => total + value, 0);

for (const [timeZone, from, hours] of CHANGES) {
  test(`days of ${timeZone} from ${from} on are as long as they were, and have what their hours have`, async (t) => {
    const fromMs =
      Date.parse(`${from}T00:00Z`) - shownAt(timeZone, Date.parse(from)) + Date.parse(from);
    const lengthMs = hours.reduce((total, each) => total + each, 0) * HOUR;
    const range = { fromMs, toMs: fromMs + lengthMs, timeZone };
    const { ask, events } = await setUp(fromMs, range.toMs);
    const days = await ask({ ...range, stepMs: DAY });
    t.deepEqual(
      points(days).map(({ t: at, end }) => (end - at) / HOUR),
      hours,
    );
    countsAsShown(t, days, events, (ts) => Math.floor(shownAt(timeZone, ts) / DAY));
    for (const stepMs of [15 * MINUTE, HOUR, 6 * HOUR]) {
      const parts = await ask({ ...range, stepMs });
      t.is(sum(parts), events.length);
      for (const day of points(days)) {
        const within = points(parts).filter((part) => part.t >= day.t && part.end <= day.end);
        t.is(
          within.reduce((total, { value }) => total + value, 0),
          day.value,
        );
      }
    }
    countsAsShown(t, await ask({ ...range, stepMs: 6 * HOUR }), events, (ts) =>
      Math.floor(shownAt(timeZone, ts) / (6 * HOUR)),
    );
  });
}

/** Each point counts the events whose clock shows the same as at its beginning. */
function countsAsShown(
  t: ExecutionContext,
  answer: TimeseriesAnswer,
  events: readonly TestEvent[],
  of: (ts: number) => number,
): void {
  const groups = Map.groupBy(events, ({ ts }) => of(ts));
  t.deepEqual(
    points(answer).map(({ t: at, value }) => [of(at), value]),
    [...groups].map(([shown, some]) => [shown, some.length]),
  );
}

test('months and weeks are those of the zone', async (t) => {
  const [fromMs, toMs] = [Date.parse('2026-02-20T00:00Z'), Date.parse('2026-05-03T00:00Z')];
  const { ask, events } = await setUp(fromMs, toMs);
  const timeZone = 'America/New_York';
  const range = { fromMs, toMs, timeZone };
  const months = await ask({ ...range, stepMs: MONTH_MS });
  countsAsShown(t, months, events, (ts) => new Date(shownAt(timeZone, ts)).getUTCMonth());
  t.deepEqual(
    points(months).map(({ t: at }) => new Date(at).toISOString()),
    [
      '2026-02-20T00:00:00.000Z',
      '2026-03-01T05:00:00.000Z',
      '2026-04-01T04:00:00.000Z',
      '2026-05-01T04:00:00.000Z',
    ],
  );
  const weeks = await ask({ ...range, stepMs: 7 * DAY });
  countsAsShown(t, weeks, events, (ts) => Math.floor((shownAt(timeZone, ts) / DAY + 3) / 7));
});

test('the coarsest resolution whose buckets end where steps do answers', async (t) => {
  const fromMs = Date.parse('2026-03-20T00:00Z');
  const { ask } = await setUp(fromMs, fromMs + DAY);
  const resolution = async (timeZone: string, stepMs: number) =>
    (await ask({ fromMs, toMs: fromMs + 20 * DAY, timeZone, stepMs })).resolutionMs;
  t.is(await resolution('UTC', DAY), DAY);
  t.is(await resolution('UTC', 7 * DAY), DAY);
  t.is(await resolution('UTC', MONTH_MS), DAY);
  t.is(await resolution('Europe/Berlin', DAY), HOUR);
  t.is(await resolution('Asia/Kolkata', DAY), 15 * MINUTE);
  t.is(await resolution('Asia/Kathmandu', HOUR), 15 * MINUTE);
  t.is(await resolution('Australia/Lord_Howe', DAY), 15 * MINUTE);
  t.is(await resolution('Asia/Kathmandu', 10 * MINUTE), MINUTE);
});

test('days that no resolution divides are refused, with what there is', async (t) => {
  const { ask } = await setUp(Date.parse('2026-03-20'), Date.parse('2026-03-21'));
  const range = { stream: 'days', lastMs: 7 * DAY, stepMs: DAY };
  t.is((await ask({ ...range, timeZone: 'UTC' })).rollup, 'by_day');
  const error = await t.throwsAsync(ask({ ...range, timeZone: 'Asia/Kathmandu' }));
  t.true(isFault(error, 'query_invalid'));
  t.regex(
    error.message,
    /divides a step of 1d in Asia\/Kathmandu \(so far back it keeps 1d for 800d\)/,
  );
});

test('a range of a single step has no buckets that reach beyond the step, be it whole or cut', async (t) => {
  const nowMs = Date.parse('2026-03-10T06:00Z');
  const { ask, clock } = await setUp(nowMs - DAY, nowMs);
  clock.nowMs = nowMs;
  const refused = async (parts: Partial<TimeseriesRequest>) => {
    const error = await t.throwsAsync(ask({ stepMs: DAY, timeZone: 'Asia/Kathmandu', ...parts }));
    t.true(isFault(error, 'query_invalid'));
    t.regex(error.message, /a resolution that divides a step of/);
  };
  await refused({ stream: 'days', lastMs: DAY });
  await refused({ stream: 'hours', lastMs: DAY });
  await refused({ stream: 'hours', fromMs: nowMs + MINUTE, toMs: nowMs + 6 * HOUR });
  const march = { fromMs: Date.parse('2026-02-28T18:30Z'), toMs: Date.parse('2026-03-31T18:30Z') };
  await refused({ stream: 'hours', ...march, stepMs: MONTH_MS, timeZone: 'Asia/Kolkata' });
  // Whole buckets need not end where the step does.
  const cut = { fromMs: nowMs, toMs: nowMs + 6 * HOUR, stepMs: DAY, timeZone: 'Asia/Kathmandu' };
  t.is((await ask({ stream: 'hours', ...cut })).resolutionMs, HOUR);
});

test('the last so many days are whole days up to now, and the range may cut the first and the last', async (t) => {
  const nowMs = Date.parse('2026-03-30T09:20:00Z');
  const { ask, clock } = await setUp(nowMs - 5 * DAY, nowMs);
  clock.nowMs = nowMs;
  const timeZone = 'Europe/Berlin';
  const last = await ask({ lastMs: 3 * DAY, stepMs: DAY, timeZone });
  t.deepEqual(
    [last.fromMs, last.toMs].map((ms) => new Date(ms).toISOString()),
    ['2026-03-27T23:00:00.000Z', '2026-03-30T22:00:00.000Z'],
  );
  t.deepEqual(
    points(last).map(({ t: at, end }) => (end - at) / HOUR),
    [24, 23, 24],
  );
  const cut = await ask({ fromMs: nowMs - DAY, toMs: nowMs - HOUR, stepMs: DAY, timeZone });
  t.deepEqual(
    points(cut).map(({ t: at, end }) => [at - nowMs, end - nowMs]),
    [
      [-DAY, -11 * HOUR - 20 * MINUTE],
      [-11 * HOUR - 20 * MINUTE, -HOUR],
    ],
  );
});

test('a subscription goes on by the calendar: a new day begins at the midnight of its zone', async (t) => {
  const midnightMs = Date.parse('2026-03-28T23:00:00Z');
  const { memory, clock, queries } = await setUp(midnightMs - 2 * DAY, midnightMs);
  clock.nowMs = midnightMs - MINUTE;
  const updates = queries.subscribe({
    ...{ tenant: TENANT, stream: 'events', measures: [{ op: 'count' }], groupBy: [] },
    ...{ lastMs: 2 * DAY, stepMs: DAY, timeZone: 'Europe/Berlin' },
  });
  t.teardown(() => queries.close());
  const first = (await updates.next()).value;
  t.is(first?.answer.toMs, midnightMs);
  clock.nowMs = midnightMs + MINUTE;
  memory.apply(0, [{ ts: midnightMs, type: 'view' }], clock.nowMs);
  let answer = first?.answer;
  while (answer !== undefined && answer.toMs === midnightMs)
    answer = (await updates.next()).value?.answer;
  t.is(answer?.toMs, midnightMs + 23 * HOUR);
  t.deepEqual(answer && points(answer).at(-1), {
    t: midnightMs,
    end: midnightMs + 23 * HOUR,
    value: 1,
  });
});
