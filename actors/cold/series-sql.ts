/** The statement of a timeseries: each event's step, labels and values; these put together by step; the best series of them. */
import { FUTURE_TOLERANCE_MS } from '../../src/aggregate/block-columns.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import type { FieldSql } from './field-sql.ts';
import type { SeriesMeasure, SeriesQuestion } from './series-question.ts';
import { type Source, tableOf } from './sources.ts';

/** A row a series, in the asked order: how many there are in all, its labels, its steps, and for each measure their values. */
export function seriesSql(
  question: SeriesQuestion,
  schema: StreamSchema,
  sources: readonly SeriesSource[],
  fields: FieldSql,
): string {
  const { measures, groupBy } = question;
  const labels = groupBy.map((_, i) => `g${i}`);
  const kinds = Map.groupBy(sources, ({ isCurrent, isWithin }) => `${isCurrent} ${isWithin}`);
  const events = [...kinds.values()].map((some) =>
    eventsOf(question, fields, some[0] as SeriesSource, tableOf(schema, some)),
  );
  const values = measures.map((measure, i) => `${aggregateOf(measure, inputs(measures))} AS m${i}`);
  const points = `SELECT ${[...labels, 'step', ...values].join(', ')}
    FROM (${events.join(' UNION ALL ')}) GROUP BY ${setsOf(question, labels)}`;
  return `WITH points AS MATERIALIZED (${points})
    ${labels.length === 0 ? onlySeries(question) : bestSeries(question, labels)}`;
}

export interface SeriesSource extends Source {
  /** All its events are of the range. */
  readonly isWithin: boolean;
}

/** Of every event its step, its labels and what is measured of it. */
function eventsOf(
  { fromMs, toMs, stepMs, groupBy, measures, where }: SeriesQuestion,
  fields: FieldSql,
  { isCurrent, isWithin }: SeriesSource,
  table: string,
): string {
  const measured = [...inputs(measures).values()].map(({ name, isText, field }) => {
    const sql = isText ? fields.text(field, isCurrent) : fields.number(field, isCurrent);
    return `${sql} AS ${name}`;
  });
  const columns = [
    `(${EVENT_MICROS} - ${fromMs}000) // ${stepMs}000 AS step`,
    ...groupBy.map((field, i) => `${fields.text(field, isCurrent)} AS g${i}`),
    ...measured,
  ];
  const conditions = where === undefined ? [] : [fields.where(where, isCurrent)];
  if (!isWithin) {
    // The first follows from the second, and can be judged by a file's statistics.
    conditions.push(`ts >= make_timestamp_ms(${fromMs})`, `${EVENT_MICROS} >= ${fromMs}000`);
    conditions.push(`${EVENT_MICROS} < ${toMs}000`);
  }
  const all = ['true', ...conditions].map((part) => `(${part})`).join(' AND ');
  return `SELECT ${columns.join(', ')} FROM (${table}) WHERE ${all}`;
}

/**
 * When an event counts, as in rollups: a client's clock may be ahead. Whole numbers, because DuckDB takes twice as long for all of a
 * question if it is written with INTERVAL.
 */
const EVENT_MICROS = `CASE WHEN epoch_us(ts) - epoch_us(_arrival) > ${FUTURE_TOLERANCE_MS}000
  THEN epoch_us(_arrival) ELSE epoch_us(ts) END`;

/** How a measure of the whole range follows from those of its points. */
const RANK_OF_POINTS: Partial<Record<SeriesMeasure['op'], string>> = {
  count: 'sum',
  rate: 'sum',
  sum: 'sum',
  min: 'min',
  max: 'max',
};

const rankOf = ({ measures, orderBy }: SeriesQuestion): string | undefined =>
  RANK_OF_POINTS[(measures[orderBy.measure] as SeriesMeasure).op];

/** Where the order does not follow from the points there is one more of each series, without a step: the whole range. */
function setsOf(question: SeriesQuestion, labels: readonly string[]): string {
  const each = [...labels, 'step'].join(', ');
  if (labels.length === 0 || rankOf(question) !== undefined) return each;
  return `GROUPING SETS ((${each}), (${labels.join(', ')}))`;
}

const onlySeries = ({ measures }: SeriesQuestion): string =>
  `SELECT 1, ${listsOf(measures)} FROM points HAVING count(*) > 0`;

function bestSeries(question: SeriesQuestion, labels: readonly string[]): string {
  const { measures, orderBy, limit } = question;
  const names = labels.join(', ');
  const combine = rankOf(question);
  const value = `m${orderBy.measure}`;
  const ranks =
    combine === undefined
      ? `SELECT ${names}, ${value} AS rank FROM points WHERE step IS NULL`
      : `SELECT ${names}, ${combine}(${value}) AS rank FROM points GROUP BY ${names}`;
  const order = [
    `rank ${orderBy.descending ? 'DESC' : 'ASC'} NULLS LAST`,
    ...labels.map((label) => `${label} NULLS LAST`),
  ];
  const isSame = labels.map((label) => `points.${label} IS NOT DISTINCT FROM best.${label}`);
  const shown = labels.map((label) => `any_value(points.${label})`);
  return `, best AS (
      SELECT *, row_number() OVER (ORDER BY ${order.join(', ')}) AS place, count(*) OVER () AS found
      FROM (${ranks}))
    SELECT any_value(found), ${shown.join(', ')}, ${listsOf(measures)}
    FROM points JOIN best ON ${isSame.join(' AND ')}
    WHERE step IS NOT NULL AND place <= ${limit} GROUP BY place ORDER BY place`;
}

const listsOf = (measures: readonly SeriesMeasure[]): string =>
  ['step', ...measures.map((_, i) => `m${i}`)]
    .map((name) => `list(points.${name} ORDER BY step)`)
    .join(', ');

interface Input {
  readonly name: string;
  readonly field: string;
  readonly isText: boolean;
}

/** What measures are of, each once. */
function inputs(measures: readonly SeriesMeasure[]): Map<string, Input> {
  const all = new Map<string, Input>();
  for (const { op, field } of measures) {
    if (field === undefined) continue;
    const isText = op === 'distinct';
    const key = inputKey(field, isText);
    if (!all.has(key)) all.set(key, { name: `x${all.size}`, field, isText });
  }
  return all;
}

const inputKey = (field: string, isText: boolean): string =>
  `${isText ? 'text' : 'number'} ${field}`;

function aggregateOf({ op, field, q }: SeriesMeasure, inputs: ReadonlyMap<string, Input>): string {
  if (field === undefined) return 'count(*)';
  const name = inputs.get(inputKey(field, op === 'distinct'))?.name;
  switch (op) {
    case 'count':
      return 'count(*)';
    case 'rate':
      return `sum(${name})`;
    case 'sum':
    case 'min':
    case 'max':
      return `${op}(${name})`;
    case 'avg':
      return `sum(${name}) / nullif(count(${name}), 0)`;
    case 'quantile':
      return `quantile_disc(${name}, ${q ?? 0.5}::DOUBLE)`;
    case 'distinct':
      return `count(DISTINCT ${name})`;
  }
}
