/**
 * The group `alarms` of the configuration, and the same shapes one by one for rules, receivers and silencing hours that
 * come by mutation: whoever writes one is told the same, with the same defaults.
 */
import type { DeclaredAlarms } from '../model/alarm-board.ts';
import { routeToEverything } from '../model/notification.ts';
import { SERVER_RULE_PREFIX, type ServerAlarms } from '../model/server-alarms.ts';
import { rule, ruleText } from './alarm-rule.ts';
import { reader } from './reader.ts';
import { receiver, receiverText } from './receivers.ts';
import { inhibition, inhibitionText, route, routeText } from './routes.ts';
import { serverAlarms, serverAlarmsText } from './server-alarms.ts';
import type { Path } from './settings.ts';
import { group, list } from './shapes.ts';
import { timeInterval, timeIntervalText } from './time-intervals.ts';

export const alarms = group({
  /** Each is one hidden rollup in every partition, two if it is a ratio. */
  rules: list(rule, 1_000).default([]),
  receivers: list(receiver, 256).default([]),
  /** In this order. Without any, every receiver is told of every alarm of its tenant. */
  routes: list(route, 1_000).default([]),
  inhibitions: list(inhibition, 256).default([]),
  timeIntervals: list(timeInterval, 256).default([]),
  /** What the server tells of itself. */
  server: serverAlarms.prefault({}),
});

export interface Alarms extends DeclaredAlarms {
  readonly server: ServerAlarms;
}

export const readRule = reader(rule);
/** Of every kind. A file is written where its path says: whoever takes receivers from outside has to refuse that kind. */
export const readReceiver = reader(receiver);
export const readRoute = reader(route);
export const readInhibition = reader(inhibition);
export const readTimeInterval = reader(timeInterval);

/** A server with receivers and without routes tells each of them of everything. */
export function withDefaultRoutes<T extends Alarms>(settings: T): T {
  if (settings.routes.length > 0) return settings;
  const names = [...new Set(settings.receivers.map(({ name }) => name))];
  return {
    ...settings,
    routes: names.map(routeToEverything),
  };
}

/** What does not fit together: names that exist twice or not at all. Paths begin at the group. */
export function alarmConflicts(settings: Alarms): { path: Path; message: string }[] {
  const { rules, receivers, routes, timeIntervals } = settings;
  const intervals = timeIntervals.map(({ name }) => name);
  const intervalsIn = (path: Path, names: readonly string[]) =>
    names.flatMap((name, i) => unknown([...path, i], name, 'a time interval', intervals));
  return [
    ...twice('rules', rules.map(inTenant)),
    ...twice('receivers', receivers.map(inTenant)),
    ...twice('timeIntervals', intervals),
    ...reserved(settings),
    ...rules.flatMap(({ suppress }, i) => intervalsIn(['rules', i, 'suppress'], suppress)),
    ...routes.flatMap(({ receiver: name, muteIn, activeIn }, i) => {
      const names = receivers.map((known) => known.name);
      return [
        ...unknown(['routes', i, 'receiver'], name, 'a receiver', names),
        ...intervalsIn(['routes', i, 'muteIn'], muteIn),
        ...intervalsIn(['routes', i, 'activeIn'], activeIn),
      ];
    }),
  ];
}

/** As it would be written in a file; secrets are masked. */
export function alarmsText(settings: Alarms): Record<string, unknown> {
  return {
    rules: settings.rules.map(ruleText),
    receivers: settings.receivers.map(receiverText),
    routes: settings.routes.map(routeText),
    inhibitions: settings.inhibitions.map(inhibitionText),
    timeIntervals: settings.timeIntervals.map(timeIntervalText),
    server: serverAlarmsText(settings.server),
  };
}

/** `tenant` is whose it becomes, whatever is written. */
const inTenant = ({ tenant, name }: { readonly tenant: string; readonly name: string }) =>
  `${tenant} ${name}`;

/** Alarms of the server itself have these names. */
function reserved({ rules, server }: Alarms) {
  if (!server.isEnabled) return [];
  return rules.flatMap(({ tenant, name }, i) =>
    tenant === server.tenant && name.startsWith(SERVER_RULE_PREFIX)
      ? [
          {
            path: ['rules', i, 'name'],
            message: `expected a name that does not begin with "${SERVER_RULE_PREFIX}": the server's own alarms have these`,
          },
        ]
      : [],
  );
}

function twice(list: string, names: readonly string[]) {
  return names.flatMap((name, i) =>
    names.indexOf(name) < i
      ? [{ path: [list, i, 'name'], message: 'expected a name that no other one has' }]
      : [],
  );
}

function unknown(path: Path, name: string, what: string, known: readonly string[]) {
  const names = known.length === 0 ? 'there is none' : `there are ${known.slice(0, 20).join(', ')}`;
  return known.includes(name) ? [] : [{ path, message: `expected the name of ${what} (${names})` }];
}
