import test from 'ava';
import { epochMsOf, localTimeOf } from '../../../src/dashboard/kit/local-time.ts';

const BERLIN = 'Europe/Berlin';

test('a time on the clock of a zone is the moment at which it shows that', (t) => {
  t.is(epochMsOf('2026-07-01T12:00', 'UTC'), Date.UTC(2026, 6, 1, 12));
  t.is(epochMsOf('2026-07-01T12:00:30', BERLIN), Date.UTC(2026, 6, 1, 10, 0, 30));
  t.is(epochMsOf('2026-12-01T12:00', BERLIN), Date.UTC(2026, 11, 1, 11));
  t.is(epochMsOf('2026-12-01T12:00', 'America/New_York'), Date.UTC(2026, 11, 1, 17));
  t.is(localTimeOf(Date.UTC(2026, 6, 1, 10, 0, 30), BERLIN), '2026-07-01T12:00:30');
});

test('on both sides of a change of the clock each moment comes back', (t) => {
  for (const changeMs of [Date.UTC(2026, 2, 29, 1), Date.UTC(2026, 9, 25, 1)]) {
    for (const hours of [-26, -3, -2, 2, 3, 26]) {
      const ms = changeMs + hours * 3_600_000;
      t.is(epochMsOf(localTimeOf(ms, BERLIN), BERLIN), ms, `${hours} h from the change`);
    }
  }
});

test('what is no time is none', (t) => {
  t.is(epochMsOf('', BERLIN), undefined);
  t.is(epochMsOf('soon', BERLIN), undefined);
});
