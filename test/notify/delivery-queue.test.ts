/** Random failures, refusing stores, restarts, resends: what must hold of every history. */

import test from 'ava';
import fc from 'fast-check';
import { Dispatcher } from '../../src/notify/dispatcher.ts';
import { silent } from '../actors/scripted-clock.ts';
import { deliveryOf, ManualTime, Outbox, scripted, settled, webhookOf } from './stage.ts';

const GROUPS = 4;
const STEPS = ['make', 'pass', 'restart', 'breakStore', 'mendStore', 'resend'] as const;
const history = fc.array(fc.record({ step: fc.constantFrom(...STEPS), pick: fc.nat(1_000) }), {
  maxLength: 60,
});

test('every message arrives, the first arrivals of a group in its order, none that was not made', async (t) => {
  const property = fc.asyncProperty(history, fc.infiniteStream(fc.nat(9)), async (steps, dice) => {
    const time = new ManualTime();
    const outbox = new Outbox();
    const arrived: string[] = [];
    let failing = true;
    const senders = scripted(time, ({ id }) => {
      const fails = failing && (dice.next().value ?? 0) < 5;
      if (!fails) arrived.push(id);
      return fails ? { outcome: 'failed' } : {};
    });
    const start = (): Dispatcher => {
      const { clock, timer } = time;
      const port = outbox;
      const random = () => (dice.next().value ?? 0) / 10;
      const started = new Dispatcher({ port, senders, clock, timer, random, log: silent });
      started.setReceivers([webhookOf()]);
      return started;
    };
    let dispatcher = start();
    let made = 0;
    for (const { step, pick } of steps) {
      if (step === 'make') {
        outbox.put(deliveryOf(made, { groupKey: `group ${pick % GROUPS}` }));
        made += 1;
        dispatcher.wake(webhookOf());
      } else if (step === 'pass' && time.waits > 0) {
        time.next();
      } else if (step === 'restart') {
        const closed = dispatcher.close(0);
        while (time.waits > 0) {
          time.next();
          await settled();
        }
        await closed;
        dispatcher = start();
      } else if (step === 'breakStore' || step === 'mendStore') {
        outbox.broken = step === 'breakStore';
      } else if (step === 'resend' && made > 0 && !outbox.broken) {
        await dispatcher.resend(`msg_${pick % made}`);
      }
      await settled();
    }
    outbox.broken = false;
    failing = false;
    while (time.waits > 0) {
      time.next();
      await settled();
    }

    t.deepEqual(
      [...outbox.rows.values()].map(({ state }) => state),
      Array.from({ length: made }, () => 'delivered'),
    );
    const firstArrivals = [...new Set(arrived)].map((id) => outbox.row(id));
    t.is(firstArrivals.length, made);
    for (let group = 0; group < GROUPS; group++) {
      const sequences = firstArrivals
        .filter(({ notification }) => notification.groupKey === `group ${group}`)
        .map(({ sequence }) => sequence);
      t.deepEqual(
        sequences,
        sequences.toSorted((a, b) => a - b),
      );
    }
    await dispatcher.close(0);
  });
  await t.notThrowsAsync(fc.assert(property, { numRuns: 150 }));
});
