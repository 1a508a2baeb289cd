/** Points over sliding windows are what the window alone answers as one step. */
import test from 'ava';
import fc from 'fast-check';
import { StepAccumulator } from '../../src/aggregate/merge.ts';
import { packFold } from '../../src/aggregate/merged-rows.ts';
import { isFault } from '../../src/model/errors.ts';
import { planTimeseries } from '../../src/query/plan.ts';
import { Queries } from '../../src/query/queries.ts';
import type { MeasureRequest, TimeseriesRequest } from '../../src/query/request.ts';
import { MONTH_MS } from '../../src/query/time.ts';
import { type WindowBounds, WindowPoints } from '../../src/query/window-points.ts';
import { MemoryPartitions, TENANT } from './partitions.ts';
import { rollup } from './rollups.ts';

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000] as const;
const START = Date.parse('2026-03-10T00:00Z');
const END = START + 40 * DAY;
const MEASURES: readonly MeasureRequest[] = [
  { op: 'distinct', field: 'user' },
  { op: 'count' },
  { op: 'rate' },
  { op: 'max', field: 'amount' },
  { op: 'quantile', field: 'amount', q: 0.9 },
  { op: 'histogram', field: 'amount', buckets: [100, 513] },
  { op: 'top', field: 'user', k: 70 },
  { op: 'first', field: 'amount' },
  { op: 'last', field: 'amount' },
];
const VISITS = rollup('visits', {
  dimensions: ['country'],
  measures: [
    ...[{ op: 'count' as const }, { op: 'max' as const, field: 'amount' }],
    ...(['distinct', 'quantile'] as const).map((op) => ({
      op,
      field: op === 'distinct' ? 'user' : 'amount',
    })),
    ...(['first', 'last'] as const).map((op) => ({ op, field: 'amount' })),
    { op: 'top', field: 'user', capacity: 70 },
    { op: 'top', field: 'user', by: 'amount', capacity: 40 },
  ],
  resolutions: [
    { stepMs: 15 * MINUTE, retentionMs: 800 * DAY },
    { stepMs: DAY, retentionMs: 800 * DAY },
  ],
});

interface Visit {
  readonly ts: number;
  readonly type: string;
  readonly user: string;
  readonly country: string;
  readonly amount: number;
}

function setUp(visits: readonly Visit[]) {
  const memory = new MemoryPartitions([VISITS], 2);
  const clock = { nowMs: END, now: () => clock.nowMs };
  const inOrder = visits.toSorted((a, b) => a.ts - b.ts);
  for (let from = 0; from < inOrder.length; from += 40) {
    const some = inOrder.slice(from, from + 40).map((visit) => ({ ...visit }));
    memory.apply((from / 40) % 2, some, (some.at(-1) as Visit).ts);
    if (from % 120 === 0) memory.commit((from / 40) % 2);
  }
  const queries = new Queries({ partitions: memory, stored: memory, catalog: memory, clock });
  const ask = (parts: Partial<TimeseriesRequest>) =>
    queries.timeseries({
      ...{ tenant: TENANT, stream: 'events', measures: MEASURES, groupBy: [] },
      ...parts,
    });
  return { memory, ask };
}

const visit = fc.record({
  ts: fc.integer({ min: START, max: END - 1 }),
  type: fc.constant('visit'),
  user: fc.integer({ min: 0, max: 60 }).map((n) => `u${n}`),
  country: fc.constantFrom('DE', 'NP', 'AU'),
  amount: fc.integer({ min: 0, max: 1_000 }),
});
const visits = fc.array(visit, { minLength: 100, maxLength: 400 });

test('each point is exactly what its window answers as one step, by label', async (t) => {
  const asked = fc.record({
    timeZone: fc.constantFrom(undefined, 'UTC', 'Europe/Berlin', 'Asia/Kathmandu'),
    stepMs: fc.constantFrom(DAY, 7 * DAY),
    windowMs: fc.constantFrom(DAY, 7 * DAY, 30 * DAY, MONTH_MS),
  });
  await fc.assert(
    fc.asyncProperty(visits, asked, async (some, { timeZone, stepMs, windowMs }) => {
      const { ask } = setUp(some);
      const range = { fromMs: START + 31 * DAY, toMs: END, ...(timeZone && { timeZone }) };
      const groupBy = ['country'];
      const step = Math.min(stepMs, windowMs);
      const { series } = await ask({ ...range, stepMs: step, windowMs, groupBy });
      for (const { labels, points } of series) {
        for (const { end, values } of points) {
          const [, since] = windowOf(end, windowMs, timeZone);
          const alone = await ask({ fromMs: since, toMs: end, stepMs: end - since, groupBy });
          const one = alone.series.find((each) => each.labels[0]?.value === labels[0]?.value);
          t.deepEqual(values, one?.points[0]?.values);
        }
      }
    }),
    { numRuns: 25 },
  );
});

