import test from 'ava';
import fc from 'fast-check';
import { isFault } from '../../src/model/errors.ts';
import {
  EXPRESSION_DEPTH_MAX,
  EXPRESSION_LENGTH_MAX,
  parseExpression,
  placesOf,
  type Term,
} from '../../src/model/expression.ts';

const PLACES = new Map([
  ['errors', 0],
  ['all', 1],
]);

/** With all the parentheses that it stands for. */
function written(term: Term): string {
  switch (term.kind) {
    case 'number':
      return String(term.value);
    case 'measure':
      return `m${term.at}`;
    case 'operation':
      return `(${written(term.left)} ${term.operator} ${written(term.right)})`;
  }
}

const read = (text: string): string => written(parseExpression(text, PLACES));

test('products bind more than sums, and what is equal from the left', (t) => {
  t.is(read('errors/all'), '(m0 / m1)');
  t.is(read('100 * errors / all'), '((100 * m0) / m1)');
  t.is(read(' all - errors - 1 '), '((m1 - m0) - 1)');
  t.is(read('1 + 2 * 3 - 4 / 5'), '((1 + (2 * 3)) - (4 / 5))');
  t.is(read('(1 + errors) * (2 - all)'), '((1 + m0) * (2 - m1))');
  t.is(read('-errors * -2.5'), '((0 - m0) * (0 - 2.5))');
  t.is(read('((all))'), 'm1');
  t.is(read('1e3*all-2.5E-2/errors + 1e+2'), '(((1000 * m1) - (0.025 / m0)) + 100)');
});

test('a term names each measure that it reads once', (t) => {
  t.deepEqual([...placesOf(parseExpression('all / (all + errors)', PLACES))], [1, 0]);
  t.deepEqual([...placesOf(parseExpression('1 + 1', PLACES))], []);
});

test('what is no expression is refused with its place', (t) => {
  const refusal = (text: string): string => {
    const error = t.throws(() => read(text));
    t.true(isFault(error, 'query_invalid'), text);
    return error?.message ?? '';
  };
  t.is(
    refusal('errors // all'),
    'expression "errors // all": expected a number, a name or "(" at character 9, received "/"',
  );
  t.regex(refusal(''), /expected a number, a name or "\(" at character 1, received its end/);
  t.regex(refusal('errors +'), /at character 9, received its end/);
  t.regex(refusal('(errors'), /expected an operator or "\)" at character 8/);
  t.regex(refusal('errors all'), /expected an operator or the end at character 8, received "all"/);
  t.regex(refusal('error / all'), /expected one of the names errors, all at character 1/);
  t.regex(refusal('errors ** 2'), /at character 9, received "\*"/);
  for (const text of [
    'errors.all',
    'all[0]',
    'all()',
    '1e',
    '1e+',
    '1e100',
    '`',
    'all;',
    '"all"',
    'ällä',
  ]) {
    refusal(text);
  }
  t.regex(
    t.throws(() => parseExpression('x', new Map()))?.message ?? '',
    /no measure has one: give it "as"/,
  );
});

test('length and depth have bounds', (t) => {
  t.is(read(`${'('.repeat(EXPRESSION_DEPTH_MAX)}all${')'.repeat(EXPRESSION_DEPTH_MAX)}`), 'm1');
  const deep = '('.repeat(EXPRESSION_DEPTH_MAX + 1);
  t.throws(() => read(`${deep}all`), { message: /at most 16 parentheses and signs/ });
  t.throws(() => read(`${'-'.repeat(EXPRESSION_DEPTH_MAX + 1)}all`), { message: /at most 16/ });
  t.throws(() => read('1'.repeat(EXPRESSION_LENGTH_MAX + 1)), { message: /256 characters/ });
  t.regex(read(`1${'+1'.repeat(127)}`), /^\(+1/);
});

test('any text is either read or refused', (t) => {
  const token = fc.constantFrom(
    'all',
    'errors',
    '1',
    '2.5',
    '+',
    '-',
    '*',
    '/',
    '(',
    ')',
    ' ',
    'x',
  );
  fc.assert(
    fc.property(fc.array(token, { maxLength: 20 }), fc.string({ maxLength: 3 }), (tokens, end) => {
      try {
        read(tokens.join('') + end);
      } catch (error) {
        t.true(isFault(error, 'query_invalid'));
      }
    }),
  );
});

test('a term that is written out and read again is the same', (t) => {
  const { term } = fc.letrec<{ term: Term }>((tie) => ({
    term: fc.oneof(
      { maxDepth: 4 },
      fc.record({ kind: fc.constant('number' as const), value: fc.nat() }),
      fc.record({ kind: fc.constant('measure' as const), at: fc.nat({ max: 1 }) }),
      fc.record({
        kind: fc.constant('operation' as const),
        operator: fc.constantFrom('+' as const, '-' as const, '*' as const, '/' as const),
        left: tie('term'),
        right: tie('term'),
      }),
    ),
  }));
  const named = new Map([0, 1].map((at) => [`m${at}`, at]));
  fc.assert(
    fc.property(term, (each) => {
      const text = written(each);
      if (text.length <= EXPRESSION_LENGTH_MAX) t.deepEqual(parseExpression(text, named), each);
    }),
  );
});
