import test from 'ava';
import fc from 'fast-check';
import { Queue } from '../../src/client/queue.ts';

const event = (n: number, bytes = 10) => ({ place: String(n).padStart(4, '0'), line: '', bytes });
const places = (events: readonly { readonly place: string }[]) =>
  events.map(({ place }) => Number(place));

test('a batch is the oldest that fit, and never none', (t) => {
  const queue = new Queue({ eventsMax: 10, bytesMax: 1_000 });
  t.deepEqual(queue.batch({ eventsMax: 5, bytesMax: 5 }), []);
  for (let n = 0; n < 5; n++) queue.add(event(n));
  t.deepEqual(places(queue.batch({ eventsMax: 3, bytesMax: 1_000 })), [0, 1, 2]);
  t.deepEqual(places(queue.batch({ eventsMax: 5, bytesMax: 22 })), [0, 1]);
  t.deepEqual(places(queue.batch({ eventsMax: 5, bytesMax: 5 })), [0]);
  t.deepEqual(places(queue.batch({ eventsMax: 5, bytesMax: 55 })), [0, 1, 2, 3, 4]);
});

test('whatever comes and goes, the order is that of places, each once, and bytes add up', (t) => {
  const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 999 }), { maxLength: 40 });
  fc.assert(
    fc.property(numbers, numbers, numbers, (own, adopted, gone) => {
      const queue = new Queue({ eventsMax: 100, bytesMax: 10_000 });
      for (const n of own.toSorted((a, b) => a - b)) queue.add(event(n, n + 1));
      queue.adopt(adopted.map((n) => event(n, n + 1)));
      queue.remove(gone.map((n) => event(n)));
      const expected = [...new Set([...own, ...adopted])]
        .filter((n) => !gone.includes(n))
        .sort((a, b) => a - b);
      t.deepEqual(places(queue.batch({ eventsMax: 100, bytesMax: 1e9 })), expected);
      t.is(
        queue.bytes,
        expected.reduce((sum, n) => sum + n + 1, 0),
      );
    }),
  );
});

test('there is room up to both bounds', (t) => {
  const queue = new Queue({ eventsMax: 2, bytesMax: 100 });
  t.true(queue.hasRoomFor(100));
  t.false(queue.hasRoomFor(101));
  queue.add(event(1, 50));
  t.true(queue.hasRoomFor(50));
  t.false(queue.hasRoomFor(51));
  queue.add(event(2, 1));
  t.false(queue.hasRoomFor(1));
  t.is(queue.room, 0);
});
