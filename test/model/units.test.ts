import test from 'ava';
import { bytes, count, durationMs, EPOCH_MS_MAX, epochMs, offset } from '../../src/model/units.ts';

const ACCEPTED = [
  ['epochMs', epochMs, [0, 0.5, EPOCH_MS_MAX]],
  ['durationMs', durationMs, [0, 0.25, 1e15]],
  ['bytes', bytes, [0, 1, Number.MAX_SAFE_INTEGER]],
  ['offset', offset, [0, 8, Number.MAX_SAFE_INTEGER]],
  ['count', count, [0, 1, Number.MAX_SAFE_INTEGER]],
] as const;
for (const [name, make, values] of ACCEPTED) {
  for (const value of values) {
    test(`${name} accepts ${value}`, (t) => t.is(Number(make(value)), value));
  }
}

const EVERYWHERE_WRONG = [-1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
const REFUSED = [
  ['epochMs', epochMs, [...EVERYWHERE_WRONG, EPOCH_MS_MAX + 1]],
  ['durationMs', durationMs, EVERYWHERE_WRONG],
  ['bytes', bytes, [...EVERYWHERE_WRONG, 0.5, 2 ** 53]],
  ['offset', offset, [...EVERYWHERE_WRONG, 0.5, 2 ** 53]],
  ['count', count, [...EVERYWHERE_WRONG, 0.5, 2 ** 53]],
] as const;
for (const [name, make, values] of REFUSED) {
  for (const value of values) {
    test(`${name} refuses ${value} and names it`, (t) => {
      const error = t.throws(() => make(value), { instanceOf: RangeError });
      t.true(error?.message.endsWith(`received ${value}`));
    });
  }
}

test('the latest time is the last millisecond of the year 9999', (t) => {
  t.is(new Date(EPOCH_MS_MAX).toISOString(), '9999-12-31T23:59:59.999Z');
});
