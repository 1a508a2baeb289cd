/** Which dead letters a partition keeps, whatever is dropped of them and whenever it commits. */
import test from 'ava';
import fc from 'fast-check';
import { writeCommit } from '../../../actors/partition/commit.ts';
import { DeadLetters } from '../../../actors/partition/dead-letters.ts';
import { deadLetterCountKey, deadLetterRange } from '../../../storage/state/keys.ts';
import { MemoryStore } from '../../simulation/memory-store.ts';

const MAX = 4;
const TENANT = 'acme';
const LETTER = {
  ...{ stream: 'events', arrivalMs: 1, line: 0, code: 'invalid_json', message: 'm' },
  raw: Buffer.from('{'),
};

async function commit(store: MemoryStore, letters: DeadLetters): Promise<void> {
  const unused = { position: 0, neededFrom: 0, clears: [], ops: [], merges: [], sweeps: [] };
  letters.committed((await writeCommit(store, { ...unused, letters: letters.changes() })).letters);
}

async function stored(store: MemoryStore): Promise<{ offsets: number[]; count: number }> {
  const rows = await store.page(deadLetterRange(0, TENANT), 100);
  const [count] = await store.getMany([deadLetterCountKey(0, TENANT)]);
  return {
    offsets: rows.map(({ key }) => Number(Buffer.from(key).readBigUInt64BE(key.length - 12))),
    count: count === undefined ? 0 : Number(Buffer.from(count).toString()),
  };
}

const dropOf = (...offsets: number[]) => ({
  type: 'dropDeadLetters' as const,
  tenant: TENANT,
  letters: offsets.map((at) => [at, 0] as const),
});

const step = fc.oneof(
  fc.constant('add' as const),
  fc.constant('commit' as const),
  // Letters that are there, that were, and that never were.
  fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 5 }),
);

test('the number of letters is that of their rows, none is there that was dropped, and no more than allowed', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const store = new MemoryStore();
      let letters = new DeadLetters(0, MAX);
      const dropped = new Set<number>();
      let next = 0;
      for (const one of [...steps, 'commit' as const]) {
        if (one === 'add') {
          letters.add(TENANT, next++, 0, LETTER);
        } else if (one === 'commit') {
          await commit(store, letters);
          const { offsets, count } = await stored(store);
          t.is(count, offsets.length);
          t.true(count <= MAX);
          t.deepEqual(
            offsets.filter((at) => dropped.has(at)),
            [],
          );
          // As after a crash.
          letters = new DeadLetters(0, MAX, new Map([[TENANT, count]]));
        } else {
          // A letter that does not exist yet is never dropped: its place is not known.
          const known = one.filter((at) => at < next);
          letters.drop(dropOf(...known));
          for (const at of known) dropped.add(at);
        }
      }
      const { offsets } = await stored(store);
      const kept = Array.from({ length: next }, (_, at) => at).filter((at) => !dropped.has(at));
      // The newest are there; how many older ones made room depends on when the others were dropped.
      t.deepEqual(offsets, kept.slice(kept.length - offsets.length));
    }),
    { numRuns: 300 },
  );
});

test('what is dropped makes room, and dropping it again changes nothing', async (t) => {
  const store = new MemoryStore();
  const letters = new DeadLetters(0, MAX);
  for (let at = 0; at < MAX; at++) letters.add(TENANT, at, 0, LETTER);
  await commit(store, letters);
  for (let i = 0; i < 2; i++) {
    letters.drop(dropOf(1, 1, 2));
    await commit(store, letters);
    t.deepEqual(await stored(store), { offsets: [0, 3], count: 2 });
  }
  letters.add(TENANT, 10, 0, LETTER);
  letters.add(TENANT, 11, 0, LETTER);
  letters.add(TENANT, 12, 0, LETTER);
  await commit(store, letters);
  t.deepEqual(await stored(store), { offsets: [3, 10, 11, 12], count: 4 });
});
