/**
 * What is asked and how DuckDB computes the same, in words of their own: nothing of the server's code decides what is true. Columns of
 * the statement are those of the file, and `seconds`, the length of a point.
 */

/** Which fields of a stream are measured. */
export interface MeasuredFields {
  /** A dimension, and one of its values. */
  readonly label: string;
  readonly labelValue: string;
  /** Numbers without and with fractions. */
  readonly whole: string;
  readonly fraction: string;
  /** With few and with many different values. */
  readonly few: string;
  readonly many: string;
  /** Some of whose values may be heavier than others. */
  readonly heavy: string;
}

/** How far an answer of a rollup may be from the truth. Single events answer exactly, up to rounding. */
export type Judgement = 'equal' | 'rounded' | 'quantile' | 'histogram' | 'distinct' | 'within';

export interface NumberMeasure {
  /** As in the table; measures of the same name are one row of it. */
  readonly name: string;
  /** As a `MeasureInput`. */
  readonly asked: string;
  readonly judgement: Judgement;
  readonly exact: ExactSql;
}

export interface TopMeasure {
  readonly name: string;
  readonly asked: string;
  readonly judgement: 'top';
  /** `value`: what all values weigh. */
  readonly exact: ExactSql;
  readonly k: number;
  /** Of the rollup. */
  readonly capacity: number;
  /** The field whose values are weighed, and what an event adds to its own; what is not above 0 is left out. */
  readonly field: string;
  readonly weight: string;
}

export type Measure = NumberMeasure | TopMeasure;

/** Aggregates. */
export interface ExactSql {
  readonly value: string;
  /** What an error by rounding is held against, where that is more than the value: what was added up, without signs. */
  readonly scale?: string;
  /** Of a histogram: how many values each bucket has, and how many of all lie within 0.8 % of one of its edges. */
  readonly counts?: string;
  readonly near?: string;
}

const QUANTILES = [0.5, 0.9, 0.99, 0.999] as const;
const WHOLE_EDGES = [10, 100, 256, 1_000, 65_536, 1e9] as const;
const FRACTION_EDGES = [-1_000, -50, 0, 0.5, 100, 100_000] as const;
/** Values nearer to 0 are 0 to a sketch. */
const ZERO_BELOW = '2.3283064365386963e-10';
const NEAR = 0.008;

/** In the notation of rollups. */
export const keptOf = (
  { label, whole, fraction, few, many, heavy }: MeasuredFields,
  capacity: number,
): readonly unknown[] => [
  'count',
  ...[whole, fraction].flatMap((field) => [
    ...['sum', 'min', 'max', 'first', 'last', 'quantile'].map((op) => `${op}(${field})`),
  ]),
  ...new Set([label, few, many].map((field) => `distinct(${field})`)),
  { op: 'top', field: heavy, capacity },
  { op: 'top', field: heavy, by: fraction, capacity },
];

export const COUNT: Measure = {
  name: 'count',
  asked: '{op: count}',
  judgement: 'equal',
  exact: { value: 'count(*)' },
};

/** Counts, sums and what follows from them. */
export const scalarsOf = ({
  label,
  labelValue,
  whole,
  fraction,
}: MeasuredFields): readonly Measure[] => [
  COUNT,
  rounded('rate', '{op: rate}', 'count(*) / any_value(seconds)'),
  rounded(`rate(${whole})`, of('rate', whole), `sum(${whole}) / any_value(seconds)`),
  { ...numberOf('sum', whole), judgement: 'equal' },
  {
    ...rounded(`sum(${fraction})`, of('sum', fraction), `fsum(${fraction})`),
    exact: { value: `fsum(${fraction})`, scale: `fsum(abs(${fraction}))` },
  },
  ...['min', 'max'].flatMap((op) => [
    numberOf(op, whole),
    { ...numberOf(op, fraction), judgement: 'equal' as const },
  ]),
  endOf('first', whole),
  endOf('last', fraction),
  rounded(`avg(${whole})`, of('avg', whole), `sum(${whole}) / count(${whole})`),
  {
    ...rounded(`avg(${fraction})`, of('avg', fraction), ''),
    exact: {
      value: `fsum(${fraction}) / count(${fraction})`,
      scale: `fsum(abs(${fraction})) / count(${fraction})`,
    },
  },
  {
    name: 'count where',
    asked: `{op: count, where: {field: "${label}", eq: "${labelValue}"}, as: "part"}`,
    judgement: 'equal',
    exact: { value: `count(*) FILTER (WHERE ${label} = '${labelValue}')` },
  },
  { ...COUNT, asked: '{op: count, as: "all"}' },
  rounded(
    '100 * part / all',
    '{expression: "100 * part / all"}',
    `100 * count(*) FILTER (WHERE ${label} = '${labelValue}') / count(*)`,
  ),
];

