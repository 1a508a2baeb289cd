/**
 * Arithmetic on values with error bounds: of all that the true operands may be, how far the true result can lie from the one
 * that is answered (interval arithmetic, around the value; rounding of doubles is not counted).
 */
import type { Operator, Term } from '../model/expression.ts';
import type { MeasuredValue } from './answer.ts';

const UNKNOWN: MeasuredValue = { value: null, errorBound: 0 };

/** Null where an operand is, and for a division by zero. Of buckets and entries it reads the `value` alone. */
export function evaluate(term: Term, measured: readonly MeasuredValue[]): MeasuredValue {
  switch (term.kind) {
    case 'number':
      return { value: term.value, errorBound: 0 };
    case 'measure': {
      const { value, errorBound } = measured[term.at] ?? UNKNOWN;
      return { value, errorBound };
    }
    case 'operation': {
      const left = evaluate(term.left, measured);
      const right = evaluate(term.right, measured);
      if (left.value === null || right.value === null) return UNKNOWN;
      if (term.operator === '/' && right.value === 0) return UNKNOWN;
      return compute(term.operator, left.value, left.errorBound, right.value, right.errorBound);
    }
  }
}

/** A result that leaves the range of a double is answered as its end, with a bound that says so; as sums are. */
function compute(
  operator: Operator,
  a: number,
  aBound: number,
  b: number,
  bBound: number,
): MeasuredValue {
  const value = OPERATIONS[operator](a, b);
  const errorBound = BOUNDS[operator](Math.abs(a), aBound, Math.abs(b), bBound);
  if (!Number.isFinite(value)) {
    return { value: Math.sign(value) * Number.MAX_VALUE, errorBound: Number.MAX_VALUE };
  }
  return { value, errorBound: Number.isFinite(errorBound) ? errorBound : Number.MAX_VALUE };
}

const OPERATIONS: Readonly<Record<Operator, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
};

type BoundOf = (a: number, aBound: number, b: number, bBound: number) => number;

const ofSum: BoundOf = (_a, aBound, _b, bBound) => aBound + bBound;

/** Of absolute values. The greatest of |a'b' - ab| and of |a'/b' - a/b|; if b' may be zero, the quotient may be anything. */
const BOUNDS: Readonly<Record<Operator, BoundOf>> = {
  '+': ofSum,
  '-': ofSum,
  '*': (a, aBound, b, bBound) => a * bBound + b * aBound + aBound * bBound,
  '/': (a, aBound, b, bBound) =>
    b > bBound ? (b * aBound + a * bBound) / b / (b - bBound) : Number.POSITIVE_INFINITY,
};
