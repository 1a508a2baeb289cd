/** Many schedules, and what they had: `node test/simulation/schedules.ts --seeds 1000 --from 0`. Ends with the first that fails. */
import { parseArgs } from 'node:util';
import { runSchedule, type ScheduleReport } from './schedule.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '0' },
  },
});
const from = Number(values.from);
const seeds = Number(values.seeds);
const sums: Partial<ScheduleReport> = {};
const began = performance.now();
for (let seed = from; seed < from + seeds; seed++) {
  try {
    const report = await runSchedule(seed);
    for (const name of Object.keys(report) as (keyof ScheduleReport)[]) {
      sums[name] = (sums[name] ?? 0) + report[name];
    }
  } catch (error) {
    console.error(
      `seed ${seed} failed: node test/simulation/schedules.ts --seeds 1 --from ${seed}`,
    );
    throw error;
  }
}
const seconds = (performance.now() - began) / 1_000;
console.log(`${seeds} schedules passed, from ${from}, in ${seconds.toFixed(1)} s`);
for (const [name, count] of Object.entries(sums)) console.log(`${name.padEnd(12)} ${count}`);