export const sketchesOf = ({ whole, fraction, few, many }: MeasuredFields): readonly Measure[] => [
  COUNT,
  ...QUANTILES.map((q) => quantileOf(whole, q, `p${q * 1_000}`)),
  ...QUANTILES.map((q) => quantileOf(fraction, q)),
  histogramOf(whole, WHOLE_EDGES),
  histogramOf(fraction, FRACTION_EDGES),
  ...[few, many].map(
    (field): Measure => ({
      name: `distinct(${field})`,
      asked: of('distinct', field),
      judgement: 'distinct',
      exact: { value: `count(DISTINCT ${field})` },
    }),
  ),
  {
    name: 'p990 / p500',
    asked: '{expression: "p990 / p500"}',
    judgement: 'within',
    exact: { value: `${quantileSql(whole, 0.99)} / nullif(${quantileSql(whole, 0.5)}, 0)` },
  },
];

/** With as many values as the rollup keeps, what must be among them is known. */
export const topsOf = (
  { fraction, heavy }: MeasuredFields,
  capacity: number,
): readonly Measure[] => [
  COUNT,
  topOf(heavy, undefined, 10, capacity),
  topOf(heavy, fraction, capacity, capacity),
];

const of = (op: string, field: string): string => `{op: ${op}, field: "${field}"}`;

const numberOf = (op: string, field: string): NumberMeasure => ({
  name: `${op}(${field})`,
  asked: of(op, field),
  judgement: 'equal',
  exact: { value: `${op}(${field})` },
});

/** By time, and of one millisecond by value (docs/decisions/0028-first-and-last-by-time-then-value.md). */
const endOf = (op: 'first' | 'last', field: string): NumberMeasure => ({
  ...numberOf(op, field),
  exact: {
    value: `${op === 'first' ? 'arg_min' : 'arg_max'}(${field}, row(ts, ${field})) FILTER (WHERE ${field} IS NOT NULL)`,
  },
});

const rounded = (name: string, asked: string, value: string): NumberMeasure => ({
  ...{ name, asked, judgement: 'rounded' },
  exact: { value },
});

/** The value at rank ceil(q n): q is written as a decimal, so that the product is exact. */
const quantileSql = (field: string, q: number): string =>
  `list_sort(list(${field}) FILTER (WHERE ${field} IS NOT NULL))[greatest(1, ceil(count(${field}) * ${q}))::BIGINT]`;

const quantileOf = (field: string, q: number, as?: string): Measure => ({
  name: `quantile(${field})`,
  asked: `{op: quantile, field: "${field}", q: ${q}${as === undefined ? '' : `, as: "${as}"`}}`,
  judgement: 'quantile',
  exact: { value: quantileSql(field, q) },
});

function histogramOf(field: string, edges: readonly number[]): Measure {
  const buckets = Array.from({ length: edges.length + 1 }, (_, i) => [edges[i - 1], edges[i]]);
  const counts = buckets.map(([from, to]) => {
    const above = from === undefined ? 'true' : `${field} >= ${from}`;
    const below = to === undefined ? 'true' : `${field} < ${to}`;
    return `count(${field}) FILTER (WHERE ${above} AND ${below})::DOUBLE`;
  });
  const near = buckets.map((ends) => {
    const conditions = ends
      .filter((edge) => edge !== undefined)
      .map(
        (edge) => `abs(${field} - ${edge}) <= ${edge === 0 ? ZERO_BELOW : NEAR * Math.abs(edge)}`,
      );
    return `count(${field}) FILTER (WHERE ${conditions.join(' OR ')})::DOUBLE`;
  });
  return {
    name: `histogram(${field})`,
    asked: `{op: histogram, field: "${field}", buckets: [${edges.join(', ')}]}`,
    judgement: 'histogram',
    exact: {
      value: `nullif(count(${field}), 0)`,
      counts: `[${counts.join(', ')}]`,
      near: `[${near.join(', ')}]`,
    },
  };
}

function topOf(field: string, by: string | undefined, k: number, capacity: number): TopMeasure {
  const weight = by ?? '1';
  return {
    name: `top(${[field, by].filter((name) => name !== undefined).join(', ')})`,
    asked: `{op: top, field: "${field}", k: ${k}${by === undefined ? '' : `, by: "${by}"`}}`,
    judgement: 'top',
    exact: { value: `fsum(${weight}) FILTER (WHERE ${field} IS NOT NULL AND ${weight} > 0)` },
    ...{ k, capacity, field, weight },
  };
}
