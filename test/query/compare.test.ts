/** Answers beside those of an earlier time, against events that are counted by hand. */
import test from 'ava';
import fc from 'fast-check';
import { type AppError, isFault } from '../../src/model/errors.ts';
import type { TimeseriesAnswer } from '../../src/query/answer.ts';
import type { Comparison } from '../../src/query/compare.ts';
import { Queries } from '../../src/query/queries.ts';
import type { TimeseriesRequest } from '../../src/query/request.ts';
import { MONTH_MS } from '../../src/query/time.ts';
import { MemoryPartitions, TENANT } from './partitions.ts';
import { BY_TYPE, BY_TYPE_AND_COUNTRY } from './rollups.ts';

const START = Date.parse('2026-05-08T12:00:00Z');
const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000] as const;
const SHIFTS: Readonly<Record<Comparison, number>> = {
  PERIOD_BEFORE: HOUR,
  DAY_BEFORE: DAY,
  WEEK_BEFORE: 7 * DAY,
};

function setUp(partitions = 2) {
  const clock = { nowMs: START + HOUR, now: () => clock.nowMs };
  const memory = new MemoryPartitions([BY_TYPE, BY_TYPE_AND_COUNTRY], partitions);
  const queries = new Queries({ partitions: memory, stored: memory, catalog: memory, clock });
  const ask = (parts: Partial<TimeseriesRequest>) =>
    queries.timeseries({
      ...{ tenant: TENANT, stream: 'events', groupBy: ['country'], measures: [{ op: 'count' }] },
      ...{ fromMs: START, toMs: START + HOUR, stepMs: MINUTE, compare: 'DAY_BEFORE' },
      ...parts,
    });
  return { clock, memory, ask };
}

const events = (count: number, ts: number, country: string, type = 'view') =>
  Array.from({ length: count }, () => ({ ts, type, country }));

/** `country` -> [[minute of the main range, first value], ...] */
const compared = ({ series }: TimeseriesAnswer) =>
  Object.fromEntries(
    series.map(({ labels, compared }) => [
      labels.map(({ value }) => value).join(),
      compared?.map(({ t, values }) => [(t - START) / MINUTE, values[0]?.value]),
    ]),
  );

test('each series has the points of the earlier time beside it, with the times of both', async (t) => {
  const { memory, ask } = setUp();
  const earlier = START - DAY;
  const arrival = earlier + 2 * MINUTE;
  memory.apply(0, [...events(3, arrival, 'DE'), ...events(9, earlier, 'FR')], arrival);
  memory.commit(0);
  memory.apply(1, events(1, arrival, 'AT'), arrival);
  memory.apply(0, [...events(1, START, 'DE'), ...events(2, START + MINUTE, 'AT')], START);
  const answer = await ask({});
  t.deepEqual(answer.series, [
    {
      labels: [{ name: 'country', value: 'AT' }],
      points: [
        { t: START + MINUTE, end: START + 2 * MINUTE, values: [{ value: 2, errorBound: 0 }] },
      ],
      compared: [
        {
          ...{ t: START + 2 * MINUTE, before: earlier + 2 * MINUTE },
          values: [{ value: 1, errorBound: 0 }],
        },
      ],
    },
    {
      labels: [{ name: 'country', value: 'DE' }],
      points: [{ t: START, end: START + MINUTE, values: [{ value: 1, errorBound: 0 }] }],
      compared: [
        {
          ...{ t: START + 2 * MINUTE, before: earlier + 2 * MINUTE },
          values: [{ value: 3, errorBound: 0 }],
        },
      ],
    },
  ]);
  t.like(answer.compared, { fromMs: earlier, toMs: earlier + HOUR, complete: true });
  t.is(answer.seriesFound, 2);
});

test('steps of a calendar are not compared: at another time they are not as long', async (t) => {
  const { ask } = setUp();
  const calendars = [
    { timeZone: 'Europe/Berlin', stepMs: HOUR },
    { stepMs: MONTH_MS },
    { stepMs: HOUR, windowMs: MONTH_MS },
  ];
  for (const calendar of calendars) {
    const refused = await t.throwsAsync<AppError>(ask(calendar));
    t.is(refused.code, 'query_invalid');
    t.regex(refused.message, /ask without "timeZone", and without months/);
  }
});

test('order and limit are those of the asked range, whatever there was before', async (t) => {
  const { memory, ask } = setUp();
  const all = ['AT', 'CH', 'DE', 'FR'].flatMap((country, i) => [
    ...events(i + 1, START, country),
    ...events(40 - i * 10, START - HOUR, country),
  ]);
  memory.apply(0, all, START);
  const answer = await ask({ compare: 'PERIOD_BEFORE', limit: 2 });
  t.deepEqual(compared(answer), { FR: [[0, 10]], DE: [[0, 20]] });
  t.is(answer.seriesFound, 4);
});

test('without labels the earlier time is shown although nothing has come since', async (t) => {
  const { memory, ask } = setUp();
  memory.apply(0, events(5, START - DAY, 'DE'), START - DAY);
  const answer = await ask({ groupBy: [] });
  t.is(answer.seriesFound, 1);
  t.deepEqual(answer.series[0]?.points, []);
  t.deepEqual(compared(answer), { '': [[0, 5]] });
  t.deepEqual((await ask({})).series, []);
});

