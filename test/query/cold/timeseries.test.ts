/** The same questions answered by rollups and from segments: the same series, steps and values. */
import test from 'ava';
import { hashSecret, SECRET_PREFIX } from '../../../src/model/access.ts';
import { archive, ask, openSite, type Site, send } from './site.ts';

const MINUTE = 60_000;
const STEP_MS = 15 * MINUTE;
/** Long ago enough that no rollup has it open, recent enough that all keep it. */
const END_MS = Math.floor(Date.now() / STEP_MS) * STEP_MS - 4 * STEP_MS;
const START_MS = END_MS - 8 * STEP_MS;
const STREAM = 'shop';
const METERS = 'meters';
const FIELDS = ['type', 'country', 'code', 'flag', 'rare'];
const MEASURES = [
  { op: 'count' },
  { op: 'rate' },
  ...['sum', 'min', 'max', 'avg', 'rate', 'first', 'last'].map((op) => ({ op, field: 'amount' })),
  { op: 'quantile', field: 'amount', q: 0.5 },
  { op: 'quantile', field: 'amount', q: 0.99 },
  { op: 'distinct', field: 'user' },
  { op: 'distinct', field: 'code' },
];
const KEY = SECRET_PREFIX + 'a'.repeat(43);
const OTHER_KEY = SECRET_PREFIX + 'b'.repeat(43);
let here: Site;
let position = '';

test.before(async () => {
  here = await openSite({
    rollups: [
      {
        name: 'all',
        stream: STREAM,
        dimensions: FIELDS,
        measures: [
          ...['count', 'sum(amount)', 'min(amount)', 'max(amount)', 'quantile(amount)'],
          ...['first(amount)', 'last(amount)'],
          ...['distinct(user)', 'distinct(code)', 'top(code)', 'top(country, amount)'],
        ],
      },
      {
        name: 'meters',
        stream: METERS,
        dimensions: ['room'],
        measures: ['count', 'first(celsius)', 'last(celsius)', 'last(ts)'],
      },
    ],
    keys: Object.entries({ ours: KEY, other: OTHER_KEY }).map(([tenant, secret]) => ({
      id: tenant,
      tenant,
      scopes: ['read', 'write', 'admin'],
      hash: `sha256:${hashSecret(secret)}`,
    })),
    cold: { scanRowsMax: 10_000 },
  });
  const events = Array.from({ length: 2_000 }, (_, n) => event(n));
  for (let from = 0; from < 1_600; from += 400) {
    position = await send(here, STREAM, events.slice(from, from + 400), KEY);
  }
  await archive(here, position, KEY);
  await send(here, STREAM, events.slice(0, 50), KEY);
  position = await send(here, STREAM, events.slice(1_600), KEY);
});
test.after.always(() => here?.close());

/** A field of two kinds, numbers and booleans as labels, absent ones, and one that is too rare for a column. */
function event(n: number): object {
  return {
    id: `e${n}`,
    ts: START_MS + ((n * 7_919) % (END_MS - START_MS)),
    type: ['view', 'buy', 'click'][n % 3],
    ...(n % 5 !== 0 && { country: ['DE', 'FR', 'ü"\\', '__null'][n % 4] }),
    code: n % 2 === 0 ? n % 7 : String(n % 7),
    ...(n % 4 === 0 && { flag: n % 8 === 0 }),
    ...(n % 250 === 0 && { rare: n / 8 }),
    ...(n % 3 !== 0 && { amount: (n % 400) - 100 + (n % 4) / 4 }),
    ...(n % 11 === 0 && { amount: `${n}` }),
    user: `u${n % 90}`,
  };
}

interface Value {
  readonly value: number | null;
  readonly errorBound: number;
  readonly entries: readonly { readonly value: string; readonly count: number }[] | null;
  readonly buckets: readonly { readonly count: number; readonly errorBound: number }[] | null;
}

