/** Steps of a calendar, held against what each moment's clock shows. */
import test from 'ava';
import fc from 'fast-check';
import { isFault } from '../../src/model/errors.ts';
import { TimeZone } from '../../src/model/time-zone.ts';
import { Calendar, calendarOf } from '../../src/query/calendar.ts';
import { MONTH_MS } from '../../src/query/time.ts';
import { shownAt } from './wall-clock.ts';

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000] as const;
const ZONES = [
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'America/Santiago',
  'UTC',
];
/** More often around the days on which clocks are changed. */
const moment = fc.oneof(
  fc.integer({ min: Date.UTC(2024, 0, 5), max: Date.UTC(2028, 0, 1) }),
  ...[Date.UTC(2026, 2, 29), Date.UTC(2026, 9, 25), Date.UTC(2026, 3, 4), Date.UTC(2026, 9, 3)].map(
    (near) => fc.integer({ min: near - 2 * DAY, max: near + 2 * DAY }),
  ),
);

function calendar(timeZone: string, stepMs: number): Calendar {
  const found = calendarOf(timeZone, stepMs);
  if (found === undefined) throw new Error('no calendar');
  return found;
}

/** The hours of each step in `[fromMs, toMs)`, which begins and ends with steps. */
function hoursOf(timeZone: string, stepMs: number, from: string, to: string): number[] {
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
  const edges = [fromMs, ...calendar(timeZone, stepMs).beginsIn(fromMs, toMs), toMs];
  return edges.slice(1).map((edge, i) => (edge - (edges[i] as number)) / HOUR);
}

const plainDay = (localMs: number): number => Math.floor(localMs / DAY);
const plainMonth = (localMs: number): string => new Date(localMs).toISOString().slice(0, 7);
const NAMED: readonly [name: string, stepMs: number, of: (localMs: number) => unknown][] = [
  ['days', DAY, plainDay],
  ['weeks', 7 * DAY, (localMs) => Math.floor((plainDay(localMs) + 3) / 7)],
  ['months', MONTH_MS, plainMonth],
  ['years', 12 * MONTH_MS, (localMs) => plainMonth(localMs).slice(0, 4)],
  ['quarters of a day', 6 * HOUR, (localMs) => Math.floor(localMs / (6 * HOUR))],
];

for (const [name, stepMs, of] of NAMED) {
  test(`moments are of the same step if their clock shows the same of ${name}`, (t) => {
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), moment, moment, (timeZone, a, b) => {
        const steps = calendar(timeZone, stepMs);
        const isSame = of(shownAt(timeZone, a)) === of(shownAt(timeZone, b));
        t.is(steps.beginOf(a) === steps.beginOf(b), isSame);
      }),
      { numRuns: 300 },
    );
  });
}

test('hours are those that the clock shows, and one that it shows twice is two', (t) => {
  const zones = ZONES.filter((zone) => zone !== 'Australia/Lord_Howe');
  fc.assert(
    fc.property(fc.constantFrom(...zones), moment, (timeZone, atMs) => {
      const beginMs = calendar(timeZone, HOUR).beginOf(atMs);
      t.is(shownAt(timeZone, beginMs) % HOUR, 0);
      t.is(calendar(timeZone, HOUR).endOf(atMs), beginMs + HOUR);
    }),
    { numRuns: 300 },
  );
});

test('steps follow each other without a gap, and each moment is in the one that it is said to be in', (t) => {
  const steps = fc.constantFrom(
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    8 * HOUR,
    DAY,
    3 * DAY,
    MONTH_MS,
  );
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), steps, moment, (timeZone, stepMs, atMs) => {
      const all = calendar(timeZone, stepMs);
      const [beginMs, endMs] = [all.beginOf(atMs), all.endOf(atMs)];
      t.true(beginMs <= atMs && atMs < endMs);
      t.deepEqual(all.beginsIn(beginMs, endMs), []);
      t.deepEqual(all.beginsIn(beginMs - 1, endMs + 1), [beginMs, endMs]);
      t.is(all.endOf(beginMs), endMs);
      t.is(all.beginOf(endMs - 1), beginMs);
    }),
    { numRuns: 300 },
  );
});

