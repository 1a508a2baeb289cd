/**
 * Measures over time from single events, exact: the same series, steps and labels as a rollup would answer (src/query/plan.ts
 * decides which of the two does), by one statement over all files that may hold events of the range.
 */
import { ok as assert } from 'node:assert';
import { FUTURE_TOLERANCE_MS } from '../../src/aggregate/block-columns.ts';
import { AppError } from '../../src/model/errors.ts';
import type { MeasureOp } from '../../src/model/rollup.ts';
import type { EventTools } from './events.ts';
import { FieldSql, type LabelWhere } from './field-sql.ts';
import type { StreamSnapshot } from './snapshots.ts';
import { chunkSources, type Source, segmentSource, tableOf } from './sources.ts';

export interface SeriesMeasure {
  /** `rate` is answered as the count or sum that it is of. */
  readonly op: MeasureOp | 'rate';
  readonly field?: string;
  readonly q?: number;
}

export interface SeriesQuestion {
  readonly tenant: string;
  readonly stream: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
  readonly measures: readonly SeriesMeasure[];
  readonly groupBy: readonly string[];
  readonly where?: LabelWhere;
  readonly limit: number;
  /** `measure` by its place, over the whole range. */
  readonly orderBy: { readonly measure: number; readonly descending: boolean };
  /** Events in all files that are read, whether they are of the range or not. */
  readonly scanRowsMax: number;
}

export interface FoundSeries {
  /** In the order of `groupBy`. */
  readonly labels: readonly (string | null)[];
  /** Ascending; step `i` begins at `fromMs + i * stepMs`. */
  readonly steps: readonly number[];
  /** Per measure a value for each of `steps`; null where no event had the field. */
  readonly values: readonly (readonly (number | null)[])[];
}

export interface SeriesAnswer {
  /** The first ones in the asked order. */
  readonly series: readonly FoundSeries[];
  /** Of all. */
  readonly seriesFound: number;
  /** That were read, and the events in them. */
  readonly files: number;
  readonly events: number;
}

/** Rejects with `query_invalid` if it had to read or to answer too much, else as DuckDB and the archive do. */
export async function findSeries(
  { duck, segments, timeLeftMs }: EventTools,
  snapshot: StreamSnapshot,
  question: SeriesQuestion,
): Promise<SeriesAnswer> {
  const { schema } = snapshot;
  const files = snapshot.files.filter((file) => mayHold(file, question));
  const chunks = snapshot.chunks.filter(({ file }) => file.tsMaxMs >= question.fromMs);
  const read = [...files, ...chunks.map(({ file }) => file)];
  const scanned = { files: read.length, events: read.reduce((sum, { rows }) => sum + rows, 0) };
  checkScan(scanned, question);
  if (read.length === 0) return { series: [], seriesFound: 0, ...scanned };
  const lease = await segments.lease(files);
  try {
    const archived = files.map((file): Source => {
      const localPath = lease.paths.get(file.path);
      assert(localPath !== undefined, 'every file of a lease has a path');
      return segmentSource(file, schema, localPath);
    });
    const sources = [...archived, ...chunkSources({ ...snapshot, chunks })];
    const fields = new FieldSql(schema);
    const { rows, isTruncated } = await duck.run({
      author: 'server',
      sql: statementOf(question, snapshot, sources, fields),
      parameters: fields.parameters,
      views: [],
      paths: sources.map(({ path }) => path),
      rowsMax: question.limit,
      timeoutMs: timeLeftMs(),
    });
    if (isTruncated) throw invalid('the answer is too long: use a smaller limit or a larger step');
    const seriesFound = Number(rows[0]?.[0] ?? 0);
    return { series: rows.map((row) => seriesOf(row, question)), seriesFound, ...scanned };
  } finally {
    lease.release();
  }
}

/** An event counts at its arrival, which is in the file's hour, if its own time lies too far behind that. */
function mayHold(
  { tsMinMs, tsMaxMs, hourMs }: StreamSnapshot['files'][number],
  { fromMs, toMs }: SeriesQuestion,
): boolean {
  if (tsMaxMs < fromMs) return false;
  return tsMinMs < toMs || (hourMs < toMs && tsMaxMs > hourMs + FUTURE_TOLERANCE_MS);
}

function checkScan(
  { files, events }: Pick<SeriesAnswer, 'files' | 'events'>,
  { scanRowsMax }: SeriesQuestion,
): void {
  if (events <= scanRowsMax) return;
  throw invalid(
    `${events} events in ${files} files would have to be read and ${scanRowsMax} are the most ("cold.scanRowsMax"): ` +
      'ask for a shorter range, or declare a rollup',
  );
}

function statementOf(
  question: SeriesQuestion,
  { schema }: StreamSnapshot,
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

/** A row a series: how many there are, its labels, its steps and their values. */
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

function seriesOf(row: readonly unknown[], { groupBy, measures }: SeriesQuestion): FoundSeries {
  const labels = row.slice(1, 1 + groupBy.length);
  const [steps, ...values] = row.slice(1 + groupBy.length).map(numbersOf);
  assert(steps !== undefined && values.length === measures.length, 'a list for each measure');
  return {
    labels: labels.map((label) => (typeof label === 'string' ? label : null)),
    steps: steps.map(Number),
    values,
  };
}

/** Infinite ones come as texts. */
const numbersOf = (list: unknown): (number | null)[] =>
  Array.isArray(list) ? list.map((value) => (value === null ? null : Number(value))) : [];

const invalid = (message: string): AppError => new AppError('query_invalid', message);
