import test from 'ava';
import { type CommitReport, simulateCommits } from './commit-simulation.ts';

/** CI looks at these; `node test/storage/archive/run-commits.ts --seeds 10000` at more. */
const SEEDS = 50;
/** Seeds that found something once. */
const BAD_SEEDS: readonly number[] = [81, 1617, 2357];

test('whatever servers die in, lose answers of or sleep through, each block is archived once and nobody sees what is not committed', async (t) => {
  const sum: CommitReport = { versions: 0, deaths: 0, fenced: 0, failed: 0, strays: 0 };
  for (const seed of [...BAD_SEEDS, ...Array.from({ length: SEEDS }, (_, i) => i)]) {
    try {
      const report = await simulateCommits(seed);
      sum.versions += report.versions;
      sum.deaths += report.deaths;
      sum.fenced += report.fenced;
      sum.failed += report.failed;
      sum.strays += report.strays;
    } catch (error) {
      t.log(`node test/storage/archive/run-commits.ts --seeds 1 --from ${seed}`);
      throw error;
    }
  }
  t.true(sum.versions > 10 * SEEDS, 'the simulation hardly archives any more');
  t.true(sum.deaths > 3 * SEEDS, 'the simulation hardly crashes any more');
  t.true(sum.fenced > SEEDS, 'hardly a server is overtaken any more');
  t.true(sum.failed > SEEDS, 'hardly a call fails any more');
  t.true(sum.strays > SEEDS / 5, 'hardly a server sleeps for long any more');
});
