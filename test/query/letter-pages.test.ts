/** Pages of dead letters that look for few among many. */
import test from 'ava';
import fc from 'fast-check';
import { newestLetters } from '../../src/query/letter-pages.ts';
import { deadLetterKey } from '../../storage/state/keys.ts';
import { encodeDeadLetter } from '../../storage/state/rows.ts';
import type { KeyRange } from '../../storage/state/state.ts';

interface Stored {
  readonly partition: number;
  readonly offset: number;
  readonly isWanted: boolean;
}

const PARTITIONS = [0, 1, 2];

/** Rows in memory, with how many of them were read. */
function stateOf(letters: readonly Stored[]) {
  const rows = letters
    .map(({ partition, offset, isWanted }) => ({
      key: deadLetterKey({ partition, tenant: 'a', offset, row: 0 }),
      value: encodeDeadLetter({
        ...{ stream: 'events', arrivalMs: offset, line: 0, code: isWanted ? 'wanted' : 'other' },
        ...{ message: `${offset}`, raw: Buffer.from('{') },
      }),
    }))
    .sort((a, b) => Buffer.compare(a.key, b.key));
  const state = {
    read: 0,
    async pageDown({ from, to }: KeyRange, rowsMax: number) {
      const found = rows
        .filter(({ key }) => Buffer.compare(key, from) >= 0 && Buffer.compare(key, to) < 0)
        .toReversed()
        .slice(0, rowsMax);
      state.read += found.length;
      return found;
    },
  };
  return state;
}

test('pages together have all that is wanted, newest first, and none looks at more than its bound', async (t) => {
  const letter = fc.record({ partition: fc.constantFrom(...PARTITIONS), isWanted: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(
      fc.array(letter, { maxLength: 60 }),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 30 }),
      async (some, first, lookedAtMax) => {
        const letters = some.map((one, i) => ({ ...one, offset: i + 1 }));
        const state = stateOf(letters);
        const found: number[] = [];
        for (let after: string | undefined; ; ) {
          state.read = 0;
          const query = { tenant: 'a', code: 'wanted', first, after };
          const page = await newestLetters(state, PARTITIONS, true, query, lookedAtMax);
          t.true(state.read <= Math.max(PARTITIONS.length, lookedAtMax));
          found.push(...page.letters.map(({ arrivalMs }) => arrivalMs));
          after =
            page.lookedTo ?? (page.letters.length === first ? page.letters.at(-1)?.id : undefined);
          if (after === undefined) break;
        }
        const wanted = letters.filter(({ isWanted }) => isWanted).map(({ offset }) => offset);
        t.deepEqual(found, wanted.toReversed());
      },
    ),
    { numRuns: 300 },
  );
});
