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
import { nodeDisk } from '../../storage/log/disk.ts';
import { readJournalId } from '../../storage/log/journal-file.ts';
import { openJournalReader } from '../../storage/log/journal-reader.ts';
import { attachJournalShared, durableEnd, journalStart } from '../../storage/log/journal-shared.ts';
import { openDuck } from '../../storage/segments/duckdb.ts';
import { attachState } from '../../storage/state/rocksdb.ts';
import { startHiveSync } from '../hive/hive-sync.ts';
import { createLogger } from '../logging.ts';
import { systemClock } from '../model/clock.ts';
import { assertNever } from '../model/result.ts';
import {
  ARCHIVE_NOW_TIMEOUT_MS,
  type ArchiveQuestions,
  type ArchiveThreadData,
  type BarrierQuestions,
  type FromArchive,
  type ToArchive,
} from './archive-protocol.ts';
import { Asker, answerOf, type Question } from './asker.ts';
import { attachProgress } from './progress.ts';

if (parentPort === null) throw new Error('the archive thread is a worker thread');
const main = parentPort;
const data: ArchiveThreadData = workerData;

/** How long a commit of the state may take. */
const BARRIER_TIMEOUT_MS = 60_000;

// On Linux a priority belongs to a thread, and those that it starts inherit it: DuckDB's too.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
const log = createLogger({ ...data.logging, thread: 'archive' });
const journal = attachJournalShared(data.journal);
const progress = attachProgress(data.progress);
const state = await attachState(data.state);
const system = new ActorSystem({ clock: systemClock, random: Math.random, sleep, log });
const owner = {
  journal: await readJournalId(nodeDisk, data.journalDir),
  host: hostname(),
  pid: process.pid,
};

/** Ends the patience with an archive that is out of reach. */
const closing = new AbortController();
const barrier = new Asker<BarrierQuestions>('the main thread', (question) => tell(question));
const erasures = new ErasureJobs();
const keeper: ErasureKeeper = {
  intended: (id, intent) => barrier.ask('erasureIntended', { id, intent }, BARRIER_TIMEOUT_MS),
  settled: (id, isMade) => barrier.ask('erasureSettled', { id, isMade }, BARRIER_TIMEOUT_MS),
};
/** Its newest version whose files are all in their places. */
let manifest = EMPTY_MANIFEST;
const opened = Promise.withResolvers<void>();

/** Follows at its own pace, with connections of its own to the archive. */
const hive =
  data.hive &&
  startHiveSync({
    settings: data.hive,
    archive: await openArchive(data.archive),
    manifest: () => manifest,
    clock: systemClock,
    log: log.child({ component: 'hive' }),
  });

const archiver = system.spawn('archive', {
  ...archiverActor({
    openCommitter: async () => {
      const archive = await openArchive(data.archive);
      const commits = await openOwnCommits(data.ownCommitsFile);
      if (!isKnown(commits, archive.url)) await beginArchive(data.archive);
      return SegmentCommitter.open({
        archive,
        guard: claimGuard({ commits, logEnd: () => durableEnd(journal) ?? 0, url: archive.url }),
        owner,
        clock: systemClock,
        sleep,
        log,
        signal: closing.signal,
        waits: tellProblem,
      });
    },
    openDuck: () =>
      openDuck({
        threads: 1,
        memoryBytesMax: data.memoryBytesMax,
        tempDir: join(data.workDir, 'duckdb'),
        folders: [data.workDir],
      }),
    openReader: (from) => openJournalReader({ dir: data.journalDir, shared: journal, from }),
    state,
    partitions: journal.partitions,
    committed: () => [...progress.committed],
    committedForGood: () => barrier.ask('barrier', undefined, BARRIER_TIMEOUT_MS),
    logStart: () => journalStart(journal),
    workDir: data.workDir,
    clock: systemClock,
    log,
    policy: data.policy,
    compaction: data.compaction,
    retention: data.retention,
    erasures,
    removedKeptMs: data.removedKeptMs,
    hiveVersion: () => hive?.numbers().version,
    readingSinceMs: () => progress.readingSince[0] ?? Number.POSITIVE_INFINITY,
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

/** A cut that is under way is finished, unless the archive is out of reach: then the next start does it again. */
async function close(): Promise<void> {
  clearInterval(timer);
  closing.abort();
  await Promise.all([archiver.stop(), hive?.close()]);
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
