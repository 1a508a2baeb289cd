import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { MUTANT_ENV, MUTANTS, PLANTED_ENV } from '../../load-tests/fault/mutants.ts';
import { SCHEDULE_MUTANTS } from '../../load-tests/fault/schedule-mutants.ts';
import { runSchedule, type ScheduleReport } from './schedule.ts';

/** CI looks at these; `node test/simulation/schedules.ts --seeds 1000` at more. */
const SEEDS = 30;
/** One test tells of so many: AVA ends a run that tells of nothing for long. */
const SEEDS_PER_TEST = 10;
/** Of a planted fault: the first of them show each. */
const PLANTED_SEEDS = 12;

const PLANTER = new URL('../../load-tests/fault/plant-mutant.ts', import.meta.url).href;
const SCHEDULES = fileURLToPath(new URL('schedules.ts', import.meta.url));

const run = promisify(execFile);

for (let from = 0; from < SEEDS; from += SEEDS_PER_TEST) {
  const seeds = Array.from({ length: SEEDS_PER_TEST }, (_, i) => from + i);
  test.serial(
    `after retries, crashes, late events and wrong clocks the ledger balances to zero and every measure is the model's: ${seeds[0]} to ${seeds.at(-1)}`,
    async (t) => {
      const reports: ScheduleReport[] = [];
      for (const seed of seeds) {
        try {
          reports.push(await runSchedule(seed));
        } catch (error) {
          t.log(`seed ${seed} failed: node test/simulation/schedules.ts --seeds 1 --from ${seed}`);
          throw error;
        }
      }
      const hasAny = (count: keyof ScheduleReport) => reports.some((report) => report[count] > 0);
      const counts = Object.keys(reports[0] ?? {}) as (keyof ScheduleReport)[];
      t.deepEqual(
        counts.filter((count) => !hasAny(count)),
        [],
        'a schedule does not have any of it any more',
      );
    },
  );
}

for (const { name, breaks } of [
  ...MUTANTS.filter(({ file }) => file.startsWith('actors/')),
  ...SCHEDULE_MUTANTS,
]) {
  test.serial(`schedules find the planted fault "${name}"`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'streamgauge-schedule-'));
    t.teardown(() => rm(folder, { recursive: true }));
    const planted = join(folder, 'planted');
    const env = { ...process.env, [MUTANT_ENV]: name, [PLANTED_ENV]: planted };
    const seeds = String(PLANTED_SEEDS);
    const looked = run(process.execPath, ['--import', PLANTER, SCHEDULES, '--seeds', seeds], {
      env,
    });
    const error = await t.throwsAsync(looked, undefined, `nothing checks that ${breaks}`);
    t.regex(error?.message ?? '', /seed \d+ failed.*AssertionError/s);
    t.is(await readFile(planted, 'utf8'), `${name}\n`);
  });
}
