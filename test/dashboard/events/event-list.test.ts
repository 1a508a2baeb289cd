import test from 'ava';
import {
  type EventList,
  NO_EVENTS,
  ROWS_MAX,
  released,
  withNewest,
  withOlder,
  withTold,
} from '../../../src/dashboard/events/event-list.ts';
import type { SingleEvent } from '../../../src/dashboard/server/answers.ts';

const event = (row: number): SingleEvent => ({
  ...{ id: null, ts: row, type: 'view', arrival: row, partition: 0, position: 0, row, fields: {} },
});
const events = (first: number, last: number): SingleEvent[] =>
  Array.from({ length: last - first + 1 }, (_, i) => event(first + i));
const newestFirst = (first: number, last: number) => events(first, last).reverse();
const told = (list: EventList, first: number, last: number, isHeld = false) =>
  withTold(list, [{ events: events(first, last), skipped: 0 }], isHeld);
const rowsOf = ({ rows }: EventList): number[] => rows.map(({ row }) => row);
const begun = withNewest(NO_EVENTS, { events: newestFirst(1, 3), nextCursor: 'c' }, false);

test('what is told live stands above what was there, each event once', (t) => {
  const early = told(NO_EVENTS, 3, 4);
  const list = withNewest(early, { events: newestFirst(1, 4), nextCursor: null }, false);
  t.deepEqual(rowsOf(list), [4, 3, 2, 1]);
  t.deepEqual(rowsOf(told(list, 4, 6)), [6, 5, 4, 3, 2, 1]);
});

test('a held list does not move; what has waited comes above it when it goes on', (t) => {
  const held = told(told(begun, 4, 5, true), 5, 6, true);
  t.deepEqual(rowsOf(held), [3, 2, 1]);
  t.deepEqual(
    held.waiting.map(({ row }) => row),
    [6, 5, 4],
  );
  t.deepEqual(rowsOf(released(held)), [6, 5, 4, 3, 2, 1]);
  t.deepEqual(rowsOf(told(held, 7, 7)), [7, 6, 5, 4, 3, 2, 1]);
});

test('older ones are behind the last; a list that was cut has no place for them', (t) => {
  const older = { events: newestFirst(-2, 1), nextCursor: null };
  t.deepEqual(rowsOf(withOlder(begun, older)), [3, 2, 1, 0, -1, -2]);
  const full = told(begun, 4, ROWS_MAX + 1);
  t.true(full.isCut);
  t.is(full.rows.length, ROWS_MAX);
  t.is(full.rows.at(-1)?.row, 2);
  t.is(withOlder(full, older), full);
});

test('events that are passed over are counted, also those for which nothing more can wait', (t) => {
  const list = withTold(
    begun,
    [
      { events: [], skipped: 7 },
      { events: [], skipped: null },
    ],
    false,
  );
  t.like(list, { skipped: 7, missesSome: true });
  const held = told(told(begun, 4, ROWS_MAX + 3, true), ROWS_MAX + 4, ROWS_MAX + 8, true);
  t.like(held, { skipped: 5 });
  t.is(held.waiting.length, ROWS_MAX);
  t.is(held.waiting[0]?.row, ROWS_MAX + 8);
});

test('after a lost connection what came meanwhile is new, and a page that does not reach back says so', (t) => {
  const whole = withNewest(begun, { events: newestFirst(2, 5), nextCursor: 'd' }, false);
  t.deepEqual(rowsOf(whole), [5, 4, 3, 2, 1]);
  t.false(whole.missesSome);
  t.is(whole.cursor, 'c');
  t.true(withNewest(begun, { events: newestFirst(7, 9), nextCursor: 'd' }, false).missesSome);
});
