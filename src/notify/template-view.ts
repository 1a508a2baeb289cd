/** What templates see of a notification. Names are a contract: docs/notifications.md lists them. */
import type { Notification, NotifiedAlarm } from '../model/notification.ts';
import { commonOf, statusOf } from './alertmanager-body.ts';
import type { View } from './template.ts';

export function templateView(notification: Notification): View {
  const { alarms } = notification;
  const firing = alarms.filter(({ status }) => status === 'firing');
  return {
    id: notification.id,
    tenant: notification.tenant,
    receiver: notification.receiver,
    status: statusOf(alarms),
    createdAt: new Date(notification.createdAtMs).toISOString(),
    externalUrl: notification.externalUrl,
    groupKey: notification.groupKey,
    groupLabels: notification.groupLabels,
    commonLabels: commonOf(alarms.map(({ labels }) => labels)),
    commonAnnotations: commonOf(alarms.map(({ annotations }) => annotations)),
    firingCount: firing.length,
    resolvedCount: alarms.length - firing.length,
    truncatedAlarms: notification.truncatedAlarms,
    alarms: alarms.map(alarmView),
  };
}

function alarmView(alarm: NotifiedAlarm): View {
  const { startsAtMs, endsAtMs, transition } = alarm;
  return {
    status: alarm.status,
    state: alarm.state,
    severity: alarm.severity,
    reason: transition.reason,
    name: alarm.labels['alertname'],
    labels: alarm.labels,
    annotations: alarm.annotations,
    value: alarm.value,
    threshold: alarm.threshold,
    startsAt: new Date(startsAtMs).toISOString(),
    ...(endsAtMs !== undefined && { endsAt: new Date(endsAtMs).toISOString() }),
    durationMs: (endsAtMs ?? transition.atMs) - startsAtMs,
    fingerprint: alarm.fingerprint,
  };
}
