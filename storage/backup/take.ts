/**
 * Makes a backup beside a server that goes on: archive, state, journal, in this order. A log that is a topic is left out. The state is a function of the log, so the
 * state as of some moment and the log from what it needs on belong together, however far the log goes on. The archive comes
 * first, because it never holds what the state has not committed; the log comes last, because it goes on behind both.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Clock } from '../../src/model/clock.ts';
import { AppError } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import type { Offset } from '../../src/model/units.ts';
import { isMissing, sync } from '../archive/disk-files.ts';
import { beginLocalArchive } from '../archive/local.ts';
import { OWN_COMMITS_FILE, openOwnCommits } from '../archive/own-commits.ts';
import { LOG_ORIGIN_FILE } from '../log/log-origin.ts';
import type { StateRow } from '../state/state.ts';
import { copyArchive } from './archive-copy.ts';
import {
  ARCHIVE_FOLDER,
  BACKUP_FORMAT,
  type BackupFile,
  type BackupRecord,
  STATE_NAME,
  writeRecord,
} from './backup-record.ts';
import { digestOf, type Pace } from './digest.ts';
import { copyJournal } from './journal-copy.ts';
import { writeDump } from './state-dump.ts';
import { unmarkTarget } from './target.ts';

export type BackupPhase = 'archive' | 'state' | 'journal';

export interface BackupOptions {
  /** Marked and claimed (`claimTarget`). */
  readonly to: string;
  readonly dataDir: string;
  readonly log: JournalToCopy | TopicLeftOut;
  readonly partitions: number;
  readonly serverVersion: string;
  /** `dir` is undefined if the archive is not inside of the data folder: then it is left out. */
  readonly archive: { readonly url: string; readonly dir: string | undefined } | undefined;
  /** Every row as of the first page. */
  readonly snapshot: () => AsyncIterable<readonly StateRow[]>;
  readonly pace: Pace;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly progress: (phase: BackupPhase, file: BackupFile | undefined) => void;
}

export interface JournalToCopy {
  readonly type: 'journal';
  readonly id: string;
  readonly dir: string;
  /** The log is deleted nowhere behind it while this runs. */
  readonly start: Offset;
  /** Behind the newest block that survives a power cut. */
  readonly end: () => Offset;
}

/** It stays where it is. The folder's own knowledge of it comes along. */
export interface TopicLeftOut {
  readonly type: 'topic';
  readonly id: string;
  readonly name: string;
  /** Per partition what is committed, as of now. */
  readonly committed: () => readonly number[];
}

export async function takeBackup(options: BackupOptions): Promise<BackupRecord> {
  const { to, log, archive, pace, progress, clock } = options;
  const startedMs = clock.now();
  const files: BackupFile[] = [];
  const doneIn = (phase: BackupPhase) => (file: BackupFile) => {
    files.push(file);
    progress(phase, file);
  };
  progress('archive', undefined);
  const archived = await backUpArchive(options, doneIn('archive'));

  progress('state', undefined);
  // Before the state: it has no less.
  const committed = log.type === 'topic' ? log.committed() : [];
  await writeDump(join(to, STATE_NAME), options.snapshot(), pace);
  doneIn('state')({ path: STATE_NAME, ...(await digestOf(join(to, STATE_NAME), pace)) });

  progress('journal', undefined);
  const done = doneIn('journal');
  const position =
    log.type === 'journal'
      ? await backUpJournal(log, options, archived?.archivedTo ?? 0, done)
      : await backUpOrigin(options, committed, done);

  await syncFolders(to, files);
  const record: BackupRecord = {
    format: BACKUP_FORMAT,
    server: options.serverVersion,
    startedMs,
    endedMs: clock.now(),
    position,
    journal: log.id,
    ...(log.type === 'topic' && { topic: { name: log.name, positions: [...committed] } }),
    partitions: options.partitions,
    ...(archive && { archive: { url: archive.url, ...archived?.place } }),
    files,
  };
  await writeRecord(to, record);
  await unmarkTarget(to);
  return record;
}

interface Archived {
  readonly place: { readonly version: number; readonly folder: string };
  readonly archivedTo: number;
}

async function backUpJournal(
  { dir: journalDir, start, end: logEnd }: JournalToCopy,
  { to, pace }: BackupOptions,
  archivedTo: number,
  done: (file: BackupFile) => void,
): Promise<number> {
  const end = logEnd();
  refuseBehindLog(archivedTo, end);
  await copyJournal({ journalDir, to, start, end, pace, done });
  return end;
}

async function backUpOrigin(
  { dataDir, to, pace }: BackupOptions,
  committed: readonly number[],
  done: (file: BackupFile) => void,
): Promise<number> {
  await copyIfThere(dataDir, to, LOG_ORIGIN_FILE, pace, done);
  return committed.reduce((sum, position) => sum + position, 0);
}

/** An archive elsewhere stays where it is; then the folder's own knowledge of it comes along. */
async function backUpArchive(
  { archive, dataDir, to, log: { id: journalId }, pace, logger: log }: BackupOptions,
  done: (file: BackupFile) => void,
): Promise<Archived | undefined> {
  if (archive === undefined) return undefined;
  if (archive.dir === undefined) {
    await copyIfThere(dataDir, to, OWN_COMMITS_FILE, pace, done);
    return undefined;
  }
  const { dir: archiveDir } = archive;
  const { made } = await openOwnCommits(join(dataDir, OWN_COMMITS_FILE));
  // Nobody has begun it yet: there is nothing in it that could be out of reach.
  if (made === undefined) await beginLocalArchive(archiveDir);
  const manifest = await copyArchive({ archiveDir, to, journalId, pace, log, done });
  const place = { version: manifest.version, folder: relative(dataDir, archiveDir) };
  return { place, archivedTo: Math.max(0, ...manifest.positions.values()) };
}

async function copyIfThere(
  dataDir: string,
  to: string,
  name: string,
  pace: Pace,
  done: (file: BackupFile) => void,
): Promise<void> {
  const bytes = await readIfThere(join(dataDir, name));
  if (bytes === undefined) return;
  const path = join(to, name);
  await writeFile(path, bytes, { mode: 0o640, flush: true });
  done({ path: name, ...(await digestOf(path, pace)) });
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function refuseBehindLog(archivedTo: number, logEnd: Offset): void {
  if (archivedTo <= logEnd) return;
  throw new AppError(
    'log_truncated',
    `the archive holds this log up to ${archivedTo}, and it ends at ${logEnd}: it is an older copy of the one that was archived`,
  );
}

/** Files are durable already; their names are not. */
async function syncFolders(to: string, files: readonly BackupFile[]): Promise<void> {
  const folders = new Set<string>();
  for (const { path } of files) {
    const names = path.split('/').slice(0, -1);
    for (let i = 1; i <= names.length; i++) folders.add(names.slice(0, i).join('/'));
    if (names[0] === ARCHIVE_FOLDER) folders.add(ARCHIVE_FOLDER);
  }
  for (const folder of folders) await sync(join(to, folder));
  await sync(to);
}
