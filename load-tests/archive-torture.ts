/**
 * `npm run torture:archive`: every acknowledged event comes into the archive once, whatever the crash.
 *
 *   node load-tests/archive-torture.ts [--kills 100] [--seed S] [--no-mutants] [--save]   the long form
 *   node load-tests/archive-torture.ts --short                                            for CI, some five minutes
 *   node load-tests/archive-torture.ts --point "before a move"                            dies there again and again
 *   node load-tests/archive-torture.ts --mutant verdicts-ignored                          only this planted fault
 *
 * Ends with two servers that both believe to own one archive, and with the planted faults, each of which has to be found. Needs
 * Linux.
 */
import { parseArgs } from 'node:util';
import { atOnce } from '../storage/archive/at-once.ts';
import {
  type ArchiveLoopReport,
  archiveLoop,
  type Death,
  type Died,
  LIGHT_LOAD_VARIATION,
} from './archive-crash-loop.ts';
import { archiveTwins } from './archive-twins.ts';
import { Finding } from './archive-watch.ts';
import { ARCHIVE_MUTANTS, type ArchiveMutant } from './fault/archive-mutants.ts';
import { FAULT_POINTS, type FaultPoint } from './fault/fault-points.ts';
import { findPlanted } from './fault/find-planted.ts';
import { type Random, seededRandom } from './random.ts';
import { grouped, saveResult, table } from './results.ts';
import { exitCodeOf } from './scene-failed.ts';

const KILLS = 100;
const KILLS_MAX = 1_000;
const SHORT_SEED = 11;
/** Of deaths at a drawn moment; the others are at fault points. */
const RANDOM_SHARE = 0.3;
const VERIFIED_SHARE = 0.2;
/** In the short form, one in so many. */
const SHORT_VERIFIED_EVERY = 12;
/** A planted fault that has not shown itself by then counts as not found. */
const MUTANT_DEATHS = 6;
/** They wait most of the time, and disturb each other's starts. */
const SEARCHES_AT_ONCE = 3;
/** On a busy machine, too, the archive's thread has started by then. */
const MUTANT_LOAD_MS = 5_000;

const { values: options } = parseArgs({
  options: {
    kills: { type: 'string' },
    seed: { type: 'string' },
    short: { type: 'boolean', default: false },
    point: { type: 'string' },
    mutant: { type: 'string' },
    /** The planted faults and the two servers; `--no-mutants` leaves them out. */
    mutants: { type: 'boolean', default: true },
    save: { type: 'boolean', default: false },
  },
  allowNegative: true,
});
const seed = Number(options.seed ?? (options.short ? SHORT_SEED : Date.now() % 1_000_000));
const kills = Math.min(Number(options.kills ?? KILLS), KILLS_MAX);
const startedAt = performance.now();

try {
  if (options.mutant === undefined) await torture();
  else await findMutant(mutantOf(options.mutant));
} catch (error) {
  const what =
    error instanceof Finding ? error.message : error instanceof Error ? error.stack : error;
  say(`torture of the archive failed: ${what}`);
  say(
    `again: node load-tests/archive-torture.ts ${options.short ? '--short' : `--kills ${kills}`} --seed ${seed}`,
  );
  process.exitCode = exitCodeOf(error);
}
process.exit();

async function torture(): Promise<void> {
  const died: Died[] = [];
  const random = seededRandom(seed);
  const report = await archiveLoop({
    ...{ deaths: deaths(random), random },
    ...(options.short ? { variation: LIGHT_LOAD_VARIATION } : {}),
    onDeath(death) {
      died.push(death);
      say(describe(death));
    },
  });
  say(inWords(report, died));
  const mutants = ARCHIVE_MUTANTS.filter(({ isFast }) => isFast || !options.short);
  const searches = options.mutants ? [twins, ...mutants.map((each) => () => findMutant(each))] : [];
  const found: string[] = [];
  await atOnce(searches, SEARCHES_AT_ONCE, async (search) => {
    found.push(await search());
  });
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  say(`torture of the archive passed in ${seconds} s: ${died.length} kills`);
  if (!options.save) return;
  const text = [inWords(report, died), '', ...found, '', tableOf(died)].join('\n');
  say(saveResult('archive-torture', text, { seed, report, died }));
}

