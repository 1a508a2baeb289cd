/** Many seeds: `node test/storage/checkpoint/run-chain.ts --seeds 5000 --from 0`. Ends with the first that fails. */
import { parseArgs } from 'node:util';
import { simulateChain } from './chain-simulation.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '0' },
  },
});
const from = Number(values.from);
const seeds = Number(values.seeds);
const sums: Record<string, number> = {};
const began = performance.now();
for (let seed = from; seed < from + seeds; seed++) {
  try {
    for (const [name, count] of Object.entries(await simulateChain(seed))) {
      sums[name] = (sums[name] ?? 0) + count;
    }
  } catch (error) {
    console.error(
      `seed ${seed} failed: node test/storage/checkpoint/run-chain.ts --seeds 1 --from ${seed}`,
    );
    throw error;
  }
}
const seconds = (performance.now() - began) / 1_000;
console.log(`${seeds} seeds from ${from} in ${seconds.toFixed(1)} s:`, sums);
