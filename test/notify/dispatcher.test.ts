import test from 'ava';
import type { Attempt, Receiver } from '../../src/model/notification.ts';
import type { Senders } from '../../src/notify/delivery.ts';
import { Dispatcher } from '../../src/notify/dispatcher.ts';
import { ABORT_GRACE_MS, ATTEMPTS_KEPT_MAX, WAITING_KNOWN_MAX } from '../../src/notify/limits.ts';
import { createSenders } from '../../src/notify/senders.ts';
import { silent } from '../actors/scripted-clock.ts';
import {
  deliveryOf,
  listen,
  ManualTime,
  NOW_MS,
  notificationOf,
  Outbox,
  scripted,
  serve,
  settled,
  until,
  webhookOf,
} from './stage.ts';

const HOUR_MS = 3_600_000;
const failed = (detail = 'HTTP 500'): Partial<Attempt> => ({ outcome: 'failed', detail });

interface Stage {
  readonly time: ManualTime;
  readonly outbox: Outbox;
  readonly dispatcher: Dispatcher;
}

function staged(senders: Senders, time = new ManualTime(), outbox = new Outbox()): Stage {
  const { clock, timer } = time;
  const options = { port: outbox, senders, clock, timer, random: () => 1, log: silent };
  return { time, outbox, dispatcher: new Dispatcher(options) };
}

/** Real senders on the test's time. */
const sendersOn = (time: ManualTime): Senders =>
  createSenders({ clock: time.clock, terminal: process.stdout, colour: false, log: silent });

test('a delivery is recorded as delivered, with what was sent', async (t) => {
  const { url, received } = await serve(t, (_, response) => response.end('thanks'));
  const time = new ManualTime();
  const { outbox, dispatcher } = staged(sendersOn(time), time);
  outbox.put(deliveryOf(1));
  dispatcher.setReceivers([webhookOf({ url })]);
  await until(() => outbox.written.length === 1);
  t.like(outbox.row('msg_1'), { state: 'delivered', attemptCount: 1, nextAttemptAtMs: undefined });
  t.is(outbox.row('msg_1').attempts[0]?.detail, 'HTTP 200: thanks');
  t.is(outbox.row('msg_1').request?.body, received[0]?.body);
  await dispatcher.close(0);
  t.is(time.waits, 0);
});

test('a server that answers 500 for an hour gets the same id again and again, and at last takes it', async (t) => {
  const time = new ManualTime();
  const { url, received } = await serve(t, (_, response) =>
    response.writeHead(time.nowMs < NOW_MS + HOUR_MS ? 500 : 200).end(),
  );
  const { outbox, dispatcher } = staged(sendersOn(time), time);
  outbox.put(deliveryOf(1));
  dispatcher.setReceivers([webhookOf({ url })]);
  const waitsMs: number[] = [];
  for (;;) {
    const attempts = outbox.written.length;
    await until(() => outbox.written.length > attempts);
    await settled();
    if (outbox.row('msg_1').state !== 'waiting') break;
    t.is(time.waits, 1);
    waitsMs.push(time.next());
  }
  t.deepEqual(
    waitsMs.slice(0, 10),
    [1, 2, 4, 8, 16, 32, 64, 128, 256, 300].map((s) => s * 1_000),
  );
  t.true(waitsMs.slice(9).every((ms) => ms === 300_000));
  t.deepEqual([...new Set(received.map(({ headers }) => headers['webhook-id']))], ['msg_1']);
  t.is(received.length, waitsMs.length + 1);
  t.like(outbox.row('msg_1'), { state: 'delivered', attemptCount: received.length });
  t.is(outbox.row('msg_1').attempts.length, ATTEMPTS_KEPT_MAX);
  await dispatcher.close(0);
});

