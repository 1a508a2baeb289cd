/** Shows notifications on the server's terminal: a line per alarm, in colour, with a bell where someone may hear it. */
import type { ConsoleReceiver, Notification, NotifiedAlarm } from '../model/notification.ts';
import { formatDuration, formatNumber } from './formats.ts';

/** Of `process.stdout`, what is needed. */
export interface Terminal {
  readonly isTTY?: boolean;
  write(text: string, written: (error?: Error | null) => void): boolean;
}

const RESET = '\x1b[0m';
const COLOURS = { info: '\x1b[36m', warning: '\x1b[33m', critical: '\x1b[1;31m' } as const;
const RESOLVED = '\x1b[32m';
const BELL = '\x07';

export function showOnTerminal(
  notification: Notification,
  { bell }: ConsoleReceiver,
  terminal: Terminal,
  colour: boolean,
): Promise<void> {
  const lines = notification.alarms.map((alarm) => lineOf(alarm, colour));
  if (notification.truncatedAlarms > 0) lines.push(`… and ${notification.truncatedAlarms} more`);
  const fires = notification.alarms.some(({ status }) => status === 'firing');
  const ring = bell && fires && terminal.isTTY === true ? BELL : '';
  return new Promise((written, failed) => {
    terminal.write(`${lines.join('\n')}${ring}\n`, (error) => (error ? failed(error) : written()));
  });
}

function lineOf(alarm: NotifiedAlarm, colour: boolean): string {
  const { alertname = '', severity: _, ...labels } = alarm.labels;
  const resolved = alarm.status === 'resolved';
  const what = `${alarm.severity.toUpperCase()} ${alarm.status}`;
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const endMs = alarm.endsAtMs ?? alarm.transition.atMs;
  const parts = [
    new Date(alarm.transition.atMs).toISOString(),
    colour ? `${resolved ? RESOLVED : COLOURS[alarm.severity]}${what}${RESET}` : what,
    shown(`${alertname}{${pairs.join(',')}}`),
    alarm.value === null ? 'no value' : `value ${formatNumber(alarm.value)}`,
    alarm.threshold === null ? '' : `threshold ${formatNumber(alarm.threshold)}`,
    `for ${formatDuration(endMs - alarm.startsAtMs)}`,
    shown(alarm.annotations['summary'] ?? ''),
  ];
  return parts.filter((part) => part !== '').join(' ');
}

/** Labels come from events: what is in them must not move the cursor of whoever watches. */
const shown = (text: string): string => text.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, '?');
