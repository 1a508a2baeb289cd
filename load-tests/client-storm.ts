/**
 * `npm run storm`: what pages track is stored once each, whatever becomes of the server, the network, the pages and their clocks. A
 * real browser with pages that send by requests and by frames, a real server, and faults in an order that a seed repeats.
 *
 *   node load-tests/client-storm.ts [--seconds 240] [--offline-seconds 600] [--seed S] [--save]   the long form
 *   node load-tests/client-storm.ts --short                                                       for CI, a minute or so
 *
 * `--seconds`: for how long rounds of all faults begin; then the pages are offline for `--offline-seconds`. docs/client.md says what is promised.
 */
import { parseArgs } from 'node:util';
import { type Random, seededRandom } from './random.ts';
import { grouped, saveResult, table } from './results.ts';
import { exitCodeOf } from './scene-failed.ts';
import { FAULTS, type Fault, LONG_OFFLINE } from './storm/faults.ts';
import { type Phase, type PhaseCounts, type StormReport, storm } from './storm/storm.ts';
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
    save: { type: 'boolean', default: false },
  },
});
const seed = Number(options.seed ?? Date.now() % 1_000_000);
const random = seededRandom(seed);
const { everyMs, ...lasts } = options.short ? SHORT : LONG;
const startedAt = performance.now();

try {
  const report = await storm({
    ...{ random, everyMs, faults: faults() },
    lasts: { ...lasts, longOfflineMs: bounded(options['offline-seconds']) * 1_000 },
    onPhase: (phase) => say(describe(phase)),
  });
  say(inWords(report));
  assertNone('differences', report.differences);
  say(`storm passed in ${report.seconds} s: each event is there once`);
  if (options.save) say(saveResult('client-storm', inWords(report), { seed, ...report }));
} catch (error) {
  say(`storm failed: ${error instanceof Error ? error.message : error}`);
  say(`again: node load-tests/client-storm.ts${options.short ? ' --short' : ''} --seed ${seed}`);
  process.exitCode = exitCodeOf(error);
}
process.exit();

/** Each of them once in each round, in another order. */
function* faults(): Generator<Fault> {
  const untilMs = startedAt + bounded(options.seconds) * 1_000;
  do {
    yield* shuffled(FAULTS, random);
  } while (!options.short && performance.now() < untilMs);
  if (!options.short) yield LONG_OFFLINE;
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