test('a delivery is dead when its time is over, and sent again by hand with the same id and a new schedule', async (t) => {
  const time = new ManualTime();
  let broken = true;
  const senders = scripted(time, () => (broken ? failed() : {}));
  const { outbox, dispatcher } = staged(senders, time);
  const retry = { waitMsMin: 1_000, waitMsMax: 10_000, giveUpAfterMs: 60_000 };
  outbox.put(deliveryOf(1));
  dispatcher.setReceivers([webhookOf({ retry })]);
  await settled();
  while (outbox.row('msg_1').state === 'waiting') {
    time.next();
    await settled();
  }
  t.is(outbox.row('msg_1').state, 'dead');
  t.is(time.nowMs, NOW_MS + 60_000);
  t.is(time.waits, 0);
  const attempts = senders.sent.length;

  t.is(await dispatcher.resend('msg_9'), 'unknown');
  t.is(await dispatcher.resend('msg_1'), 'resent');
  await settled();
  t.is(senders.sent.length, attempts + 1);
  t.like(outbox.row('msg_1'), {
    state: 'waiting',
    firstAttemptAtMs: time.nowMs,
    nextAttemptAtMs: time.nowMs + 1_000,
  });
  t.is(await dispatcher.resend('msg_1'), 'waiting');
  broken = false;
  time.next();
  await settled();
  t.is(outbox.row('msg_1').state, 'delivered');
  t.deepEqual([...new Set(senders.sent)], ['msg_1']);
});

test('one receiver that hangs and one that fails delay no other', async (t) => {
  const time = new ManualTime();
  const hangingPort = await listen(t, () => {});
  const failing = await serve(t, (_, response) => response.writeHead(500).end());
  const good = await serve(t, (_, response) => response.end());
  const { outbox, dispatcher } = staged(sendersOn(time), time);
  const names = ['hangs', 'fails', 'good'];
  for (let sequence = 0; sequence < 30; sequence++) {
    outbox.put(deliveryOf(sequence, { receiver: names[sequence % 3] ?? '' }));
  }
  dispatcher.setReceivers([
    webhookOf({ name: 'hangs', url: `http://127.0.0.1:${hangingPort}/`, concurrency: 1 }),
    webhookOf({ name: 'fails', url: failing.url }),
    webhookOf({ name: 'good', url: good.url }),
  ]);
  const stateOf = (name: string) =>
    [...outbox.rows.values()]
      .filter(({ notification }) => notification.receiver === name)
      .map(({ state, attemptCount }) => `${state} ${attemptCount}`);
  await until(() => outbox.written.length === 20);
  t.is(time.nowMs, NOW_MS);
  t.deepEqual([...new Set(stateOf('good'))], ['delivered 1']);
  t.deepEqual([...new Set(stateOf('fails'))], ['waiting 1']);
  t.deepEqual([...new Set(stateOf('hangs'))], ['waiting 0']);

  // The hanging one's attempts end by their own time limit, and count as failed.
  while (time.nowMs < NOW_MS + 10_000) time.next();
  await until(() => stateOf('hangs').includes('waiting 1'));
  const [attempt] = outbox.row('msg_0').attempts;
  t.like(attempt, { outcome: 'failed', detail: 'not done within 10000 ms' });
  await dispatcher.close(0);
});

test('a sender that ignores its end is left behind', async (t) => {
  const { time, outbox, dispatcher } = staged({ send: () => new Promise(() => {}) });
  outbox.put(deliveryOf(1));
  dispatcher.setReceivers([webhookOf({ timeoutMs: 5_000 })]);
  await settled();
  t.is(time.next(), 5_000);
  t.is(time.next(), ABORT_GRACE_MS);
  await settled();
  t.like(outbox.row('msg_1'), { state: 'waiting', attemptCount: 1 });
  t.is(outbox.row('msg_1').attempts[0]?.durationMs, 5_000 + ABORT_GRACE_MS);
});

test('oldest first, and as many at once as the receiver takes', async (t) => {
  const time = new ManualTime();
  const ends: (() => void)[] = [];
  const sent: string[] = [];
  const senders: Senders = {
    send: ({ id }) => {
      sent.push(id);
      return new Promise((resolve) => {
        const attempt = { atMs: NOW_MS, durationMs: 0, outcome: 'delivered', detail: '' } as const;
        ends.push(() => resolve({ attempt }));
      });
    },
  };
  const { outbox, dispatcher } = staged(senders, time);
  for (const sequence of [4, 2, 5, 1, 3]) outbox.put(deliveryOf(sequence));
  dispatcher.setReceivers([webhookOf({ concurrency: 2 })]);
  for (let round = 1; round <= 4; round++) {
    await settled();
    t.deepEqual(sent, ['msg_1', 'msg_2', 'msg_3', 'msg_4', 'msg_5'].slice(0, round + 1));
    ends[round - 1]?.();
  }
});

