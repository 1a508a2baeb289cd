/** Clocks of zones, held against what Intl shows at single moments. */
import test from 'ava';
import fc from 'fast-check';
import { findTimeZone, type TimeZone } from '../../src/model/time-zone.ts';
import { shownAt } from '../query/wall-clock.ts';

const ZONES = Intl.supportedValuesOf('timeZone');
const moment = fc.integer({ min: Date.UTC(1970, 0, 3), max: Date.UTC(2060, 0, 1) });
const zone = (name: string): TimeZone => {
  const found = findTimeZone(name);
  if (found === undefined) throw new Error(`no zone ${name}`);
  return found;
};

test('a clock shows what Intl shows, in every zone and year', (t) => {
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), moment, (name, atMs) => {
      t.is(zone(name).localOf(atMs), shownAt(name, atMs));
    }),
    { numRuns: 400 },
  );
});

test('a local time is reached at the first moment that shows it or a later one', (t) => {
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), moment, (name, localMs) => {
      const atMs = zone(name).reaches(localMs);
      t.true(zone(name).localOf(atMs) >= localMs);
      t.true(zone(name).localOf(atMs - 1) < localMs);
    }),
    { numRuns: 400 },
  );
});

test('a time that is skipped is reached at the skip, one that comes twice at its first', (t) => {
  const berlin = zone('Europe/Berlin');
  t.is(berlin.reaches(Date.UTC(2026, 2, 29, 2, 30)), Date.UTC(2026, 2, 29, 1));
  t.is(berlin.reaches(Date.UTC(2026, 9, 25, 2, 30)), Date.UTC(2026, 9, 25, 0, 30));
  t.is(zone('Asia/Kathmandu').reaches(Date.UTC(2026, 2, 29)), Date.UTC(2026, 2, 28, 18, 15));
});

test('changes of a clock are found to the millisecond', (t) => {
  const periods = zone('Australia/Lord_Howe').periods(Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1));
  t.deepEqual(
    periods.map(({ fromMs, offsetMs }) => [new Date(fromMs).toISOString(), offsetMs / 3_600_000]),
    [
      ['2026-01-01T00:00:00.000Z', 11],
      ['2026-04-04T15:00:00.000Z', 10.5],
      ['2026-10-03T15:30:00.000Z', 11],
    ],
  );
});

test('names are those of the IANA data base, in any case', (t) => {
  for (const name of ['Europe/Berlin', 'europe/berlin', 'Asia/Kathmandu', 'UTC']) {
    t.is(findTimeZone(name)?.name, name);
  }
  for (const name of ['', 'Europe/Bonn', 'CEST', '../etc', 'Z'])
    t.is(findTimeZone(name), undefined);
});
