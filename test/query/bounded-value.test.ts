import test from 'ava';
import fc from 'fast-check';
import { parseExpression } from '../../src/model/expression.ts';
import { evaluate } from '../../src/query/bounded-value.ts';

const PLACES = new Map([
  ['a', 0],
  ['b', 1],
]);
const value = (value: number | null, errorBound = 0) => ({ value, errorBound });
const computed = (text: string, ...measured: readonly ReturnType<typeof value>[]) =>
  evaluate(parseExpression(text, PLACES), measured);

test('exact values make exact results', (t) => {
  t.deepEqual(computed('100 * a / b', value(3), value(12)), value(25));
  t.deepEqual(computed('a - b', value(3), value(12)), value(-9));
  t.deepEqual(computed('-a', value(3)), value(-3));
});

test('a division by zero and an unknown operand have no value', (t) => {
  t.deepEqual(computed('a / b', value(1), value(0)), value(null));
  t.deepEqual(computed('a / b', value(0), value(0)), value(null));
  t.deepEqual(computed('1 + a / (b - b)', value(1), value(5)), value(null));
  t.deepEqual(computed('a + b', value(1), value(null)), value(null));
});

test('a quotient whose divisor may be zero may be anything', (t) => {
  t.deepEqual(computed('a / b', value(1), value(2, 2)), value(0.5, Number.MAX_VALUE));
  t.deepEqual(computed('a / b', value(10, 1), value(-4, 1)), value(-2.5, 14 / 12));
});

test('what leaves the range of a double is its end, and may be anything', (t) => {
  t.deepEqual(computed('a * a', value(1e200)), value(Number.MAX_VALUE, Number.MAX_VALUE));
  t.deepEqual(computed('-a * a', value(1e200)), value(-Number.MAX_VALUE, Number.MAX_VALUE));
  t.deepEqual(computed('a + b', value(1, 1e308), value(1, 1e308)), value(2, Number.MAX_VALUE));
});

test('whatever the true operands are, the true result is within the bound', (t) => {
  // Eighths: what rounding of doubles adds is not in the bound, and small divisors would make it large.
  const number = fc.integer({ min: -1e6, max: 1e6 }).map((eighths) => eighths / 8);
  const bounded = fc.record({
    value: number,
    errorBound: fc.nat({ max: 800 }).map((eighths) => eighths / 8),
  });
  const place = fc.double({ min: -1, max: 1, noNaN: true });
  const texts = ['a + b', 'a - b', 'a * b', 'a / b', '100 * a / (a + b)', '(a - b) * (a + 2) / b'];
  fc.assert(
    fc.property(
      fc.constantFrom(...texts),
      bounded,
      bounded,
      place,
      place,
      (text, a, b, inA, inB) => {
        const answered = computed(text, a, b);
        const truth = computed(
          text,
          value(a.value + inA * a.errorBound),
          value(b.value + inB * b.errorBound),
        );
        if (answered.value === null || truth.value === null) return;
        const distance = Math.abs(answered.value - truth.value);
        const rounding = 1e-9 * (Math.abs(answered.value) + Math.abs(truth.value) + 1);
        t.true(distance <= answered.errorBound * (1 + 1e-9) + rounding, `${distance} ${text}`);
      },
    ),
    { numRuns: 2_000 },
  );
});
