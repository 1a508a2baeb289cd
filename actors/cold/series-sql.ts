/** The statement of a timeseries: each event's step, labels and values; these put together by step; the best series of them. */
import { FUTURE_TOLERANCE_MS } from '../../src/aggregate/block-columns.ts';
import type { Term } from '../../src/model/expression.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import type { FieldSql } from './field-sql.ts';
import type { SeriesMeasure, SeriesQuestion } from './series-question.ts';
import { type Source, tableOf } from './sources.ts';
import { stepSql } from './step-sql.ts';

/** A row a series, in the asked order: how many there are in all, its labels, its steps, and for each measure their values. */
export function seriesSql(
  question: SeriesQuestion,
  schema: StreamSchema,
  sources: readonly SeriesSource[],
  fields: FieldSql,
): string {
  const { measures, groupBy } = question;
  const labels = groupBy.map((_, i) => `g${i}`);
  const kinds = Map.groupBy(sources, (source) =>
    [source.isCurrent, source.isWithin, isOnTime(source)].join(),
  );
  const events = [...kinds.values()].map((some) =>
    eventsOf(question, fields, some[0] as SeriesSource, tableOf(schema, some)),
  );
  const all = `(${inWindows(question, events.join(' UNION ALL '))})`;
  const values = measures.map(
    (measure, i) => `${aggregateOf(measure, i, inputs(measures))} AS m${i}`,
  );
  const plain = `SELECT ${[...labels, 'step', ...values].join(', ')}
    FROM ${all} GROUP BY ${setsOf(question, labels)}`;
  const tops = measures.flatMap((measure, i) =>
    measure.op === 'top' ? [topOf(question, i, labels, all)] : [],
  );
  const points = tops.length === 0 ? plain : withTops(plain, tops, labels);
  return `WITH points AS MATERIALIZED (${points})
    ${labels.length === 0 ? onlySeries(question) : bestSeries(question, labels, fields)}`;
}

export interface SeriesSource extends Source {
  /** All its events are of the range. */
  readonly isWithin: boolean;
}

/**
 * Every event once for each window that has its step; and for one without a number, of all steps, where series are put in an order, which
 * does not follow from windows that overlap.
 */
function inWindows({ windows, groupBy, edges }: SeriesQuestion, events: string): string {
  if (windows === undefined) return events;
  const runs = windows.map(({ first, end }, window) => `(${first}, ${end}, ${window})`);
  if (groupBy.length > 0) runs.push(`(0, ${edges.length - 1}, NULL)`);
  return `SELECT events.* EXCLUDE (step), runs.step
    FROM (${events}) AS events JOIN (VALUES ${runs.join(', ')}) AS runs(first_step, end_step, step)
    ON events.step >= first_step AND events.step < end_step`;
}

/** Of every event its step, its labels and what is measured of it. */
function eventsOf(
  { fromMs, toMs, edges, groupBy, measures, where }: SeriesQuestion,
  fields: FieldSql,
  source: SeriesSource,
  table: string,
): string {
  const { isCurrent, isWithin } = source;
  const micros = isOnTime(source) ? 'epoch_us(ts)' : COUNTED_MICROS;
  const measured = [...inputs(measures).values()].map(({ name, isText, field }) => {
    const sql = isText ? fields.text(field, isCurrent) : fields.number(field, isCurrent);
    return `${sql} AS ${name}`;
  });
  const columns = [
    `${stepSql(edges, micros)} AS step`,
    ...groupBy.map((field, i) => `${fields.text(field, isCurrent)} AS g${i}`),
    ...measured,
    ...(measures.some(isOfEnd) ? [`${micros} AS micros`] : []),
    ...measures.flatMap(({ where: own }, i) =>
      own === undefined ? [] : [`(${fields.where(own, isCurrent)}) AS f${i}`],
    ),
  ];
  const conditions = where === undefined ? [] : [fields.where(where, isCurrent)];
  if (!isWithin) {
    // The first follows from the second, and can be judged by a file's statistics.
    conditions.push(`ts >= make_timestamp_ms(${fromMs})`, `${micros} >= ${fromMs}000`);
    conditions.push(`${micros} < ${toMs}000`);
  }
  const all = ['true', ...conditions].map((part) => `(${part})`).join(' AND ');
  return `SELECT ${columns.join(', ')} FROM (${table}) WHERE ${all}`;
}

/** No event counts at another time than its own: its arrival, which takes a quarter of all that a count does, need not be read. */
const isOnTime = ({ aheadMaxMs }: Source): boolean =>
  aheadMaxMs !== undefined && aheadMaxMs <= FUTURE_TOLERANCE_MS;

