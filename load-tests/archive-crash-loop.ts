/**
 * Load with repeated bodies, cuts as often as can be, a server that dies at random moments and at chosen places, and power
 * that goes with it; again and again. Meanwhile the archive is looked at from outside all the time, and at
 * every drain it has to hold what was acknowledged: each event once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseStagedName } from '../storage/archive/manifest-paths.ts';
import { ArchiveSite, REMOVED_KEPT_MS } from './archive-site.ts';
import { ArchiveWatch, Finding } from './archive-watch.ts';
import type { ArchiveMutant } from './fault/archive-mutants.ts';
import type { FaultPoint } from './fault/fault-points.ts';
import { DAMAGE_KINDS, type DamageKind } from './fault/power-cut.ts';
import { Generator } from './generator.ts';
import { type LoadCase, type LoadVariation, loadOptions } from './load-case.ts';
import type { Random } from './random.ts';
import type { Server } from './server.ts';
import type { Truth } from './truth.ts';
import { differences, minuteDifferences } from './verify.ts';

export const ARCHIVE_LOAD: LoadCase = {
  ...{ name: 'archive', transport: 'ndjson', eventsPerBody: 100 },
  ...{ bodies: 128, connections: 8 },
};
export const ARCHIVE_LOAD_VARIATION: LoadVariation = { eventsPerSecond: 8_000, repeatEvery: 5 };
/** Leaves a slow machine less to catch up with. */
export const LIGHT_LOAD_VARIATION: LoadVariation = {
  ...ARCHIVE_LOAD_VARIATION,
  eventsPerSecond: 3_000,
};
const LOAD_MS_MIN = 100;
const LOAD_MS_MAX = 2_500;
/** So often a server that is to die at a point is told to archive at once. */
const HASTE_SHARE = 0.7;
const ARCHIVED_MS_MAX = 60_000;
/** When nothing more has come into the archive for so long, nothing will. */
const STILL_MS = 10_000;
const FAILING_MS_MAX = 20_000;
const POLL_MS = 100;
const SHOWN_MAX = 5;

/** How a life of the server ends. */
export interface Death {
  /** Absent: at any moment. */
  readonly point?: FaultPoint;
  /** Of the point, at which it dies. This and what follows is drawn where it is absent. */
  readonly pass?: number;
  /** How long the life is that has no point to end at. */
  readonly loadMs?: number;
  readonly kind?: DamageKind;
  /** Whether everything is compared after it. */
  readonly isVerified: boolean;
}

export interface Died {
  readonly number: number;
  readonly at: string;
  readonly kind: DamageKind;
  /** Undefined if nothing was compared after it. */
  readonly verifiedEvents: number | undefined;
}

export interface ArchiveLoopOptions {
  readonly deaths: readonly Death[];
  readonly random: Random;
  readonly variation?: LoadVariation;
  readonly mutant?: ArchiveMutant;
  readonly onDeath?: (died: Died) => void;
}

export interface ArchiveLoopReport {
  readonly events: number;
  readonly files: number;
  readonly versions: number;
  /** How often the archive was looked at from outside. */
  readonly looks: number;
  /** Hours that were compacted and compared, and files that were seen and deleted. */
  readonly compactions: number;
  readonly deleted: number;
  /** The log was deleted up to there. */
  readonly logDeletedBytes: number;
  /** What deaths in the middle of a copy have left in the temporary folder, for a day. */
  readonly halfCopies: number;
}

/** Rejects with a `Finding`, or with what kept it from looking for one. */
export async function archiveLoop(options: ArchiveLoopOptions): Promise<ArchiveLoopReport> {
  const { deaths, random, mutant, onDeath, variation = ARCHIVE_LOAD_VARIATION } = options;
  const site = await ArchiveSite.prepare(mutant === undefined ? {} : { mutant });
  const watch = await ArchiveWatch.open(site.archiveDir, REMOVED_KEPT_MS);
  const generator = new Generator();
  try {
    const load = loadOptions(ARCHIVE_LOAD, site.server, variation);
    await generator.ask({ type: 'prepare', options: load });
    watch.begin();
    for (const [i, death] of deaths.entries()) {
      const { kind = drawDamage(random), isVerified } = death;
      await generator.ask({ type: 'resume' });
      const at = await live(site, death, random);
      await site.crash(kind, random.next() < 0.5, random);
      await watch.look();
      let verifiedEvents: number | undefined;
      if (isVerified) {
        await site.start();
        verifiedEvents = await verify(site, generator, watch);
        // So that what comes next comes to hours that are compacted, however slow the machine is.
        await compacted(site.server);
        await site.server.kill();
      }
      onDeath?.({ number: i + 1, at, kind, verifiedEvents });
    }
    await site.start();
    const events = await verify(site, generator, watch);
    await compacted(site.server);
    await watch.catchUp();
    await swept(site.server);
    await site.server.stop();
    const whole = await watch.readWhole();
    if (whole !== events) throw new Finding(`${whole} events are in the folders, not ${events}`);
    return {
      events,
      files: watch.files,
      versions: watch.newest?.version ?? 0,
      looks: watch.looks,
      compactions: watch.compactions,
      deleted: watch.deleted,
      logDeletedBytes: site.logStart,
      halfCopies: site.temporaryFiles.length,
    };
  } catch (error) {
    if (mutant !== undefined && !site.hasPlanted(mutant)) {
      throw new Error(`"${mutant.name}" was not planted: ${error}`);
    }
    throw error;
  } finally {
    generator.close();
    await watch.close();
    await site.clear();
  }
}

