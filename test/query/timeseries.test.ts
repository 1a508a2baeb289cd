import test from 'ava';
import fc from 'fast-check';
import { isFault } from '../../src/model/errors.ts';
import { encodePositions } from '../../src/model/positions.ts';
import { offset } from '../../src/model/units.ts';
import type { Series } from '../../src/query/answer.ts';
import { Queries } from '../../src/query/queries.ts';
import type { TimeseriesRequest } from '../../src/query/request.ts';
import { MemoryPartitions, TENANT, type TestEvent } from './partitions.ts';
import { BY_TYPE, BY_TYPE_AND_COUNTRY } from './rollups.ts';

const START = Date.parse('2026-05-01T12:00:00Z');
const [SECOND, MINUTE, HOUR] = [1_000, 60_000, 3_600_000] as const;

function setUp(partitions = 2) {
  const clock = { nowMs: START, now: () => clock.nowMs };
  const memory = new MemoryPartitions([BY_TYPE, BY_TYPE_AND_COUNTRY], partitions);
  const queries = new Queries({
    partitions: memory,
    stored: memory,
    catalog: memory,
    clock,
    afterTimeoutMs: 200,
  });
  const ask = (parts: Partial<TimeseriesRequest>, after?: string) =>
    queries.timeseries(
      { tenant: TENANT, stream: 'events', measures: [{ op: 'count' }], groupBy: [], ...parts },
      after === undefined ? {} : { after },
    );
  return { clock, memory, queries, ask };
}

const event = (ts: number, parts: Record<string, string | number> = {}): TestEvent => ({
  ts,
  type: 'view',
  ...parts,
});

/** `type=view,country=DE` -> [[t, first value], ...] */
const plain = (series: readonly Series[]) =>
  Object.fromEntries(
    series.map(({ labels, points }) => [
      labels.map(({ name, value }) => `${name}=${value}`).join(','),
      points.map(({ t, values }) => [t - START, values[0]?.value]),
    ]),
  );

test('partitions add up, and a step without events has no point', async (t) => {
  const { memory, ask } = setUp();
  memory.apply(0, [event(START), event(START + 1), event(START + 2 * SECOND)], START);
  memory.apply(1, [event(START + 999), event(START + 3 * SECOND, { type: 'buy' })], START);
  const range = { fromMs: START, toMs: START + 5 * SECOND, stepMs: SECOND };
  const { series } = await ask(range);
  t.deepEqual(plain(series), {
    '': [
      [0, 3],
      [2_000, 1],
      [3_000, 1],
    ],
  });
  const grouped = await ask({ ...range, groupBy: ['type'] });
  t.deepEqual(plain(grouped.series), {
    'type=view': [
      [0, 3],
      [2_000, 1],
    ],
    'type=buy': [[3_000, 1]],
  });
});

test('committed, open and uncommitted rows never count twice', async (t) => {
  const { memory, clock, ask } = setUp(1);
  const range = { fromMs: START, toMs: START + MINUTE, stepMs: MINUTE };
  const total = async () => (await ask(range)).series[0]?.points[0]?.values[0]?.value;
  let sent = 0;
  for (let second = 0; second < 40; second += 4) {
    clock.nowMs = START + second * SECOND;
    memory.apply(0, [event(clock.nowMs), event(clock.nowMs + 1)], clock.nowMs);
    sent += 2;
    t.is(await total(), sent);
    memory.commit(0);
    t.is(await total(), sent);
  }
});

