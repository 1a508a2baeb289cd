import test from 'ava';
import fc from 'fast-check';
import { isFault } from '../../../src/model/errors.ts';
import { parseSessionKey, sessionKey, sessionRange } from '../../../storage/state/keys.ts';
import { decodeSessionRow, encodeSessionRow } from '../../../storage/state/session-rows.ts';

const time = fc.double({ min: 0, max: 253_402_300_799_999, noNaN: true });
const taken = fc.option(fc.record({ atMs: time, text: fc.string({ unit: 'grapheme' }) }), {
  nil: undefined,
});
const session = fc.record({
  firstMs: time,
  lastMs: time,
  events: fc.integer({ min: 1 }),
  taken: fc.array(taken, { maxLength: 10 }),
});

test('open sessions are read as they were written', (t) => {
  fc.assert(
    fc.property(fc.array(session), (sessions) => {
      t.deepEqual(decodeSessionRow(encodeSessionRow(sessions)), sessions);
    }),
  );
});

test('a row that is none is corrupt', (t) => {
  for (const row of ['', '{}', '[1]', '[[1,2,3]]', '[[1,2,"3",[]]]', '[[1,2,3,{}]]']) {
    const error = t.throws(() => decodeSessionRow(Buffer.from(row)));
    t.true(isFault(error, 'state_corrupt'), row);
  }
});

test('a key holds the longest user of the longest names, and any user as it is', (t) => {
  const [tenant, name] = ['t'.repeat(64), 'n'.repeat(64)];
  for (const user of ['\u20ac'.repeat(255), '\ufeff\ufeffann', '\ufeffann', 'ann']) {
    t.deepEqual(parseSessionKey(sessionKey(3, { tenant, name, user })), { tenant, name, user });
  }
});

test('rows of one name lie together, and apart from those of names that begin alike', (t) => {
  const at = { tenant: 'acme', name: 'visits', user: 'ann' };
  const key = sessionKey(3, at);
  t.deepEqual(parseSessionKey(key), at);
  const isIn = (name?: string) => {
    const { from, to } = sessionRange(3, 'acme', name);
    return Buffer.compare(from, key) <= 0 && Buffer.compare(key, to) < 0;
  };
  t.true(isIn() && isIn('visits'));
  t.false(isIn('visit') || isIn('visits2'));
});
