/** Single events: pages of them, one by its id, and SQL over them. */
import { AppError } from '../../src/model/errors.ts';
import { EPOCH_MS_MAX, EPOCH_MS_MIN } from '../../src/model/units.ts';
import type { EventWhere, StoredEvent, Value } from '../../src/query/cold/cold-port.ts';
import type { ColdQueries } from '../../src/query/cold/cold-queries.ts';
import type { FollowedEvents } from '../../src/query/follow-port.ts';
import type { GraphContext, Services } from '../context.ts';
import { given, type Maybe } from './arguments.ts';

export interface WhereArgs {
  readonly field?: Maybe<string>;
  readonly eq?: Maybe<Value>;
  readonly ne?: Maybe<Value>;
  readonly in?: Maybe<readonly Value[]>;
  readonly gt?: Maybe<Value>;
  readonly gte?: Maybe<Value>;
  readonly lt?: Maybe<Value>;
  readonly lte?: Maybe<Value>;
  readonly contains?: Maybe<string>;
  readonly prefix?: Maybe<string>;
  readonly exists?: Maybe<boolean>;
  readonly and?: Maybe<readonly WhereArgs[]>;
  readonly or?: Maybe<readonly WhereArgs[]>;
  readonly not?: Maybe<WhereArgs>;
}

interface RangeArgs {
  readonly stream: string;
  readonly from?: Maybe<number>;
  readonly to?: Maybe<number>;
  readonly position?: Maybe<string>;
}

export async function events(
  _: unknown,
  args: RangeArgs & {
    readonly where?: Maybe<WhereArgs>;
    readonly contains?: Maybe<string>;
    readonly first: number;
    readonly after?: Maybe<string>;
  },
  { access, services }: GraphContext,
): Promise<object> {
  const { events, nextCursor } = await coldOf(services).events({
    ...rangeOf(args, access.tenant),
    ...given('where', args.where && whereOf(args.where)),
    ...given('contains', args.contains),
    first: args.first,
    ...given('after', args.after),
  });
  return { events: events.map(shown), nextCursor };
}

export async function event(
  _: unknown,
  args: RangeArgs & { readonly id: string },
  { access, services }: GraphContext,
): Promise<object | null> {
  const found = await coldOf(services).event({ ...rangeOf(args, access.tenant), id: args.id });
  return found === undefined ? null : shown(found);
}

export async function sql(
  _: unknown,
  args: { readonly query: string; readonly limit: number; readonly position?: Maybe<string> },
  { access, services }: GraphContext,
): Promise<object> {
  const { query, limit } = args;
  const { tenant } = access;
  const position = given('position', args.position);
  const { isTruncated, ...answer } = await coldOf(services).sql({
    tenant,
    query,
    limit,
    ...position,
  });
  return { ...answer, truncated: isTruncated };
}

export const tail = {
  subscribe: (
    _: unknown,
    args: {
      readonly stream: string;
      readonly where?: Maybe<WhereArgs>;
      readonly contains?: Maybe<string>;
      readonly maxPerSecond: number;
    },
    { access, services }: GraphContext,
  ): Promise<AsyncIterable<FollowedEvents>> =>
    services.followers.subscribe({
      tenant: access.tenant,
      stream: args.stream,
      ...given('where', args.where && whereOf(args.where)),
      ...given('contains', args.contains),
      maxPerSecond: args.maxPerSecond,
    }),

  resolve: ({ events, skipped }: FollowedEvents): object => ({
    events: events.map(shown),
    skipped: skipped ?? null,
  }),
};

/** Throws `query_invalid` where there are no single events. */
export function coldOf({ cold }: Pick<Services, 'cold'>): ColdQueries {
  if (cold !== undefined) return cold;
  throw new AppError(
    'query_invalid',
    'this server keeps no single events, because it has no archive: set "archive.enabled"',
  );
}

const rangeOf = ({ stream, from, to, position }: RangeArgs, tenant: string) => ({
  tenant,
  stream,
  ...eventTimes(from, to),
  ...given('position', position),
});

/** Open ends reach as far as time does. Throws `query_invalid` for a range that is none: its empty answer would be taken for a fact. */
export function eventTimes(
  from: Maybe<number>,
  to: Maybe<number>,
): { readonly fromMs: number; readonly toMs: number } {
  const fromMs = from ?? EPOCH_MS_MIN;
  const toMs = to ?? EPOCH_MS_MAX + 1;
  if (fromMs < toMs) return { fromMs, toMs };
  throw new AppError('query_invalid', `"from" (${fromMs}) must lie before "to" (${toMs})`);
}

export const whereOf = (args: WhereArgs): EventWhere => ({
  ...given('field', args.field),
  ...given('eq', args.eq),
  ...given('ne', args.ne),
  ...given('in', args.in),
  ...given('gt', args.gt),
  ...given('gte', args.gte),
  ...given('lt', args.lt),
  ...given('lte', args.lte),
  ...given('contains', args.contains),
  ...given('prefix', args.prefix),
  ...given('exists', args.exists),
  ...given('and', args.and?.map(whereOf)),
  ...given('or', args.or?.map(whereOf)),
  ...given('not', args.not && whereOf(args.not)),
});

const shown = ({ tsMs, arrivalMs, ...rest }: StoredEvent): object => ({
  ...rest,
  ts: tsMs,
  arrival: arrivalMs,
});