interface Timeseries {
  readonly source: string;
  readonly rollup: string | null;
  readonly note: string | null;
  readonly scanned: { readonly files: number; readonly events: number } | null;
  readonly from: number;
  readonly to: number;
  readonly complete: boolean;
  readonly watermark: number | null;
  readonly names: readonly string[];
  readonly seriesFound: number;
  readonly series: readonly {
    readonly labels: readonly { readonly name: string; readonly value: string | null }[];
    readonly points: readonly {
      readonly t: number;
      readonly end: number;
      readonly values: readonly Value[];
    }[];
    readonly compared:
      | readonly {
          readonly t: number;
          readonly before: number;
          readonly values: readonly Value[];
        }[]
      | null;
  }[];
}

async function timeseries(args: object, key = KEY): Promise<Timeseries> {
  const query = `query ($stream: String!, $from: Timestamp, $to: Timestamp, $last: Duration, $step: Duration, $timeZone: String, $window: Duration,
    $measures: [MeasureInput!]!, $groupBy: [String!]!, $where: Where, $limit: Int!, $orderBy: SeriesOrder,
    $source: TimeseriesSource, $after: String, $fill: Fill, $compare: Comparison) {
    timeseries(stream: $stream, from: $from, to: $to, last: $last, step: $step, timeZone: $timeZone, window: $window, measures: $measures, groupBy: $groupBy,
      where: $where, limit: $limit, orderBy: $orderBy, source: $source, after: $after, fill: $fill, compare: $compare) {
      source rollup note scanned { files events } from to complete watermark names seriesFound
      series {
        labels { name value } points { t end values { ...value } } compared { t before values { ...value } }
      }
    }
  }
  fragment value on MeasuredValue {
    value errorBound buckets { from to count errorBound } entries { value count error }
  }`;
  const range = 'last' in args ? {} : { from: START_MS, to: END_MS };
  const variables = {
    ...range,
    stream: STREAM,
    step: STEP_MS,
    measures: [{ op: 'count' }],
    groupBy: [],
    limit: 1_000,
    after: key === KEY ? position : null,
    ...args,
  };
  return (await ask<{ timeseries: Timeseries }>(here, query, variables, key)).timeseries;
}