test('measures are answered in their order, with what is known of their error', async (t) => {
  const { memory, ask } = setUp();
  for (let i = 0; i < 1_000; i++) {
    const parts = { duration_ms: i, user: `u${i % 100}`, country: 'DE' };
    memory.apply(i % 2, [event(START, parts)], START);
  }
  memory.apply(0, [event(START, { country: 'DE' })], START);
  const field = 'duration_ms';
  const { series } = await ask({
    fromMs: START,
    toMs: START + MINUTE,
    stepMs: MINUTE,
    groupBy: ['country'],
    measures: [
      { op: 'quantile', field, q: 0.5 },
      { op: 'count' },
      { op: 'sum', field },
      { op: 'min', field },
      { op: 'max', field },
      { op: 'avg', field },
      { op: 'rate' },
      { op: 'rate', field },
      { op: 'distinct', field: 'user' },
    ],
  });
  const values = series[0]?.points[0]?.values ?? [];
  const exact = values.slice(1, 8).map(({ value }) => value);
  t.deepEqual(exact, [1_001, 499_500, 0, 999, 499.5, 1_001 / 60, 499_500 / 60]);
  t.true(values.slice(1, 8).every(({ errorBound }) => errorBound === 0));
  const [median, distinct] = [values[0], values[8]];
  t.true(Math.abs((median?.value ?? 0) - 499.5) <= (median?.errorBound ?? 0) + 1);
  t.true((median?.errorBound ?? 0) > 0 && (median?.errorBound ?? 0) <= 4);
  t.true(Math.abs((distinct?.value ?? 0) - 100) <= (distinct?.errorBound ?? 0));
});

test('first and last values are those of all partitions and buckets, and late events amend them', async (t) => {
  const { memory, clock, ask } = setUp();
  const at = (ts: number, duration_ms: number) => event(START + ts, { duration_ms });
  memory.apply(0, [at(5, 30), at(MINUTE - 1, 10), event(START)], START);
  memory.apply(1, [at(5, 20), at(MINUTE - 1, 40), at(MINUTE + 1, 50)], START + MINUTE);
  const measures = [
    { op: 'first', field: 'duration_ms' },
    { op: 'last', field: 'duration_ms', as: 'end' },
    { op: 'first', field: 'duration_ms', where: { field: 'type', eq: 'buy' } },
    { expression: '2 * end' },
  ] as const;
  const range = { fromMs: START, toMs: START + 3 * MINUTE, stepMs: MINUTE };
  const values = async (more: Partial<TimeseriesRequest> = {}) => {
    const { series, restated } = await ask({ ...range, measures, ...more });
    const points = series[0]?.points.map((point) => point.values.map(({ value }) => value));
    return { restated, points };
  };
  t.deepEqual(await values(), {
    restated: false,
    points: [
      [20, 40, null, 80],
      [50, 50, null, 100],
    ],
  });
  clock.nowMs = START + HOUR;
  for (const partition of [0, 1]) memory.apply(partition, [event(clock.nowMs)], clock.nowMs);
  memory.commit(0);
  memory.apply(0, [at(4, 60), { ...at(MINUTE - 1, 45), type: 'buy' }], clock.nowMs);
  memory.apply(1, [at(5, 1), at(MINUTE - 1, 44)], clock.nowMs);
  t.deepEqual(await values({ fill: 'PREVIOUS' }), {
    restated: true,
    points: [
      [60, 45, 45, 90],
      [50, 50, 45, 100],
      [50, 50, 45, 100],
    ],
  });
});

test('a histogram is answered from the quantiles that a rollup keeps, of all partitions', async (t) => {
  const { memory, ask } = setUp();
  for (let i = 0; i < 1_000; i++) {
    memory.apply(i % 2, [event(START + (i % 2) * SECOND, { duration_ms: i })], START);
  }
  memory.apply(0, [event(START)], START);
  const range = { fromMs: START, toMs: START + MINUTE, stepMs: MINUTE };
  const measures = [{ op: 'histogram', field: 'duration_ms', buckets: [10, 300, 512] }] as const;
  const { series } = await ask({ ...range, measures });
  const [value] = series[0]?.points[0]?.values ?? [];
  t.like(value, { value: 1_000, errorBound: 0 });
  // 300 and 301 share a bin.
  t.deepEqual(value?.buckets, [
    { from: null, to: 10, count: 10, errorBound: 0 },
    { from: 10, to: 300, count: 290, errorBound: 0 },
    { from: 300, to: 512, count: 212, errorBound: 0 },
    { from: 512, to: null, count: 488, errorBound: 0 },
  ]);
  const uneven = await ask({
    ...range,
    measures: [{ op: 'histogram', field: 'duration_ms', buckets: [301] }],
  });
  const [below] = uneven.series[0]?.points[0]?.values[0]?.buckets ?? [];
  t.is(below?.errorBound, 2);
  t.true(Math.abs((below?.count ?? 0) - 301) <= 2);
});

