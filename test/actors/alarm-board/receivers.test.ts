/** Receivers that misbehave, from the rule to the socket: the board, its outbox, the dispatcher and the real senders. */
import type { LookupFunction } from 'node:net';
import test from 'ava';
import { Board } from '../../../actors/alarm-board/board.ts';
import { Deliveries } from '../../../actors/alarm-board/deliveries.ts';
import type { Delivery } from '../../../src/model/notification.ts';
import type { Senders } from '../../../src/notify/delivery.ts';
import { Dispatcher } from '../../../src/notify/dispatcher.ts';
import { createSenders } from '../../../src/notify/senders.ts';
import { ruleWith } from '../../alarm/ticks.ts';
import {
  listen,
  ManualTime,
  NOW_MS,
  serve,
  settled,
  until,
  webhookOf,
} from '../../notify/stage.ts';
import { MemoryStore } from '../../simulation/memory-store.ts';
import { silent } from '../scripted-clock.ts';
import { FakePartials } from './fake-partials.ts';
import { HOUR, MINUTE, route } from './scene.ts';

const METADATA = 'http://169.254.169.254/latest/meta-data/';
const NAMES = ['good', 'hangs', 'fails', 'redirects', 'moves'];

test('a receiver that hangs, one that fails for an hour, one that redirects inwards and one whose name moves inwards: each as written, the others unaffected', async (t) => {
  const time = new ManualTime();
  const good = await serve(t, (_, response) => response.end());
  const hangingPort = await listen(t, () => {});
  const fails = await serve(t, (_, response) =>
    response.writeHead(time.nowMs < NOW_MS + HOUR ? 500 : 200).end(),
  );
  const redirects = await serve(t, (_, response) =>
    response.writeHead(302, { location: METADATA }).end(),
  );
  // The test's own "outside" is 127.0.0.2; 127.0.0.1 is what the name may not become.
  const moves = await serve(t, (_, response) => response.end(), '127.0.0.2');
  const resolve: LookupFunction = (_, __, done) => {
    const address = time.nowMs < NOW_MS + 2 * MINUTE ? '127.0.0.2' : '127.0.0.1';
    done(null, [{ address, family: 4 }]);
  };
  const receivers = [
    webhookOf({ name: 'good', url: good.url }),
    webhookOf({ name: 'hangs', url: `http://127.0.0.1:${hangingPort}/` }),
    webhookOf({ name: 'fails', url: fails.url }),
    webhookOf({ name: 'redirects', url: redirects.url }),
    webhookOf({
      name: 'moves',
      url: `http://moves.example:${moves.port}/`,
      allowNetworks: ['127.0.0.2'],
    }),
  ];

  const store = new MemoryStore();
  const deliveries = new Deliveries(store, async () => {});
  const senders = watched(
    createSenders({
      clock: time.clock,
      terminal: process.stdout,
      colour: false,
      log: silent,
      resolve,
    }),
  );
  const { clock, timer } = time;
  const dispatcher = new Dispatcher({
    ...{ port: deliveries, senders, clock, timer, random: () => 1, log: silent },
  });
  const events = [{ atMs: NOW_MS + MINUTE / 2, partition: 0, group: [] }];
  const board = await Board.load({
    ...{ store, clock, log: silent, deliveries, sender: dispatcher, onChanges: () => {} },
    config: {
      rules: [ruleWith({ condition: { kind: 'threshold', above: { fire: 0, clear: 0 } } })],
      receivers,
      routes: NAMES.map((name) => route({ receiver: name, continue: true })),
      inhibitions: [],
      timeIntervals: [],
      externalUrl: 'http://gauge',
    },
    partials: () => new FakePartials(NOW_MS, events, clock.now),
  });
  const of = async (receiver: string): Promise<Delivery[]> => {
    const page = await deliveries.list({ tenant: 'acme', receiver, first: 10 });
    return [...page.entries].reverse();
  };
  /** To the time, over all timers before it. */
  const pass = async (toMs: number): Promise<void> => {
    for (;;) {
      await until(() => senders.underWay === 0);
      await settled();
      if (time.nowMs >= toMs) return;
      time.next();
    }
  };

  time.nowMs = NOW_MS + MINUTE;
  await board.tick();
  await pass(NOW_MS + 2 * MINUTE);
  await board.tick();
  await pass(NOW_MS + HOUR + 10 * MINUTE);

  const [fired, resolved] = await of('good');
  for (const delivery of [fired, resolved]) {
    t.like(delivery, { state: 'delivered', attemptCount: 1 });
    t.is(delivery?.attempts[0]?.atMs, delivery?.notification.createdAtMs);
  }
  t.deepEqual(
    good.received.map(({ body }) => JSON.parse(body).status),
    ['firing', 'resolved'],
  );

  const hanging = await of('hangs');
  t.deepEqual(
    hanging.map(({ state }) => state),
    ['waiting', 'waiting'],
  );
  t.like(hanging[0]?.attempts.at(-1), { outcome: 'failed', detail: 'not done within 10000 ms' });
  t.is(hanging[1]?.attemptCount, 0, 'the end does not overtake the beginning');

  const failing = await of('fails');
  t.deepEqual(
    failing.map(({ state }) => state),
    ['delivered', 'delivered'],
  );
  const ids = fails.received.map(({ headers }) => headers['webhook-id']);
  t.true(ids.length > 10);
  t.deepEqual(
    [...new Set(ids)],
    failing.map(({ notification }) => notification.id),
  );

  const [redirected] = await of('redirects');
  t.like(redirected, { state: 'waiting' });
  t.regex(redirected?.attempts.at(-1)?.detail ?? '', /^HTTP 302/);
  t.is(redirected?.attemptCount, redirects.received.length);

  const moved = await of('moves');
  t.like(moved[0], { state: 'delivered', attemptCount: 1 });
  t.like(moved[1], { state: 'waiting' });
  t.like(moved[1]?.attempts.at(-1), { outcome: 'refused' });
  t.regex(
    moved[1]?.attempts.at(-1)?.detail ?? '',
    /^moves\.example leads to an address that is not allowed/,
  );
  t.is(moves.received.length, 1);
  await dispatcher.close(0);
});

/** Counts attempts under way, except those that hang: time must not pass while the sockets are at work. */
function watched(senders: Senders): Senders & { readonly underWay: number } {
  let underWay = 0;
  return {
    get underWay() {
      return underWay;
    },
    async send(notification, receiver, signal) {
      const counts = receiver.name === 'hangs' ? 0 : 1;
      underWay += counts;
      try {
        return await senders.send(notification, receiver, signal);
      } finally {
        underWay -= counts;
      }
    },
  };
}
