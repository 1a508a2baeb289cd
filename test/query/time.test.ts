import test from 'ava';
import {
  formatDuration,
  parseDuration,
  parseLocalTime,
  parseTimestamp,
} from '../../src/query/time.ts';

test('a timestamp is epoch milliseconds or an RFC 3339 date-time', (t) => {
  const noon = Date.UTC(2026, 4, 1, 12);
  t.is(parseTimestamp(noon), noon);
  t.is(parseTimestamp(`${noon}`), noon);
  t.is(parseTimestamp('2026-05-01T12:00:00Z'), noon);
  t.is(parseTimestamp('2026-05-01t12:00:00.000z'), noon);
  t.is(parseTimestamp('2026-05-01 14:00:00+02:00'), noon);
  t.is(parseTimestamp(0), 0);
});

test('anything else is no timestamp', (t) => {
  const wrong = [
    '',
    'now',
    '2026-05-01',
    '2026-05-01T12:00:00',
    '2026-13-01T00:00:00Z',
    -1,
    Number.NaN,
  ];
  for (const value of [...wrong, null, {}, true, 1e18, '99999999999999999']) {
    t.is(parseTimestamp(value), undefined, JSON.stringify(value));
  }
});

test('a local time is a day or a time of a day, without a zone', (t) => {
  const day = Date.UTC(2026, 2, 29);
  t.is(parseLocalTime('2026-03-29'), day);
  t.is(parseLocalTime('2026-03-29T06:30'), day + 6.5 * 3_600_000);
  t.is(parseLocalTime('2026-03-29 06:30:15'), day + 6.5 * 3_600_000 + 15_000);
  const wrong = ['2026-3-29', '2026-02-30', '2026-03-29T24:01', '2026-03-29T06', '1969-01-01', ''];
  for (const value of [...wrong, '2026-03-29T06:30Z', day, null]) {
    t.is(parseLocalTime(value), undefined, JSON.stringify(value));
  }
});

test('durations are read and written in the same units', (t) => {
  const texts = {
    '250ms': 250,
    '1s': 1_000,
    '90s': 90_000,
    '15m': 900_000,
    '2h': 7_200_000,
    '7d': 604_800_000,
    '1mo': 2_629_746_000,
    '1y': 31_556_952_000,
  };
  for (const [text, ms] of Object.entries(texts)) {
    t.is(parseDuration(text), ms);
    t.is(formatDuration(ms), text);
  }
  t.is(parseDuration('1w'), 604_800_000);
  t.is(parseDuration(1_500), 1_500);
  for (const wrong of [
    '',
    '1',
    's',
    '-1s',
    '1.5h',
    '1 s',
    0,
    -1,
    1.5,
    '0s',
    null,
    '99999999999999w',
  ]) {
    t.is(parseDuration(wrong), undefined, String(wrong));
  }
});