test('the heaviest values are those of all partitions and buckets, by events or by a sum', async (t) => {
  const { memory, ask } = setUp();
  // User u9 has ten events, u8 nine and so on; the fewer, the longer.
  for (let i = 0; i < 10; i++) {
    for (let n = 0; n <= i; n++) {
      const parts = { user: `u${i}`, duration_ms: 10 ** (3 - (i % 4)) };
      memory.apply(n % 2, [event(START + n * SECOND, parts)], START);
    }
  }
  memory.commit(0);
  const range = { fromMs: START, toMs: START + MINUTE, stepMs: MINUTE };
  const { series } = await ask({
    ...range,
    measures: [
      { op: 'top', field: 'user', k: 3 },
      { op: 'top', field: 'user', by: 'duration_ms', k: 2 },
      { op: 'count' },
    ],
  });
  const [byEvents, bySum, count] = series[0]?.points[0]?.values ?? [];
  t.deepEqual(byEvents, {
    value: 55,
    errorBound: 0,
    entries: [
      { value: 'u9', count: 10, error: 0 },
      { value: 'u8', count: 9, error: 0 },
      { value: 'u7', count: 8, error: 0 },
    ],
  });
  t.deepEqual(bySum?.entries, [
    { value: 'u8', count: 9_000, error: 0 },
    { value: 'u4', count: 5_000, error: 0 },
  ]);
  t.deepEqual(count, { value: 55, errorBound: 0 });
  const more = ask({ ...range, measures: [{ op: 'top', field: 'user', k: 51 }] });
  await t.throwsAsync(more, { message: /lacks measure top\(user\) of capacity 51 or more/ });
});

test('series are ordered by how many values their histograms have', async (t) => {
  const { memory, ask } = setUp();
  for (let i = 0; i < 9; i++) {
    const type = i < 3 ? 'few' : 'many';
    memory.apply(0, [event(START + i * SECOND, { type, duration_ms: i, country: 'DE' })], START);
  }
  const { series } = await ask({
    fromMs: START,
    toMs: START + MINUTE,
    stepMs: SECOND,
    groupBy: ['type'],
    measures: [{ op: 'histogram', field: 'duration_ms', buckets: [4] }],
  });
  t.deepEqual(
    series.map(({ labels }) => labels[0]?.value),
    ['many', 'few'],
  );
});

test('buckets count against what an answer may hold', async (t) => {
  const { memory, ask } = setUp();
  for (let i = 0; i < 1_000; i++) memory.apply(0, [event(START, { country: `c${i}` })], START);
  const buckets = Array.from({ length: 100 }, (_, i) => i);
  const asked = {
    fromMs: START,
    toMs: START + 60 * SECOND,
    stepMs: SECOND,
    groupBy: ['country'],
  };
  await t.notThrowsAsync(ask(asked));
  await t.throwsAsync(
    ask({ ...asked, measures: [{ op: 'histogram', field: 'duration_ms', buckets }] }),
    { code: 'query_invalid', message: /which is too much for one answer/ },
  );
});

