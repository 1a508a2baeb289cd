/** Test events: which streams they go to, and how often. */
import test from 'ava';
import type { EventsToSend, SentEvents } from '../../src/model/event-to-send.ts';
import { TEST_EVENT_EVERY_MS } from '../../src/query/limits.ts';
import { TEST_EVENT, TestEvents } from '../../src/query/test-events.ts';

const APPLIED: SentEvents = {
  ok: true,
  events: [{ outcome: 'applied' }],
  position: '0.5',
  dropPosition: '',
};

function testEvents(answer: SentEvents = APPLIED) {
  const sent: EventsToSend[] = [];
  const clock = { nowMs: 0, now: () => clock.nowMs };
  const events = new TestEvents({
    clock,
    async send(some) {
      sent.push(some);
      return answer;
    },
  });
  return { events, sent, clock };
}

test('a test event goes to its stream as its tenant, and takes the place of no dead letter', async (t) => {
  const { events, sent } = testEvents();
  t.deepEqual(await events.send('acme', 'shop'), { ok: true, isApplied: true, position: '0.5' });
  t.deepEqual(sent, [{ tenant: 'acme', events: [{ stream: 'shop', event: TEST_EVENT }] }]);
});

test('what names no stream is sent nowhere', async (t) => {
  const { events, sent } = testEvents();
  await t.throwsAsync(events.send('acme', '../shop'), {
    code: 'query_invalid',
    message: /received "\.\.\/shop"$/,
  });
  t.deepEqual(sent, []);
});

test('a tenant sends one at a time, others do not wait for it, and a clock that is set back holds nobody up', async (t) => {
  const { events, sent, clock } = testEvents();
  await events.send('acme', 'events');
  clock.nowMs += TEST_EVENT_EVERY_MS - 1;
  await t.throwsAsync(events.send('acme', 'events'), {
    code: 'query_overload',
    message: /the last one was 999 ms ago/,
  });
  await events.send('other', 'events');
  clock.nowMs += 1;
  await events.send('acme', 'events');
  clock.nowMs -= 60_000;
  await events.send('acme', 'events');
  t.deepEqual(
    sent.map(({ tenant }) => tenant),
    ['acme', 'other', 'acme', 'acme'],
  );
});

test('what is durable and not seen to in time is told so, and what is refused with its reason', async (t) => {
  const accepted = testEvents({ ...APPLIED, events: [{ outcome: 'accepted' }] });
  t.like(await accepted.events.send('acme', 'events'), { ok: true, isApplied: false });
  const refusal = { code: 'log_full', message: 'the log is full', retryAfterMs: 1_000 };
  const refused = testEvents({ ok: false, refusal });
  t.deepEqual(await refused.events.send('acme', 'events'), { ok: false, refusal });
});
