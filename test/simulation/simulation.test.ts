import test from 'ava';
import { simulate } from './simulate.ts';

/** CI looks at these; `node test/simulation/run.ts --seeds 10000` at more. */
const SEEDS = 300;
/** Seeds that found something once. */
const BAD_SEEDS: readonly number[] = [53, 2970];

test('a partition that crashes anywhere, and loses what was not synced, ends as one that never did, and as a plain model', async (t) => {
  let crashes = 0;
  let frozenRows = 0;
  for (const seed of [...BAD_SEEDS, ...Array.from({ length: SEEDS }, (_, i) => i)]) {
    try {
      const report = await simulate(seed);
      crashes += report.crashes;
      frozenRows += report.frozenRows;
    } catch (error) {
      t.log(`seed ${seed} failed: node test/simulation/run.ts --seeds 1 --from ${seed}`);
      throw error;
    }
  }
  t.true(crashes > SEEDS, 'the simulation hardly crashes any more');
  t.true(frozenRows > 10 * SEEDS, 'hardly a frozen bucket closes any more');
});
