/** The timeseries query and subscription: arguments to a request, answers to the schema's shape. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { GraphQLResolveInfo } from 'graphql';
import { AppError } from '../../src/model/errors.ts';
import type { Series, TimeseriesAnswer, TimeseriesSource } from '../../src/query/answer.ts';
import { columnsOf, comparedColumnsOf } from '../../src/query/columns.ts';
import type { Comparison } from '../../src/query/compare.ts';
import type { Fill } from '../../src/query/fill.ts';
import { Gate } from '../../src/query/gate.ts';
import type { LiveMessage } from '../../src/query/live-query.ts';
import type { QueryOp, TimeseriesRequest } from '../../src/query/request.ts';
import type { Bound, Where } from '../../src/query/where.ts';
import type { GraphContext } from '../context.ts';
import { cutOf } from '../projection.ts';
import { JsonText, SeriesWriter } from '../series-json.ts';
import { given, type Maybe } from './arguments.ts';
import { type RangeArgs, rangeOf } from './local-time.ts';

interface MeasureArgs {
  readonly op?: Maybe<QueryOp>;
  readonly field?: Maybe<string>;
  readonly q?: Maybe<number>;
  readonly buckets?: Maybe<readonly number[]>;
  readonly by?: Maybe<string>;
  readonly k?: Maybe<number>;
  readonly where?: Maybe<WhereArgs>;
  readonly expression?: Maybe<string>;
  readonly as?: Maybe<string>;
}

type AskedMeasure = TimeseriesRequest['measures'][number];

type FieldValue = string | number | boolean;

interface WhereArgs {
  readonly field?: Maybe<string>;
  readonly eq?: Maybe<string>;
  readonly ne?: Maybe<string>;
  readonly in?: Maybe<readonly string[]>;
  readonly prefix?: Maybe<string>;
  readonly gt?: Maybe<FieldValue>;
  readonly gte?: Maybe<FieldValue>;
  readonly lt?: Maybe<FieldValue>;
  readonly lte?: Maybe<FieldValue>;
  readonly exists?: Maybe<boolean>;
  readonly and?: Maybe<readonly WhereArgs[]>;
  readonly or?: Maybe<readonly WhereArgs[]>;
  readonly not?: Maybe<WhereArgs>;
}

export interface TimeseriesArgs extends RangeArgs {
  readonly stream: string;
  readonly last?: Maybe<number>;
  readonly step?: Maybe<number>;
  readonly window?: Maybe<number>;
  readonly measures: readonly MeasureArgs[];
  readonly groupBy: readonly string[];
  readonly where?: Maybe<WhereArgs>;
  readonly limit: number;
  readonly orderBy?: Maybe<{ readonly measure: number; readonly descending: boolean }>;
  readonly fill?: Maybe<Fill>;
  readonly compare?: Maybe<Comparison>;
}

export async function timeseries(
  _: unknown,
  args: TimeseriesArgs & {
    readonly after?: Maybe<string>;
    readonly source?: Maybe<TimeseriesSource>;
  },
  { access, services }: GraphContext,
): Promise<object> {
  const request = requestOf(args, access.tenant);
  const options = { ...given('after', args.after), ...given('source', args.source) };
  return shown(await services.queries.timeseries(request, options));
}

export const timeseriesUpdates = {
  subscribe: (
    _: unknown,
    args: TimeseriesArgs & {
      readonly every?: Maybe<number>;
      readonly cursor?: Maybe<string>;
    },
    { access, services }: GraphContext,
  ): AsyncIterable<LiveMessage> =>
    services.queries.subscribe(requestOf(args, access.tenant), {
      ...given('everyMs', args.every),
      ...given('cursor', args.cursor),
    }),

  resolve: (message: LiveMessage): object => ({
    ...shown(message.answer),
    cursor: message.cursor,
    snapshot: message.kind === 'snapshot',
    gap: message.kind === 'gap',
    droppedMessages: message.droppedMessages,
    removedSeries: message.removedSeries.map((labels) => ({ labels })),
  }),
};

const shown = ({
  fromMs,
  toMs,
  watermarkMs,
  compared,
  ...rest
}: Omit<TimeseriesAnswer, 'series'>): object => ({
  ...rest,
  ...(compared !== undefined && { compared: shown(compared) }),
  from: fromMs,
  to: toMs,
  watermark: watermarkMs,
});

type ShownSeries = Pick<TimeseriesAnswer, 'names' | 'series'>;

export const seriesWithColumns = ({ names, series }: ShownSeries): object[] =>
  series.map((each) => withColumns(each, names.length));

/** How long the thread is held in one turn: what is narrow must not wait for all that is wide. */
const SLICE_MS = 2;

