/** What is asked about alarms: what fires, by which rules, who is told, and what became of the messages. */

import type { AlarmState } from '../../src/model/alarm.ts';
import { AppError } from '../../src/model/errors.ts';
import type { DeliveryState, Matcher } from '../../src/model/notification.ts';
import { DAY_MS } from '../../src/model/units.ts';
import type { AlarmUpdate } from '../../src/query/alarm-updates.ts';
import { ALARMS_PAGE_MAX } from '../../src/query/limits.ts';
import { allows, demandScope } from '../authorize.ts';
import type { GraphContext } from '../context.ts';
import {
  shownAlarm,
  shownAlarms,
  shownChange,
  shownDelivery,
  shownReceiver,
  shownRoute,
  shownRule,
  shownSilence,
  shownStates,
} from './alarm-views.ts';
import { given, type Maybe, plain } from './arguments.ts';

interface PageArgs {
  readonly first: number;
  readonly after?: Maybe<string>;
}

export async function alarms(
  _: unknown,
  args: PageArgs & {
    readonly rule?: Maybe<string>;
    readonly states?: Maybe<readonly AlarmState[]>;
    readonly matchers?: Maybe<readonly Matcher[]>;
  },
  { access, services }: GraphContext,
): Promise<object> {
  const page = await services.alarms.alarms({
    tenant: access.tenant,
    ...given('rule', args.rule),
    ...given('states', args.states),
    ...given('matchers', args.matchers),
    ...pageOf(args),
  });
  return shownAlarms(page);
}

export async function alarmRules(
  _: unknown,
  __: unknown,
  { access, services }: GraphContext,
): Promise<readonly object[]> {
  return (await services.alarms.rules(access.tenant)).map(shownRule);
}

export async function alarmHistory(
  _: unknown,
  args: PageArgs & {
    readonly rule?: Maybe<string>;
    readonly alarm?: Maybe<string>;
    readonly from?: Maybe<number>;
    readonly to?: Maybe<number>;
  },
  { access, services }: GraphContext,
): Promise<object> {
  const { entries, next } = await services.alarms.history({
    tenant: access.tenant,
    ...given('rule', args.rule),
    ...given('alarm', args.alarm),
    ...given('fromMs', args.from),
    ...given('toMs', args.to),
    ...pageOf(args),
  });
  return { entries: entries.map(shownChange), nextCursor: next };
}

export async function silences(
  _: unknown,
  __: unknown,
  { access, services }: GraphContext,
): Promise<readonly object[]> {
  return (await services.alarms.silences(access.tenant)).map(shownSilence);
}

export async function receivers(
  _: unknown,
  __: unknown,
  { access, services }: GraphContext,
): Promise<readonly object[]> {
  const isAdmin = allows(access, 'admin');
  const views = await services.alarms.receivers(access.tenant);
  return views.map((view) => shownReceiver(view, isAdmin));
}

export async function routes(
  _: unknown,
  __: unknown,
  { access, services }: GraphContext,
): Promise<object> {
  const { config, own } = await services.alarms.routes(access.tenant);
  return { config: config.map(shownRoute), own: own.map(shownRoute) };
}

export async function deliveries(
  _: unknown,
  args: PageArgs & {
    readonly receiver?: Maybe<string>;
    readonly states?: Maybe<readonly DeliveryState[]>;
  },
  { access, services }: GraphContext,
): Promise<object> {
  const { entries, next } = await services.alarms.deliveries({
    tenant: access.tenant,
    ...given('receiver', args.receiver),
    ...given('states', args.states),
    ...pageOf(args),
  });
  const isAdmin = allows(access, 'admin');
  return { deliveries: entries.map((each) => shownDelivery(each, isAdmin)), nextCursor: next };
}

export async function delivery(
  _: unknown,
  { id }: { readonly id: string },
  { access, services }: GraphContext,
): Promise<object | undefined> {
  const found = await services.alarms.delivery(access.tenant, id);
  return found && shownDelivery(found, allows(access, 'admin'));
}

export async function testRule(
  _: unknown,
  args: {
    readonly rule: object;
    readonly from?: Maybe<number>;
    readonly to?: Maybe<number>;
  },
  { access, services }: GraphContext,
): Promise<object> {
  const toMs = args.to ?? services.clock.now();
  const fromMs = args.from ?? toMs - DAY_MS;
  if (fromMs >= toMs) throw new AppError('query_invalid', '"from" must lie before "to"');
  const tested = await services.alarms.testRule(access.tenant, plain(args.rule), fromMs, toMs);
  if (!tested.ok) return { ...NOTHING_TESTED, problems: tested.error };
  const { transitions, ticks, isTruncated } = tested.value;
  return {
    changes: transitions.map(({ atMs, ...transition }) => ({ ...transition, at: atMs })),
    ticks,
    from: tested.value.fromMs,
    to: tested.value.toMs,
    truncated: isTruncated,
    problems: [],
  };
}

const NOTHING_TESTED = { changes: [], ticks: 0, truncated: false };

export async function alarmBoard(
  _: unknown,
  __: unknown,
  { access, services }: GraphContext,
): Promise<object> {
  demandScope(access, 'admin');
  const board = await services.alarms.board(access.tenant);
  return { ...board, alarms: shownStates(board.alarms) };
}

export const alarmChanged = {
  subscribe: (
    _: unknown,
    { rule }: { readonly rule?: Maybe<string> },
    { access, alarmUpdates }: GraphContext,
  ): AsyncIterable<AlarmUpdate> =>
    alarmUpdates.subscribe({ tenant: access.tenant, ...given('rule', rule) }),

  resolve: (update: AlarmUpdate): object => ({
    snapshot: update.kind === 'snapshot',
    gap: update.kind === 'gap',
    droppedChanges: update.kind === 'gap' ? update.droppedChanges : 0,
    alarms: update.kind === 'snapshot' ? update.page.alarms.map(shownAlarm) : [],
    total: update.kind === 'snapshot' ? update.page.total : 0,
    changes: update.kind === 'changes' ? update.changes.map(shownChange) : [],
  }),
};

function pageOf({ first, after }: PageArgs): { first: number; after?: string } {
  if (!(first >= 1 && first <= ALARMS_PAGE_MAX)) {
    throw new AppError(
      'query_invalid',
      `"first" must be 1 to ${ALARMS_PAGE_MAX}, received ${first}`,
    );
  }
  return { first, ...given('after', after) };
}