/** In days, whose lengths the zones of these tests change once: on 29 March 2026. */
function windowOf(endMs: number, windowMs: number, timeZone = 'UTC'): [number, number] {
  if (windowMs === MONTH_MS) {
    const offsetMs = (ms: number): number => offsetOf(timeZone, ms);
    const date = new Date(endMs + offsetMs(endMs));
    const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 0)).getUTCDate();
    const day = Math.min(date.getUTCDate(), last);
    const local =
      Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - 1, day) + (date.getTime() % DAY);
    return [endMs, local - offsetMs(local - offsetMs(local))];
  }
  const begin = endMs - windowMs;
  return [endMs, begin + offsetOf(timeZone, endMs) - offsetOf(timeZone, begin)];
}

function offsetOf(timeZone: string, ms: number): number {
  if (timeZone === 'Asia/Kathmandu') return 5.75 * HOUR;
  if (timeZone !== 'Europe/Berlin') return 0;
  return ms >= Date.parse('2026-03-29T01:00Z') ? 2 * HOUR : HOUR;
}

test('users of a day, a week and a month are the union of theirs', async (t) => {
  const some = Array.from(
    { length: 3_000 },
    (_, n): Visit => ({
      ts: START + ((n * 48_611_317) % (40 * DAY)),
      ...{ type: 'visit', country: 'DE', amount: n },
      user: `u${(n * n) % 997}`,
    }),
  );
  const { ask } = setUp(some);
  for (const [days, users] of [1, 7, 30].map((n) => [n, n * DAY] as const)) {
    const { series } = await ask({
      ...{ fromMs: START + 30 * DAY, toMs: END, stepMs: DAY, windowMs: users },
      measures: [{ op: 'distinct', field: 'user' }],
    });
    t.is(series[0]?.points.length, 10, `${days} days`);
    for (const { t: at, end, values } of series[0]?.points ?? []) {
      t.is(end - at, DAY);
      const within = some.filter(({ ts }) => ts >= end - users && ts < end);
      const exact = new Set(within.map(({ user }) => user)).size;
      const { value, errorBound } = values[0] ?? { value: null, errorBound: 0 };
      t.true(Math.abs((value ?? 0) - exact) <= 2 * errorBound, `${value} of ${exact}`);
    }
  }
});

test('the heaviest values of windows are as near as they say, of however many there are', async (t) => {
  const some = Array.from(
    { length: 2_000 },
    (_, n): Visit => ({
      ts: START + ((n * 48_611_317) % (40 * DAY)),
      ...{ type: 'visit', country: 'DE', amount: 1 + (n % 3) },
      user: `u${n % 4 === 0 ? n % 3 : (n * n) % 997}`,
    }),
  );
  const { ask } = setUp(some);
  const { series } = await ask({
    ...{ fromMs: START + 30 * DAY, toMs: END, stepMs: DAY, windowMs: 30 * DAY },
    measures: [{ op: 'top', field: 'user', by: 'amount', k: 3 }],
  });
  t.is(series[0]?.points.length, 10);
  for (const { end, values } of series[0]?.points ?? []) {
    const exact = new Map<string, number>();
    for (const { ts, user, amount } of some) {
      if (ts >= end - 30 * DAY && ts < end) exact.set(user, (exact.get(user) ?? 0) + amount);
    }
    const all = [...exact.values()].reduce((sum, each) => sum + each, 0);
    t.is(values[0]?.value, all);
    t.deepEqual(values[0]?.entries?.map(({ value }) => value).sort(), ['u0', 'u1', 'u2']);
    for (const { value, count, error } of values[0]?.entries ?? []) {
      const weight = exact.get(value) ?? 0;
      t.true(weight <= count && weight >= count - error && error <= all / 40, `${value} of ${end}`);
    }
  }
});

