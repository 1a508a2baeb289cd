/**
 * `npm run torture:alarms`: every transition happens once and is told, whatever the crash.
 *
 *   node load-tests/alarm-torture.ts [--kills 50] [--seed S] [--no-mutants] [--save]   the long form
 *   node load-tests/alarm-torture.ts --short                                           for CI, at most three minutes
 *
 * Ends with the planted faults, each of which has to be found. docs/alarms.md says what is promised.
 */
import { parseArgs } from 'node:util';
import { type AlarmLoopReport, alarmLoop } from './alarm-crash-loop.ts';
import { findPlanted } from './fault/find-planted.ts';
import { ALARM_MUTANTS, type PlantedFault } from './fault/mutants.ts';
import { seededRandom } from './random.ts';
import { saveResult } from './results.ts';
import { exitCodeOf } from './scene-failed.ts';

const KILLS = 50;
const SHORT_KILLS = 8;
const SHORT_SEED = 7;
/** A planted fault that has not shown itself by then counts as not found. */
const MUTANT_KILLS = 4;
const KILLS_MAX = 1_000;
/** What a check says; other errors find nothing. */
const FINDING = /transitions lost or invented|differences in what was told/;

const { values: options } = parseArgs({
  options: {
    kills: { type: 'string' },
    seed: { type: 'string' },
    short: { type: 'boolean', default: false },
    /** The planted faults; `--no-mutants` leaves them out. */
    mutants: { type: 'boolean', default: true },
    save: { type: 'boolean', default: false },
  },
  allowNegative: true,
});
const seed = Number(options.seed ?? (options.short ? SHORT_SEED : Date.now() % 1_000_000));
const kills = Math.min(Number(options.kills ?? (options.short ? SHORT_KILLS : KILLS)), KILLS_MAX);
const startedAt = performance.now();

try {
  const report = await alarmLoop({
    ...{ kills, seed, random: seededRandom(seed) },
    onKill: (number, loadMs, downMs) =>
      say(`kill ${number} after ${loadMs} ms, back after ${Math.round(downMs)} ms`),
  });
  say(inWords(report));
  // They do not disturb each other: each has a server that is mostly idle.
  const found = await Promise.all(options.mutants ? ALARM_MUTANTS.map(findMutant) : []);
  for (const line of found) say(line);
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  say(
    `torture of alarms passed in ${seconds} s: ${kills} kills, ${found.length} planted faults found`,
  );
  if (options.save) {
    say(saveResult('alarm-torture', [inWords(report), '', ...found].join('\n'), { seed, report }));
  }
} catch (error) {
  say(`torture of alarms failed: ${error instanceof Error ? error.message : error}`);
  say(`again: node load-tests/alarm-torture.ts --kills ${kills} --seed ${seed}`);
  process.exitCode = exitCodeOf(error);
}
process.exit();

function findMutant(mutant: PlantedFault): Promise<string> {
  return findPlanted(mutant, async (attempt) => {
    const drawn = seed + attempt;
    try {
      await alarmLoop({ kills: MUTANT_KILLS, seed: drawn, random: seededRandom(drawn), mutant });
      return undefined;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (!FINDING.test(text)) throw error;
      return text;
    }
  });
}

function inWords(report: AlarmLoopReport): string {
  const { transitions, messages, requests, slowestAcknowledgementS } = report;
  return (
    `Seed ${seed}: ${report.kills} kills in ${report.seconds} s of load. ${transitions} transitions, none lost or ` +
    `invented; ${messages} messages in ${requests} requests, each told under one id. ` +
    `Slowest acknowledgement: ${slowestAcknowledgementS.toFixed(1)} s after its second began.`
  );
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
