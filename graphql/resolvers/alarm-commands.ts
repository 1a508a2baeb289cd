/** Mutations: all of them need scope `admin`. What is wrong with an input is answered, not thrown. */
import type { AlarmProblem, Checked, ReceiverView } from '../../src/model/alarm-board.ts';
import { MATCHER_ALLOWED, readMatcher } from '../../src/model/matcher.ts';
import type { Matcher } from '../../src/model/notification.ts';
import { demandScope } from '../authorize.ts';
import type { GraphContext } from '../context.ts';
import {
  problem,
  shownAttempt,
  shownReceiver,
  shownRoute,
  shownRule,
  shownSilence,
} from './alarm-views.ts';
import { type Maybe, plain } from './arguments.ts';

type Command<Args> = (_: unknown, args: Args, context: GraphContext) => Promise<object>;

/** The scope is demanded in one place, so that no mutation can forget it. */
const command =
  <Args>(run: (args: Args, context: GraphContext) => Promise<object>): Command<Args> =>
  (_, args, context) => {
    demandScope(context.access, 'admin');
    return run(args, context);
  };

interface Named {
  readonly name: string;
}

interface PutRuleArgs {
  readonly rule: Named;
  readonly isNew: boolean;
}

export const putRule = command<PutRuleArgs>(async ({ rule, isNew }, { access, services }) => {
  const { tenant } = access;
  const put = await services.alarms.putRule(tenant, plain(rule), isNew);
  if (!put.ok) return { problems: put.error };
  const views = await services.alarms.rules(tenant);
  const view = views.find((each) => each.rule.name === put.value.name);
  return { rule: view && shownRule(view), problems: [] };
});

export const removeRule = command<Named>(async ({ name }, { access, services }) =>
  done(await services.alarms.removeRule(access.tenant, name), `there is no rule "${name}"`),
);

export const putReceiver = command<{ readonly receiver: Named }>(
  async ({ receiver }, { access, services }) => {
    const put = await services.alarms.putReceiver(access.tenant, plain(receiver));
    if (!put.ok) return { problems: put.error };
    const view = await receiverOf(put.value.name, access.tenant, services.alarms);
    return { receiver: view && shownReceiver(view, true), problems: [] };
  },
);

export const removeReceiver = command<Named>(async ({ name }, { access, services }) =>
  done(await services.alarms.removeReceiver(access.tenant, name), noReceiver(name)),
);

export const enableReceiver = command<Named>(async ({ name }, { access, services }) =>
  did(
    await services.alarms.setReceiverEnabled({ tenant: access.tenant, name }, true),
    noReceiver(name),
  ),
);

export const disableReceiver = command<Named>(async ({ name }, { access, services }) =>
  did(
    await services.alarms.setReceiverEnabled({ tenant: access.tenant, name }, false),
    noReceiver(name),
  ),
);

export const testReceiver = command<Named>(async ({ name }, { access, services }) => {
  const attempt = await services.alarms.testReceiver({ tenant: access.tenant, name });
  if (attempt === undefined) return { problems: [problem(noReceiver(name), 'name')] };
  return { attempt: shownAttempt(attempt), problems: [] };
});

export const setRoutes = command<{ readonly routes: readonly object[] }>(
  async (args, { access, services }) => {
    const set = await services.alarms.setRoutes(access.tenant, args.routes.map(plain));
    if (!set.ok) return { problems: set.error };
    return { routes: set.value.map(shownRoute), problems: [] };
  },
);

interface SilenceArgs {
  readonly matchers: readonly string[];
  readonly startsAt?: Maybe<number>;
  readonly endsAt?: Maybe<number>;
  readonly lasts?: Maybe<number>;
  readonly author?: Maybe<string>;
  readonly comment: string;
}

export const addSilence = command<{ readonly silence: SilenceArgs }>(
  async ({ silence: args }, { access, services }) => {
    const { clock, alarms } = services;
    const startsAtMs = args.startsAt ?? clock.now();
    const endsAtMs = args.endsAt ?? (args.lasts == null ? null : startsAtMs + args.lasts);
    const { matchers, problems } = matchersOf(args.matchers);
    if (endsAtMs === null || (args.endsAt != null && args.lasts != null)) {
      problems.push(problem('expected either "endsAt" or "lasts"', 'endsAt'));
    }
    if (endsAtMs === null || problems.length > 0) return { problems };
    const added = await alarms.addSilence({
      tenant: access.tenant,
      matchers,
      startsAtMs,
      endsAtMs,
      author: args.author ?? access.keyId,
      comment: args.comment,
    });
    if (!added.ok) return { problems: added.error };
    const state = added.value.startsAtMs > clock.now() ? 'pending' : 'active';
    return { silence: shownSilence({ silence: added.value, state }), problems: [] };
  },
);

export const expireSilence = command<{ readonly id: string }>(async ({ id }, context) => {
  const { access, services } = context;
  const isDone = await services.alarms.expireSilence(access.tenant, id);
  return did(isDone, 'there is no silence of this id that has not ended', 'id');
});

const NOT_FIRING = 'there is no alarm of this id that fires';

export const acknowledge = command<{
  readonly alarm: string;
  readonly comment: string;
  readonly author?: Maybe<string>;
}>(async ({ alarm, comment, author }, { access, services }) => {
  const by = { author: author ?? access.keyId, comment };
  return done(await services.alarms.acknowledge(access.tenant, alarm, by), NOT_FIRING, 'alarm');
});

export const unacknowledge = command<{ readonly alarm: string }>(
  async ({ alarm }, { access, services }) =>
    done(await services.alarms.unacknowledge(access.tenant, alarm), NOT_FIRING, 'alarm'),
);

const NOT_RESENT = {
  waiting: 'it waits for its next attempt already',
  unknown: 'there is no delivery of this id',
  receiverDisabled: 'its receiver is disabled or gone: enable it first',
} as const;

export const resendDelivery = command<{ readonly id: string }>(async ({ id }, context) => {
  const outcome = await context.services.alarms.resend(context.access.tenant, id);
  return outcome === 'resent' ? did(true, '') : did(false, NOT_RESENT[outcome], 'id');
});

const noReceiver = (name: string): string => `there is no receiver "${name}"`;

function did(isDone: boolean, whyNot: string, path = 'name'): object {
  return { done: isDone, problems: isDone ? [] : [problem(whyNot, path)] };
}

/** What may not be done is a problem, what there is nothing to do it with another one. */
function done(result: Checked<boolean>, whyNot: string, path?: string): object {
  return result.ok ? did(result.value, whyNot, path) : { done: false, problems: result.error };
}

async function receiverOf(
  name: string,
  tenant: string,
  alarms: GraphContext['services']['alarms'],
): Promise<ReceiverView | undefined> {
  return (await alarms.receivers(tenant)).find(({ receiver }) => receiver.name === name);
}

function matchersOf(texts: readonly string[]): { matchers: Matcher[]; problems: AlarmProblem[] } {
  const matchers: Matcher[] = [];
  const problems: AlarmProblem[] = [];
  texts.forEach((text, i) => {
    const matcher = readMatcher(text);
    if (matcher === undefined)
      problems.push(problem(`expected ${MATCHER_ALLOWED}`, `matchers[${i}]`));
    else matchers.push(matcher);
  });
  return { matchers, problems };
}