test("a group's later message waits for its earlier one, those of other groups do not", async (t) => {
  const time = new ManualTime();
  let broken = true;
  const senders = scripted(time, ({ id }) => (broken && id === 'msg_1' ? failed() : {}));
  const { outbox, dispatcher } = staged(senders, time);
  outbox.put(
    deliveryOf(1, { groupKey: 'a' }),
    deliveryOf(2, { groupKey: 'a' }),
    deliveryOf(3, { groupKey: 'b' }),
  );
  dispatcher.setReceivers([webhookOf()]);
  await settled();
  t.deepEqual(senders.sent, ['msg_1', 'msg_3']);
  broken = false;
  time.next();
  await settled();
  t.deepEqual(senders.sent, ['msg_1', 'msg_3', 'msg_1', 'msg_2']);
});

test('Retry-After holds everything for that receiver', async (t) => {
  const time = new ManualTime();
  const senders = scripted(time, ({ id, receiver }) =>
    receiver === 'ops' && id === 'msg_1' && time.nowMs === NOW_MS
      ? { ...failed('HTTP 429'), retryAfterMs: 120_000 }
      : {},
  );
  const { outbox, dispatcher } = staged(senders, time);
  outbox.put(deliveryOf(1), deliveryOf(2), deliveryOf(3, { receiver: 'other' }));
  dispatcher.setReceivers([webhookOf({ concurrency: 1 }), webhookOf({ name: 'other' })]);
  await settled();
  t.deepEqual(senders.sent, ['msg_1', 'msg_3']);
  t.is(time.next(), 120_000);
  await settled();
  t.deepEqual(senders.sent, ['msg_1', 'msg_3', 'msg_1', 'msg_2']);
});

test('a Retry-After of a day holds what is new, but not the last attempt of what was tried', async (t) => {
  const time = new ManualTime();
  const dayMs = 24 * HOUR_MS;
  const senders = scripted(time, () =>
    time.nowMs === NOW_MS ? { ...failed('HTTP 503'), retryAfterMs: 1_000 * dayMs } : {},
  );
  const { outbox, dispatcher } = staged(senders, time);
  const { retry } = webhookOf();
  outbox.put(deliveryOf(1));
  dispatcher.setReceivers([webhookOf({ retry: { ...retry, giveUpAfterMs: 4 * HOUR_MS } })]);
  await settled();
  t.like(outbox.row('msg_1'), { state: 'waiting', nextAttemptAtMs: NOW_MS + 4 * HOUR_MS });
  outbox.put(deliveryOf(2));
  dispatcher.wake(webhookOf());
  await settled();
  while (time.nowMs < NOW_MS + 4 * HOUR_MS) {
    t.deepEqual(senders.sent, ['msg_1']);
    time.next();
    await settled();
  }
  t.deepEqual(senders.sent, ['msg_1', 'msg_1']);
  while (time.waits > 0) {
    time.next();
    await settled();
  }
  t.is(time.nowMs, NOW_MS + dayMs);
  t.like(outbox.row('msg_2'), { state: 'delivered' });
});

test('a restart still holds what the receiver asked to hold', async (t) => {
  const time = new ManualTime();
  const first = staged(
    scripted(time, () => ({ ...failed('HTTP 429'), retryAfterMs: 120_000 })),
    time,
  );
  first.outbox.put(deliveryOf(1), deliveryOf(2));
  first.dispatcher.setReceivers([webhookOf({ concurrency: 1 })]);
  await settled();
  await first.dispatcher.close(0);

  time.nowMs += 30_000;
  const senders = scripted(time, () => ({}));
  const second = staged(senders, time, first.outbox);
  second.dispatcher.setReceivers([webhookOf({ concurrency: 1 })]);
  await settled();
  t.deepEqual(senders.sent, []);
  t.is(time.next(), 90_000);
  await settled();
  t.deepEqual(senders.sent, ['msg_1', 'msg_2']);
});

