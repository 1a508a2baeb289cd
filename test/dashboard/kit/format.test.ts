import test from 'ava';
import {
  axisTime,
  clockTime,
  counted,
  moment,
  shortBytes,
  shortLength,
  shortNumber,
  wholeMoment,
} from '../../../src/dashboard/kit/format.ts';

test('a number has the three digits that matter, and a suffix from ten thousand on', (t) => {
  const shown = [0, 0.123456, 42, 9_876, 12_345, 1_234_567, 3.5e9, -20_000, null].map(shortNumber);
  t.deepEqual(shown, ['0', '0.123', '42', '9,876', '12.3k', '1.23M', '3.5G', '-20k', '–']);
  t.deepEqual([1e308, -1.2345e15, 9.99e14].map(shortNumber), ['1e+308', '-1.23e+15', '999T']);
  t.deepEqual([9_999.4, 9_999.6, 999_499, 999_999, 999_999_999].map(shortNumber), [
    ...['9,999', '10k', '999k', '1M', '1G'],
  ]);
});

test('sizes go by 1,024, lengths of time by their units', (t) => {
  t.deepEqual([0, 1_023, 1_536, 2 ** 30, 2 ** 55].map(shortBytes), [
    ...['0 B', '1,023 B', '1.5 KiB', '1 GiB', '32,768 TiB'],
  ]);
  const lengths = [0.25, 999, -1_500, 90_000, 5_400_000, 172_800_000].map(shortLength);
  t.deepEqual(lengths, ['0.25 ms', '999 ms', '-1.5 s', '1.5 min', '1.5 h', '2 d']);
});

test('one is one, others are many', (t) => {
  t.deepEqual([counted(1, 'event'), counted(2_000, 'event')], ['1 event', '2,000 events']);
});

test('a moment is on the clock of its zone, with the day where that is another', (t) => {
  const ms = Date.UTC(2026, 10, 22, 20, 0, 5);
  const zones = ['UTC', 'Asia/Kathmandu'];
  t.deepEqual(
    zones.map((zone) => moment(ms, ms, zone)),
    ['20:00:05', '01:45:05'],
  );
  const hourBefore = Date.UTC(2026, 10, 22, 18, 0, 5);
  t.is(moment(hourBefore, ms, 'Asia/Kathmandu'), '2026-11-22 23:45:05');
  t.is(wholeMoment(ms, 'Asia/Kathmandu'), '2026-11-23, 01:45:05 GMT+05:45');
  t.is(wholeMoment(Date.UTC(2026, 10, 22), 'UTC'), '2026-11-22, 00:00:00 GMT+00:00');
  t.is(axisTime(Date.UTC(2026, 10, 22), 3_600, 'UTC'), '2026-11-22');
  t.is(axisTime(ms, 3_600, 'UTC'), '20:00');
});

test('the clocks of all zones are right, however many are looked at', (t) => {
  const zones = Intl.supportedValuesOf('timeZone');
  const shown = zones.map((timeZone) => clockTime(0, timeZone));
  const expected = zones.map((timeZone) => new Date(0).toLocaleTimeString('en-GB', { timeZone }));
  t.deepEqual(shown, expected);
});
