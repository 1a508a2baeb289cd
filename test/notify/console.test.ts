import test from 'ava';
import type { Notification } from '../../src/model/notification.ts';
import { createSenders } from '../../src/notify/senders.ts';
import { silent } from '../actors/scripted-clock.ts';
import { alarmOf, consoleOf, NOW_MS, notificationOf } from './stage.ts';

async function shown(
  notification: Notification,
  { isTTY = false, colour = false }: { isTTY?: boolean; colour?: boolean },
): Promise<string> {
  let text = '';
  const terminal = {
    isTTY,
    write: (part: string, written: () => void) => {
      text += part;
      written();
      return true;
    },
  };
  const senders = createSenders({ clock: { now: () => NOW_MS }, terminal, colour, log: silent });
  await senders.send(notification, consoleOf(), new AbortController().signal);
  return text;
}

test('an alarm is a line with what a person asks first', async (t) => {
  t.is(
    await shown(notificationOf({ truncatedAlarms: 2 }), {}),
    `2026-11-21T08:00:00.000Z CRITICAL firing errors{stream="web",tenant="acme",host="a\\"1"} value 12.3457 threshold 10 for 1m 30s Errors on a"1?are at 12
… and 2 more
`,
  );
});

test('colour says how severe it is, or that it is over', async (t) => {
  const alarms = [
    alarmOf({ severity: 'info' }),
    alarmOf({ severity: 'warning' }),
    alarmOf(),
    alarmOf({ status: 'resolved', endsAtMs: NOW_MS, value: null, threshold: null }),
  ];
  const text = await shown(notificationOf({ alarms }), { colour: true });
  t.true(text.includes('\x1b[36mINFO firing\x1b[0m'));
  t.true(text.includes('\x1b[33mWARNING firing\x1b[0m'));
  t.true(text.includes('\x1b[1;31mCRITICAL firing\x1b[0m'));
  t.true(text.includes('\x1b[32mCRITICAL resolved\x1b[0m'));
});

test('the bell rings on a terminal when something fires, nowhere else', async (t) => {
  const resolved = notificationOf({ alarms: [alarmOf({ status: 'resolved', endsAtMs: NOW_MS })] });
  t.true((await shown(notificationOf(), { isTTY: true })).includes('\x07'));
  t.false((await shown(resolved, { isTTY: true })).includes('\x07'));
  t.false((await shown(notificationOf(), {})).includes('\x07'));
});

test('what events bring cannot steer the terminal', async (t) => {
  const labels = { alertname: 'x', host: '\x1b[2J\u009b1m\u202e' };
  const annotations = { summary: '\x1b]0;title\x07' };
  const text = await shown(notificationOf({ alarms: [alarmOf({ labels, annotations })] }), {});
  const steering = [...text.replace('\n', '')].filter((c) => /[\p{Cc}\p{Bidi_Control}]/u.test(c));
  t.deepEqual(steering, []);
});