/** `series` as a leaf: what its selection keeps, written already. */
export async function writeSeries(
  { names, series }: ShownSeries,
  _: unknown,
  { access }: GraphContext,
  info: GraphQLResolveInfo,
): Promise<JsonText> {
  const cut = cutOf(info);
  const writer = new SeriesWriter();
  const left = series.values();
  const writeSlice = (): boolean => {
    const untilMs = performance.now() + SLICE_MS;
    for (const each of left) {
      writer.add(cut(withColumns(each, names.length, columnTexts)));
      if (performance.now() > untilMs) return false;
    }
    return true;
  };
  if (writeSlice()) return writer.end();
  await wideAnswers.run(access.tenant, async () => {
    do await nextTurn();
    while (!writeSlice());
  });
  return writer.end();
}

/**
 * What takes more than a slice is written one after the other: of many at once each would hold its half, and hold up the others.
 * What waits is bounded where its answer was made: by the queries at work and the live queries that may be open.
 */
const wideAnswers = new Gate({ runningMax: 1, waitingMax: Number.POSITIVE_INFINITY });

/** What of it is read is made then. */
const withColumns = (series: Series, results: number, columns = columnArrays): object => ({
  labels: series.labels,
  get points() {
    return series.points;
  },
  compared: series.compared,
  get columns() {
    return columns(series, results);
  },
  get comparedColumns() {
    return series.compared && comparedColumnsOf(series.compared, results);
  },
});

const columnArrays = (series: Series, results: number): object =>
  series.columns ?? columnsOf(series.points, results);

/** For who writes them: where there are texts, those. */
function columnTexts(series: Series, results: number): object {
  const texts = series.columnTexts;
  if (texts === undefined) return columnArrays(series, results);
  return {
    get t() {
      return new JsonText(texts.t);
    },
    get end() {
      return new JsonText(texts.end);
    },
    get values() {
      return new JsonText(texts.values);
    },
    get errorBounds() {
      return new JsonText(texts.errorBounds);
    },
  };
}

/** In one fixed order of keys, whatever the order of arguments: equal subscriptions are recognised by it. */
export function requestOf(args: TimeseriesArgs, tenant: string): TimeseriesRequest {
  return {
    tenant,
    stream: args.stream,
    ...rangeOf(args),
    ...given('lastMs', args.last),
    ...given('stepMs', args.step),
    ...given('timeZone', args.timeZone),
    ...given('windowMs', args.window),
    measures: args.measures.map(measureOf),
    groupBy: args.groupBy,
    ...given('where', args.where && whereOf(args.where)),
    limit: args.limit,
    ...given('orderBy', args.orderBy),
    ...given('fill', args.fill),
    ...given('compare', args.compare),
  };
}

function measureOf({ expression, as, ...measure }: MeasureArgs): AskedMeasure {
  const { op, field, q, buckets, by, k, where } = measure;
  const named = given('as', as);
  const isExpression = typeof expression === 'string';
  if (typeof op === 'string' && !isExpression) {
    return {
      op,
      ...given('field', field),
      ...given('q', q),
      ...given('buckets', buckets),
      ...given('by', by),
      ...given('k', k),
      ...given('where', where && whereOf(where)),
      ...named,
    };
  }
  if (isExpression && Object.values(measure).every((part) => part === null || part === undefined)) {
    return { expression, ...named };
  }
  throw new AppError(
    'query_invalid',
    `a measure has either "op" (with "field", "where" and what else the op has) or "expression", received ${isExpression ? 'both' : 'neither'}`,
  );
}

const whereOf = (args: WhereArgs): Where => ({
  ...given('field', args.field),
  ...given('eq', args.eq),
  ...given('ne', args.ne),
  ...given('in', args.in),
  ...given('prefix', args.prefix),
  ...given('gt', boundOf(args.gt)),
  ...given('gte', boundOf(args.gte)),
  ...given('lt', boundOf(args.lt)),
  ...given('lte', boundOf(args.lte)),
  ...given('exists', args.exists),
  ...given('and', args.and?.map(whereOf)),
  ...given('or', args.or?.map(whereOf)),
  ...given('not', args.not && whereOf(args.not)),
});

function boundOf(value: Maybe<FieldValue>): Maybe<Bound> {
  if (typeof value !== 'boolean') return value;
  throw new AppError(
    'query_invalid',
    `gt, gte, lt and lte compare with a number or a text, received ${value}`,
  );
}
