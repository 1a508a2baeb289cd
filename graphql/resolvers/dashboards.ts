/** Saved dashboards, the links that show them, and their panels: stored questions, answered as `timeseries` answers them. */
import { isDeepStrictEqual } from 'node:util';
import { GraphQLError, type GraphQLResolveInfo, type GraphQLSchema } from 'graphql';
import type { AlarmProblem } from '../../src/model/alarm-board.ts';
import type { PanelQuestion, PanelShow, Share } from '../../src/model/dashboard.ts';
import { AppError, isFault } from '../../src/model/errors.ts';
import type { DashboardView, SharedDashboard } from '../../src/query/dashboard-port.ts';
import type { LiveMessage } from '../../src/query/live-query.ts';
import { pullIterator } from '../../src/query/pull-iterator.ts';
import { allows, demandScope } from '../authorize.ts';
import type { GraphContext } from '../context.ts';
import { QUESTION_BYTES_MAX } from '../limits.ts';
import { argumentsOf, problemsOfArguments } from '../stored-question.ts';
import { problem } from './alarm-views.ts';
import { given, type Maybe, plain } from './arguments.ts';
import { requestOf, timeseries, timeseriesUpdates } from './timeseries.ts';

interface PanelArgs {
  readonly dashboard: string;
  readonly panel: string;
}

interface PutArgs {
  readonly input: {
    readonly id?: Maybe<string>;
    readonly name: string;
    readonly version?: Maybe<number>;
    readonly panels: readonly {
      readonly id?: Maybe<string>;
      readonly title: string;
      readonly show: PanelShow;
      readonly question: unknown;
    }[];
  };
}

export const queries = {
  dashboards: (_: unknown, __: unknown, context: GraphContext): readonly object[] =>
    context.services.dashboards
      .list(context.access.tenant)
      .map((dashboard) => shown(dashboard, context)),

  dashboard(_: unknown, { id }: { readonly id: string }, context: GraphContext): object | null {
    const found = context.services.dashboards.find(context.access.tenant, id);
    return found === undefined ? null : shown(found, context);
  },

  sharedDashboard(_: unknown, __: unknown, context: GraphContext): object | null {
    const { share } = context.access;
    return share === undefined ? null : shown(demandOpen(share, context).dashboard, context);
  },

  async panel(
    _: unknown,
    asked: PanelArgs,
    context: GraphContext,
    { schema }: GraphQLResolveInfo,
  ): Promise<object> {
    const { question, tenant } = askedPanel(asked, context);
    return timeseries(null, argumentsOf(question, schema), inNameOf(tenant, context));
  },
};

export const panelUpdates = {
  subscribe(
    _: unknown,
    { every, ...asked }: PanelArgs & { readonly every?: Maybe<number> },
    context: GraphContext,
    { schema }: GraphQLResolveInfo,
  ): AsyncIterable<LiveMessage> {
    const { question, tenant } = askedPanel(asked, context);
    const { compare, source, ...args } = argumentsOf(question, schema);
    if (source === 'SEGMENTS') throw new AppError('query_invalid', OF_SEGMENTS);
    const updates = timeseriesUpdates.subscribe(
      null,
      { ...args, every },
      inNameOf(tenant, context),
    );
    const isShown = (): boolean => isDeepStrictEqual(findPanel(asked, context)?.question, question);
    return whileShown(updates, isShown, context);
  },

  resolve: timeseriesUpdates.resolve,
};

const OF_SEGMENTS =
  'this panel is answered from segments, and a subscription from rollups only: ask for it by a query';

export const mutations = {
  async putDashboard(
    _: unknown,
    { input }: PutArgs,
    context: GraphContext,
    { schema }: GraphQLResolveInfo,
  ): Promise<object> {
    const { access, services } = context;
    demandScope(access, 'admin');
    const wrong = input.panels.flatMap(({ question }, i) =>
      problemsOfQuestion(question, context, schema).map(({ path, message }) =>
        problem(message, `panels[${i}].question${path === '' ? '' : `.${path}`}`),
      ),
    );
    if (wrong.length > 0) return { problems: wrong };
    const put = await services.dashboards.put(access.tenant, {
      ...given('id', input.id),
      ...given('version', input.version),
      name: input.name,
      panels: input.panels.map(({ id, title, show, question }) => ({
        ...given('id', id),
        ...{ title, show, question: plain(question) as PanelQuestion },
      })),
    });
    if (!put.ok) return { problems: put.error };
    return { dashboard: shown(put.value, context), problems: [] };
  },

  async dropDashboard(
    _: unknown,
    { id }: { readonly id: string },
    { access, services }: GraphContext,
  ): Promise<object> {
    demandScope(access, 'admin');
    const dropped = await services.dashboards.drop(access.tenant, id);
    if (!dropped.ok) return { done: false, problems: dropped.error };
    const problems = dropped.value ? [] : [problem(`you have no dashboard "${id}"`, 'id')];
    return { done: dropped.value, problems };
  },

  async shareDashboard(
    _: unknown,
    args: { readonly id: string; readonly name: string; readonly secret?: Maybe<string> },
    { access, services }: GraphContext,
  ): Promise<object> {
    demandScope(access, 'admin');
    const made = await services.dashboards.share(
      access.tenant,
      args.id,
      args.name,
      args.secret ?? undefined,
    );
    if (!made.ok) return { problems: made.error };
    const { share, secret } = made.value;
    return { share: shownShare(share), secret, problems: [] };
  },

  endShare(
    _: unknown,
    { id }: { readonly id: string },
    { access, services }: GraphContext,
  ): Promise<boolean> {
    demandScope(access, 'admin');
    return services.dashboards.endShare(access.tenant, id);
  },
};

