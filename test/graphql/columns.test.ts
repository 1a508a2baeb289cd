/** Points as arrays, against the points themselves, over HTTP. */
import test from 'ava';
import fc from 'fast-check';
import { openTestListener } from './listener.ts';
import { sseEvents } from './sse.ts';

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000] as const;
/** Every resolution of the rollups still has it, and the day before. */
const START = Math.floor(Date.now() / HOUR) * HOUR - 2 * HOUR;

const SERIES = `series {
  labels { value }
  points { t end values { value errorBound } }
  compared { t before values { value errorBound } }
  columns { t end values errorBounds }
  comparedColumns { t before values errorBounds }
}`;

interface Value {
  readonly value: number | null;
  readonly errorBound: number;
}

interface Columns {
  readonly t: readonly number[];
  readonly values: readonly (readonly (number | null)[])[];
  readonly errorBounds: readonly (readonly number[])[];
}

interface AskedSeries {
  readonly points: readonly { t: number; end: number; values: readonly Value[] }[];
  readonly compared: readonly { t: number; before: number; values: readonly Value[] }[] | null;
  readonly columns: Columns & { readonly end: readonly number[] };
  readonly comparedColumns: (Columns & { readonly before: readonly number[] }) | null;
}

interface Answer {
  readonly names: readonly string[];
  readonly series: readonly AskedSeries[];
}

interface Payload {
  readonly data?: { readonly timeseries: Answer };
  readonly errors?: readonly unknown[];
}

/** The points that columns tell of. */
const rows = ({ t, values, errorBounds }: Columns) =>
  t.map((_, i) =>
    values.map((column, j) => ({ value: column[i], errorBound: errorBounds[j]?.[i] })),
  );

/** What columns say, as points. */
const fromColumns = ({ columns, comparedColumns }: AskedSeries) => ({
  points: rows(columns).map((values, i) => ({ t: columns.t[i], end: columns.end[i], values })),
  compared:
    comparedColumns &&
    rows(comparedColumns).map((values, i) => ({
      ...{ t: comparedColumns.t[i], before: comparedColumns.before[i] },
      values,
    })),
});

/** Every array of a measure has a place for each point, also where there are none. */
const lengths = ({ t, values, errorBounds }: Columns) =>
  [...values, ...errorBounds].every(({ length }) => length === t.length);

const MEASURES = [
  '{ op: count, as: "all" }',
  '{ op: avg, field: "duration_ms" }',
  '{ op: quantile, field: "duration_ms", q: 0.9 }',
  '{ op: distinct, field: "user" }',
  '{ op: top, field: "user", k: 2 }',
  '{ op: rate, where: { field: "country", eq: "DE" } }',
  '{ expression: "100 / (all - 2)" }',
];

const event = fc.record({
  ts: fc.integer({ min: 0, max: HOUR - 1 }),
  isBefore: fc.boolean(),
  type: fc.constantFrom('view', 'buy'),
  country: fc.constantFrom('DE', 'FR'),
  user: fc.constantFrom('a', 'b', 'c'),
  duration_ms: fc.option(fc.integer({ min: 1, max: 500 }), { nil: undefined }),
});

const question = fc.record({
  step: fc.constantFrom('1m', '10m', '1h'),
  measures: fc.subarray(MEASURES.slice(1), { minLength: 1 }),
  groupBy: fc.constantFrom('[]', '["type"]', '["type", "country"]'),
  extra: fc.constantFrom(
    '',
    'fill: NULL',
    'fill: ZERO',
    'fill: PREVIOUS',
    'window: "1h"',
    'compare: DAY_BEFORE',
    'compare: PERIOD_BEFORE, fill: ZERO',
    'timeZone: "Asia/Kathmandu"',
  ),
});

test('columns say what points say, whatever is asked', async (t) => {
  const { url, memory } = await openTestListener(t);
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 12 }), question, async (drawn, asked) => {
      const { step, measures, groupBy, extra } = asked;
      memory.apply(runs++ % 2, drawn.map(toEvent), START + HOUR);
      const query = `{ timeseries(from: ${START}, to: ${START + HOUR}, step: "${step}", groupBy: ${groupBy}, ${extra},
        measures: [${[MEASURES[0], ...measures].join()}]) { names ${SERIES} } }`;
      const { data, errors } = await post(url, query);
      t.is(errors, undefined, JSON.stringify(errors));
      const { names, series: all } = data?.timeseries ?? { names: [], series: [] };
      for (const series of all) {
        const { points, compared, columns, comparedColumns } = series;
        t.deepEqual(fromColumns(series), { points, compared });
        t.is(columns.values.length, names.length);
        t.true(lengths(columns) && (comparedColumns === null || lengths(comparedColumns)));
      }
    }),
    { numRuns: 60 },
  );
});

test('a series without points has an empty array for each measure', async (t) => {
  const { url, memory } = await openTestListener(t);
  memory.apply(0, [{ ts: START - DAY, type: 'view' }], START);
  const query = `{ timeseries(from: ${START}, to: ${START + HOUR}, step: "1m", compare: DAY_BEFORE,
    measures: [{ op: count }, { expression: "1" }]) { names ${SERIES} } }`;
  const [series] = (await post(url, query)).data?.timeseries.series ?? [];
  t.deepEqual(series?.columns, { t: [], end: [], values: [[], []], errorBounds: [[], []] });
  t.deepEqual(series?.comparedColumns, {
    ...{ t: [START], before: [START - DAY] },
    ...{ values: [[1], [1]], errorBounds: [[0], [0]] },
  });
});

test('a subscription has columns of what it tells', async (t) => {
  const { url, memory } = await openTestListener(t);
  const now = Math.floor(Date.now() / MINUTE) * MINUTE;
  memory.apply(0, [{ ts: now, type: 'view' }], now);
  const query = `subscription { timeseries(last: "5m", step: "1m", fill: ZERO) { names ${SERIES} } }`;
  const abort = new AbortController();
  t.teardown(() => abort.abort());
  const response = await fetch(`${url}/graphql?query=${encodeURIComponent(query)}`, {
    headers: { accept: 'text/event-stream' },
    signal: abort.signal,
  });
  const { value } = await sseEvents<Payload>(response).next();
  const [series] = value?.data?.timeseries.series ?? [];
  t.true(series?.columns.values[0]?.includes(1));
  t.deepEqual(series && fromColumns(series), { points: series?.points, compared: null });
});

type DrawnEvent = typeof event extends fc.Arbitrary<infer Drawn> ? Drawn : never;

const toEvent = ({ ts, isBefore, duration_ms, ...labels }: DrawnEvent) => ({
  ...labels,
  ts: START + ts - (isBefore ? DAY : 0),
  ...(duration_ms !== undefined && { duration_ms }),
});

async function post(url: string, query: string): Promise<Payload> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  return JSON.parse(await response.text());
}