test('a measure whose field no event had is null, not zero', async (t) => {
  const { memory, ask } = setUp();
  memory.apply(0, [event(START)], START);
  const { series } = await ask({
    fromMs: START,
    toMs: START + SECOND,
    stepMs: SECOND,
    measures: [{ op: 'count' }, { op: 'sum', field: 'duration_ms' }],
  });
  t.deepEqual(series[0]?.points[0]?.values, [
    { value: 1, errorBound: 0 },
    { value: null, errorBound: 0 },
  ]);
});

test('conditions keep series, grouping adds up what agrees, absent labels are null', async (t) => {
  const { memory, ask } = setUp();
  const events = [
    event(START, { type: 'view', country: 'DE' }),
    event(START, { type: 'view', country: 'AT' }),
    event(START, { type: 'buy', country: 'DE' }),
    event(START, { type: 'buy' }),
  ];
  memory.apply(0, events, START);
  memory.apply(1, events, START);
  const range = { fromMs: START, toMs: START + SECOND, stepMs: SECOND };
  const asked = async (parts: Partial<TimeseriesRequest>) =>
    plain((await ask({ ...range, ...parts })).series);
  t.deepEqual(await asked({ groupBy: ['country'] }), {
    'country=DE': [[0, 4]],
    'country=AT': [[0, 2]],
    'country=null': [[0, 2]],
  });
  t.deepEqual(await asked({ where: { field: 'country', eq: 'DE' } }), { '': [[0, 4]] });
  t.deepEqual(await asked({ groupBy: ['type'], where: { field: 'country', exists: false } }), {
    'type=buy': [[0, 2]],
  });
  t.deepEqual(await asked({ where: { field: 'country', eq: 'FR' } }), {});
});

test('series come in the asked order, over the whole range, and limit cuts them', async (t) => {
  const { memory, ask } = setUp();
  const countries = ['AT', 'AT', 'DE', 'DE', 'DE', 'CH'];
  for (const [i, country] of countries.entries()) {
    memory.apply(i % 2, [event(START + i * SECOND, { country, duration_ms: 10 - i })], START);
  }
  const range = { fromMs: START, toMs: START + MINUTE, stepMs: SECOND, groupBy: ['country'] };
  const order = async (parts: Partial<TimeseriesRequest>) => {
    const { series, seriesFound } = await ask({ ...range, ...parts });
    t.is(seriesFound, 3);
    return series.map(({ labels }) => labels[0]?.value);
  };
  t.deepEqual(await order({}), ['DE', 'AT', 'CH']);
  t.deepEqual(await order({ limit: 2 }), ['DE', 'AT']);
  t.deepEqual(await order({ orderBy: { measure: 0, descending: false } }), ['CH', 'AT', 'DE']);
  const measures = [{ op: 'count' }, { op: 'max', field: 'duration_ms' }] as const;
  t.deepEqual(await order({ measures, orderBy: { measure: 1, descending: true } }), [
    'AT',
    'DE',
    'CH',
  ]);
});

test('the watermark is that of the slowest partition', async (t) => {
  const { memory, clock, ask } = setUp();
  clock.nowMs = START + MINUTE;
  memory.apply(0, [event(START + 50 * SECOND)], clock.nowMs);
  memory.apply(1, [event(START + 30 * SECOND)], clock.nowMs);
  memory.ends = [1_000, 1_000]; // More is in the log of both.
  const { watermarkMs, complete } = await ask({
    fromMs: START,
    toMs: START + 21 * SECOND,
    stepMs: SECOND,
  });
  t.is(watermarkMs, START + 20 * SECOND);
  t.false(complete);
  t.true((await ask({ fromMs: START, toMs: START + 20 * SECOND, stepMs: SECOND })).complete);
});

test('the time of a partition with nothing left to read is the clock', async (t) => {
  const { memory, clock, ask } = setUp();
  memory.apply(0, [event(START)], START);
  clock.nowMs = START + HOUR;
  const { watermarkMs, complete } = await ask({
    fromMs: START,
    toMs: START + SECOND,
    stepMs: SECOND,
  });
  t.is(watermarkMs, clock.nowMs - BY_TYPE.latenessMs);
  t.true(complete);
});

