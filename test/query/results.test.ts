/** Conditions of measures and expressions, against events that are counted by hand. */
import test from 'ava';
import fc from 'fast-check';
import { isFault } from '../../src/model/errors.ts';
import type { TimeseriesAnswer } from '../../src/query/answer.ts';
import { Queries } from '../../src/query/queries.ts';
import type { TimeseriesRequest } from '../../src/query/request.ts';
import { MemoryPartitions, TENANT, type TestEvent } from './partitions.ts';
import { BY_TYPE, BY_TYPE_AND_COUNTRY } from './rollups.ts';

const START = Date.parse('2026-05-01T12:00:00Z');
const [SECOND, MINUTE] = [1_000, 60_000] as const;
const ERRORS = { field: 'type', eq: 'error' };
const RATE: Partial<TimeseriesRequest> = {
  measures: [
    { op: 'count', where: ERRORS, as: 'errors' },
    { op: 'count', as: 'all' },
    { expression: 'errors / all', as: 'errorRate' },
  ],
};

function setUp(partitions = 2) {
  const clock = { nowMs: START + MINUTE, now: () => clock.nowMs };
  const memory = new MemoryPartitions([BY_TYPE, BY_TYPE_AND_COUNTRY], partitions);
  const queries = new Queries({ partitions: memory, stored: memory, catalog: memory, clock });
  const ask = (parts: Partial<TimeseriesRequest>) =>
    queries.timeseries({
      ...{ tenant: TENANT, stream: 'events', measures: [{ op: 'count' }], groupBy: [] },
      ...{ fromMs: START, toMs: START + MINUTE, stepMs: SECOND },
      ...parts,
    });
  return { clock, memory, ask };
}

const event = (second: number, type: string, parts: Record<string, string | number> = {}) => ({
  ts: START + second * SECOND,
  type,
  ...parts,
});

/** `country` -> [[second, ...values], ...] */
const plain = ({ series }: TimeseriesAnswer) =>
  Object.fromEntries(
    series.map(({ labels, points }) => [
      labels.map(({ value }) => value).join(),
      points.map(({ t, values }) => [(t - START) / SECOND, ...values.map(({ value }) => value)]),
    ]),
  );

test('a measure with a condition counts what passes it, and an expression follows from both', async (t) => {
  const { memory, ask } = setUp();
  memory.apply(0, [event(0, 'view'), event(0, 'error'), event(1, 'view')], START);
  memory.apply(1, [event(0, 'error'), event(0, 'view'), event(2, 'error')], START);
  const answer = await ask(RATE);
  t.deepEqual(answer.names, ['errors', 'all', 'errorRate']);
  t.deepEqual(plain(answer), {
    '': [
      [0, 2, 4, 0.5],
      [1, 0, 1, 0],
      [2, 1, 1, 1],
    ],
  });
});

test('where no event passes, there are 0 of them and nothing is known of their values', async (t) => {
  const { memory, ask } = setUp(1);
  memory.apply(0, [event(0, 'view', { duration_ms: 5, user: 'u' })], START);
  const { series } = await ask({
    measures: [
      { op: 'count', where: ERRORS },
      { op: 'rate', where: ERRORS },
      { op: 'distinct', field: 'user', where: ERRORS },
      ...(['sum', 'avg', 'min', 'max', 'quantile'] as const).map((op) => ({
        ...{ op, field: 'duration_ms', where: ERRORS },
        ...(op === 'quantile' && { q: 0.5 }),
      })),
      { op: 'histogram', field: 'duration_ms', buckets: [1], where: ERRORS },
      { op: 'top', field: 'user', where: ERRORS },
    ],
  });
  const nothing = { value: null, errorBound: 0 };
  t.deepEqual(
    series[0]?.points[0]?.values.map(({ value }) => value),
    [0, 0, 0, ...new Array(7).fill(null)],
  );
  t.deepEqual(series[0]?.points[0]?.values.slice(-2), [nothing, nothing]);
});

test('buckets and entries are those of what passes, and an expression has their value alone', async (t) => {
  const { memory, ask } = setUp();
  const slow = { user: 'a', duration_ms: 40 };
  memory.apply(
    0,
    [event(0, 'error', slow), event(0, 'view', { user: 'b', duration_ms: 3 })],
    START,
  );
  memory.apply(
    1,
    [event(0, 'error', { user: 'c', duration_ms: 5 }), event(0, 'error', slow)],
    START,
  );
  const buckets = [10];
  const { series } = await ask({
    measures: [
      { op: 'top', field: 'user', where: ERRORS, as: 'users' },
      { expression: 'users' },
      { op: 'histogram', field: 'duration_ms', buckets, where: ERRORS, as: 'times' },
      { expression: 'times / all' },
      { op: 'histogram', field: 'duration_ms', buckets, as: 'all' },
    ],
  });
  const [low, high] = [
    { from: null, to: 10, errorBound: 0 },
    { from: 10, to: null, errorBound: 0 },
  ];
  t.deepEqual(series[0]?.points[0]?.values, [
    {
      ...{ value: 3, errorBound: 0 },
      entries: [
        { value: 'a', count: 2, error: 0 },
        { value: 'c', count: 1, error: 0 },
      ],
    },
    { value: 3, errorBound: 0 },
    {
      ...{ value: 3, errorBound: 0 },
      buckets: [
        { ...low, count: 1 },
        { ...high, count: 2 },
      ],
    },
    { value: 0.75, errorBound: 0 },
    {
      ...{ value: 4, errorBound: 0 },
      buckets: [
        { ...low, count: 2 },
        { ...high, count: 2 },
      ],
    },
  ]);
});