test('410 disables the receiver and cancels what waits for it', async (t) => {
  const time = new ManualTime();
  const { url, received } = await serve(t, (_, response) => response.writeHead(410).end());
  const { outbox, dispatcher } = staged(sendersOn(time), time);
  const receiver = webhookOf({ url, concurrency: 1 });
  outbox.put(deliveryOf(1), deliveryOf(2));
  dispatcher.setReceivers([receiver]);
  await until(() => outbox.goneReceivers.length === 1);
  await settled();
  t.like(outbox.row('msg_1'), { state: 'cancelled', attemptCount: 1 });
  t.like(outbox.row('msg_2'), { state: 'cancelled', attemptCount: 0 });
  outbox.put(deliveryOf(3));
  dispatcher.wake(receiver);
  await settled();
  t.is(received.length, 1);
  t.is(await dispatcher.resend('msg_1'), 'receiverDisabled');
  t.is(time.waits, 0);

  dispatcher.enable(receiver);
  await until(() => outbox.goneReceivers.length === 2);
  t.is(received[1]?.headers['webhook-id'], 'msg_3');
});

test('an attempt that fails after its receiver was disabled leaves its delivery cancelled', async (t) => {
  const ends: ((attempt: Partial<Attempt>) => void)[] = [];
  const blank = { atMs: NOW_MS, durationMs: 0, outcome: 'delivered', detail: '' } as const;
  const { outbox, dispatcher } = staged({
    send: () =>
      new Promise((resolve) => {
        ends.push((attempt) => resolve({ attempt: { ...blank, ...attempt } }));
      }),
  });
  const receiver = webhookOf();
  outbox.put(deliveryOf(1), deliveryOf(2));
  dispatcher.setReceivers([receiver]);
  await settled();
  outbox.cancel(receiver);
  dispatcher.disable(receiver);
  ends[0]?.(failed());
  ends[1]?.({});
  await settled();
  t.like(outbox.row('msg_1'), { state: 'cancelled', attemptCount: 1 });
  t.is(outbox.row('msg_2').state, 'delivered');
});

test('while the store refuses, the attempt is recorded again and again but not made again', async (t) => {
  const time = new ManualTime();
  const outbox = new Outbox();
  const senders = scripted(time, () => {
    outbox.broken = true;
    return {};
  });
  const { dispatcher } = staged(senders, time, outbox);
  outbox.put(deliveryOf(1));
  dispatcher.setReceivers([webhookOf()]);
  await settled();
  for (let round = 0; round < 3; round++) {
    t.is(time.next(), 1_000);
    await settled();
  }
  outbox.broken = false;
  time.next();
  await settled();
  t.is(outbox.row('msg_1').state, 'delivered');
  t.deepEqual(senders.sent, ['msg_1']);
});

test('an outbox that cannot be read is read again', async (t) => {
  const time = new ManualTime();
  const senders = scripted(time, () => ({}));
  const { outbox, dispatcher } = staged(senders, time);
  outbox.put(deliveryOf(1));
  outbox.broken = true;
  dispatcher.setReceivers([webhookOf()]);
  await settled();
  outbox.broken = false;
  time.next();
  await settled();
  t.deepEqual(senders.sent, ['msg_1']);
});

test('a restart goes on with what waits, when it is due', async (t) => {
  const time = new ManualTime();
  const outbox = new Outbox();
  const first = staged(
    scripted(time, () => failed()),
    time,
    outbox,
  );
  outbox.put(deliveryOf(1));
  first.dispatcher.setReceivers([webhookOf()]);
  await settled();
  await first.dispatcher.close(0);
  t.is(time.waits, 0);

  const senders = scripted(time, () => ({}));
  const second = staged(senders, time, outbox);
  second.dispatcher.setReceivers([webhookOf()]);
  await settled();
  t.deepEqual(senders.sent, []);
  t.is(time.next(), 1_000);
  await settled();
  t.deepEqual(senders.sent, ['msg_1']);
  t.like(outbox.row('msg_1'), { state: 'delivered', attemptCount: 2 });
});