test('nothing is known of a partition that has applied nothing of its log', async (t) => {
  const { memory, ask } = setUp();
  memory.ends = [100, 100];
  const answer = await ask({ fromMs: START, toMs: START + SECOND, stepMs: SECOND });
  t.is(answer.watermarkMs, null);
  t.false(answer.complete);
  t.deepEqual(answer.series, []);
});

test('late events restate a closed bucket', async (t) => {
  const { memory, clock, ask } = setUp(1);
  const range = { fromMs: START, toMs: START + SECOND, stepMs: SECOND };
  memory.apply(0, [event(START)], START);
  memory.apply(0, [event(START + MINUTE)], START + MINUTE);
  clock.nowMs = START + MINUTE;
  t.false((await ask(range)).restated);
  memory.commit(0);
  memory.apply(0, [event(START)], START + MINUTE);
  const restated = await ask(range);
  t.true(restated.restated);
  t.deepEqual(plain(restated.series), { '': [[0, 2]] });
  memory.commit(0);
  t.deepEqual(plain((await ask(range)).series), { '': [[0, 2]] });
});

test('of a partition that does not answer the committed part counts, and the answer says so', async (t) => {
  const { memory, clock, ask } = setUp();
  memory.apply(0, [event(START)], START);
  memory.apply(1, [event(START)], START);
  memory.apply(1, [event(START + MINUTE)], START + MINUTE);
  memory.commit(1);
  memory.apply(1, [event(START + MINUTE)], START + MINUTE);
  memory.stop(1);
  clock.nowMs = START + HOUR;
  const answer = await ask({ fromMs: START, toMs: START + HOUR, stepMs: MINUTE });
  t.deepEqual(answer.missingPartitions, [1]);
  t.false(answer.complete);
  t.is(answer.watermarkMs, START + MINUTE - BY_TYPE.latenessMs);
  t.deepEqual(plain(answer.series), {
    '': [
      [0, 2],
      [MINUTE, 1],
    ],
  });
});

test('a partition that replays what was logged under another definition is missing, with what it has committed', async (t) => {
  const { memory, clock, ask } = setUp();
  memory.apply(0, [event(START)], START);
  memory.apply(1, [event(START)], START);
  memory.commit(1);
  memory.replay(1);
  clock.nowMs = START + HOUR;
  const answer = await ask({ fromMs: START, toMs: START + HOUR, stepMs: MINUTE });
  t.like(answer, { complete: false, watermarkMs: null, missingPartitions: [1] });
  t.deepEqual(plain(answer.series), { '': [[0, 1]] });
});

test('a long range is read from the coarse tier, only its end from finer ones', async (t) => {
  const { memory, clock, ask } = setUp(1);
  for (let minute = 0; minute < 120; minute++) {
    clock.nowMs = START + minute * MINUTE;
    memory.apply(0, [event(clock.nowMs)], clock.nowMs);
    memory.commit(0);
  }
  memory.scannedRows = 0;
  const { series } = await ask({ fromMs: START, toMs: START + 2 * HOUR, stepMs: 30 * MINUTE });
  t.deepEqual(plain(series)[''], [
    [0, 30],
    [30 * MINUTE, 30],
    [HOUR, 30],
    [90 * MINUTE, 30],
  ]);
  t.true(memory.scannedRows < 25, `${memory.scannedRows} rows`);
});

test('after a position the answer waits for what it stands for', async (t) => {
  const { memory, ask } = setUp();
  const position = encodePositions(new Map([[1, offset(100)]]));
  const range = { fromMs: START, toMs: START + SECOND, stepMs: SECOND };
  memory.ends = [0, 100];
  const answer = ask(range, position);
  memory.apply(1, [event(START)], START);
  t.deepEqual(plain((await answer).series), { '': [[0, 1]] });
  t.is(memory.listeners, 0);
  t.deepEqual(plain((await ask(range, '')).series), { '': [[0, 1]] });
});