test('the condition of the query says which points there are, whatever its measures are of', async (t) => {
  const { memory, ask } = setUp(1);
  memory.apply(0, [event(0, 'view'), event(1, 'error', { user: 'u' })], START);
  memory.apply(0, [event(2, 'view', { country: 'DE' })], START);
  const users = { op: 'distinct', field: 'user' } as const;
  const of = async (measures: TimeseriesRequest['measures']) =>
    plain(await ask({ measures, groupBy: ['country'] }));
  t.deepEqual(await of([{ ...users, where: ERRORS }]), {
    '': [
      [0, 0],
      [1, 1],
    ],
    DE: [[2, 0]],
  });
  const views = { field: 'type', eq: 'view' };
  t.deepEqual(await of([users, { ...users, where: views }]), {
    '': [
      [0, 0, 0],
      [1, 1, 0],
    ],
    DE: [[2, 0, 0]],
  });
});

test('results have the names that they are given, else what was asked', async (t) => {
  const { ask } = setUp();
  const { names } = await ask({
    measures: [
      { op: 'quantile', field: 'duration_ms', q: 0.5 },
      { expression: 'n * 2' },
      { op: 'count', as: 'n' },
    ],
  });
  t.deepEqual(names, ['quantile(duration_ms, 0.5)', 'n * 2', 'n']);
});

test('series are ordered by an expression over the whole range, not by its points', async (t) => {
  const { memory, ask } = setUp();
  const of = (country: string, second: number, errors: number, views: number) => [
    ...Array.from({ length: errors }, () => event(second, 'error', { country })),
    ...Array.from({ length: views }, () => event(second, 'view', { country })),
  ];
  // Over the range: DE 3 of 10, AT 2 of 4, CH none; the best single point is DE's.
  memory.apply(0, [...of('DE', 0, 1, 0), ...of('AT', 0, 1, 1)], START);
  memory.apply(1, [...of('DE', 1, 2, 7), ...of('AT', 1, 1, 1), ...of('CH', 0, 0, 3)], START);
  const request = { ...RATE, groupBy: ['country'], orderBy: { measure: 2, descending: true } };
  const order = async (parts: Partial<TimeseriesRequest> = {}) =>
    Object.keys(plain(await ask({ ...request, ...parts })));
  t.deepEqual(await order(), ['AT', 'DE', 'CH']);
  t.deepEqual(await order({ limit: 2 }), ['AT', 'DE']);
  t.deepEqual(await order({ orderBy: { measure: 2, descending: false } }), ['CH', 'DE', 'AT']);
  const measures = [
    { op: 'avg', field: 'duration_ms', where: ERRORS, as: 'slow' },
    { op: 'count', as: 'n' },
    { expression: 'slow / n' },
  ] as const;
  memory.apply(0, [event(3, 'error', { country: 'CH', duration_ms: 400 })], START);
  memory.apply(0, [event(3, 'error', { country: 'AT', duration_ms: 100 })], START);
  memory.apply(0, [event(3, 'view', { country: 'DE', duration_ms: 9_000 })], START);
  t.deepEqual(await order({ measures }), ['CH', 'AT', 'DE']);
});

test('the error of a sketch is that of what is computed from it', async (t) => {
  const { memory, ask } = setUp();
  const events = Array.from({ length: 1_000 }, (_, n) => event(0, 'view', { user: `u${n % 200}` }));
  memory.apply(0, events, START);
  const { series } = await ask({
    measures: [
      { op: 'count', as: 'events' },
      { op: 'distinct', field: 'user', as: 'users' },
      { expression: 'events / users' },
      { expression: '2 * events' },
    ],
  });
  const [, users, each, twice] = series[0]?.points[0]?.values ?? [];
  t.deepEqual(twice, { value: 2_000, errorBound: 0 });
  const [found, bound] = [users?.value ?? 0, users?.errorBound ?? 0];
  t.true(bound > 0);
  t.is(each?.value, 1_000 / found);
  t.true(Math.abs((each?.errorBound ?? 0) - (1_000 / (found - bound) - 1_000 / found)) < 1e-9);
});