/**
 * When an event counts, as in rollups: a client's clock may be ahead. Whole numbers, because DuckDB takes twice as long for all of a
 * question if it is written with INTERVAL.
 */
const COUNTED_MICROS = `CASE WHEN epoch_us(ts) - epoch_us(_arrival) > ${FUTURE_TOLERANCE_MS}000
  THEN epoch_us(_arrival) ELSE epoch_us(ts) END`;

/** How a measure of the whole range follows from those of its points. */
const RANK_OF_POINTS: Partial<Record<SeriesMeasure['op'], string>> = {
  count: 'sum',
  rate: 'sum',
  sum: 'sum',
  min: 'min',
  max: 'max',
  histogram: 'sum',
  top: 'sum',
};

const rankOf = ({ measures, orderBy: { term }, windows }: SeriesQuestion): string | undefined =>
  term.kind === 'measure' && windows === undefined
    ? RANK_OF_POINTS[(measures[term.at] as SeriesMeasure).op]
    : undefined;

/** Over columns of measures; null for a division by zero. What is no number comes last, too. */
function termSql(term: Term, { measures, fromMs, toMs }: SeriesQuestion): string {
  const sqlOf = (part: Term): string => {
    switch (part.kind) {
      case 'number':
        return `${part.value}::DOUBLE`;
      case 'measure': {
        const { op } = measures[part.at] as SeriesMeasure;
        const isRate = op === 'rate';
        return `${numberOf(op, `m${part.at}`)}::DOUBLE${isRate ? ` * ${1_000 / (toMs - fromMs)}::DOUBLE` : ''}`;
      }
      case 'operation': {
        const [left, right] = [sqlOf(part.left), sqlOf(part.right)];
        const divisor = part.operator === '/' ? `nullif(${right}, 0)` : right;
        return `(${left} ${part.operator} ${divisor})`;
      }
    }
  };
  return `nullif(${sqlOf(term)}, 'nan'::DOUBLE)`;
}

/** The value of a measure that is more than that. */
function numberOf(op: SeriesMeasure['op'], column: string): string {
  if (op === 'histogram') return `list_sum(${column})`;
  return op === 'top' ? `${column}.total` : column;
}

/** Where the order does not follow from the points there is one more of each series, without a step: the whole range. */
function setsOf(
  question: SeriesQuestion,
  labels: readonly string[],
  more: readonly string[] = [],
): string {
  const each = [...labels, 'step', ...more].join(', ');
  const isWithPoints = question.windows !== undefined || rankOf(question) !== undefined;
  if (labels.length === 0 || isWithPoints) return each;
  return `GROUPING SETS ((${each}), (${[...labels, ...more].join(', ')}))`;
}

const onlySeries = ({ measures }: SeriesQuestion): string =>
  `SELECT 1, ${listsOf(measures)} FROM points HAVING count(*) > 0`;