test('a position that is never applied, or none at all, is refused', async (t) => {
  const { memory, ask } = setUp();
  memory.ends = [0, 100];
  const refused = async (after: string) => (await t.throwsAsync(ask({}, after))) as Error;
  t.true(isFault(await refused(encodePositions(new Map([[1, offset(100)]]))), 'query_timeout'));
  for (const after of [
    'x',
    encodePositions(new Map([[1, offset(101)]])),
    encodePositions(new Map([[2, offset(0)]])),
  ]) {
    t.true(isFault(await refused(after), 'query_invalid'), after);
  }
  t.is(memory.listeners, 0);
});

test('an answer with too many series and points is refused, not computed', async (t) => {
  const { memory, ask } = setUp(1);
  const events = Array.from({ length: 900 }, (_, i) => event(START, { country: `c${i}` }));
  memory.apply(0, events, START);
  const error = await t.throwsAsync(
    ask({ fromMs: START, toMs: START + 2 * HOUR, stepMs: SECOND, groupBy: ['country'] }),
  );
  t.true(isFault(error, 'query_invalid'));
  t.regex(error.message, /more than 138 series of 7200 points match/);
});

test('series past the limit are counted in the overflow series', async (t) => {
  const { memory, ask } = setUp(1);
  const events = Array.from({ length: 1_200 }, (_, i) => event(START, { country: `c${i}` }));
  memory.apply(0, events, START);
  const { series } = await ask({
    fromMs: START,
    toMs: START + MINUTE,
    stepMs: MINUTE,
    groupBy: ['country'],
  });
  const [first] = series;
  t.is(first?.labels[0]?.value, '__overflow__');
  t.true((first?.points[0]?.values[0]?.value ?? 0) >= 200);
  const sum = await ask({
    fromMs: START,
    toMs: START + MINUTE,
    stepMs: MINUTE,
    measures: [{ op: 'sum', field: 'duration_ms' }, { op: 'count' }],
  });
  t.is(sum.series[0]?.points[0]?.values[1]?.value, 1_200);
});

test('any events in any order, committed at any time, are counted as a plain map counts them', async (t) => {
  const types = ['view', 'buy', 'login'];
  const arbitraryEvent = fc.record({
    second: fc.integer({ min: 0, max: 1_900 }),
    type: fc.constantFrom(...types),
    partition: fc.integer({ min: 0, max: 2 }),
    commits: fc.boolean(),
    waitMs: fc.integer({ min: 0, max: 20_000 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(arbitraryEvent, { maxLength: 120 }),
      fc.constantFrom(SECOND, 10 * SECOND, MINUTE, 15 * MINUTE),
      async (events, stepMs) => {
        const { memory, clock, ask } = setUp(3);
        const expected: Record<string, Map<number, number>> = {};
        clock.nowMs = START + 1_900 * SECOND;
        for (const { second, type, partition, commits, waitMs } of events) {
          clock.nowMs += waitMs;
          const ts = START + second * SECOND;
          memory.apply(partition, [event(ts, { type })], clock.nowMs);
          if (commits) memory.commit(partition);
          const step = Math.floor((ts - START) / stepMs) * stepMs;
          expected[`type=${type}`] ??= new Map();
          const counts = expected[`type=${type}`] as Map<number, number>;
          counts.set(step, (counts.get(step) ?? 0) + 1);
        }
        const answer = await ask({
          fromMs: START,
          toMs: START + 45 * MINUTE,
          stepMs,
          groupBy: ['type'],
        });
        const wanted = Object.fromEntries(
          Object.entries(expected).map(([name, counts]) => [
            name,
            [...counts].sort(([a], [b]) => a - b),
          ]),
        );
        t.deepEqual(plain(answer.series), wanted);
      },
    ),
    { numRuns: 60 },
  );
});
