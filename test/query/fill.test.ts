/** Points for empty steps, against events that are counted by hand. */
import test from 'ava';
import { isFault } from '../../src/model/errors.ts';
import type { TimeseriesAnswer } from '../../src/query/answer.ts';
import type { LiveMessage } from '../../src/query/live-query.ts';
import { Queries } from '../../src/query/queries.ts';
import type { TimeseriesRequest } from '../../src/query/request.ts';
import { MemoryPartitions, TENANT } from './partitions.ts';
import { BY_TYPE, BY_TYPE_AND_COUNTRY } from './rollups.ts';

const START = Date.parse('2026-05-01T12:00:00Z');
const SECOND = 1_000;

function setUp() {
  const clock = { nowMs: START + 3_500, now: () => clock.nowMs };
  const memory = new MemoryPartitions([BY_TYPE, BY_TYPE_AND_COUNTRY]);
  const queries = new Queries({ partitions: memory, stored: memory, catalog: memory, clock });
  const request = (parts: Partial<TimeseriesRequest>): TimeseriesRequest => ({
    ...{ tenant: TENANT, stream: 'events', groupBy: ['country'], measures: [{ op: 'count' }] },
    ...{ fromMs: START, toMs: START + 6 * SECOND, stepMs: SECOND },
    ...parts,
  });
  const ask = (parts: Partial<TimeseriesRequest>) => queries.timeseries(request(parts));
  return { clock, memory, queries, request, ask };
}

const event = (second: number, country: string, duration_ms?: number) => ({
  ...{ ts: START + second * SECOND, type: 'view', country },
  ...(duration_ms !== undefined && { duration_ms }),
});

const plain = ({ series }: Pick<TimeseriesAnswer, 'series'>) =>
  Object.fromEntries(
    series.map(({ labels, points }) => [
      labels.map(({ value }) => value).join(),
      points.map(({ t, values }) => [(t - START) / SECOND, ...values.map(({ value }) => value)]),
    ]),
  );

const MEASURES: TimeseriesRequest['measures'] = [
  { op: 'count', as: 'n' },
  { op: 'sum', field: 'duration_ms', as: 'sum' },
  { op: 'max', field: 'duration_ms', as: 'max' },
  { expression: 'sum / n' },
];

test('every step that has begun gets a point, and no step of the future', async (t) => {
  const { memory, ask } = setUp();
  memory.apply(0, [event(1, 'DE', 5), event(1, 'DE', 7)], START + SECOND);
  memory.apply(1, [event(2, 'DE'), event(0, 'AT', 3)], START + 2 * SECOND);
  const measures = MEASURES;
  t.deepEqual(plain(await ask({ measures, fill: 'NULL' })), {
    DE: [
      [0, null, null, null, null],
      [1, 2, 12, 7, 6],
      [2, 1, null, null, null],
      [3, null, null, null, null],
    ],
    AT: [
      [0, 1, 3, 3, 3],
      [1, null, null, null, null],
      [2, null, null, null, null],
      [3, null, null, null, null],
    ],
  });
  t.deepEqual(plain(await ask({ measures, fill: 'ZERO' }))['DE'], [
    [0, 0, 0, null, null],
    [1, 2, 12, 7, 6],
    [2, 1, 0, null, 0],
    [3, 0, 0, null, null],
  ]);
  t.deepEqual(plain(await ask({ measures, fill: 'PREVIOUS' }))['DE'], [
    [0, null, null, null, null],
    [1, 2, 12, 7, 6],
    [2, 1, 12, 7, 6],
    [3, 1, 12, 7, 6],
  ]);
  t.deepEqual(Object.keys(plain(await ask({ measures, fill: 'ZERO', limit: 1 }))), ['DE']);
});

test('a point from ahead of the clock is kept, and what lies before it stays empty', async (t) => {
  const { memory, ask } = setUp();
  memory.apply(0, [event(5, 'DE')], START + 5 * SECOND);
  const { DE } = plain(await ask({ fill: 'ZERO' }));
  t.deepEqual(DE, [
    [0, 0],
    [1, 0],
    [2, 0],
    [3, 0],
    [5, 1],
  ]);
});

