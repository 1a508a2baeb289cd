/** Many seeds: `node test/simulation/run.ts --seeds 10000 --from 0`. Ends with the first seed that fails. */
import { parseArgs } from 'node:util';
import { simulate } from './simulate.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '0' },
  },
});
const from = Number(values.from);
const seeds = Number(values.seeds);
const sums = { blocks: 0, events: 0, crashes: 0 };
const began = performance.now();
for (let seed = from; seed < from + seeds; seed++) {
  try {
    const { blocks, events, crashes } = await simulate(seed);
    sums.blocks += blocks;
    sums.events += events;
    sums.crashes += crashes;
  } catch (error) {
    console.error(`seed ${seed} failed: node test/simulation/run.ts --seeds 1 --from ${seed}`);
    throw error;
  }
}
const seconds = (performance.now() - began) / 1_000;
console.log(
  `${seeds} seeds from ${from} in ${seconds.toFixed(1)} s: ${sums.blocks} blocks, ${sums.events} rows, ${sums.crashes} crashes`,
);
