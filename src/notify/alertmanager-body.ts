/**
 * A notification as the JSON of Alertmanager's webhook, version 4: what on-call tools already read.
 * https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
 */
import type { Notification, NotifiedAlarm } from '../model/notification.ts';

/** Go's zero time, by which Alertmanager says "not yet". */
const NOT_YET = '0001-01-01T00:00:00Z';

type Texts = Readonly<Record<string, string>>;

export function alertmanagerBody(notification: Notification): string {
  const { alarms, externalUrl } = notification;
  return JSON.stringify({
    version: '4',
    groupKey: notification.groupKey,
    truncatedAlerts: notification.truncatedAlarms,
    status: statusOf(alarms),
    receiver: notification.receiver,
    groupLabels: notification.groupLabels,
    commonLabels: commonOf(alarms.map(({ labels }) => labels)),
    commonAnnotations: commonOf(alarms.map(({ annotations }) => annotations)),
    externalURL: externalUrl,
    alerts: alarms.map((alarm) => ({
      status: alarm.status,
      labels: alarm.labels,
      annotations: alarm.annotations,
      startsAt: new Date(alarm.startsAtMs).toISOString(),
      endsAt: alarm.endsAtMs === undefined ? NOT_YET : new Date(alarm.endsAtMs).toISOString(),
      generatorURL: externalUrl,
      fingerprint: alarm.fingerprint,
    })),
  });
}

/** A message resolves only if everything in it did. */
export function statusOf(alarms: readonly NotifiedAlarm[]): NotifiedAlarm['status'] {
  return alarms.some(({ status }) => status === 'firing') ? 'firing' : 'resolved';
}

/** The pairs that all of them have. */
export function commonOf([first = {}, ...others]: readonly Texts[]): Texts {
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) =>
      others.every((other) => Object.hasOwn(other, name) && other[name] === value),
    ),
  );
}
