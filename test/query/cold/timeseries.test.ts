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
const FIELDS = ['type', 'country', 'code', 'flag', 'rare'];
const MEASURES = [
  { op: 'count' },
  { op: 'rate' },
  ...['sum', 'min', 'max', 'avg', 'rate'].map((op) => ({ op, field: 'amount' })),
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
          ...['distinct(user)', 'distinct(code)'],
        ],
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

interface Timeseries {
  readonly source: string;
  readonly rollup: string | null;
  readonly note: string | null;
  readonly scanned: { readonly files: number; readonly events: number } | null;
  readonly from: number;
  readonly to: number;
  readonly complete: boolean;
  readonly watermark: number | null;
  readonly seriesFound: number;
  readonly series: readonly {
    readonly labels: readonly { readonly name: string; readonly value: string | null }[];
    readonly points: readonly {
      readonly t: number;
      readonly values: readonly { readonly value: number | null; readonly errorBound: number }[];
    }[];
  }[];
}

async function timeseries(args: object, key = KEY): Promise<Timeseries> {
  const query = `query ($stream: String!, $from: Timestamp, $to: Timestamp, $last: Duration, $step: Duration,
    $measures: [MeasureInput!]!, $groupBy: [String!]!, $where: Where, $limit: Int!, $orderBy: SeriesOrder,
    $source: TimeseriesSource, $after: String) {
    timeseries(stream: $stream, from: $from, to: $to, last: $last, step: $step, measures: $measures, groupBy: $groupBy,
      where: $where, limit: $limit, orderBy: $orderBy, source: $source, after: $after) {
      source rollup note scanned { files events } from to complete watermark seriesFound
      series { labels { name value } points { t values { value errorBound } } }
    }
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
};

for (const [name, question] of Object.entries(QUESTIONS)) {
  test(`segments answer as the rollup does: ${name}`, async (t) => {
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
    const [ours, theirs] = [valuesOf(segments), valuesOf(rollup)];
    for (const [i, { value, errorBound, op }] of ours.entries()) {
      const other = theirs[i];
      t.is(errorBound, 0);
      if (value === null || other === undefined || other.value === null) {
        t.is(value, other?.value ?? null);
      } else if (op === 'distinct')
        t.true(Math.abs(value - other.value) <= 2 * other.errorBound + 1);
      else t.true(Math.abs(value - other.value) <= other.errorBound + 1e-9 * Math.abs(value));
    }
  });
}

const shapeOf = ({ series }: Timeseries) =>
  series.map(({ labels, points }) => [
    labels.map(({ name, value }) => [name, value]),
    points.map(({ t }) => t),
  ]);

const valuesOf = ({ series }: Timeseries) =>
  series.flatMap(({ points }) =>
    points.flatMap(({ values }) => values.map((each, m) => ({ ...each, op: MEASURES[m]?.op }))),
  );

const total = ({ series }: Timeseries) =>
  series
    .flatMap(({ points }) => points)
    .reduce((sum, { values }) => sum + (values[0]?.value ?? 0), 0);

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
    'no rollup is declared for stream "shpo": there are some for shop, events; and no event of stream "shpo" is known',
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
    const [one, none] = [1, null].map((value) => ({ value, errorBound: 0 }));
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
