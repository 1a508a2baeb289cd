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
  sources: readonly Source[],
  fields: FieldSql,
): string {
  const { measures, groupBy } = question;
  const labels = groupBy.map((_, i) => `g${i}`);
  const values = measures.map((measure, i) => `${aggregateOf(measure, inputs(measures))} AS m${i}`);
  const events = [true, false].flatMap((isCurrent) => {
    const some = sources.filter((source) => source.isCurrent === isCurrent);
    if (some.length === 0) return [];
    return [eventsOf(question, fields, isCurrent, tableOf(schema, some))];
  });
  const points = `SELECT ${[...labels, 'step', ...values].join(', ')} FROM events
    GROUP BY ${[...labels, 'step'].join(', ')}`;
  return `WITH events AS (${events.join(' UNION ALL ')}), points AS MATERIALIZED (${points})
    ${labels.length === 0 ? onlySeries(question) : bestSeries(question, labels)}`;
}

/** Of every event its step, its labels and what is measured of it. */
function eventsOf(
  question: SeriesQuestion,
  fields: FieldSql,
  isCurrent: boolean,
  table: string,
): string {
  const { fromMs, stepMs, groupBy, measures } = question;
  const measured = [...inputs(measures).values()].map(({ name, isText, field }) => {
    const sql = isText ? fields.text(field, isCurrent) : fields.number(field, isCurrent);
    return `${sql} AS ${name}`;
  });
  const columns = [
    `(epoch_ms(${EVENT_TIME}) - ${fromMs}) // ${stepMs} AS step`,
    ...groupBy.map((field, i) => `${fields.text(field, isCurrent)} AS g${i}`),
    ...measured,
  ];
  const conditions = conditionsOf(question, fields, isCurrent).map((part) => `(${part})`);
  return `SELECT ${columns.join(', ')} FROM (${table}) WHERE ${conditions.join(' AND ')}`;
}

const onlySeries = ({ measures }: SeriesQuestion): string =>
  `SELECT 1, ${listsOf(measures)} FROM points HAVING count(*) > 0`;

function bestSeries(
  { measures, orderBy, limit }: SeriesQuestion,
  labels: readonly string[],
): string {
  const ranked = measures[orderBy.measure] as SeriesMeasure;
  const ofPoints = RANK_OF_POINTS[ranked.op];
  const rank =
    ofPoints === undefined
      ? `${aggregateOf(ranked, inputs(measures))} AS rank FROM events`
      : `${ofPoints}(m${orderBy.measure}) AS rank FROM points`;
  const order = [
    `rank ${orderBy.descending ? 'DESC' : 'ASC'} NULLS LAST`,
    ...labels.map((label) => `${label} NULLS LAST`),
  ];
  const isSame = labels.map((label) => `points.${label} IS NOT DISTINCT FROM best.${label}`);
  const names = labels.map((label) => `any_value(points.${label})`);
  return `, best AS (
      SELECT *, row_number() OVER (ORDER BY ${order.join(', ')}) AS place, count(*) OVER () AS found
      FROM (SELECT ${labels.join(', ')}, ${rank} GROUP BY ${labels.join(', ')}))
    SELECT any_value(found), ${names.join(', ')}, ${listsOf(measures)}
    FROM points JOIN best ON ${isSame.join(' AND ')}
    WHERE place <= ${limit} GROUP BY place ORDER BY place`;
}

const listsOf = (measures: readonly SeriesMeasure[]): string =>
  ['step', ...measures.map((_, i) => `m${i}`)]
    .map((name) => `list(points.${name} ORDER BY step)`)
    .join(', ');

/** When an event counts, as in rollups: a client's clock may be ahead. */
const EVENT_TIME = `CASE WHEN ts > _arrival + INTERVAL ${FUTURE_TOLERANCE_MS} MILLISECONDS THEN _arrival ELSE ts END`;

/** The first condition follows from the second, and can be judged by a file's statistics. */
function conditionsOf(
  { fromMs, toMs, where }: SeriesQuestion,
  fields: FieldSql,
  isCurrent: boolean,
): string[] {
  const from = `make_timestamp_ms(${fromMs})`;
  const conditions = [`ts >= ${from}`, `${EVENT_TIME} >= ${from}`];
  conditions.push(`${EVENT_TIME} < make_timestamp_ms(${toMs})`);
  if (where !== undefined) conditions.push(fields.where(where, isCurrent));
  return conditions;
}

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

/** How a measure of the whole range follows from those of its points; for others all events are gone through again. */
const RANK_OF_POINTS: Partial<Record<SeriesMeasure['op'], string>> = {
  count: 'sum',
  rate: 'sum',
  sum: 'sum',
  min: 'min',
  max: 'max',
};
