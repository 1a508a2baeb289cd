/** The timeseries query and subscription: arguments to a request, answers to the schema's shape. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Series, TimeseriesAnswer } from '../../src/query/answer.ts';
import type { LiveMessage } from '../../src/query/live-query.ts';
import type { MeasureRequest, QueryOp, TimeseriesRequest } from '../../src/query/request.ts';
import type { Where } from '../../src/query/where.ts';
import type { GraphContext } from '../context.ts';
import { given, type Maybe } from './arguments.ts';

interface MeasureArgs {
  readonly op: QueryOp;
  readonly field?: Maybe<string>;
  readonly q?: Maybe<number>;
}

interface WhereArgs {
  readonly field?: Maybe<string>;
  readonly eq?: Maybe<string>;
  readonly ne?: Maybe<string>;
  readonly in?: Maybe<readonly string[]>;
  readonly prefix?: Maybe<string>;
  readonly exists?: Maybe<boolean>;
  readonly and?: Maybe<readonly WhereArgs[]>;
  readonly or?: Maybe<readonly WhereArgs[]>;
  readonly not?: Maybe<WhereArgs>;
}

interface TimeseriesArgs {
  readonly stream: string;
  readonly from?: Maybe<number>;
  readonly to?: Maybe<number>;
  readonly last?: Maybe<number>;
  readonly step?: Maybe<number>;
  readonly measures: readonly MeasureArgs[];
  readonly groupBy: readonly string[];
  readonly where?: Maybe<WhereArgs>;
  readonly limit: number;
  readonly orderBy?: Maybe<{ readonly measure: number; readonly descending: boolean }>;
}

export async function timeseries(
  _: unknown,
  args: TimeseriesArgs & { readonly after?: Maybe<string> },
  { access, services }: GraphContext,
): Promise<object> {
  const request = requestOf(args, access.tenant);
  return shown(await services.queries.timeseries(request, args.after ?? undefined));
}

export const timeseriesUpdates = {
  subscribe: (
    _: unknown,
    args: TimeseriesArgs & { readonly cursor?: Maybe<string> },
    { access, services }: GraphContext,
  ): AsyncIterable<LiveMessage> =>
    services.queries.subscribe(requestOf(args, access.tenant), args.cursor ?? undefined),

  resolve: (message: LiveMessage): object => ({
    ...shown(message.answer),
    cursor: message.cursor,
    snapshot: message.kind === 'snapshot',
    gap: message.kind === 'gap',
    droppedMessages: message.droppedMessages,
    removedSeries: message.removedSeries.map((labels) => ({ labels })),
  }),
};

const shown = ({ fromMs, toMs, watermarkMs, series, ...rest }: TimeseriesAnswer): object => ({
  ...rest,
  series: inSlices(series),
  from: fromMs,
  to: toMs,
  watermark: watermarkMs,
});

/**
 * Points that are executed in one turn of the thread. A wide answer has hundreds of thousands of fields, and what is narrow
 * must not wait for all of them. Fewer points let others in sooner and cost more turns; the value is an estimate.
 */
const SLICE_POINTS = 500;

/** A list that is short, or one that lets the thread go now and then while it is executed. */
function inSlices(series: readonly Series[]): Iterable<Series> | AsyncIterable<Series> {
  const points = series.reduce((sum, each) => sum + each.points.length, 0);
  return points <= SLICE_POINTS ? series : slicesOf(series);
}

/**
 * One wide answer is executed at a time: in slices, all would otherwise hold their half-made results at once. The wait is
 * bounded, because an execution that fails does not say so here.
 */
const BEFORE_MS_MAX = 2_000;
let before: Promise<void> = Promise.resolve();

async function* slicesOf(series: readonly Series[]): AsyncGenerator<Series> {
  const mine = Promise.withResolvers<void>();
  const turn = Promise.race([before, sleep(BEFORE_MS_MAX, undefined, { ref: false })]);
  before = mine.promise;
  await turn;
  try {
    let points = 0;
    for (const each of series) {
      if (points >= SLICE_POINTS) {
        points = 0;
        await nextTurn();
      }
      points += each.points.length;
      yield each;
    }
  } finally {
    mine.resolve();
  }
}

/** In one fixed order of keys, whatever the order of arguments: equal subscriptions are recognised by it. */
function requestOf(args: TimeseriesArgs, tenant: string): TimeseriesRequest {
  return {
    tenant,
    stream: args.stream,
    ...given('fromMs', args.from),
    ...given('toMs', args.to),
    ...given('lastMs', args.last),
    ...given('stepMs', args.step),
    measures: args.measures.map(measureOf),
    groupBy: args.groupBy,
    ...given('where', args.where && whereOf(args.where)),
    limit: args.limit,
    ...given('orderBy', args.orderBy),
  };
}

const measureOf = ({ op, field, q }: MeasureArgs): MeasureRequest => ({
  op,
  ...given('field', field),
  ...given('q', q),
});

const whereOf = (args: WhereArgs): Where => ({
  ...given('field', args.field),
  ...given('eq', args.eq),
  ...given('ne', args.ne),
  ...given('in', args.in),
  ...given('prefix', args.prefix),
  ...given('exists', args.exists),
  ...given('and', args.and?.map(whereOf)),
  ...given('or', args.or?.map(whereOf)),
  ...given('not', args.not && whereOf(args.not)),
});
