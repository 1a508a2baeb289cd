/**
 * The archive thread: one actor that brings the log into the archive. It runs at a lower priority than the others, so that
 * taking events in goes first. What it is given is `ArchiveThreadData`.
 */
import { constants, hostname, setPriority } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { archiverActor } from '../../actors/archiver/actor.ts';
import { claimGuard, isKnown } from '../../actors/archiver/claim-guard.ts';
import type { Duties } from '../../actors/archiver/duties.ts';
import { ErasureJobs, type ErasureKeeper } from '../../actors/archiver/erasure-jobs.ts';
import { LOOK_INTERVAL_MS } from '../../actors/archiver/limits.ts';
import type { ArchiverNumbers } from '../../actors/archiver/protocol.ts';
import { ActorSystem } from '../../actors/runtime.ts';
import { EMPTY_MANIFEST } from '../../storage/archive/manifest.ts';
import {
  type HistoryQuery,
  type ManifestHistory,
  manifestHistory,
} from '../../storage/archive/manifest-history.ts';
import { ManifestReader } from '../../storage/archive/manifest-reader.ts';
import { beginArchive, openArchive } from '../../storage/archive/open.ts';
import { openOwnCommits } from '../../storage/archive/own-commits.ts';
import { SegmentCommitter } from '../../storage/archive/segment-commit.ts';
import { listSegments } from '../../storage/archive/segment-list.ts';
import { tenantFolder } from '../../storage/archive/segment-path.ts';
import { knownFreeBytes } from '../../storage/free-bytes.ts';
import {
  attachLogShared,
  logBytes,
  logEnd,
  logEnds,
  logStart,
  logUsedBytes,
} from '../../storage/log/log-shared.ts';
import { logId, logReaders } from '../../storage/log/source.ts';
import { attachState } from '../../storage/state/rocksdb.ts';
import { type HiveSync, startHiveSync } from '../hive/hive-sync.ts';
import { createLogger } from '../logging.ts';
import { systemClock } from '../model/clock.ts';
import { assertNever } from '../model/result.ts';
import {
  ARCHIVE_NOW_TIMEOUT_MS,
  type ArchiveQuestions,
  type ArchiveThreadData,
  type BarrierQuestions,
  type FromArchive,
  type Guidance,
  type ToArchive,
} from './archive-protocol.ts';
import { Asker, answerOf, type Question } from './asker.ts';
import { attachProgress, readingSinceMs, takingOf } from './progress.ts';
import { Sealer } from './sealer-process.ts';

if (parentPort === null) throw new Error('the archive thread is a worker thread');
const main = parentPort;
const data: ArchiveThreadData = workerData;

/** How long a commit of the state may take. */
const BARRIER_TIMEOUT_MS = 60_000;

// On Linux a priority belongs to a thread. What DuckDB does has that of its own process.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
const log = createLogger({ ...data.logging, thread: 'archive' });
const shared = attachLogShared(data.shared);
const progress = attachProgress(data.progress);
const state = await attachState(data.state);
const system = new ActorSystem({ clock: systemClock, random: Math.random, sleep, log });
const owner = {
  journal: await logId(data.source),
  host: hostname(),
  pid: process.pid,
};

/** Ends the patience with an archive that is out of reach. */
const closing = new AbortController();
const barrier = new Asker<BarrierQuestions>('the main thread', (question) => tell(question));
const sealer = new Sealer();
const erasures = new ErasureJobs();
const keeper: ErasureKeeper = {
  intended: (id, intent) => barrier.ask('erasureIntended', { id, intent }, BARRIER_TIMEOUT_MS),
  settled: (id, isMade) => barrier.ask('erasureSettled', { id, isMade }, BARRIER_TIMEOUT_MS),
};
/** Its newest version whose files are all in their places. */
let manifest = EMPTY_MANIFEST;
const opened = Promise.withResolvers<void>();

/** What the node of a cluster was last told. */
let guidance: Guidance = data.node ?? { isLeader: true, lives: [] };
const duties: Duties | undefined = data.node && {
  takingOf: (partition) => takingOf(progress, partition),
  isLeader: () => guidance.isLeader,
  lives: () => guidance.lives,
};

/** Follows at its own pace, with connections of its own to the archive. Undefined where another node tells Hive, or nobody does. */
let hive: HiveSync | undefined;
/** Its starts and ends, one after the other. One that rejects ends the thread, which is started anew. */
let hiveTurn = Promise.resolve();
await tellHiveIfLeader();

