import test from 'ava';
import fc from 'fast-check';
import { findPoison } from '../../../actors/partition/poison.ts';

test('exactly the poison rows are found, wherever they lie', (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(499), { maxLength: 8 }), (poison) => {
      const holds = (leftOut: Uint8Array) => poison.every((row) => leftOut[row] !== 0);
      const found = findPoison(500, holds);
      t.deepEqual(
        [...(found ?? [])].flatMap((out, row) => (out === 0 ? [] : [row])),
        [...poison].sort((a, b) => a - b),
      );
    }),
  );
});

test('events that only crash together are all left out', (t) => {
  const holds = (leftOut: Uint8Array) => leftOut[3] !== 0 || leftOut[90] !== 0;
  t.deepEqual(findPoison(100, holds), new Uint8Array(100).fill(1));
});

test('a block that crashes without any row has no answer', (t) => {
  t.is(
    findPoison(10, () => false),
    undefined,
  );
});

test('a block full of poison ends in a bounded number of trials', (t) => {
  let trials = 0;
  const found = findPoison(65_536, (leftOut) => {
    trials++;
    return leftOut.every((out) => out !== 0);
  });
  t.true(trials < 1_000, `${trials} trials`);
  t.true(found?.every((out) => out !== 0));
});