test('what cannot be meant is refused, with what to do', async (t) => {
  const { ask } = setUp();
  const refusal = async (measures: TimeseriesRequest['measures']) => {
    const error = (await t.throwsAsync(ask({ measures }))) as Error;
    t.true(isFault(error, 'query_invalid'));
    return error.message;
  };
  const all = { op: 'count', as: 'all' } as const;
  t.regex(await refusal([{ expression: '1 + 1' }]), /needs a measure beside it/);
  t.regex(await refusal([all, { expression: 'al' }]), /one of the names all at character 1/);
  t.regex(await refusal([all, all]), /two measures are named "all"/);
  t.regex(await refusal([{ op: 'count', as: 'a b' }]), /"as" must be a letter or _/);
  const long = { op: 'count', as: '-'.repeat(10_000) } as const;
  t.regex(await refusal([long]), /received "-{64}"$/);
  const twice = { expression: 'all * 2', as: 'twice' };
  t.regex(await refusal([all, twice, { expression: 'twice' }]), /one of the names all/);
  t.regex(
    await refusal([{ op: 'count', where: { field: 'city', eq: 'x' } }]),
    /"by_type" lacks dimension "city"; .*lacks dimension "city"/,
  );
  const many = Array.from({ length: 200 }, (_, n) => `v${n}`);
  const wide = { op: 'count', where: { field: 'type', in: many } } as const;
  t.regex(await refusal([wide, wide]), /256 parts and values in all/);
});

test('rows are counted for each condition that they are merged for', async (t) => {
  const { memory, clock, ask } = setUp(2);
  const seconds = 6_500;
  for (let from = 0; from < seconds; from += 500) {
    clock.nowMs = START + (from + 500) * SECOND;
    const events = Array.from({ length: 500 }, (_, i) => event(from + i, 'view'));
    for (const partition of [0, 1]) {
      memory.apply(partition, events, clock.nowMs);
      memory.commit(partition);
    }
  }
  const counts = (conditions: number): TimeseriesRequest['measures'] =>
    Array.from({ length: conditions }, (_, n) => ({
      op: 'count',
      where: { field: 'type', eq: `t${n}` },
    }));
  const range = { toMs: START + seconds * SECOND, stepMs: 5 * SECOND };
  t.is((await ask({ ...range, measures: counts(12) })).series[0]?.points.length, seconds / 5);
  const error = await t.throwsAsync(ask({ ...range, measures: counts(16) }));
  t.true(isFault(error, 'query_invalid'));
  t.regex(error.message, /more than 200000 stored rows, each counted for every condition/);
});

test('any events, conditions and groups are counted as a plain list of events has them', async (t) => {
  const types = ['view', 'buy', 'error'];
  const arbitraryEvent = fc.record({
    second: fc.nat({ max: 9 }),
    type: fc.constantFrom(...types),
    country: fc.constantFrom('DE', 'AT', undefined),
    duration: fc.integer({ min: -9, max: 9 }),
    partition: fc.nat({ max: 2 }),
    commits: fc.boolean(),
    waitMs: fc.nat({ max: 20_000 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(arbitraryEvent, { maxLength: 60 }),
      fc.constantFrom(...types),
      fc.constantFrom(SECOND, 5 * SECOND),
      async (events, counted, stepMs) => {
        const { memory, clock, ask } = setUp(3);
        const expected = new Map<string, Map<number, [number, number, number | null]>>();
        for (const { second, type, country, duration, partition, commits, waitMs } of events) {
          clock.nowMs += waitMs; // What comes after the watermark has passed is late.
          const parts = { duration_ms: duration, ...(country !== undefined && { country }) };
          memory.apply(partition, [event(second, type, parts) as TestEvent], clock.nowMs);
          if (commits) memory.commit(partition);
          const step = Math.floor((second * SECOND) / stepMs) * (stepMs / SECOND);
          const points = expected.get(country ?? '') ?? new Map();
          const [n, all, sum] = points.get(step) ?? [0, 0, null];
          const isCounted = type === counted;
          points.set(step, [
            n + (isCounted ? 1 : 0),
            all + 1,
            isCounted ? (sum ?? 0) + duration : sum,
          ]);
          expected.set(country ?? '', points);
        }
        const where = { field: 'type', eq: counted };
        const answer = await ask({
          stepMs,
          groupBy: ['country'],
          measures: [
            { op: 'count', where, as: 'n' },
            { op: 'count', as: 'all' },
            { op: 'sum', field: 'duration_ms', where, as: 'sum' },
            { expression: '(sum + 1) / n - all' },
          ],
        });
        const wanted = [...expected].map(([country, points]) => [
          country,
          [...points]
            .sort(([a], [b]) => a - b)
            .map(([second, [n, all, sum]]) => [
              ...[second, n, all, sum],
              sum === null ? null : (sum + 1) / n - all,
            ]),
        ]);
        t.deepEqual(plain(answer), Object.fromEntries(wanted));
      },
    ),
    { numRuns: 60 },
  );
});
