/** Which alarms go where, which hide others, and the hours in which nobody is told; as people write it. */
import { matcherText } from '../model/matcher.ts';
import { type Inhibition, ROUTE_DEFAULTS, type Route } from '../model/notification.ts';
import { DAY_MS, durationMs, HOUR_MS, MINUTE_MS } from '../model/units.ts';
import { matcher } from './alarm-scalars.ts';
import { duration, formatDuration, name, yes } from './scalars.ts';
import { field, group, list } from './shapes.ts';

const matchers = list(matcher, 32).default([]);
const intervals = list(name('a time interval'), 16).default([]);
export const route = group({
  /** All of them must hold; none: every alarm. */
  match: matchers,
  receiver: name('a receiver'),
  /** The routes behind it may decide too. */
  continue: yes.default(false),
  /** Alarms with equal values of these labels go into one message. */
  groupBy: list(field, 16).default([...ROUTE_DEFAULTS.groupBy]),
  /** Larger collects what breaks together into one message, and is later. At once by default. */
  groupWait: duration(0, HOUR_MS).default(durationMs(ROUTE_DEFAULTS.groupWaitMs)),
  groupInterval: duration(1_000, DAY_MS).default(durationMs(ROUTE_DEFAULTS.groupIntervalMs)),
  repeatInterval: duration(MINUTE_MS, 30 * DAY_MS).default(
    durationMs(ROUTE_DEFAULTS.repeatIntervalMs),
  ),
  muteIn: intervals,
  activeIn: intervals,
}).transform(
  ({ match, groupWait, groupInterval, repeatInterval, ...rest }): Route => ({
    ...rest,
    matchers: match,
    groupWaitMs: groupWait,
    groupIntervalMs: groupInterval,
    repeatIntervalMs: repeatInterval,
  }),
);

export const inhibition = group({
  source: list(matcher, 32).min(1, { error: 'expected at least one matcher' }),
  target: list(matcher, 32).min(1, { error: 'expected at least one matcher' }),
  /** Labels on which both must agree. */
  equal: list(field, 16).default([]),
}).transform((value): Inhibition => value);

export function routeText(of: Route): Record<string, unknown> {
  const { matchers: all, groupWaitMs, groupIntervalMs, repeatIntervalMs, ...rest } = of;
  return {
    match: all.map(matcherText),
    receiver: rest.receiver,
    continue: rest.continue,
    groupBy: rest.groupBy,
    groupWait: formatDuration(groupWaitMs),
    groupInterval: formatDuration(groupIntervalMs),
    repeatInterval: formatDuration(repeatIntervalMs),
    muteIn: rest.muteIn,
    activeIn: rest.activeIn,
  };
}

export const inhibitionText = ({ source, target, equal }: Inhibition) => ({
  source: source.map(matcherText),
  target: target.map(matcherText),
  equal,
});
