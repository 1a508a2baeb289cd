/** Webhook bodies, read by Alertmanager's own Go type: whoever reads Alertmanager's messages reads ours. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { Notification } from '../../src/model/notification.ts';
import { alertmanagerBody } from '../../src/notify/alertmanager-body.ts';
import { alarmOf, NOW_MS, notificationOf } from '../notify/stage.ts';

const PROGRAM = fileURLToPath(new URL('alertmanager', import.meta.url));
const BUILD_MS_MAX = 600_000;

const firing = alarmOf();
const resolved = alarmOf({
  status: 'resolved',
  state: 'ok',
  labels: { alertname: 'errors', severity: 'critical', host: '\u2028"\\ö\u0000' },
  annotations: {},
  endsAtMs: NOW_MS + 1,
  value: null,
  threshold: null,
});

test('a message of firing and resolved alarms is read with every field', (t) => {
  const [message] = readByGo(t, [
    notificationOf({ alarms: [firing, resolved], truncatedAlarms: 7 }),
  ]);
  t.like(message, {
    version: '4',
    groupKey: '{}:{alertname="errors"}',
    truncatedAlerts: 7,
    receiver: 'ops',
    status: 'firing',
    groupLabels: { alertname: 'errors' },
    commonLabels: { alertname: 'errors', severity: 'critical' },
    commonAnnotations: {},
    externalURL: 'http://gauge.example:8081',
  });
  t.deepEqual(message?.alerts, [
    {
      status: 'firing',
      labels: firing.labels,
      annotations: firing.annotations,
      startsAt: '2026-11-21T07:58:30Z',
      endsAt: '0001-01-01T00:00:00Z',
      generatorURL: 'http://gauge.example:8081',
      fingerprint: '00000000000000ab',
    },
    {
      status: 'resolved',
      labels: resolved.labels,
      annotations: {},
      startsAt: '2026-11-21T07:58:30Z',
      endsAt: '2026-11-21T08:00:00.001Z',
      generatorURL: 'http://gauge.example:8081',
      fingerprint: '00000000000000ab',
    },
  ]);
});

test('a message in which everything resolved is resolved, one without alarms is read too', (t) => {
  const messages = readByGo(t, [
    notificationOf({ alarms: [resolved] }),
    notificationOf({ alarms: [], groupLabels: {}, externalUrl: '' }),
  ]);
  t.deepEqual(
    messages.map(({ status, alerts }) => [status, alerts.length]),
    [
      ['resolved', 1],
      ['resolved', 0],
    ],
  );
});

test('the type refuses a field that it does not have: the check sees what is planted', (t) => {
  t.timeout(BUILD_MS_MAX);
  const planted = JSON.stringify({ ...JSON.parse(alertmanagerBody(notificationOf())), extra: 1 });
  const { status, stderr } = runGo(planted);
  t.is(status, 1);
  t.regex(stderr, /unknown field "extra"/);
});

interface Message {
  readonly status: string;
  readonly alerts: readonly unknown[];
}

function readByGo(t: ExecutionContext, notifications: readonly Notification[]): Message[] {
  t.timeout(BUILD_MS_MAX);
  const { status, stdout, stderr } = runGo(notifications.map(alertmanagerBody).join('\n'));
  t.is(status, 0, stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line): Message => JSON.parse(line));
}

function runGo(input: string) {
  const PATH = `${process.env['PATH']}:/usr/local/go/bin`;
  const env = { ...process.env, PATH, GOTOOLCHAIN: 'local' };
  const ran = spawnSync('go', ['run', '.'], { cwd: PROGRAM, env, input, encoding: 'utf8' });
  if (ran.error !== undefined) {
    throw new Error('Go is needed, at least the version of go.mod: .ci/install-go', {
      cause: ran.error,
    });
  }
  return ran;
}
