import test from 'ava';
import { lengthMs, lengthText } from '../../../src/dashboard/kit/length.ts';

test('lengths are written in their greatest whole unit, and read again', (t) => {
  for (const [ms, text] of [
    [0, '0s'],
    [250, '250ms'],
    [90_000, '90s'],
    [7_200_000, '2h'],
    [86_400_000, '1d'],
  ] as const) {
    t.is(lengthText(ms), text);
    t.is(lengthMs(text), ms);
  }
  t.is(lengthMs('soon'), undefined);
});