/** One life of the server; answers in words where it has ended. */
async function live(
  site: ArchiveSite,
  { point, pass, loadMs }: Death,
  random: Random,
): Promise<string> {
  if (point === undefined) {
    await site.start();
    const forMs = loadMs ?? random.between(LOAD_MS_MIN, LOAD_MS_MAX);
    await sleep(forMs);
    return `after ${forMs} ms`;
  }
  const at = pass ?? random.between(1, point.passes + 1);
  await site.start(point, at);
  // Else it would begin when it is due.
  if (random.next() < HASTE_SHARE) void site.server.query(ARCHIVE_NOW).catch(() => undefined);
  await site.died(point);
  return `${point.name} (passing ${at})`;
}

const drawDamage = (random: Random): DamageKind =>
  DAMAGE_KINDS[random.between(0, DAMAGE_KINDS.length)] as DamageKind;

/** Everything sent is acknowledged first; then aggregates and archive must both hold it, each event once. */
async function verify(
  site: ArchiveSite,
  generator: Generator,
  watch: ArchiveWatch,
): Promise<number> {
  await generator.ask({ type: 'drain' });
  const { unexpected } = await generator.ask({ type: 'measure' });
  assertNothing('answers that this load should not get', unexpected);
  const truth = await generator.ask({ type: 'truth' });
  await verifyServer(site, truth);
  await verifyArchive(site.server, truth, watch);
  // Who has claimed the archive since the last death has taken away what was not committed.
  assertNothing(
    'files that are not committed are left',
    site.temporaryFiles.filter((name) => parseStagedName(name) !== undefined),
  );
  return truth.events;
}

/** What the server answers, and its ledger. */
export async function verifyServer({ server }: ArchiveSite, truth: Truth): Promise<void> {
  assertNothing('differences in what the server answers', await differences(server, truth));
}

/** Archives what there is, and compares what can be read then, by type and minute. */
export async function verifyArchive(
  server: Server,
  truth: Truth,
  watch: ArchiveWatch,
): Promise<void> {
  const deadline = performance.now() + ARCHIVED_MS_MAX;
  let rows = 0;
  let movedAt = performance.now();
  // What is applied is committed a moment later.
  while (rows < truth.events && performance.now() < Math.min(deadline, movedAt + STILL_MS)) {
    const now = await archivedRows(server);
    if (now !== rows) movedAt = performance.now();
    rows = now;
    await sleep(POLL_MS);
  }
  await watch.catchUp();
  const found = minuteDifferences(truth.minutes, await watch.byTypeAndMinute());
  assertNothing('differences in the archive', found);
}

/** Everything that is committed is archived. A server that has just started may fail at that, but not for long. */
async function archivedRows(server: Server): Promise<number> {
  const deadline = performance.now() + FAILING_MS_MAX;
  for (;;) {
    try {
      const { archiveNow } = await server.query<ArchivedNow>(ARCHIVE_NOW);
      const { rows, missedBytes, fenced } = archiveNow;
      if (missedBytes > 0) throw new Finding(`${missedBytes} bytes of the log were never archived`);
      if (fenced) throw new Finding('the archive is fenced, and nobody else has claimed it');
      return rows;
    } catch (error) {
      if (error instanceof Finding) throw error;
      if (performance.now() > deadline) {
        throw new Finding(`nothing is archived: ${error}\n${server.logTail()}`);
      }
      await sleep(POLL_MS);
    }
  }
}

/** Every hour has as few files as it can. */
async function compacted(server: Server): Promise<void> {
  const { archiveNow } = await server.query<{
    archiveNow: { work: readonly { kind: string; problem: string | null }[] };
  }>('mutation { archiveNow(compact: true) { work { kind problem } } }');
  const problems = archiveNow.work.filter(({ problem }) => problem !== null);
  assertNothing(
    'kinds of work go wrong',
    problems.map(({ kind, problem }) => `${kind}: ${problem}`),
  );
}

/** Resolves when no removed file is left. */
async function swept(server: Server): Promise<void> {
  const deadline = performance.now() + ARCHIVED_MS_MAX;
  for (;;) {
    const { archive } = await server.query<{ archive: { filesRemoved: number } }>(
      '{ archive { filesRemoved } }',
    );
    if (archive.filesRemoved === 0) return;
    if (performance.now() > deadline) {
      throw new Finding(`${archive.filesRemoved} removed files are not deleted`);
    }
    await sleep(POLL_MS);
  }
}

interface ArchivedNow {
  readonly archiveNow: {
    readonly rows: number;
    readonly missedBytes: number;
    readonly fenced: boolean;
  };
}
const ARCHIVE_NOW = 'mutation { archiveNow { rows missedBytes fenced } }';

function assertNothing(what: string, found: readonly string[]): void {
  if (found.length === 0) return;
  const shown = found.slice(0, SHOWN_MAX).map((sentence) => `  ${sentence}`);
  throw new Finding([`${found.length} ${what}:`, ...shown].join('\n'));
}