const QUESTIONS: Readonly<Record<string, object>> = {
  'without labels': {},
  'by type': { groupBy: ['type'] },
  'by a field that may be absent': { groupBy: ['country'] },
  'by a field that came as number and as text': { groupBy: ['code'] },
  'by booleans': { groupBy: ['flag'] },
  'by a field without a column': { groupBy: ['rare'] },
  'by everything': { groupBy: FIELDS },
  'by steps of a minute': { groupBy: ['type'], step: MINUTE },
  'by steps that do not divide the range': { groupBy: ['type'], step: 35 * MINUTE },
  'by hours of a zone': { groupBy: ['type'], step: '1h', timeZone: 'Asia/Kathmandu' },
  'by months': { groupBy: ['country'], step: '1mo' },
  'over windows': { step: '15m', window: '1h' },
  'over windows, with empty steps as zero': {
    ...{ groupBy: ['rare'], step: '15m', window: '30m', fill: 'ZERO' },
    measures: [
      { op: 'count', as: 'all' },
      { op: 'count', where: { field: 'type', eq: 'buy' }, as: 'bought' },
      { expression: 'bought / all' },
    ],
  },
  'by hours of a zone, with those that are empty': {
    ...{ groupBy: ['rare'], step: '1h', timeZone: 'Asia/Kathmandu', fill: 'PREVIOUS' },
    measures: [{ op: 'count' }],
  },
  'over windows, by label': { groupBy: ['code'], step: '30m', window: '75m', limit: 4 },
  'over windows of a zone, the lowest rate first': {
    groupBy: ['country'],
    ...{ step: '30m', window: '1h', timeZone: 'Australia/Lord_Howe' },
    orderBy: { measure: 1, descending: false },
  },
  'of some countries': { where: { field: 'country', in: ['DE', 'ü"\\'] }, groupBy: ['type'] },
  'of a number as text': { where: { field: 'code', eq: '3' } },
  'of all but one country': { where: { field: 'country', ne: 'DE' }, groupBy: ['country'] },
  'of absent fields': { where: { field: 'flag', exists: false }, groupBy: ['type', 'flag'] },
  'of nested conditions': {
    where: {
      or: [
        { field: 'country', prefix: 'ü' },
        { and: [{ field: 'flag', eq: 'true' }, { not: { field: 'type', eq: 'buy' } }] },
      ],
    },
    groupBy: ['country'],
  },
  'of ranges of numbers': { where: { field: 'code', gte: 2, lt: 5.5 }, groupBy: ['code'] },
  'of ranges of a field without a column': { where: { field: 'rare', gt: 99 }, groupBy: ['rare'] },
  'of ranges of texts': {
    where: {
      or: [
        { field: 'country', gt: 'DE' },
        { field: 'code', gte: '2', lte: '3' },
        { field: 'flag', lt: 'true' },
        { field: 'type', lt: 5 },
      ],
    },
    groupBy: ['country', 'code'],
  },
  'with empty steps as zero': {
    groupBy: ['rare'],
    step: 2 * MINUTE,
    fill: 'ZERO',
    measures: [{ op: 'count', as: 'n' }, { op: 'sum', field: 'amount' }, { expression: '1 / n' }],
  },
  'with empty steps as before': {
    groupBy: ['rare', 'type'],
    step: 2 * MINUTE,
    fill: 'PREVIOUS',
    measures: [{ op: 'max', field: 'amount' }],
  },
  'with a point for every step of nothing': {
    where: { field: 'country', eq: 'XX' },
    fill: 'ZERO',
  },
  'beside the period before': {
    ...{ from: (START_MS + END_MS) / 2, groupBy: ['country', 'rare'], limit: 7 },
    ...{ measures: [{ op: 'count' }], compare: 'PERIOD_BEFORE' },
  },
  'beside the period before, without labels': {
    ...{ from: (START_MS + END_MS) / 2, compare: 'PERIOD_BEFORE', fill: 'ZERO' },
    measures: [{ op: 'count' }],
  },
  'beside a day without events': { groupBy: ['type'], compare: 'DAY_BEFORE' },
  'of nothing': { where: { field: 'country', eq: 'XX' }, groupBy: ['type'] },
  'the first three by sum': {
    groupBy: ['code'],
    limit: 3,
    orderBy: { measure: 2, descending: true },
  },
  'the last three by average': {
    groupBy: ['code'],
    limit: 3,
    orderBy: { measure: 5, descending: false },
  },
  'of measures with conditions, by what is computed from them': {
    groupBy: ['country'],
    limit: 3,
    measures: [
      { op: 'count', where: { field: 'type', ne: 'buy' }, as: 'others' },
      { op: 'count', as: 'all' },
      { op: 'rate', where: { field: 'flag', eq: 'true' }, as: 'flagged' },
      { op: 'sum', field: 'amount', where: { field: 'type', eq: 'buy' }, as: 'paid' },
      { op: 'quantile', field: 'amount', q: 0.9, where: { field: 'code', in: ['1', '2'] } },
      { op: 'avg', field: 'amount', where: { field: 'country', prefix: 'D' } },
      { op: 'distinct', field: 'user', where: { field: 'code', eq: '3' } },
      { expression: '100 * others / all - flagged / (all - all)' },
      { expression: '(paid + 1) / all * flagged' },
    ],
    orderBy: { measure: 8, descending: true },
  },
  'by an expression of averages': {
    groupBy: ['code'],
    limit: 3,
    measures: [
      { op: 'avg', field: 'amount', where: { field: 'type', eq: 'view' }, as: 'viewed' },
      { op: 'count', as: 'all' },
      { expression: 'viewed / all' },
    ],
    orderBy: { measure: 2, descending: false },
  },
  'the heaviest values over windows, the greatest sum first': {
    ...{ groupBy: ['type'], step: '15m', window: '1h', limit: 2 },
    measures: [
      { op: 'top', field: 'code', k: 3 },
      { op: 'top', field: 'country', by: 'amount', k: 2 },
    ],
    orderBy: { measure: 1, descending: true },
  },
  'the heaviest values with conditions, by their part of all': {
    ...{ groupBy: ['code'], limit: 3 },
    measures: [
      { op: 'count', where: { field: 'type', ne: 'buy' } },
      {
        op: 'top',
        field: 'country',
        by: 'amount',
        where: { field: 'type', eq: 'buy' },
        as: 'paid',
      },
      { op: 'top', field: 'code', where: { field: 'rare', exists: true } },
      { op: 'count', as: 'all' },
      { expression: 'paid / all' },
    ],
    orderBy: { measure: 4, descending: true },
  },
  'the heaviest values with conditions, over windows of a zone, with empty steps as before': {
    ...{ groupBy: ['rare'], step: '30m', window: '1h', timeZone: 'Asia/Kathmandu' },
    ...{ fill: 'PREVIOUS', limit: 5 },
    measures: [
      { op: 'top', field: 'code', where: { field: 'country', in: ['DE', 'FR'] }, as: 'codes' },
      { op: 'count', as: 'all' },
      { expression: '100 * codes / all' },
    ],
    orderBy: { measure: 2, descending: false },
  },
  'histograms with conditions, with empty steps as zero': {
    ...{ groupBy: ['flag', 'type'], step: 2 * MINUTE, fill: 'ZERO', limit: 4 },
    measures: [
      {
        ...{ op: 'histogram', field: 'amount', buckets: [-32, 0, 100, 200.25], as: 'some' },
        where: { field: 'code', in: ['1', '2'] },
      },
      { op: 'count', as: 'n' },
      { expression: 'some / n' },
    ],
    orderBy: { measure: 2, descending: true },
  },
  'histograms by hours of a zone': {
    ...{ groupBy: ['type'], step: '1h', timeZone: 'Asia/Kathmandu' },
    measures: [{ op: 'histogram', field: 'amount', buckets: [0, 64, 150] }, { op: 'count' }],
  },
  'histograms over windows, the most values first': {
    ...{ groupBy: ['country'], step: '30m', window: '75m', limit: 2 },
    measures: [{ op: 'histogram', field: 'amount', buckets: [0, 64] }],
  },
  'histograms and the heaviest values beside the period before': {
    ...{ from: (START_MS + END_MS) / 2, groupBy: ['type'], compare: 'PERIOD_BEFORE' },
    measures: [
      { op: 'top', field: 'code', k: 2 },
      { op: 'histogram', field: 'amount', buckets: [0] },
    ],
  },
};

