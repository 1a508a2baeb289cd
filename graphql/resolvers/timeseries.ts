/** The timeseries query and subscription: arguments to a request, answers to the schema's shape. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { GraphQLResolveInfo } from 'graphql';
import type { Series, TimeseriesAnswer, TimeseriesSource } from '../../src/query/answer.ts';
import type { LiveMessage } from '../../src/query/live-query.ts';
import type { MeasureRequest, QueryOp, TimeseriesRequest } from '../../src/query/request.ts';
import type { Where } from '../../src/query/where.ts';
import type { GraphContext } from '../context.ts';
import { cutOf } from '../projection.ts';
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

const shown = ({ fromMs, toMs, watermarkMs, ...rest }: TimeseriesAnswer): object => ({
  ...rest,
  from: fromMs,
  to: toMs,
  watermark: watermarkMs,
});

/** Points that are cut in one turn of the thread, about a millisecond: what is narrow must not wait for all that is wide. */
const SLICE_POINTS = 10_000;

/** `series` as a leaf: what its selection keeps. */
export async function cutSeries(
  { series }: { readonly series: readonly Series[] },
  _: unknown,
  _context: GraphContext,
  info: GraphQLResolveInfo,
): Promise<readonly object[]> {
  const cut = cutOf(info);
  const kept: object[] = [];
  let points = 0;
  for (const each of series) {
    if (points > SLICE_POINTS) {
      points = 0;
      await nextTurn();
    }
    points += each.points.length;
    kept.push(cut(each));
  }
  return kept;
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
