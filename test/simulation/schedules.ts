/** Many schedules, and what they had: `node test/simulation/schedules.ts --seeds 1000 --from 0`. Ends with the first that fails. */
import { eachSeed } from './each-seed.ts';
import { runSchedule, type ScheduleReport } from './schedule.ts';

const sums: Partial<ScheduleReport> = {};
const tried = await eachSeed('test/simulation/schedules.ts', async (seed) => {
  const report = await runSchedule(seed);
  for (const name of Object.keys(report) as (keyof ScheduleReport)[]) {
    sums[name] = (sums[name] ?? 0) + report[name];
  }
});
console.log(`${tried} passed`);
for (const [name, count] of Object.entries(sums)) console.log(`${name.padEnd(12)} ${count}`);
