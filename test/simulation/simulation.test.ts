import test from 'ava';
import { simulate } from './simulate.ts';

/** CI looks at these; `node test/simulation/run.ts --seeds 10000` at more. */
const SEEDS = 300;
/** One test tells of so many: AVA ends a run that tells of nothing for long. */
const SEEDS_PER_TEST = 30;
/** Seeds that found something once. */
const BAD_SEEDS: readonly number[] = [53, 2970];

const seeds = [...BAD_SEEDS, ...Array.from({ length: SEEDS }, (_, i) => i)];
for (let from = 0; from < seeds.length; from += SEEDS_PER_TEST) {
  const some = seeds.slice(from, from + SEEDS_PER_TEST);
  test.serial(
    `a partition that crashes anywhere, and loses what was not synced, ends as one that never did, and as a plain model: ${some[0]} to ${some.at(-1)}`,
    async (t) => {
      let crashes = 0;
      let frozenRows = 0;
      for (const seed of some) {
        try {
          const report = await simulate(seed);
          crashes += report.crashes;
          frozenRows += report.frozenRows;
        } catch (error) {
          t.log(`seed ${seed} failed: node test/simulation/run.ts --seeds 1 --from ${seed}`);
          throw error;
        }
      }
      t.true(crashes > some.length, 'the simulation hardly crashes any more');
      t.true(frozenRows > 10 * some.length, 'hardly a frozen bucket closes any more');
    },
  );
}