test('days are as long as their clock makes them', (t) => {
  const around = {
    march: ['2026-03-27T23:00Z', '2026-03-30T22:00Z'],
    october: ['2026-10-23T22:00Z', '2026-10-26T23:00Z'],
  };
  t.deepEqual(
    hoursOf('Europe/Berlin', DAY, around.march[0] as string, around.march[1] as string),
    [24, 23, 24],
  );
  t.deepEqual(
    hoursOf('Europe/Berlin', DAY, around.october[0] as string, around.october[1] as string),
    [24, 25, 24],
  );
  t.deepEqual(
    hoursOf('Australia/Lord_Howe', DAY, '2026-04-03T13:00Z', '2026-04-05T13:30Z'),
    [24, 24.5],
  );
  t.deepEqual(
    hoursOf('Australia/Lord_Howe', DAY, '2026-10-02T13:30Z', '2026-10-04T13:00Z'),
    [24, 23.5],
  );
  // Its midnight does not exist.
  t.deepEqual(hoursOf('America/Santiago', DAY, '2026-09-05T04:00Z', '2026-09-07T03:00Z'), [24, 23]);
});

test('what a clock shows twice is a step of its own, or makes one longer', (t) => {
  const night = ['2026-10-24T22:00Z', '2026-10-25T05:00Z'] as const;
  t.deepEqual(hoursOf('Europe/Berlin', HOUR, ...night), [1, 1, 1, 1, 1, 1, 1]);
  t.deepEqual(hoursOf('Europe/Berlin', 2 * HOUR, ...night), [2, 3, 2]);
  const lordHowe = ['2026-04-04T14:00Z', '2026-04-04T17:30Z'] as const;
  t.deepEqual(hoursOf('Australia/Lord_Howe', HOUR, ...lordHowe), [1.5, 1, 1]);
  t.deepEqual(
    hoursOf('Australia/Lord_Howe', HOUR / 2, ...lordHowe),
    [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5],
  );
});

test('the milliseconds of an hour that is shown twice are not counted off to find the next', (t) => {
  const again = Date.parse('2026-10-25T01:00Z');
  const zone = new TimeZone('Europe/Berlin');
  const { reaches } = zone;
  let looks = 0;
  zone.reaches = (localMs) => {
    looks++;
    return reaches.call(zone, localMs);
  };
  const steps = new Calendar(zone, 1);
  for (const atMs of [again - 1, again, again + 1_234]) {
    t.deepEqual([steps.beginOf(atMs), steps.endOf(atMs)], [atMs, atMs + 1]);
  }
  t.true(looks <= 6, `${looks} looks at the clock`);
});

test('a day that a zone has left out is no step', (t) => {
  t.deepEqual(hoursOf('Pacific/Apia', DAY, '2011-12-29T10:00Z', '2011-12-31T10:00Z'), [24, 24]);
});

test('so long before is by the clock for days and months, and by what passes for hours', (t) => {
  const before = (stepMs: number, at: string, lengthMs: number): string =>
    new Date(calendar('Europe/Berlin', stepMs).before(Date.parse(at), lengthMs)).toISOString();
  t.is(before(DAY, '2026-03-30T22:00Z', 7 * DAY), '2026-03-23T23:00:00.000Z');
  t.is(before(HOUR, '2026-03-30T22:00Z', 7 * DAY), '2026-03-23T22:00:00.000Z');
  t.is(before(DAY, '2026-03-30T22:00Z', MONTH_MS), '2026-02-27T23:00:00.000Z');
  t.is(before(MONTH_MS, '2026-03-31T22:00Z', 3 * MONTH_MS), '2025-12-31T23:00:00.000Z');
});

test('steps that no calendar has are refused, as are zones that there are not', (t) => {
  const refused = (timeZone: string | undefined, stepMs: number): string => {
    const error = t.throws(() => calendarOf(timeZone, stepMs));
    t.true(isFault(error, 'query_invalid'));
    return error?.message ?? '';
  };
  t.regex(refused('UTC', 7 * MINUTE), /received 7m/);
  t.regex(refused('UTC', 36 * HOUR), /use "15m", "6h", "1d", "1w" or "1mo"/);
  t.regex(refused('UTC', 100_000_000 * DAY), /a step by the calendar may be 200y long/);
  t.regex(refused(undefined, 3_400_000 * MONTH_MS), /a step by the calendar may be 200y long/);
  t.regex(
    refused('Mars/Olympus', DAY),
    /such as "Europe\/Berlin" or "UTC", received "Mars\/Olympus"/,
  );
  t.is(calendarOf(undefined, DAY), undefined);
  t.is(calendarOf(undefined, MONTH_MS)?.zone.name, 'UTC');
});
