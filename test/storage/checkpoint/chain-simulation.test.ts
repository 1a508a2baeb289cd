import { AssertionError } from 'node:assert';
import test from 'ava';
import type { Archive } from '../../../storage/archive/archive.ts';
import { type ChainReport, type Planted, simulateChain } from './chain-simulation.ts';

/** CI looks at these; `node test/storage/checkpoint/run-chain.ts --seeds 5000` at more. */
const SEEDS = 12;
/** Seeds that found something once. */
const BAD_SEEDS: readonly number[] = [3, 53];
/** A planted fault has to show itself within as many. */
const PLANTED_SEEDS = 40;

test('whatever leaders die in, lose answers of or sleep through, what is told has one id and every later leader knows it', async (t) => {
  const sum: ChainReport = {
    ...{ told: 0, leaders: 0, rounds: 0, parts: 0, deaths: 0, lost: 0, failed: 0 },
  };
  for (const seed of [...BAD_SEEDS, ...Array.from({ length: SEEDS }, (_, i) => 100 + i)]) {
    try {
      const report = await simulateChain(seed);
      for (const name of Object.keys(sum) as (keyof ChainReport)[]) sum[name] += report[name];
    } catch (error) {
      t.log(`node test/storage/checkpoint/run-chain.ts --seeds 1 --from ${seed}`);
      throw error;
    }
  }
  t.true(sum.told > 15 * SEEDS, 'the simulation hardly tells any more');
  t.true(sum.leaders > 5 * SEEDS, 'the simulation hardly changes its leader any more');
  t.true(sum.parts > SEEDS, 'hardly a round has rows of the server any more');
  t.true(sum.deaths > 2 * SEEDS, 'the simulation hardly crashes any more');
  t.true(sum.lost > SEEDS / 2, 'hardly a leader is overtaken any more');
});

const PLANTED: Readonly<Record<string, Planted>> = {
  'an archive that creates over what is there': {
    archive: (archive) => ({
      ...archive,
      create: async (path, bytes) => {
        if (await archive.create(path, bytes)) return true;
        await archive.remove(path);
        return archive.create(path, bytes);
      },
    }),
  },
  'a refused creation that is taken for one of its own': {
    archive: (archive) => remembering(archive, 'attempts'),
  },
  'a number that counts although the one before it was removed': {
    archive: (archive) => remembering(archive, 'reads'),
  },
  'telling before the archive has it': {
    commit: (led, state) => async (ops, durability) => {
      await state.commit(ops);
      led.commit(ops, durability).catch(() => undefined);
    },
  },
};

for (const [name, planted] of Object.entries(PLANTED)) {
  test(`the simulation finds ${name}`, async (t) => {
    for (let seed = 0; seed < PLANTED_SEEDS; seed++) {
      try {
        await simulateChain(seed, planted);
      } catch (error) {
        if (!(error instanceof AssertionError)) throw error;
        t.log(`seed ${seed}`);
        return t.pass();
      }
    }
    return t.fail();
  });
}

/** Of changes it shows what it has tried to create, or what it has seen, and not what is there. */
function remembering(archive: Archive, what: 'attempts' | 'reads'): Archive {
  const known = new Map<string, Uint8Array>();
  return {
    ...archive,
    create: async (path, bytes) => {
      if (path.includes('/changes/')) known.set(path, bytes);
      return archive.create(path, bytes);
    },
    read: async (path) => {
      const there = await archive.read(path);
      return what === 'attempts' ? (known.get(path) ?? there) : (there ?? known.get(path));
    },
  };
}
