/** What the alarm board answers, in the shapes of the schema. Secrets end here, whatever the board left in. */
import { ALARM_STATES } from '../../src/model/alarm.ts';
import type {
  AlarmPage,
  AlarmProblem,
  AlarmView,
  HistoryEntry,
  ReceiverView,
  RuleView,
  SilenceView,
} from '../../src/model/alarm-board.ts';
import { measureText, shownAddress } from '../../src/model/alarm-text.ts';
import { matcherText } from '../../src/model/matcher.ts';
import type {
  Attempt,
  Delivery,
  NotifiedAlarm,
  Receiver,
  Route,
} from '../../src/model/notification.ts';
import { EPOCH_MS_MAX } from '../../src/model/units.ts';

/** A problem with all of it. */
export const problem = (message: string, path = ''): AlarmProblem => ({ path, message });

export function shownAlarm(view: AlarmView): object {
  const { acknowledgement, sinceMs, labels, annotations, isInhibited, isSuppressed } = view;
  return {
    ...view,
    labels: textsOf(labels),
    annotations: textsOf(annotations),
    since: sinceMs,
    inhibited: isInhibited,
    suppressed: isSuppressed,
    acknowledgement: acknowledgement && { ...acknowledgement, at: acknowledgement.atMs },
  };
}

export const shownAlarms = ({ alarms, total, hasMore }: AlarmPage): object => ({
  alarms: alarms.map(shownAlarm),
  total,
  nextCursor: hasMore ? alarms.at(-1)?.id : null,
});

export function shownChange({ id, alarm, recordedMs, transition, labels }: HistoryEntry): object {
  const { atMs, ...rest } = transition;
  return { ...rest, id, alarm, at: atMs, recorded: recordedMs, labels: textsOf(labels) };
}

export function shownRule({ rule, source, progressMs, groups, states }: RuleView): object {
  const { labels, annotations, over } = rule;
  return {
    ...rule,
    declaredIn: source,
    measure: measureText(rule.measure),
    over: over && { measure: measureText(over.measure), filter: over.filter },
    labels: textsOf(labels),
    annotations: textsOf(annotations),
    progress: progressMs,
    groups,
    states: shownStates(states),
  };
}

export const shownStates = (states: RuleView['states']): readonly object[] =>
  ALARM_STATES.map((state) => ({ state, count: states[state] }));

export function shownSilence({ silence, state }: SilenceView): object {
  const { matchers, startsAtMs, endsAtMs } = silence;
  return {
    ...silence,
    state,
    matchers: matchers.map(matcherText),
    startsAt: shownTime(startsAtMs),
    endsAt: shownTime(endsAtMs),
  };
}

/** One row that was stored before times had bounds must not hide all others. */
const shownTime = (ms: number): number => Math.min(ms, EPOCH_MS_MAX);

/** Templates may hold secrets, and so may bodies, which are made of them: they are for who could have written them. */
export function shownReceiver(
  { receiver, source, disabled, waiting }: ReceiverView,
  isAdmin: boolean,
): object {
  const { name, kind, sendResolved, concurrency, timeoutMs, retry } = receiver;
  const isWebhook = receiver.kind === 'webhook';
  return {
    name,
    kind,
    declaredIn: source,
    target: targetOf(receiver),
    sendResolved,
    concurrency,
    timeoutMs,
    retry,
    signed: isWebhook && receiver.secrets.length > 0,
    headers: isWebhook ? Object.keys(receiver.headers) : [],
    template: isAdmin ? templateOf(receiver) : undefined,
    disabled: disabled && { reason: disabled.reason, at: disabled.atMs },
    waiting,
  };
}

export const shownRoute = ({ matchers, ...route }: Route): object => ({
  ...route,
  match: matchers.map(matcherText),
});

export function shownDelivery(delivery: Delivery, isAdmin: boolean): object {
  const { notification, attempts, nextAttemptAtMs, request } = delivery;
  const { id, receiver, createdAtMs, groupLabels, alarms, truncatedAlarms } = notification;
  return {
    id,
    receiver,
    state: delivery.state,
    createdAt: createdAtMs,
    groupLabels: textsOf(groupLabels),
    alarms: alarms.map(shownNotified),
    truncatedAlarms,
    attemptCount: delivery.attemptCount,
    attempts: attempts.map(shownAttempt),
    nextAttempt: nextAttemptAtMs,
    request: request && {
      ...request,
      headers: textsOf(request.headers),
      body: isAdmin ? request.body : null,
    },
  };
}

export const shownAttempt = ({ atMs, ...attempt }: Attempt): object => ({ ...attempt, at: atMs });

const shownNotified = ({ labels, annotations, startsAtMs, endsAtMs, ...rest }: NotifiedAlarm) => ({
  ...rest,
  labels: textsOf(labels),
  annotations: textsOf(annotations),
  startsAt: startsAtMs,
  endsAt: endsAtMs,
});

/** Sorted, so that equal labels are equal answers. */
const textsOf = (texts: Readonly<Record<string, string>>) =>
  Object.entries(texts)
    .map(([name, value]) => ({ name, value }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));

function targetOf(receiver: Receiver): string {
  switch (receiver.kind) {
    case 'webhook':
      return shownAddress(receiver.url);
    case 'email':
      return `${receiver.to.join(', ')} by ${shownAddress(receiver.smtp)}`;
    case 'console':
      return "the server's terminal";
    case 'file':
      return receiver.path;
  }
}

function templateOf(receiver: Receiver): string | undefined {
  if (receiver.kind === 'webhook') return receiver.body;
  return receiver.kind === 'email' ? receiver.text : undefined;
}