for (const [name, question] of Object.entries(QUESTIONS)) {
  // One after the other: only so many questions may wait.
  test.serial(`segments answer as the rollup does: ${name}`, async (t) => {
    const args = { measures: MEASURES, ...question };
    const [rollup, segments] = await Promise.all([
      timeseries({ ...args, source: 'ROLLUP' }),
      timeseries({ ...args, source: 'SEGMENTS' }),
    ]);
    t.is(rollup.source, 'ROLLUP');
    t.is(segments.source, 'SEGMENTS');
    t.deepEqual([segments.from, segments.to], [rollup.from, rollup.to]);
    t.is(segments.seriesFound, rollup.seriesFound);
    t.deepEqual(shapeOf(segments), shapeOf(rollup));
    t.deepEqual(segments.names, rollup.names);
    const [ours, theirs] = [valuesOf(segments), valuesOf(rollup)];
    for (const [i, { value, errorBound, entries, buckets }] of ours.entries()) {
      const name = segments.names[i % segments.names.length];
      const other = theirs[i];
      t.is(errorBound, 0);
      // Of so few values a rollup knows all.
      t.deepEqual(entries, other?.entries);
      t.is(buckets?.length, other?.buckets?.length);
      for (const [n, { count }] of (other?.buckets ?? []).entries()) {
        t.true(
          Math.abs(count - (buckets?.[n]?.count ?? 0)) <= (other?.buckets?.[n]?.errorBound ?? 0),
        );
      }
      if (value === null || other === undefined || other.value === null) {
        t.is(value, other?.value ?? null);
      } else if (name?.startsWith('distinct'))
        t.true(Math.abs(value - other.value) <= 2 * other.errorBound + 1);
      else t.true(Math.abs(value - other.value) <= other.errorBound + 1e-9 * Math.abs(value));
    }
  });
}

