import test from 'ava';
import fc from 'fast-check';
import { Places, startOf } from '../../src/client/places.ts';

test('places sort as events were tracked, whatever the clock does', (t) => {
  const clock = fc.array(fc.integer({ min: 0, max: 4_000_000_000_000 }), { maxLength: 50 });
  fc.assert(
    fc.property(clock, (times) => {
      const places = new Places('u');
      const made = times.map((ms) => places.next(ms));
      return made.every((place, i) => i === 0 || place > (made[i - 1] as string));
    }),
  );
  t.pass();
});

test('the start of a time lies between the places before it and those from it on', (t) => {
  const before = new Places('zzzz').next(1_789_999_999_999);
  const from = new Places('0').next(1_790_000_000_000);
  t.true(before < startOf(1_790_000_000_000));
  t.true(from > startOf(1_790_000_000_000));
});

test('two clients never make the same place', (t) => {
  t.not(new Places('a').next(5), new Places('b').next(5));
});