function bestSeries(question: SeriesQuestion, labels: readonly string[], fields: FieldSql): string {
  const { measures, orderBy, limit } = question;
  const names = labels.join(', ');
  const combine = rankOf(question);
  const value = termSql(orderBy.term, question);
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
      FROM (${ranks}) WHERE ${wanted(question, labels, fields)})
    SELECT any_value(found), ${shown.join(', ')}, ${listsOf(measures)}
    FROM points JOIN best ON ${isSame.join(' AND ')}
    WHERE step IS NOT NULL AND place <= ${limit} GROUP BY place ORDER BY place`;
}

/** Labels are compared as one text, each with its length before it, because one that is absent is equal to itself, too. */
function wanted({ only }: SeriesQuestion, labels: readonly string[], fields: FieldSql): string {
  if (only === undefined) return 'true';
  const key = labels.map((label) => `coalesce(strlen(${label}) || ':' || ${label}, '-')`);
  const keys = only.map((values) =>
    fields.value(
      values.map((each) => (each === null ? '-' : `${Buffer.byteLength(each)}:${each}`)).join(''),
    ),
  );
  return keys.length === 0 ? 'false' : `${key.join(' || ')} IN (${keys.join(', ')})`;
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
  const add = (field: string, isText: boolean) => {
    const key = inputKey(field, isText);
    if (!all.has(key)) all.set(key, { name: `x${all.size}`, field, isText });
  };
  for (const { op, field, by } of measures) {
    if (field === undefined) continue;
    add(field, isOfText(op));
    if (by !== undefined) add(by, false);
  }
  return all;
}

const isOfText = (op: SeriesMeasure['op']): boolean => op === 'distinct' || op === 'top';

const isOfEnd = ({ op }: SeriesMeasure): boolean => op === 'first' || op === 'last';

const inputKey = (field: string, isText: boolean): string =>
  `${isText ? 'text' : 'number'} ${field}`;

/** @param at its place: the column in which its own condition is judged has that, too */
function aggregateOf(
  { op, field, q, buckets, where }: SeriesMeasure,
  at: number,
  inputs: ReadonlyMap<string, Input>,
): string {
  const filter = where === undefined ? '' : ` FILTER (WHERE f${at})`;
  if (field === undefined) return `count(*)${filter}`;
  const name = inputs.get(inputKey(field, isOfText(op)))?.name ?? '';
  switch (op) {
    case 'count':
      return `count(*)${filter}`;
    case 'rate':
      return `sum(${name})${filter}`;
    case 'sum':
    case 'min':
    case 'max':
      return `${op}(${name})${filter}`;
    case 'avg':
      return `sum(${name})${filter} / nullif(count(${name})${filter}, 0)`;
    case 'quantile':
      return `quantile_disc(${name}, ${q ?? 0.5}::DOUBLE)${filter}`;
    case 'distinct':
      return `count(DISTINCT ${name})${filter}`;
    case 'first':
    case 'last': {
      // By time, then by value (src/aggregate/end-value.ts). Rows without names take half of what structs do.
      const ofNumbers = [`${name} IS NOT NULL`, ...(where === undefined ? [] : [`f${at}`])];
      const end = op === 'first' ? 'min' : 'max';
      return `(${end}(row(micros, ${name})) FILTER (WHERE ${ofNumbers.join(' AND ')}))[2]`;
    }
    case 'top':
      return 'NULL';
    case 'histogram': {
      const counts = countsBetween(name, buckets ?? [], where === undefined ? [] : [`f${at}`]);
      return `CASE WHEN count(${name})${filter} > 0 THEN [${counts.join(', ')}] END`;
    }
  }
}

interface TopPoints {
  readonly measure: string;
  /** A row a point: its labels, its step, and `top`: what all values weigh, and the heaviest of them. */
  readonly sql: string;
}

/** Points have the rows of `setsOf`. */
function topOf(
  question: SeriesQuestion,
  place: number,
  labels: readonly string[],
  events: string,
): TopPoints {
  const { field = '', by, k = 0, where } = question.measures[place] as SeriesMeasure;
  const columns = inputs(question.measures);
  const value = columns.get(inputKey(field, true))?.name ?? '';
  const weight = by === undefined ? undefined : columns.get(inputKey(by, false))?.name;
  const point = [...labels, 'step'].join(', ');
  const count = weight === undefined ? 'count(*)' : `sum(${weight})`;
  const counted = [
    `${value} IS NOT NULL`,
    ...(weight === undefined ? [] : [`${weight} > 0`]),
    ...(where === undefined ? [] : [`f${place}`]),
  ];
  const ranked = `SELECT ${point}, ${value} AS value, ${count} AS count,
    sum(${count}) OVER (PARTITION BY ${point}) AS total,
    row_number() OVER (PARTITION BY ${point} ORDER BY ${count} DESC, ${value}) AS place
    FROM ${events} WHERE ${counted.join(' AND ')} GROUP BY ${setsOf(question, labels, [value])}`;
  const entries = `list({'value': value, 'count': count} ORDER BY place)`;
  return {
    measure: `m${place}`,
    sql: `SELECT ${point}, {'total': any_value(total), 'entries': ${entries}} AS top
      FROM (${ranked}) WHERE place <= ${k} GROUP BY ${point}`,
  };
}

/** Points, with the heaviest values in place of a measure that is not there yet. */
function withTops(points: string, tops: readonly TopPoints[], labels: readonly string[]): string {
  const shown = tops.map(({ measure }) => `${measure}s.top AS ${measure}`);
  const joins = tops.map(({ measure, sql }) => {
    const isSame = [...labels, 'step'].map(
      (name) => `plain.${name} IS NOT DISTINCT FROM ${measure}s.${name}`,
    );
    return `LEFT JOIN (${sql}) AS ${measure}s ON ${isSame.join(' AND ')}`;
  });
  return `SELECT plain.* REPLACE (${shown.join(', ')}) FROM (${points}) AS plain ${joins.join(' ')}`;
}

/** How many values lie below the first edge, from each edge to the next, and behind the last one. */
function countsBetween(
  name: string,
  edges: readonly number[],
  required: readonly string[],
): string[] {
  return Array.from({ length: edges.length + 1 }, (_, i) => {
    const [from, to] = [edges[i - 1], edges[i]];
    const conditions = [
      ...required,
      ...(from === undefined ? [] : [`${name} >= ${from}::DOUBLE`]),
      ...(to === undefined ? [] : [`${name} < ${to}::DOUBLE`]),
    ];
    return `count(*) FILTER (${conditions.join(' AND ')})`;
  });
}