const shapeOf = ({ series }: Timeseries) =>
  series.map(({ labels, points, compared }) => [
    labels.map(({ name, value }) => [name, value]),
    compared?.map(({ t, before, values }) => [t, before, values[0]?.value, values[0]?.entries]),
    points.map(({ t, end }) => [t, end]),
  ]);

const valuesOf = ({ series }: Timeseries) =>
  series.flatMap(({ points }) => points.flatMap(({ values }) => values));

const total = ({ series }: Timeseries) =>
  series
    .flatMap(({ points }) => points)
    .reduce((sum, { values }) => sum + (values[0]?.value ?? 0), 0);

test('histograms of segments are exact, and those of rollups as far as they say', async (t) => {
  const amounts = Array.from({ length: 2_000 }, (_, n) => event(n))
    .map(({ amount }: { amount?: unknown }) => amount)
    .filter((amount) => typeof amount === 'number');
  const edges = [-32, 0, 100, 200.25];
  const question = {
    step: END_MS - START_MS,
    measures: [{ op: 'histogram', field: 'amount', buckets: edges }],
  };
  const [rollup, segments] = await Promise.all([
    timeseries({ ...question, source: 'ROLLUP' }),
    timeseries({ ...question, source: 'SEGMENTS' }),
  ]);
  const exact = [...edges, null].map((to, i) => {
    const from = edges[i - 1] ?? null;
    const inside = amounts.filter((each) => each >= (from ?? -1e9) && each < (to ?? 1e9));
    return { from, to, count: inside.length, errorBound: 0 };
  });
  const [value] = segments.series[0]?.points[0]?.values ?? [];
  t.like(value, { value: amounts.length, errorBound: 0 });
  t.deepEqual(value?.buckets, exact);
  for (const [i, each] of (rollup.series[0]?.points[0]?.values[0]?.buckets ?? []).entries()) {
    t.true(Math.abs(each.count - (exact[i]?.count ?? 0)) <= each.errorBound);
  }
  const byType = await timeseries({ ...question, groupBy: ['type'], source: 'SEGMENTS' });
  const counts = byType.series.map(({ points }) => points[0]?.values[0]?.value ?? 0);
  t.deepEqual(
    counts,
    counts.toSorted((a, b) => b - a),
    'ordered by how many values there are',
  );
});

