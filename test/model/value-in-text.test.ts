import test from 'ava';
import fc from 'fast-check';
import { holdsValue } from '../../src/model/value-in-text.ts';

const holds = (text: string | Uint8Array, value: string): boolean =>
  holdsValue(typeof text === 'string' ? Buffer.from(text) : text, value);

test('a value is found by itself, not as a part of a longer word', (t) => {
  t.true(holds('{"user":"u1"}', 'u1'));
  t.true(holds('u1', 'u1'));
  t.true(holds('{"user":"u12","by":"u1"}', 'u1'));
  t.false(holds('{"user":"u12"}', 'u1'));
  t.false(holds('{"user":"xu1"}', 'u1'));
  t.false(holds('{"user":"my_u1"}', 'u1'));
  t.true(holds('{"user":17,', '17'));
  t.false(holds('{"user":170,', '17'));
});

test('a value is found as JSON may write it', (t) => {
  t.true(holds('{"user":"a \\"b\\""}', 'a "b"'));
  t.true(holds('{"user":"J\\u00fcrgen"}', 'Jürgen'));
  t.true(holds('{"user":"Jürgen"}', 'Jürgen'));
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1 }), (value) => {
      fc.pre(value.isWellFormed());
      t.true(holds(JSON.stringify({ user: value }), value));
    }),
  );
});

test('bytes that are no text are looked through as well', (t) => {
  t.true(holds(Buffer.from([0xff, 0xa2, 0x75, 0x31, 0xff]), 'u1'));
  t.false(holds(Buffer.from([0xff, 0xfe]), 'u1'));
});
