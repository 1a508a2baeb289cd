/** `streamgauge query`: a timeseries in a short form, or any question in GraphQL, to a running server. */
import { AppError } from '../model/errors.ts';
import { askServer } from './ask-server.ts';
import { usableConfig } from './config-options.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { aligned, csvOf, inert } from './table.ts';
import type { Terminal } from './terminal.ts';
import { whereOption } from './where-option.ts';

type Options = Readonly<Record<string, unknown>>;

const TIMESERIES = `query ($stream: String!, $measures: [MeasureInput!]!, $groupBy: [String!]!, $from: Timestamp, $to: Timestamp, $last: Duration,
  $step: Duration, $timeZone: String, $where: Where, $limit: Int!) {
  timeseries(stream: $stream, measures: $measures, groupBy: $groupBy, from: $from, to: $to, last: $last, step: $step, timeZone: $timeZone,
    where: $where, limit: $limit) {
    source rollup note watermark complete restated missingPartitions seriesFound names
    series { labels { name value } points { t values { value errorBound buckets { from to count } entries { value count } } } }
  }
}`;

interface Value {
  readonly value: number | null;
  readonly errorBound: number;
  readonly buckets: readonly { from: number | null; to: number | null; count: number }[] | null;
  readonly entries: readonly { value: string; count: number }[] | null;
}
interface Answer {
  readonly source: string;
  readonly rollup: string | null;
  readonly note: string | null;
  readonly watermark: number | null;
  readonly complete: boolean;
  readonly restated: boolean;
  readonly missingPartitions: readonly number[];
  readonly seriesFound: number;
  readonly names: readonly string[];
  readonly series: readonly {
    readonly labels: readonly { readonly name: string; readonly value: string | null }[];
    readonly points: readonly { readonly t: number; readonly values: readonly Value[] }[];
  }[];
}

export async function query(
  document: string | undefined,
  options: Options,
  terminal: Terminal,
): Promise<ExitCode> {
  const config = usableConfig(options, terminal);
  if (config === undefined) return EXIT.config;
  const server = askServer(config, options);
  if (document !== undefined) {
    terminal.out(`${JSON.stringify(await server.ask(document), undefined, 2)}\n`);
    return EXIT.ok;
  }
  const { timeseries } = await server.ask<{ timeseries: Answer }>(TIMESERIES, variables(options));
  if (options['json'] === true) {
    terminal.out(`${JSON.stringify(timeseries)}\n`);
  } else if (options['csv'] === true) {
    terminal.out(csvOf(csvRows(timeseries)));
  } else {
    terminal.out(aligned(tableRows(timeseries)));
    terminal.err(`${standing(timeseries)}\n`);
  }
  return EXIT.ok;
}

function variables(options: Options): Readonly<Record<string, unknown>> {
  const { stream, measure, by, from, to, last, step, timeZone, where, limit } = options;
  const measures = ((measure as readonly string[] | undefined) ?? ['count']).map(measureOf);
  const groupBy = (by as readonly string[] | undefined) ?? [];
  const range = last === undefined && from === undefined && to === undefined ? '1h' : last;
  return {
    ...{ stream: stream ?? 'events', measures, groupBy, from, to, last: range, step, timeZone },
    ...{ where: whereOption(where, '{"field":"country","eq":"DE"}'), limit: limit ?? 20 },
  };
}

/** "count", "sum(amount)", "quantile(duration_ms, 0.99)", "top(path, 5)". The server says what else is wrong. */
function measureOf(text: string): Readonly<Record<string, unknown>> {
  const found = /^\s*(\w+)\s*(?:\(\s*([^,()]+?)\s*(?:,\s*([\d.]+)\s*)?\))?\s*$/.exec(text);
  if (found === null) {
    throw new AppError(
      'query_invalid',
      `--measure: expected one such as count, sum(amount), quantile(duration_ms, 0.99) or top(path, 5), received "${text}"`,
    );
  }
  const [, op, field, number] = found;
  const more = number === undefined ? {} : { [op === 'top' ? 'k' : 'q']: Number(number) };
  return { op, ...(field !== undefined && { field }), ...more };
}

/** A row for each point of each series, in time. */
function pointsOf({ series }: Answer) {
  return series
    .flatMap(({ labels, points }, place) => points.map((point) => ({ labels, place, ...point })))
    .sort((a, b) => a.t - b.t || a.place - b.place);
}

function tableRows(answer: Answer): string[][] {
  const names = answer.names.map((name) => `${name}${unitOf(name)}`);
  const head = ['time', ...labelNames(answer), ...names];
  const rows = pointsOf(answer).map(({ t, labels, values }) => [
    new Date(t).toISOString().replace('.000Z', 'Z'),
    ...labels.map(({ value }) => value ?? '-'),
    ...values.map(shown),
  ]);
  return [head, ...rows];
}

function csvRows(answer: Answer): string[][] {
  const names = answer.names.flatMap((name) => [name, `${name} error bound`]);
  const rows = pointsOf(answer).map(({ t, labels, values }) => [
    new Date(t).toISOString(),
    ...labels.map(({ value }) => inert(value ?? '')),
    ...values.flatMap((each) => [exact(each), `${each.errorBound}`]),
  ]);
  return [['time', ...labelNames(answer), ...names], ...rows];
}

const labelNames = ({ series: [first] }: Answer): string[] =>
  first?.labels.map(({ name }) => name) ?? [];

/** Of what fields are named for. */
function unitOf(name: string): string {
  if (name === 'count') return ' [events]';
  if (name === 'rate') return ' [events/s]';
  const unit = /_(ns|us|ms|s|bytes|percent)\b/.exec(name)?.[1];
  return unit === undefined || /^(count|distinct|histogram|top)\b/.test(name) ? '' : ` [${unit}]`;
}

function shown(answered: Value): string {
  const { value, errorBound } = answered;
  const list = listed(answered, rounded);
  if (list !== undefined) return list;
  if (value === null) return '-';
  return errorBound === 0 ? rounded(value) : `${rounded(value)} ±${rounded(errorBound)}`;
}

/** For what reads a table. */
function exact(answered: Value): string {
  const list = listed(answered, String);
  return list === undefined ? `${answered.value ?? ''}` : inert(list);
}

/** Of an answer that is more than one number; undefined for another one. */
function listed(
  { buckets, entries }: Value,
  inWords: (count: number) => string,
): string | undefined {
  if (entries) return entries.map(({ value, count }) => `${value} ${inWords(count)}`).join(', ');
  return buckets?.map(({ to, count }) => `<${to ?? '∞'} ${inWords(count)}`).join(', ');
}

const rounded = (value: number): string =>
  value.toLocaleString('en-US', { maximumSignificantDigits: 15, maximumFractionDigits: 3 });

/** What the numbers are: from where, how far complete, and what is missing. */
function standing(answer: Answer): string {
  const { source, rollup, note, watermark, complete, restated, missingPartitions } = answer;
  const until =
    watermark === null
      ? 'not known to be complete'
      : `complete to ${new Date(watermark).toISOString()}`;
  const parts = [
    rollup === null ? source.toLowerCase() : `rollup ${rollup}`,
    complete ? 'complete' : until,
  ];
  if (restated) parts.push('restated by late events');
  if (missingPartitions.length > 0)
    parts.push(`without partitions ${missingPartitions.join(', ')}`);
  const left = answer.seriesFound - answer.series.length;
  if (left > 0) parts.push(`${left} more series (--limit)`);
  if (answer.series.length === 0) parts.push('no events in this time');
  return note === null ? parts.join(', ') : `${parts.join(', ')}\n${note}`;
}
