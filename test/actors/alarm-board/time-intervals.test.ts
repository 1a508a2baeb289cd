import test from 'ava';
import { isWithin } from '../../../actors/alarm-board/time-intervals.ts';
import type { TimeRange } from '../../../src/model/notification.ts';

const BERLIN = 'Europe/Berlin';
const HALF_PAST_TWO: TimeRange = { times: [{ fromMinute: 150, toMinute: 180 }] };
const holds = (range: TimeRange, at: string, timeZone = BERLIN) =>
  isWithin({ name: 'x', timeZone, ranges: [range] }, Date.parse(at));

const TABLE: readonly [fact: string, range: TimeRange, at: string, expected: boolean][] = [
  [
    'times are of the zone, not of UTC',
    { times: [{ fromMinute: 0, toMinute: 60 }] },
    '2026-01-04T23:30Z',
    true,
  ],
  [
    'the end of a time is not in it',
    { times: [{ fromMinute: 0, toMinute: 60 }] },
    '2026-01-05T00:00Z',
    false,
  ],
  [
    'a day ends at 24:00',
    { times: [{ fromMinute: 1_380, toMinute: 1_440 }] },
    '2026-01-05T22:59:59Z',
    true,
  ],
  ['weekdays are of the zone', { weekdays: [1] }, '2026-01-04T23:30Z', true],
  ['Sunday is 0', { weekdays: [0] }, '2026-01-04T12:00Z', true],
  ['-1 is the last day of February', { daysOfMonth: [-1] }, '2026-02-28T12:00Z', true],
  ['-1 is the 29th in a leap year', { daysOfMonth: [-1] }, '2028-02-28T12:00Z', false],
  ['months count from 1', { months: [12] }, '2026-12-31T12:00Z', true],
  ['all parts must hold', { months: [12], weekdays: [1] }, '2026-12-31T12:00Z', false],
  [
    'before summer time the clock is an hour ahead of UTC',
    HALF_PAST_TWO,
    '2026-03-28T01:45Z',
    true,
  ],
  ['the hour that summer time skips never comes', HALF_PAST_TWO, '2026-03-29T00:45Z', false],
  ['nor does it come late', HALF_PAST_TWO, '2026-03-29T01:15Z', false],
  ['the hour that winter time repeats comes once...', HALF_PAST_TWO, '2026-10-25T00:45Z', true],
  ['...and twice', HALF_PAST_TWO, '2026-10-25T01:45Z', true],
];
for (const [fact, range, at, expected] of TABLE) {
  test(fact, (t) => t.is(holds(range, at), expected));
}