/** Paths begin in the question. */
function problemsOfQuestion(
  question: unknown,
  { access, services }: GraphContext,
  schema: GraphQLSchema,
): readonly AlarmProblem[] {
  const bytes = Buffer.byteLength(JSON.stringify(question));
  if (bytes > QUESTION_BYTES_MAX) {
    return [problem(`expected at most ${QUESTION_BYTES_MAX} bytes as JSON, received ${bytes}`)];
  }
  const problems = problemsOfArguments(question, schema);
  if (problems.length > 0) return problems;
  try {
    services.queries.check(
      requestOf(argumentsOf(question as PanelQuestion, schema), access.tenant),
    );
    return [];
  } catch (error) {
    if (!isFault(error, 'query_invalid')) throw error;
    return [problem(error.message)];
  }
}

interface FoundPanel {
  /** Whose events it is about. */
  readonly tenant: string;
  readonly question: PanelQuestion;
}

/** Throws where it is none that may be seen. */
function askedPanel(asked: PanelArgs, context: GraphContext): FoundPanel {
  const found = findPanel(asked, context);
  if (found !== undefined) return found;
  if (context.access.share !== undefined) demandOpen(context.access.share, context);
  const { dashboard, panel } = asked;
  throw new AppError(
    'query_invalid',
    `there is no panel "${panel}" in a dashboard "${dashboard}": it may have been changed or dropped, so ask for the dashboard again`,
  );
}

/** A link shows its own dashboard, whatever is asked for by it. */
function findPanel(
  { dashboard: id, panel: panelId }: PanelArgs,
  { access, services: { dashboards } }: GraphContext,
): FoundPanel | undefined {
  const seen =
    access.share === undefined
      ? { tenant: access.tenant, dashboard: dashboards.find(access.tenant, id) }
      : dashboards.shared(access.share);
  if (seen?.dashboard?.id !== id) return undefined;
  const panel = seen.dashboard.panels.find((each) => each.id === panelId);
  return panel && { tenant: seen.tenant, question: panel.question };
}

/** What the link shows. Throws if it has ended. */
export function demandOpen(share: string, { services }: GraphContext): SharedDashboard {
  const shared = services.dashboards.shared(share);
  if (shared !== undefined) return shared;
  throw new GraphQLError('this link has ended: ask for a new one', {
    extensions: { code: 'unauthorized', http: { status: 401 } },
  });
}

const inNameOf = (tenant: string, context: GraphContext): GraphContext => ({
  ...context,
  access: { ...context.access, tenant },
});

/** Ends when `isShown` is false, which is looked at with every change of dashboards and links. */
function whileShown<T>(
  updates: AsyncIterable<T>,
  isShown: () => boolean,
  { services }: GraphContext,
): AsyncIterableIterator<T> {
  const messages = updates[Symbol.asyncIterator]();
  const end = (): void => void messages.return?.();
  const unfollow = services.dashboards.onChange(() => {
    if (!isShown()) end();
  });
  const pull = async (): Promise<T | undefined> => {
    const { done, value } = await messages.next();
    return done === true ? undefined : value;
  };
  return pullIterator(pull, () => {
    unfollow();
    end();
  });
}

export function shown(dashboard: DashboardView, { access, services }: GraphContext): object {
  const { updatedAtMs, isBuiltIn, ...rest } = dashboard;
  return {
    ...rest,
    updatedAt: updatedAtMs,
    builtIn: isBuiltIn,
    shares: () =>
      allows(access, 'admin')
        ? services.dashboards.shares(access.tenant, dashboard.id).map(shownShare)
        : null,
  };
}

const shownShare = ({ id, name, createdAtMs }: Share): object => ({
  ...{ id, name },
  createdAt: createdAtMs,
});