/** The short form dies at each point once, in their order, and now and then at a drawn moment. */
function deaths(random: Random): Death[] {
  const { point: name } = options;
  if (name !== undefined)
    return Array.from({ length: kills }, () => ({ point: pointOf(name), isVerified: true }));
  if (options.short) {
    return FAULT_POINTS.map((point, i) => ({
      point,
      isVerified: i > 0 && i % SHORT_VERIFIED_EVERY === 0,
    }));
  }
  let points: FaultPoint[] = [];
  return Array.from({ length: kills }, () => {
    const isVerified = random.next() < VERIFIED_SHARE;
    if (random.next() < RANDOM_SHARE) return { isVerified };
    if (points.length === 0) points = shuffled(FAULT_POINTS, random);
    return { point: points.pop() as FaultPoint, isVerified };
  });
}

async function twins(): Promise<string> {
  const { common, owner, fenced } = await archiveTwins();
  const line =
    `two servers with one archive: ${grouped(common)} events in common, then ${grouped(owner)} of the owner archived once; ` +
    `the other one said that it is fenced, took ${grouped(fenced)} events and kept them in its log`;
  say(line);
  return line;
}

async function findMutant(mutant: ArchiveMutant): Promise<string> {
  const { diesAt } = mutant;
  const death: Death =
    diesAt === undefined
      ? { loadMs: MUTANT_LOAD_MS, isVerified: true }
      : { point: pointOf(diesAt.point), pass: diesAt.pass, isVerified: true };
  const deaths = new Array<Death>(MUTANT_DEATHS).fill({ kind: 'spared', ...death });
  const line = await findPlanted(mutant, async (attempt) => {
    try {
      await archiveLoop({ deaths, random: seededRandom(seed + attempt), mutant });
      return undefined;
    } catch (error) {
      if (!(error instanceof Finding)) throw error;
      return error.message;
    }
  });
  say(line);
  return line;
}

function mutantOf(name: string): ArchiveMutant {
  const mutant = ARCHIVE_MUTANTS.find((candidate) => candidate.name === name);
  if (mutant !== undefined) return mutant;
  const names = ARCHIVE_MUTANTS.map((candidate) => candidate.name).join(', ');
  throw new Error(`expected one of ${names}, received "${name}"`);
}

function pointOf(name: string): FaultPoint {
  const point = FAULT_POINTS.find((candidate) => candidate.name === name);
  if (point !== undefined) return point;
  const names = FAULT_POINTS.map((candidate) => `"${candidate.name}"`).join(', ');
  throw new Error(`expected one of ${names}, received "${name}"`);
}

/** Fisher and Yates' shuffle. */
function shuffled<T>(items: readonly T[], random: Random): T[] {
  const all = [...items];
  for (let i = all.length - 1; i > 0; i--) {
    const j = random.between(0, i + 1);
    [all[i], all[j]] = [all[j] as T, all[i] as T];
  }
  return all;
}

function describe({ number, at, kind, verifiedEvents }: Died): string {
  const verdict =
    verifiedEvents === undefined ? '' : `; ${grouped(verifiedEvents)} events, each archived once`;
  return `kill ${number}: ${at}, ${kind}${verdict}`;
}

function inWords(report: ArchiveLoopReport, died: readonly Died[]): string {
  const { events, files, versions, looks, logDeletedBytes, halfCopies, compactions, deleted } =
    report;
  const points = new Set(died.map(({ at }) => at.replace(/ \(.*/, ''))).size;
  return (
    `Seed ${seed}: ${died.length} kills, at ${points} places or moments; ${grouped(events)} events in ${files} files and ${versions} versions, ` +
    `none lost or twice in ${grouped(looks)} looks from outside. Hours were compacted ${grouped(compactions)} times, ` +
    `${grouped(deleted)} files deleted after it. ${grouped(logDeletedBytes)} bytes of the log were deleted meanwhile; ` +
    `${halfCopies} half copies wait to be swept.`
  );
}

function tableOf(died: readonly Died[]): string {
  return table(
    [
      { title: 'kill', cell: ({ number }: Died) => String(number) },
      { title: 'at', cell: ({ at }) => at },
      { title: 'damage', cell: ({ kind }) => kind },
      {
        title: 'events compared',
        cell: ({ verifiedEvents }) => (verifiedEvents === undefined ? '' : grouped(verifiedEvents)),
      },
    ],
    died,
  );
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