test('conditions, expressions and filled steps are those of both times', async (t) => {
  const { memory, ask } = setUp();
  const earlier = START - DAY;
  memory.apply(0, [...events(3, earlier, 'DE'), ...events(1, earlier, 'DE', 'error')], earlier);
  memory.apply(1, events(1, START, 'DE'), START);
  const answer = await ask({
    stepMs: 30 * MINUTE,
    fill: 'ZERO',
    measures: [
      { expression: 'errors / all' },
      { op: 'count', where: { field: 'type', eq: 'error' }, as: 'errors' },
      { op: 'count', as: 'all' },
    ],
    where: { field: 'country', eq: 'DE' },
  });
  const valuesOf = (points: readonly { readonly values: readonly { value: number | null }[] }[]) =>
    points.map(({ values }) => values.map(({ value }) => value));
  t.deepEqual(valuesOf(answer.series[0]?.compared ?? []), [
    [0.25, 1, 4],
    [null, 0, 0],
  ]);
  t.deepEqual(valuesOf(answer.series[0]?.points ?? []), [
    [0, 0, 1],
    [null, 0, 0],
  ]);
});

test('a range whose buckets are not kept so far back is refused, and how it would fit is said', async (t) => {
  const { ask } = setUp();
  const range = { fromMs: START + 30 * SECOND, toMs: START + HOUR, stepMs: 30 * SECOND };
  const error = await t.throwsAsync(ask(range));
  t.true(isFault(error, 'query_invalid'));
  t.regex(error.message, /a resolution that divides a step of 30s/);
  const cut = { fromMs: START + 30 * SECOND, toMs: START + HOUR + 30 * SECOND, stepMs: MINUTE };
  t.regex(
    (await t.throwsAsync(ask(cut)))?.message ?? '',
    /lacks buckets that fit the range to compare with \(so far back they are of 1m\)/,
  );
});

test('without a step both times have one that both are kept in', async (t) => {
  const { clock, memory } = setUp();
  const queries = new Queries({ partitions: memory, stored: memory, catalog: memory, clock });
  const request: TimeseriesRequest = {
    ...{ tenant: TENANT, stream: 'events', groupBy: [], lastMs: HOUR },
    measures: [{ op: 'count' }],
  };
  memory.apply(0, events(2, clock.nowMs - DAY, 'DE'), clock.nowMs - DAY);
  t.is((await queries.timeseries(request)).stepMs, 15 * SECOND);
  const answer = await queries.timeseries({ ...request, compare: 'DAY_BEFORE' });
  t.is(answer.stepMs, MINUTE);
  t.deepEqual(compared(answer), { '': [[60, 2]] });
});

test('both times together have no more values than one answer may have', async (t) => {
  const { memory, ask } = setUp();
  const countries = Array.from({ length: 200 }, (_, n) => events(1, START, `c${n}`)).flat();
  memory.apply(0, countries, START);
  const range = {
    fromMs: START - 20 * HOUR,
    toMs: START + HOUR,
    limit: 200,
    fill: 'NULL',
  } as const;
  t.is((await ask({ ...range, compare: 'WEEK_BEFORE', limit: 100 })).series.length, 100);
  const error = await t.throwsAsync(ask({ ...range, compare: 'WEEK_BEFORE' }));
  t.regex(error?.message ?? '', /more than 400000 values/);
});

test('any events at both times are counted as a plain list of events has them', async (t) => {
  const arbitraryEvent = fc.record({
    minute: fc.nat({ max: 59 }),
    isEarlier: fc.boolean(),
    country: fc.constantFrom('DE', 'AT', 'CH'),
    partition: fc.nat({ max: 2 }),
    commits: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(arbitraryEvent, { maxLength: 40 }),
      fc.constantFrom<Comparison>('PERIOD_BEFORE', 'DAY_BEFORE', 'WEEK_BEFORE'),
      fc.constantFrom(MINUTE, 5 * MINUTE),
      async (all, compare, stepMs) => {
        const { memory, clock, ask } = setUp(3);
        const now = new Set<string>();
        const before = new Map<string, Map<number, number>>();
        for (const { minute, isEarlier, country, partition, commits } of all) {
          const ts = START + minute * MINUTE - (isEarlier ? SHIFTS[compare] : 0);
          memory.apply(partition, events(1, ts, country), clock.nowMs);
          if (commits) memory.commit(partition);
          if (!isEarlier) now.add(country);
          else {
            const points = before.get(country) ?? new Map<number, number>();
            const step = Math.floor((minute * MINUTE) / stepMs) * (stepMs / MINUTE);
            before.set(country, points.set(step, (points.get(step) ?? 0) + 1));
          }
        }
        const wanted = [...now].map((country) => [
          country,
          [...(before.get(country) ?? [])].sort(([a], [b]) => a - b),
        ]);
        t.deepEqual(compared(await ask({ compare, stepMs })), Object.fromEntries(wanted));
      },
    ),
    { numRuns: 60 },
  );
});

test('with filled steps a series that is new has had nothing before, in so many words', async (t) => {
  const { memory, ask } = setUp();
  memory.apply(0, events(1, START, 'DE'), START);
  const answer = await ask({ stepMs: 20 * MINUTE, fill: 'ZERO' });
  t.deepEqual(compared(answer), {
    DE: [
      [0, 0],
      [20, 0],
      [40, 0],
    ],
  });
});