test('rows of windows that overlap are read once', async (t) => {
  const some = Array.from(
    { length: 400 },
    (_, n): Visit => ({
      ...{
        ts: START + n * 2.4 * HOUR,
        type: 'visit',
        country: 'DE',
        amount: 1,
        user: `u${n % 50}`,
      },
    }),
  );
  const { ask, memory } = setUp(some);
  const range = { fromMs: START + 30 * DAY, toMs: END, stepMs: DAY };
  memory.scannedRows = 0;
  await ask({ fromMs: START + DAY, toMs: END, stepMs: DAY });
  const once = memory.scannedRows;
  memory.scannedRows = 0;
  await ask({ ...range, windowMs: 30 * DAY });
  t.is(memory.scannedRows, once);
});

test('a rate is that of the window, and series are ordered by all that windows cover', async (t) => {
  const of = (country: string, day: number): Visit => ({
    ...{ ts: START + day * DAY, type: 'visit', user: 'u', amount: 1, country },
  });
  // Nepal's three are in fewer windows than Germany's two.
  const { ask } = setUp([
    ...[9, 9, 9].map((day) => of('NP', day)),
    ...[4, 4].map((day) => of('DE', day)),
  ]);
  const { series, fromMs } = await ask({
    ...{ fromMs: START + 5 * DAY, toMs: START + 10 * DAY, stepMs: DAY, windowMs: 5 * DAY },
    ...{ measures: [{ op: 'rate' }], groupBy: ['country'] },
  });
  t.is(fromMs, START + 5 * DAY);
  t.deepEqual(
    series.map(({ labels, points }) => [
      labels[0]?.value,
      points.map(({ values }) => values[0]?.value),
    ]),
    [
      ['NP', [3 / (5 * 86_400)]],
      ['DE', new Array(4).fill(2 / (5 * 86_400))],
    ],
  );
});

test('a window that is shorter than a step, or that reaches back too far, is refused', async (t) => {
  const { ask } = setUp([]);
  const refused = async (parts: Partial<TimeseriesRequest>): Promise<string> => {
    const error = await t.throwsAsync(ask(parts));
    t.true(isFault(error, 'query_invalid'));
    return error.message;
  };
  const days = { lastMs: 30 * DAY, stepMs: DAY };
  t.regex(await refused({ ...days, windowMs: HOUR }), /received 1h for steps of 1d/);
  t.regex(
    await refused({ ...days, windowMs: 900 * DAY }),
    /so far back \(it keeps 15m for 800d, 1d for 800d\)/,
  );
  t.regex(await refused({ ...days, windowMs: DAY + MINUTE }), /a window of 1441m/);
});

/** Points of each stretch of an hour, over windows of `hours`, of a series that has an event in each. */
function slide(hours: number, bounds: WindowBounds): number {
  const range = { fromMs: START, toMs: START + 2 * DAY, stepMs: HOUR, windowMs: hours * HOUR };
  const request = { tenant: TENANT, stream: 'events', measures: MEASURES, groupBy: ['country'] };
  const plan = planTimeseries({ ...request, ...range }, [VISITS], END);
  const windows = new WindowPoints(plan, plan.windows ?? [], bounds);
  const stretch = new StepAccumulator(plan.rollup);
  let points = 0;
  for (let at = 0; at < plan.edges.length - 1; at++) {
    stretch.fold.counts[stretch.fold.slotOf(0)] = 1;
    points += windows.add(at, packFold(stretch.fold), false).length;
    stretch.reset();
  }
  return points;
}

test('what no further window needs is forgotten before the windows share too much', (t) => {
  const bounds = { bytesMax: 400, mergedBytesMax: 2 ** 20 };
  t.is(slide(2, bounds), 48);
  const error = t.throws(() => slide(24, bounds));
  t.true(isFault(error, 'query_invalid'));
  t.regex(error?.message ?? '', /the windows share more than/);
});

test('windows that merge too much are refused, with what to do', (t) => {
  const error = t.throws(() => slide(24, { bytesMax: 2 ** 20, mergedBytesMax: 1_000 }));
  t.true(isFault(error, 'query_invalid'));
  t.regex(
    error?.message ?? '',
    /the windows merge more than .* use a shorter window or longer steps/,
  );
});
