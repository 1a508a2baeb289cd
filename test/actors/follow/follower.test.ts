/** What one reader is told of blocks that are shown to it. */
import test from 'ava';
import { Follower } from '../../../actors/follow/follower.ts';
import { BURST_SECONDS, MESSAGE_BYTES_MAX } from '../../../actors/follow/limits.ts';
import type { FollowedEvents, FollowQuestion } from '../../../actors/follow/questions.ts';
import { KeptRows } from '../../../storage/segments/kept-rows.ts';
import { decodeVerdict, encodeVerdict, type Verdict } from '../../../storage/state/rows.ts';
import { eventBlock } from '../../aggregate/event-blocks.ts';
import { Random } from '../../simulation/random.ts';

const START_MS = 1_790_000_000_000;

function scene(question: Partial<FollowQuestion> = {}) {
  const told: FollowedEvents[] = [];
  const random = new Random(7);
  const tools = {
    random: () => random.next(),
    tell: (message: FollowedEvents) => told.push(message),
  };
  const whole = { tenant: 'default', stream: 'events', maxPerSecond: 100, ...question };
  const follower = new Follower(whole, tools, START_MS);
  const kept = new KeptRows();
  let offset = 0;
  const show = (from: number, to: number, text = 't', verdict?: Verdict) => {
    const events = Array.from({ length: to - from }, (_, i) => ({
      id: `e${from + i}`,
      type: 'x',
      n: from + i,
      text,
    }));
    const block = eventBlock(events, { arrivalMs: START_MS });
    kept.load(block, verdict);
    follower.look({ block, kept }, offset++);
  };
  const ids = () => told.flatMap(({ events }) => events.map(({ id }) => id));
  return { follower, told, show, ids };
}

test('events are told in the order of the log, as they were sent', (t) => {
  const { follower, told, show, ids } = scene({ where: { field: 'n', gte: 2 } });
  show(0, 3);
  show(3, 5);
  follower.flush(START_MS);
  t.deepEqual(ids(), ['e2', 'e3', 'e4']);
  t.is(told[0]?.skipped, 0);
  t.deepEqual(told[0]?.events[1], {
    tsMs: START_MS,
    partition: 0,
    position: 1,
    row: 0,
    id: 'e3',
    type: 'x',
    arrivalMs: START_MS,
    fields: Object.assign(Object.create(null), { n: 3, text: 't' }),
  });
  follower.flush(START_MS + 60_000);
  t.is(told.length, 1);
});

test('of more than are wanted some are told, in order, and the others are counted', (t) => {
  const { follower, told, show, ids } = scene({ maxPerSecond: 10 });
  for (let from = 0; from < 10_000; from += 500) show(from, from + 500);
  follower.flush(START_MS);
  t.is(ids().length, 10);
  t.is(told[0]?.skipped, 9_990);
  const numbers = ids().map((id) => Number(id?.slice(1)));
  t.deepEqual(
    numbers,
    [...numbers].sort((a, b) => a - b),
  );
  t.true((numbers[0] ?? 0) < 5_000 && (numbers[9] ?? 0) >= 5_000, 'not the first ones only');
});

test('what was not used comes later, for some seconds', (t) => {
  const { follower, show, ids } = scene({ maxPerSecond: 10 });
  follower.flush(START_MS + 3_600_000);
  show(0, 1_000);
  follower.flush(START_MS + 3_600_000);
  t.is(ids().length, 10 * BURST_SECONDS);
  show(1_000, 2_000);
  follower.flush(START_MS + 3_600_100);
  t.is(ids().length, 10 * BURST_SECONDS, 'nothing is left');
  follower.taken();
  follower.flush(START_MS + 3_601_200);
  show(2_000, 3_000);
  follower.flush(START_MS + 3_601_200);
  t.is(ids().length, 10 * BURST_SECONDS + 12);
});

test('a reader that takes nothing is told afterwards how many it missed', (t) => {
  const { follower, told, show } = scene();
  for (let n = 0; n < 5; n++) {
    show(n, n + 1);
    follower.flush(START_MS + n);
  }
  t.is(told.length, 2);
  follower.flush(START_MS + 5_000);
  t.is(told.length, 2);
  follower.taken();
  follower.flush(START_MS + 5_001);
  t.deepEqual(told[2], { events: [], skipped: 3 });
  follower.lose();
  follower.taken();
  follower.flush(START_MS + 9_000);
  t.deepEqual(told[3], { events: [], skipped: undefined });
});

test('a message is not longer than it may be, and no event is longer than a message', (t) => {
  const { follower, told, show } = scene();
  const text = 'x'.repeat(65_000);
  show(0, 40, text);
  show(40, 45, text);
  follower.flush(START_MS);
  const [message] = told;
  t.true(JSON.stringify(message).length < MESSAGE_BYTES_MAX * 1.1);
  t.is((message?.events.length ?? 0) + (message?.skipped ?? 0), 45);
  t.true((message?.events.length ?? 0) >= 14);
});

test('rows that the verdict drops are not told', (t) => {
  const { follower, show, ids } = scene();
  show(0, 4, 't', decodeVerdict(encodeVerdict(Uint8Array.of(1, 0, 1, 1), 4)));
  follower.flush(START_MS);
  t.deepEqual(ids(), ['e0', 'e2', 'e3']);
});
