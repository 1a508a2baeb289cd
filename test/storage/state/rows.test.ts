import test from 'ava';
import fc from 'fast-check';
import { isFault } from '../../../src/model/errors.ts';
import {
  decodeDeadLetter,
  decodeLedger,
  decodeSeriesLabels,
  decodeVerdict,
  encodeDeadLetter,
  encodeLedger,
  encodeSeriesLabels,
  encodeVerdict,
} from '../../../storage/state/rows.ts';

test('a dead letter keeps bytes that are no text', (t) => {
  const letter = {
    stream: 'événements',
    arrivalMs: 1_767_225_600_000.5,
    line: 4_000_000_000,
    code: 'invalid_utf8',
    message: 'the line is not valid UTF-8',
    raw: new Uint8Array([0, 0xff, 0xfe, 10]),
  };
  const { raw, ...rest } = decodeDeadLetter(encodeDeadLetter(letter));
  t.deepEqual({ ...rest, raw: new Uint8Array(raw) }, letter);
});

test('labels and ledger lines read back', (t) => {
  t.deepEqual(decodeSeriesLabels(encodeSeriesLabels(['a', null, ''])), ['a', null, '']);
  const counts = { received: 6, applied: 1, duplicate: 2, rejected: 3, clamped: 4, expired: 5 };
  t.deepEqual(decodeLedger(encodeLedger(counts)), counts);
});

test('a verdict names exactly the rows that were dropped', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ max: 1, minLength: 1, maxLength: 40 }), (keep) => {
      const verdict = decodeVerdict(encodeVerdict(keep, keep.length));
      t.is(verdict.rows, keep.length);
      t.is(verdict.dropped, keep.filter((kept) => kept === 0).length);
      for (let row = 0; row < keep.length; row++) t.is(verdict.isDropped(row), keep[row] === 0);
    }),
  );
});

test('a verdict on a whole block takes eight bytes', (t) => {
  const bytes = encodeVerdict(undefined, 5_000);
  t.is(bytes.length, 8);
  t.true(decodeVerdict(bytes).isDropped(4_999));
});

test('a row that was cut is corrupt, not misread', (t) => {
  for (const decode of [decodeDeadLetter, decodeLedger, decodeVerdict, decodeSeriesLabels]) {
    const error = t.throws(() => decode(new Uint8Array([1, 2, 3])));
    t.true(isFault(error, 'state_corrupt'));
  }
});
