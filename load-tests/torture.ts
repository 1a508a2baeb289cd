/**
 * `npm run torture`: every acknowledged event counts exactly once, whatever the crash.
 *
 *   node load-tests/torture.ts [--kills 50] [--seed S] [--partitions 4] [--save]   the long form
 *   node load-tests/torture.ts --short                                              for CI, at most three minutes
 *   node load-tests/torture.ts --mutants                                            mainly the planted faults
 *
 * Begins with the same batch sent three times, around a crash, and ends with the planted faults, each of which has
 * to be found. Needs Linux.
 */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CrashSite, crashLoop, FIRST_ACCEPT_MS_MAX, type Kill } from './crash-loop.ts';
import { findPlanted } from './fault/find-planted.ts';
import { MUTANTS, type Mutant } from './fault/mutants.ts';
import { seededRandom } from './random.ts';
import { repeatAcrossCrash } from './repeat.ts';
import { grouped, saveResult, table } from './results.ts';
import { exitCodeOf } from './scene-failed.ts';

const KILLS = 50;
const SHORT_KILLS = 6;
/** A planted fault that has not shown itself by then counts as not found. */
const MUTANT_KILLS = 5;
const KILLS_MAX = 1_000;

const { values: options } = parseArgs({
  options: {
    kills: { type: 'string' },
    seed: { type: 'string' },
    partitions: { type: 'string', default: '4' },
    short: { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
});
const seed = Number(options.seed ?? Date.now() % 1_000_000);
const partitions = Number(options.partitions);
/** A fault counts as found when the loop fails, so the loop must pass without one: `--mutants` tries that once. */
const killsDefault = options.mutants ? 1 : options.short ? SHORT_KILLS : KILLS;
const kills = Math.min(Number(options.kills ?? killsDefault), KILLS_MAX);
const startedAt = performance.now();

try {
  const survived = await endure();
  await findMutants();
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  say(
    `torture passed in ${seconds} s: ${survived.length} kills, ${MUTANTS.length} planted faults found`,
  );
  if (options.save)
    say(saveResult('torture', report(survived), { seed, partitions, kills: survived }));
} catch (error) {
  say(`torture failed: ${error instanceof Error ? error.message : error}`);
  say(
    `again: node load-tests/torture.ts --kills ${kills} --seed ${seed} --partitions ${partitions}`,
  );
  process.exitCode = exitCodeOf(error);
}
process.exit();

async function endure(): Promise<Kill[]> {
  await at((site) => repeatAcrossCrash(site, partitions, seededRandom(seed)));
  say('the same batch three times, around a crash: counted once');
  const survived: Kill[] = [];
  const random = seededRandom(seed);
  await at((site) =>
    crashLoop(site, {
      ...{ kills, partitions, random },
      // A shared CI machine may be slow: there the time is only reported.
      ...(options.short ? {} : { firstAcceptMsMax: FIRST_ACCEPT_MS_MAX }),
      onKill(kill) {
        survived.push(kill);
        say(describe(kill));
      },
    }),
  );
  return survived;
}

async function findMutants(): Promise<void> {
  for (const mutant of MUTANTS) {
    say(await findPlanted(mutant, (attempt) => at((site) => lookFor(mutant, site, attempt))));
  }
}

/** Answers how the fault showed itself; undefined: it did not. Rejects if it is not in the server at all. */
async function lookFor(
  mutant: Mutant,
  site: CrashSite,
  attempt: number,
): Promise<string | undefined> {
  const random = seededRandom(seed + attempt);
  try {
    await crashLoop(site, { kills: MUTANT_KILLS, partitions, random, mutant });
    return undefined;
  } catch (error) {
    if (!(site.hasStarted && existsSync(site.plantedMark))) throw error;
    return error instanceof Error ? error.message : String(error);
  }
}

async function at<T>(work: (site: CrashSite) => Promise<T>): Promise<T> {
  const site = new CrashSite();
  try {
    return await work(site);
  } finally {
    await site.clear();
  }
}

function describe({ number, loadMs, kind, damage, firstAcceptMs, verifiedEvents }: Kill): string {
  const lost = damage.reduce((sum, { sizeBytes, keptBytes }) => sum + sizeBytes - keptBytes, 0);
  const verdict =
    verifiedEvents === undefined
      ? 'killed again at once'
      : `${grouped(verifiedEvents)} events, each counted once`;
  return (
    `kill ${number} after ${loadMs} ms: ${kind}, ${grouped(lost)} unsynced bytes lost, ` +
    `first accept after ${firstAcceptMs} ms; ${verdict}`
  );
}

function report(survived: readonly Kill[]): string {
  const slowest = Math.max(...survived.map(({ firstAcceptMs }) => firstAcceptMs));
  const events = survived.findLast(({ verifiedEvents }) => verifiedEvents !== undefined);
  return [
    `Seed ${seed}, ${partitions} partitions, ${survived.length} kills, ${grouped(events?.verifiedEvents ?? 0)} events.`,
    `Slowest first accept after a start: ${slowest} ms (allowed: ${FIRST_ACCEPT_MS_MAX}).`,
    `Planted faults, each found: ${MUTANTS.map(({ name }) => name).join(', ')}.`,
    '',
    table(
      [
        { title: 'kill', cell: ({ number }: Kill) => String(number) },
        { title: 'load ms', cell: ({ loadMs }) => String(loadMs) },
        { title: 'damage', cell: ({ kind }) => kind },
        { title: 'first accept ms', cell: ({ firstAcceptMs }) => String(firstAcceptMs) },
        { title: 'events counted', cell: ({ verifiedEvents = 0 }) => grouped(verifiedEvents) },
      ],
      survived,
    ),
  ].join('\n');
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