test('what is filled keeps the bound of the value that it repeats', async (t) => {
  const { memory, ask } = setUp();
  memory.apply(
    0,
    [1, 4, 9].map((each) => event(0, 'DE', 1_000.5 * each)),
    START,
  );
  const measures = [{ op: 'quantile', field: 'duration_ms', q: 0.5 }] as const;
  const { series } = await ask({ measures, fill: 'PREVIOUS' });
  const [first, second] = series[0]?.points ?? [];
  t.true((first?.values[0]?.errorBound ?? 0) > 0);
  t.deepEqual(second?.values, first?.values);
});

test('buckets and entries are repeated with their value, and never made of nothing', async (t) => {
  const { memory, ask } = setUp();
  memory.apply(0, [{ ...event(0, 'DE', 7), user: 'a' }], START);
  const measures = [
    { op: 'top', field: 'user' },
    { op: 'histogram', field: 'duration_ms', buckets: [5], as: 'times' },
    { expression: 'times + 0' },
  ] as const;
  const valuesOf = async (fill: 'ZERO' | 'PREVIOUS') =>
    (await ask({ measures, fill })).series[0]?.points.map(({ values }) => values) ?? [];
  const [first, second] = await valuesOf('PREVIOUS');
  t.deepEqual(first?.[0]?.entries, [{ value: 'a', count: 1, error: 0 }]);
  t.is(first?.[1]?.buckets?.[1]?.count, 1);
  t.deepEqual(second, first);
  const nothing = { value: null, errorBound: 0 };
  t.deepEqual((await valuesOf('ZERO'))[1], [nothing, nothing, nothing]);
});

test('without labels there is one series even if there are no events; with them, none', async (t) => {
  const { ask } = setUp();
  const answer = await ask({ groupBy: [], fill: 'ZERO' });
  t.is(answer.seriesFound, 1);
  t.deepEqual(plain(answer), {
    '': [
      [0, 0],
      [1, 0],
      [2, 0],
      [3, 0],
    ],
  });
  t.deepEqual(plain(await ask({ fill: 'ZERO' })), {});
  t.deepEqual(plain(await ask({ groupBy: [] })), {});
});

test('filled points count against what an answer may have', async (t) => {
  const { memory, ask, clock } = setUp();
  clock.nowMs = START + 7_200 * SECOND;
  const events = Array.from({ length: 60 }, (_, n) => event(0, `c${n}`));
  memory.apply(0, events, START);
  const wide = { toMs: START + 7_000 * SECOND, limit: 100 };
  t.is((await ask(wide)).series.length, 60);
  const error = await t.throwsAsync(ask({ ...wide, fill: 'NULL' }));
  t.true(isFault(error, 'query_invalid'));
  t.regex(error.message, /more than 400000 values/);
  const count = [{ op: 'count' }] as const;
  const narrow = { toMs: START + 700 * SECOND, fill: 'NULL' } as const;
  t.is((await ask({ ...narrow, limit: 50 })).series.length, 50);
  const many = ask({ ...narrow, limit: 50, measures: [...count, { op: 'top', field: 'user' }] });
  t.regex((await t.throwsAsync<Error>(many)).message, /more than 400000 values/);
});

test('a live query fills its points, and tells of them once', async (t) => {
  const { memory, queries, request, clock } = setUp();
  const messages = queries.subscribe(request({ fill: 'ZERO' }));
  t.teardown(() => queries.close());
  const next = async () => (await messages.next()).value as LiveMessage;
  memory.apply(0, [event(1, 'DE')], START + SECOND);
  const first = await next();
  t.deepEqual(plain(first.answer)['DE']?.slice(0, 4), [
    [0, 0],
    [1, 1],
    [2, 0],
    [3, 0],
  ]);
  clock.nowMs += SECOND;
  memory.apply(0, [event(2, 'DE')], START + 2 * SECOND);
  t.deepEqual(plain((await next()).answer)['DE'], [
    [2, 1],
    [4, 0],
  ]);
});
