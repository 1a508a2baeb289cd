/**
 * Makes a backup beside a server that goes on: archive, state, journal, in this order. The state is a function of the log, so the
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
import type { StateRow } from '../state/state.ts';
import { copyArchive } from './archive-copy.ts';
import {
  ARCHIVE_FOLDER,
  BACKUP_FORMAT,
  type BackupFile,
  type BackupRecord,
  JOURNAL_FOLDER,
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
  readonly journalDir: string;
  readonly journalId: string;
  readonly partitions: number;
  readonly serverVersion: string;
  /** `dir` is undefined if the archive is not inside of the data folder: then it is left out. */
  readonly archive: { readonly url: string; readonly dir: string | undefined } | undefined;
  /** The log is deleted nowhere behind it while this runs. */
  readonly logStart: Offset;
  /** Behind the newest block that survives a power cut. */
  readonly logEnd: () => Offset;
  /** Every row as of the first page. */
  readonly snapshot: () => AsyncIterable<readonly StateRow[]>;
  readonly pace: Pace;
  readonly clock: Clock;
  readonly log: Logger;
  readonly progress: (phase: BackupPhase, file: BackupFile | undefined) => void;
}

export async function takeBackup(options: BackupOptions): Promise<BackupRecord> {
  const { to, archive, pace, progress, clock } = options;
  const startedMs = clock.now();
  const files: BackupFile[] = [];
  const doneIn = (phase: BackupPhase) => (file: BackupFile) => {
    files.push(file);
    progress(phase, file);
  };
  progress('archive', undefined);
  const archived = await backUpArchive(options, doneIn('archive'));

  progress('state', undefined);
  await writeDump(join(to, STATE_NAME), options.snapshot(), pace);
  doneIn('state')({ path: STATE_NAME, ...(await digestOf(join(to, STATE_NAME), pace)) });

  progress('journal', undefined);
  const position = options.logEnd();
  refuseBehindLog(archived?.archivedTo ?? 0, position);
  const { journalDir, logStart: start } = options;
  await copyJournal({ journalDir, to, start, end: position, pace, done: doneIn('journal') });

  await syncFolders(to, files);
  const record: BackupRecord = {
    format: BACKUP_FORMAT,
    server: options.serverVersion,
    startedMs,
    endedMs: clock.now(),
    position,
    journal: options.journalId,
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

/** An archive elsewhere stays where it is; then the folder's own knowledge of it comes along. */
async function backUpArchive(
  { archive, dataDir, to, journalId, pace, log }: BackupOptions,
  done: (file: BackupFile) => void,
): Promise<Archived | undefined> {
  if (archive === undefined) return undefined;
  if (archive.dir === undefined) {
    const commits = await readIfThere(join(dataDir, OWN_COMMITS_FILE));
    if (commits === undefined) return undefined;
    const path = join(to, OWN_COMMITS_FILE);
    await writeFile(path, commits, { mode: 0o640, flush: true });
    done({ path: OWN_COMMITS_FILE, ...(await digestOf(path, pace)) });
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
  const folders = new Set([JOURNAL_FOLDER]);
  for (const { path } of files) {
    const names = path.split('/').slice(0, -1);
    for (let i = 1; i <= names.length; i++) folders.add(names.slice(0, i).join('/'));
    if (names[0] === ARCHIVE_FOLDER) folders.add(ARCHIVE_FOLDER);
  }
  for (const folder of folders) await sync(join(to, folder));
  await sync(to);
}
