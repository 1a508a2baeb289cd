/** For commands that try many seeds: `--seeds` of them, beginning at `--from`. */
import { parseArgs } from 'node:util';

/** Ends with the first seed that fails, and says how to try it by itself. Answers which were tried, and in how long. */
export async function eachSeed(program: string, attempt: (seed: number) => Promise<void>) {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '0' },
    },
  });
  const from = Number(values.from);
  const seeds = Number(values.seeds);
  const began = performance.now();
  for (let seed = from; seed < from + seeds; seed++) {
    try {
      await attempt(seed);
    } catch (error) {
      console.error(`seed ${seed} failed: node ${program} --seeds 1 --from ${seed}`);
      throw error;
    }
  }
  return `${seeds} seeds from ${from} in ${((performance.now() - began) / 1_000).toFixed(1)} s`;
}