test.serial(
  'first and last values of equal times are the same of rollups and of segments',
  async (t) => {
    // Ten readings a millisecond, of which half have a number.
    const readings = Array.from({ length: 400 }, (_, n) => ({
      id: `m${n}`,
      type: 'reading',
      ts: START_MS + ((n * 7) % 40) * (STEP_MS / 5) + 7,
      room: `r${n % 3}`,
      ...(n % 2 === 0 && { celsius: ((n * 31) % 80) / 4 - 8 }),
    }));
    const first = await send(here, METERS, readings.slice(0, 250), KEY);
    await archive(here, first, KEY);
    const after = await send(here, METERS, readings.slice(250), KEY);
    const ends = (some: typeof readings) => {
      const inOrder = some
        .flatMap(({ ts, celsius }) => (celsius === undefined ? [] : [{ ts, celsius }]))
        .sort((a, b) => a.ts - b.ts || a.celsius - b.celsius);
      const last = Math.max(...some.map(({ ts }) => ts));
      return [inOrder[0]?.celsius ?? null, inOrder.at(-1)?.celsius ?? null, last];
    };
    const measures = [
      { op: 'first', field: 'celsius' },
      { op: 'last', field: 'celsius' },
      { op: 'last', field: 'ts' },
    ];
    for (const source of ['ROLLUP', 'SEGMENTS']) {
      const asked = { stream: METERS, measures, source, after };
      const { series } = await timeseries({ ...asked, groupBy: ['room'], orderBy: { measure: 1 } });
      const byRoom = Map.groupBy(readings, ({ room }) => room);
      const rooms = [...byRoom].map(([room, some]) => ({ room, last: ends(some)[1] ?? 0 }));
      t.deepEqual(
        series.map(({ labels }) => labels[0]?.value),
        rooms.toSorted((a, b) => b.last - a.last).map(({ room }) => room),
        `${source}: ordered by the last value of the range`,
      );
      for (const { labels, points } of series) {
        const ofRoom = byRoom.get(labels[0]?.value ?? '') ?? [];
        for (const { t: from, end, values } of points) {
          const inside = ofRoom.filter(({ ts }) => ts >= from && ts < end);
          t.deepEqual(
            values.map(({ value }) => value),
            ends(inside),
            source,
          );
        }
      }
      const windows = await timeseries({ ...asked, window: 3 * STEP_MS });
      for (const { end, values } of windows.series[0]?.points ?? []) {
        const inside = readings.filter(({ ts }) => ts >= end - 3 * STEP_MS && ts < end);
        t.deepEqual(
          values.map(({ value }) => value),
          ends(inside),
          `${source}: windows`,
        );
      }
      t.true((windows.series[0]?.points.length ?? 0) >= 8);
    }
  },
);

test('the heaviest values are the same of rollups and of segments', async (t) => {
  const measures = [
    { op: 'count' },
    { op: 'top', field: 'code', k: 4 },
    { op: 'top', field: 'country', by: 'amount', k: 2 },
    { op: 'avg', field: 'amount' },
  ];
  for (const more of [
    {},
    { groupBy: ['type', 'country'], limit: 3, orderBy: { measure: 1, descending: true } },
    { groupBy: ['code'], orderBy: { measure: 3, descending: false } },
  ]) {
    const [rollup, segments] = await Promise.all([
      timeseries({ measures, ...more, source: 'ROLLUP' }),
      timeseries({ measures, ...more, source: 'SEGMENTS' }),
    ]);
    t.deepEqual(shapeOf(segments), shapeOf(rollup));
    const entriesOf = ({ series }: Timeseries) =>
      series.flatMap(({ points }) =>
        points.map(({ values }) => values.map((each) => each.entries)),
      );
    t.deepEqual(entriesOf(segments), entriesOf(rollup));
    t.true(entriesOf(segments).every((values) => values[0] === null && values[1]?.length !== 0));
  }
  const [first] = (await timeseries({ measures, source: 'SEGMENTS' })).series[0]?.points ?? [];
  t.is(first?.values[1]?.entries?.length, 4);
  t.is(first?.values[2]?.entries?.length, 2);
});

test('what no rollup has is answered from segments, and why is said', async (t) => {
  const byUser = await timeseries({ groupBy: ['user'] });
  t.is(byUser.source, 'SEGMENTS');
  t.is(byUser.rollup, null);
  t.is(byUser.note, 'no rollup of stream "shop" can answer: "all" lacks dimension "user"');
  t.is(byUser.seriesFound, 90);
  t.is(total(byUser), 2_000);
  t.true((byUser.scanned?.events ?? 0) >= 2_000 && (byUser.scanned?.files ?? 0) > 1);
  t.true(byUser.complete);
  const finer = await timeseries({ step: 250, from: START_MS, to: START_MS + 10_000 });
  t.is(finer.source, 'SEGMENTS');
  const old = await timeseries({ step: 1_000, from: START_MS, to: START_MS + 5 * MINUTE });
  t.is(old.source, 'SEGMENTS');
  t.regex(old.note ?? '', /"all" lacks a resolution/);
});

