/** Many seeds: `node test/storage/archive/run-commits.ts --seeds 10000 --from 0`, of a cluster with `--cluster`. Ends with the first that fails. */
import { parseArgs } from 'node:util';
import { simulateCluster } from './cluster-simulation.ts';
import { simulateCommits } from './commit-simulation.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '0' },
    cluster: { type: 'boolean', default: false },
  },
});
const from = Number(values.from);
const seeds = Number(values.seeds);
const simulate = values.cluster ? simulateCluster : simulateCommits;
const sums: Record<string, number> = {};
const began = performance.now();
for (let seed = from; seed < from + seeds; seed++) {
  try {
    for (const [name, count] of Object.entries(await simulate(seed))) {
      sums[name] = (sums[name] ?? 0) + count;
    }
  } catch (error) {
    console.error(
      `seed ${seed} failed: node test/storage/archive/run-commits.ts ${values.cluster ? '--cluster ' : ''}--seeds 1 --from ${seed}`,
    );
    throw error;
  }
}
const seconds = (performance.now() - began) / 1_000;
console.log(`${seeds} seeds from ${from} in ${seconds.toFixed(1)} s:`, sums);
