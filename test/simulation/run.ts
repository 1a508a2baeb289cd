/** Many seeds: `node test/simulation/run.ts --seeds 10000 --from 0`. Ends with the first seed that fails. */
import { eachSeed } from './each-seed.ts';
import { simulate } from './simulate.ts';

const sums = { blocks: 0, events: 0, crashes: 0 };
const tried = await eachSeed('test/simulation/run.ts', async (seed) => {
  const { blocks, events, crashes } = await simulate(seed);
  sums.blocks += blocks;
  sums.events += events;
  sums.crashes += crashes;
});
console.log(`${tried}: ${sums.blocks} blocks, ${sums.events} rows, ${sums.crashes} crashes`);