const archiver = system.spawn('archive', {
  ...archiverActor({
    openCommitter: async () => {
      const archive = await openArchive(data.archive);
      const commits = await openOwnCommits(data.ownCommitsFile);
      if (!isKnown(commits, archive.url)) await beginArchive(data.archive);
      return SegmentCommitter.open({
        archive,
        life: data.node?.life,
        guard: claimGuard({
          commits,
          // A node of a cluster hears late of the ends of partitions that others have; of its own it archives what it has applied.
          logEnd: (partition) =>
            data.node === undefined ? (logEnd(shared, partition) ?? 0) : Number.POSITIVE_INFINITY,
          url: archive.url,
          isOneLine: data.source.type === 'kafka',
        }),
        owner,
        clock: systemClock,
        sleep,
        log,
        signal: closing.signal,
        waits: tellProblem,
      });
    },
    openDuck: () =>
      sealer.open({
        threads: 1,
        memoryBytesMax: data.memoryBytesMax,
        tempDir: join(data.workDir, 'duckdb'),
        folders: [data.workDir],
      }),
    openReader: await logReaders(data.source, shared),
    state,
    partitions: shared.partitions,
    duties,
    committed: () => [...progress.committed],
    committedForGood: () => barrier.ask('barrier', undefined, BARRIER_TIMEOUT_MS),
    logStart: (partition) => logStart(shared, partition),
    logBytes: (distances) => logBytes(shared, distances),
    logEnds: () => logEnds(shared),
    logRoomBytes: async () => {
      const free = (await knownFreeBytes(data.workDir)) ?? Number.POSITIVE_INFINITY;
      const left = data.logBytesMax - logUsedBytes(shared);
      return Math.max(0, Math.min(left, free - data.diskReserveBytes));
    },
    workDir: data.workDir,
    clock: systemClock,
    log,
    policy: data.policy,
    compaction: data.compaction,
    retention: data.retention,
    erasures,
    removedKeptMs: data.removedKeptMs,
    // A leader whose Hive is not started yet has told nothing.
    hiveVersion: () => data.hive && (hive?.numbers().version ?? 0),
    readingSinceMs: () => readingSinceMs(progress),
    diskReserveBytes: data.diskReserveBytes,
    signal: closing.signal,
    waitingSinceMs: data.waitingSinceMs,
    publish: {
      archived: (now) => {
        manifest = now;
        opened.resolve();
        Atomics.store(progress.archivedVersion, 0, now.version);
        for (const [partition, position] of now.positions) progress.archived[partition] = position;
      },
      numbers: (numbers) =>
        tell({ type: 'numbers', numbers, ...(hive && { hive: hive.numbers() }) }),
      fenced: tellProblem,
    },
  }),
  started: () => tellProblem(undefined),
  crashed: (error) => tellProblem(messageOf(error)),
});

const timer = setInterval(() => {
  // One look at a time: a cut may take longer than the interval.
  if (archiver.depth === 0) archiver.offer({ type: 'look' });
}, LOOK_INTERVAL_MS);

main.on('message', (message: ToArchive) => {
  switch (message.type) {
    case 'ask':
      void answerOf(message.id, () => answer(message)).then(tell);
      break;
    case 'answer':
      barrier.hear(message);
      break;
    case 'guide':
      guidance = message;
      hiveTurn = hiveTurn.then(tellHiveIfLeader);
      break;
    case 'close':
      void close();
      break;
    default:
      assertNever(message);
  }
});

async function answer(question: Question<ArchiveQuestions>): Promise<unknown> {
  switch (question.name) {
    case 'archiveNow':
      return archiver.ask<ArchiverNumbers>(
        (replyTo) => ({ type: 'archiveNow', ...question.ask, replyTo }),
        ARCHIVE_NOW_TIMEOUT_MS,
      );
    case 'segments':
      await opened.promise;
      return listSegments(manifest, question.ask);
    case 'history':
      await opened.promise;
      return history(question.ask);
    case 'erase': {
      const { target, intent } = question.ask;
      return erasures.add(target, intent, keeper);
    }
    case 'removedBefore':
      await opened.promise;
      return removedBefore(question.ask);
    case 'actors':
      return system.snapshot();
    default:
      return assertNever(question);
  }
}

function removedBefore({ tenant, removedMs }: ArchiveQuestions['removedBefore']['ask']): number {
  const folder = `${tenantFolder(tenant)}/`;
  const isMeant = ([path, ms]: [string, number]) => path.startsWith(folder) && ms <= removedMs;
  return [...manifest.removed].filter(isMeant).length;
}

/** Over a connection of its own: it is asked for rarely. */
async function history(query: HistoryQuery): Promise<ManifestHistory> {
  const archive = await openArchive(data.archive);
  try {
    const reader = new ManifestReader(archive, log);
    return await manifestHistory((version) => reader.readVersion(version), manifest, query);
  } finally {
    await archive.close();
  }
}

/** Of a cluster's nodes one tells Hive: what two tell might overtake each other. */
async function tellHiveIfLeader(): Promise<void> {
  const isWanted = data.hive !== undefined && guidance.isLeader && !closing.signal.aborted;
  if (isWanted && hive === undefined) {
    hive = startHiveSync({
      settings: data.hive,
      archive: await openArchive(data.archive),
      manifest: () => manifest,
      clock: systemClock,
      log: log.child({ component: 'hive' }),
    });
  } else if (!isWanted && hive !== undefined) {
    const ending = hive;
    hive = undefined;
    await ending.close();
  }
}

/** A cut that is being made is left to the next start. One that is being committed is finished, unless the archive is out of reach. */
async function close(): Promise<void> {
  clearInterval(timer);
  closing.abort();
  hiveTurn = hiveTurn.then(tellHiveIfLeader);
  await Promise.all([archiver.stop(), hiveTurn]);
  await sealer.close();
  tell({ type: 'closed' });
}

function tellProblem(problem: string | undefined): void {
  tell({ type: 'problem', problem });
}

function tell(message: FromArchive): void {
  main.postMessage(message);
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
