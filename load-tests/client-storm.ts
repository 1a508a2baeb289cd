/**
 * `npm run storm`: what pages track is stored once each, whatever becomes of the server, the network, the pages and their clocks. A
 * real browser with pages that send by requests and by frames, a real server, and faults in an order that a seed repeats.
 *
 *   node load-tests/client-storm.ts [--seconds 240] [--offline-seconds 600] [--seed S] [--save]   the long form
 *   node load-tests/client-storm.ts --short                                                       for CI, a minute or so
 *   node load-tests/client-storm.ts --mutants                                                     the planted faults, each of which has to be found
 *
 * `--seconds`: for how long rounds of all faults begin; then come those that take minutes, with the pages offline for `--offline-seconds`. docs/client.md says what is promised.
 */
import { parseArgs } from 'node:util';
import { CLIENT_MUTANTS } from './fault/client-mutants.ts';
import { findPlanted } from './fault/find-planted.ts';
import { type Random, seededRandom } from './random.ts';
import { grouped, saveResult, table } from './results.ts';
import { exitCodeOf } from './scene-failed.ts';
import { CALM, FAULTS, type Fault, LONG_FAULTS } from './storm/faults.ts';
import type { Phase, PhaseCounts } from './storm/phases.ts';
import { type StormOptions, type StormReport, storm } from './storm/storm.ts';
import { assertNone } from './verify.ts';

const SECONDS_MAX = 3_600;
const LONG = { ms: 4_000, refusals: 40, everyMs: 500 };
const SHORT = { ms: 500, refusals: 8, everyMs: 200 };

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '240' },
    'offline-seconds': { type: 'string', default: '600' },
    seed: { type: 'string' },
    short: { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
});
const seed = Number(options.seed ?? Date.now() % 1_000_000);
const isShort = options.short || options.mutants;
const { everyMs, ...lasts } = isShort ? SHORT : LONG;
const startedAt = performance.now();

try {
  if (options.mutants) await findMutants();
  else await endure();
} catch (error) {
  say(`storm failed: ${error instanceof Error ? error.message : error}`);
  const form = options.mutants ? ' --mutants' : options.short ? ' --short' : '';
  say(`again: node load-tests/client-storm.ts${form} --seed ${seed}`);
  process.exitCode = exitCodeOf(error);
}
process.exit();

async function endure(): Promise<void> {
  const report = await storm({ ...optionsOf(seed), onPhase: (phase) => say(describe(phase)) });
  say(inWords(report));
  assertNone('differences', report.differences);
  say(`storm passed in ${report.seconds} s: each event is there once`);
  if (options.save) say(saveResult('client-storm', inWords(report), { seed, ...report }));
}

async function findMutants(): Promise<void> {
  for (const mutant of CLIENT_MUTANTS) {
    const look = async (attempt: number) => {
      const { differences } = await storm({ ...optionsOf(seed + attempt), mutant });
      return differences[0];
    };
    say(await findPlanted(mutant, look));
  }
}

function optionsOf(drawn: number): StormOptions {
  const random = seededRandom(drawn);
  return {
    ...{ random, everyMs, faults: faults(random) },
    lasts: { ...lasts, longOfflineMs: bounded(options['offline-seconds']) * 1_000 },
  };
}

/** Each of them once in each round, in another order. */
function* faults(random: Random): Generator<Fault> {
  yield CALM;
  const untilMs = startedAt + bounded(options.seconds) * 1_000;
  do {
    yield* shuffled(FAULTS, random);
  } while (!isShort && performance.now() < untilMs);
  if (!isShort) yield* LONG_FAULTS;
}

/** Fisher and Yates's. */
function shuffled<T>(values: readonly T[], { between }: Random): T[] {
  const left = [...values];
  return values.map(() => left.splice(between(0, left.length), 1)[0] as T);
}

function bounded(text: string): number {
  const seconds = Number(text);
  if (seconds >= 0 && seconds <= SECONDS_MAX) return seconds;
  throw new TypeError(`expected 0 to ${SECONDS_MAX} seconds, received "${text}"`);
}

function describe({ title, fromMs, toMs, sentAgain }: Phase): string {
  const seconds = ((toMs - fromMs) / 1_000).toFixed(1);
  return `${title}: all answered after ${seconds} s, ${sentAgain} sent again`;
}

function inWords({ phases, pages, seconds, ledger, differences }: StormReport): string {
  const count = (title: string, of: (row: PhaseCounts) => number) => ({
    title,
    cell: (row: PhaseCounts) => grouped(of(row)),
  });
  return [
    table(
      [
        { title: 'phase', cell: ({ title }: PhaseCounts) => title },
        count('times', ({ times }) => times),
        count('seconds', (row) => row.seconds),
        count('tracked', ({ tracked }) => tracked),
        count('given up', ({ givenUp }) => givenUp),
        count('stored', ({ stored }) => stored),
        count('missing', ({ missing }) => missing),
        count('doubled', ({ doubled }) => doubled),
        count('sent again', ({ sentAgain }) => sentAgain),
      ],
      phases,
    ),
    '',
    `Seed ${seed}: ${pages} pages in ${seconds} s, an event every ${everyMs} ms in each. The ledger has ${grouped(ledger.received)} received, ` +
      `${grouped(ledger.applied)} applied, ${grouped(ledger.duplicate)} duplicate; ${differences.length} differences.`,
  ].join('\n');
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