test('a question that a rollup covers is answered by it', async (t) => {
  const { source, rollup, note, scanned } = await timeseries({ groupBy: ['type'] });
  t.deepEqual(
    { source, rollup, note, scanned },
    { source: 'ROLLUP', rollup: 'all', note: null, scanned: null },
  );
});

test('what had to read more than is allowed is refused, with what to do', async (t) => {
  const stream = 'large';
  const events = Array.from({ length: 10_001 }, (_, n) => ({ ts: START_MS + n, type: 'x' }));
  const after = await send(here, stream, events, KEY);
  const { message } = await t.throwsAsync<Error>(timeseries({ stream, after }));
  t.is(
    message,
    '10001 events in 1 files would have to be read and 10000 are the most ("cold.scanRowsMax"): ' +
      'ask for a shorter range, or declare a rollup',
  );
  const { message: points } = await t.throwsAsync<Error>(
    timeseries({ groupBy: ['user'], step: 1 }),
  );
  t.regex(points, /11000 are the most/);
});

test('a stream of which nothing is known is refused as before', async (t) => {
  const { message } = await t.throwsAsync<Error>(timeseries({ stream: 'shpo' }));
  t.is(
    message,
    'no rollup is declared for stream "shpo": there are some for shop, meters, events; and no event of stream "shpo" is known',
  );
  const refused = timeseries({ groupBy: ['user'], source: 'ROLLUP' });
  t.regex((await t.throwsAsync<Error>(refused)).message, /"all" lacks dimension "user"$/);
});

test('names and values of any text are values', async (t) => {
  const names = [`x"; DROP TABLE events; --`, "'", '', '\n', '$1', 'g0', '_arrival', 'ü.🙂'];
  const events = names.map((name, n) => ({ ts: START_MS, type: 'x', [name]: `v'${n}`, n }));
  const after = await send(here, 'odd', events, KEY);
  for (const name of names) {
    const where = {
      or: [
        { field: name, eq: "v'7" },
        { field: name, prefix: "v'" },
      ],
    };
    const measures = [{ op: 'count' }, { op: 'distinct', field: name }, { op: 'max', field: name }];
    const { series } = await timeseries({
      ...{ stream: 'odd', after, groupBy: [name], where, measures },
    });
    const found = series.map(({ labels, points }) => [labels[0]?.value, points[0]?.values]);
    const value = `v'${names.indexOf(name)}`;
    const [one, none] = [1, null].map((value) => ({
      value,
      errorBound: 0,
      buckets: null,
      entries: null,
    }));
    t.deepEqual(found, [[value, [one, one, none]]], JSON.stringify(name));
  }
});

test('an answer of more values than a reader can use is refused', async (t) => {
  const wide = { groupBy: ['user', 'code', 'country', 'amount'], limit: 10_000, step: STEP_MS };
  const { series, seriesFound } = await timeseries(wide);
  t.true(seriesFound > 1_000 && series.length === seriesFound);
  const { message } = await t.throwsAsync<Error>(timeseries({ ...wide, limit: 10_001 }));
  t.regex(message, /"limit" must be 1 to 10000/);
});

test('a tenant is answered from its own events', async (t) => {
  const none = timeseries({ groupBy: ['user'] }, OTHER_KEY);
  t.regex((await t.throwsAsync<Error>(none)).message, /no event of stream "shop" is known/);
  const after = await send(here, STREAM, [event(0), event(1)], OTHER_KEY);
  t.is(total(await timeseries({ groupBy: ['user'], after }, OTHER_KEY)), 2);
});

test('an event from far ahead counts at its arrival', async (t) => {
  const stream = 'ahead';
  const ahead = [{ ts: Date.now() + 50 * 86_400_000, type: 'x' }];
  const after = await send(here, stream, ahead, KEY);
  t.is(total(await timeseries({ stream, after, last: '1h', step: MINUTE })), 1);
});