test('closing waits for attempts under way, and past its bound leaves them waiting', async (t) => {
  const time = new ManualTime();
  const port = await listen(t, () => {});
  let answer = () => {};
  const slow = await serve(t, (_, response) => {
    answer = () => response.end();
  });
  const { outbox, dispatcher } = staged(sendersOn(time), time);
  outbox.put(
    deliveryOf(1),
    deliveryOf(2, { receiver: 'slow' }),
    deliveryOf(3, { receiver: 'slow' }),
  );
  dispatcher.setReceivers([
    webhookOf({ url: `http://127.0.0.1:${port}/`, timeoutMs: 60_000 }),
    webhookOf({ name: 'slow', url: slow.url, concurrency: 1, timeoutMs: 60_000 }),
  ]);
  await until(() => slow.received.length === 1);
  const closed = dispatcher.close(5_000);
  answer();
  await until(() => outbox.row('msg_2').state === 'delivered');
  t.is(time.next(), 5_000);
  await closed;
  t.like(outbox.row('msg_1'), { state: 'waiting', attemptCount: 0 });
  t.like(outbox.row('msg_3'), { state: 'waiting', attemptCount: 0 });
  t.is(time.waits, 0);
});

test('more than is kept in memory is sent, each once, in order', async (t) => {
  const time = new ManualTime();
  const senders = scripted(time, () => ({}));
  const { outbox, dispatcher } = staged(senders, time);
  const all = Array.from({ length: WAITING_KNOWN_MAX + 500 }, (_, sequence) =>
    deliveryOf(sequence),
  );
  outbox.put(...all);
  let askedMost = 0;
  const waiting = outbox.waiting.bind(outbox);
  outbox.waiting = (receiver, after, limit) => {
    askedMost = Math.max(askedMost, limit);
    return waiting(receiver, after, limit);
  };
  dispatcher.setReceivers([webhookOf({ concurrency: 1 })]);
  await until(() => outbox.written.length === all.length);
  t.deepEqual(
    senders.sent,
    all.map(({ notification }) => notification.id),
  );
  t.is(askedMost, WAITING_KNOWN_MAX);
});

test('what is new is sent when the dispatcher is told of it, to receivers of that name in that tenant only', async (t) => {
  const time = new ManualTime();
  const senders = scripted(time, () => ({}));
  const { outbox, dispatcher } = staged(senders, time);
  const receivers: Receiver[] = [webhookOf(), webhookOf({ tenant: 'other' })];
  dispatcher.setReceivers(receivers);
  await settled();
  outbox.put(deliveryOf(1), deliveryOf(2, { tenant: 'other' }));
  dispatcher.wake({ tenant: 'acme', name: 'ops' });
  await settled();
  t.deepEqual(senders.sent, ['msg_1']);
});

test('a clock that is set back by years delays nothing', async (t) => {
  const time = new ManualTime();
  const senders = scripted(time, () => ({}));
  const { outbox, dispatcher } = staged(senders, time);
  outbox.put({ ...deliveryOf(1), nextAttemptAtMs: NOW_MS + 3 * 365 * 24 * HOUR_MS });
  dispatcher.setReceivers([webhookOf()]);
  await settled();
  t.deepEqual(senders.sent, ['msg_1']);
});

test('a receiver that is changed goes on with its queue as it is now', async (t) => {
  const time = new ManualTime();
  const urls: string[] = [];
  const senders = scripted(time, (_, receiver) => {
    if (receiver.kind === 'webhook') urls.push(receiver.url);
    return urls.length === 1 ? failed() : {};
  });
  const { outbox, dispatcher } = staged(senders, time);
  outbox.put(deliveryOf(1));
  dispatcher.setReceivers([webhookOf({ url: 'http://a.example/' })]);
  await settled();
  dispatcher.setReceivers([webhookOf({ url: 'http://b.example/' })]);
  await settled();
  t.deepEqual(urls, ['http://a.example/']);
  time.next();
  await settled();
  t.deepEqual(urls, ['http://a.example/', 'http://b.example/']);
});

test('a receiver is tried once, and nothing is kept of it', async (t) => {
  const { url } = await serve(t, (_, response) => response.writeHead(404).end());
  const time = new ManualTime();
  const { outbox, dispatcher } = staged(sendersOn(time), time);
  const { attempt } = await dispatcher.test(webhookOf({ url }), notificationOf());
  t.like(attempt, { outcome: 'failed', status: 404 });
  t.is(outbox.rows.size, 0);
  t.is(time.waits, 0);
});
