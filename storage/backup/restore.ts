/**
 * Makes a data folder of a backup. Everything is verified before anything is written; a mark in the new folder keeps servers from
 * starting in it until it is whole. The new folder shares no file with the backup: servers write on in some of them.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../src/model/clock.ts';
import { AppError } from '../../src/model/errors.ts';
import { isMissing, sync } from '../archive/disk-files.ts';
import { OWN_COMMITS_FILE } from '../archive/own-commits.ts';
import { LOG_ORIGIN_FILE } from '../log/log-origin.ts';
import { createStateFrom } from '../state/rocksdb.ts';
import {
  ARCHIVE_FOLDER,
  type BackupFile,
  type BackupRecord,
  JOURNAL_FOLDER,
  RESTORE_MARK_NAME,
  readRecord,
  STATE_NAME,
} from './backup-record.ts';
import { copyDigested, type Digest, digestOf, type Pace } from './digest.ts';
import { readDump } from './state-dump.ts';
import { goOnBehind, type TakeOver } from './take-over.ts';
import { isWithin } from './target.ts';

const STATE_FOLDER = 'state';

export type RestorePhase = 'verifying' | 'copying' | 'state';

export interface RestoreOptions {
  readonly from: string;
  /** Made if it is not there; else it is empty, or of a restore that did not come to its end. */
  readonly dataDir: string;
  readonly pace: Pace;
  readonly progress: (phase: RestorePhase, file: BackupFile | undefined) => void;
  /** Asked before anything is written. Undefined: the folder goes on where the backup ends. */
  readonly takeOver?: ((record: BackupRecord) => Promise<TakeOver>) | undefined;
  readonly clock: Clock;
}

export interface Restored {
  readonly record: BackupRecord;
  readonly takeOver: TakeOver | undefined;
}

/** Rejects with `backup_invalid`, and with `backup_corrupt` if anything is not as it was written: then nothing was. */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { from, dataDir, progress } = options;
  const record = await readRecord(from);
  if (isWithin(dataDir, from)) {
    throw invalid(dataDir, 'expected a data folder outside of the backup');
  }
  await refuseOccupied(dataDir, record);
  const takeOver = await options.takeOver?.(record);
  progress('verifying', undefined);
  for (const file of record.files) {
    await verify(from, file, options.pace);
    progress('verifying', file);
  }
  const mark = join(dataDir, RESTORE_MARK_NAME);
  await begin(dataDir, mark, record);
  progress('copying', undefined);
  const folders = new Set<string>(record.topic ? [] : [join(dataDir, JOURNAL_FOLDER)]);
  for (const file of record.files) {
    if (file.path === STATE_NAME) continue;
    const target = join(dataDir, placeOf(file, record));
    const digest = await copyDigested(join(from, file.path), target, options.pace);
    refuseOther(join(from, file.path), file, digest);
    for (let at = dirname(target); at.length > dataDir.length; at = dirname(at)) folders.add(at);
    progress('copying', file);
  }
  if (takeOver !== undefined) {
    const journalDir = join(dataDir, JOURNAL_FOLDER);
    const ownCommitsFile = join(dataDir, OWN_COMMITS_FILE);
    await goOnBehind(takeOver, record, { journalDir, ownCommitsFile }, options.clock.now());
  }
  for (const folder of folders) await sync(folder);
  progress('state', undefined);
  const state = join(dataDir, STATE_FOLDER);
  await createStateFrom(state, readDump(join(from, STATE_NAME)));
  await sync(state);
  await sync(dataDir);
  await rm(mark);
  await sync(dataDir);
  return { record, takeOver };
}

async function verify(from: string, file: BackupFile, pace: Pace): Promise<void> {
  const path = join(from, file.path);
  try {
    refuseOther(path, file, await digestOf(path, pace));
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new AppError('backup_corrupt', `${path} is missing: ${USE_ANOTHER}`, { path });
  }
}

const USE_ANOTHER = 'this backup cannot be restored; use another one';

function refuseOther(path: string, file: BackupFile, { bytes, sha256 }: Digest): void {
  if (bytes === file.bytes && sha256 === file.sha256) return;
  const what =
    bytes === file.bytes
      ? `the SHA-256 ${file.sha256}, it has ${sha256}`
      : `${file.bytes} bytes, it has ${bytes}`;
  throw new AppError('backup_corrupt', `expected of ${path} ${what}: ${USE_ANOTHER}`, { path });
}

/** What of the backup becomes which file of the data folder. */
function placeOf({ path }: BackupFile, { archive }: BackupRecord): string {
  const [first, ...rest] = path.split('/');
  if (first !== ARCHIVE_FOLDER) return path;
  return join(archive?.folder ?? ARCHIVE_FOLDER, ...rest);
}

/** What a restore writes, and may find there of an earlier one. */
const namesOf = ({ archive }: BackupRecord): string[] => [
  RESTORE_MARK_NAME,
  STATE_FOLDER,
  JOURNAL_FOLDER,
  OWN_COMMITS_FILE,
  LOG_ORIGIN_FILE,
  (archive?.folder ?? ARCHIVE_FOLDER).split('/')[0] ?? ARCHIVE_FOLDER,
];

async function refuseOccupied(dataDir: string, record: BackupRecord): Promise<void> {
  const names = await namesIn(dataDir);
  const isRepeated = names.includes(RESTORE_MARK_NAME);
  const known = isRepeated ? namesOf(record) : [];
  const stranger = names.find((name) => !known.includes(name));
  if (stranger === undefined) return;
  throw invalid(dataDir, `expected an empty folder to restore into, there is "${stranger}" in it`);
}

const invalid = (dataDir: string, what: string): AppError =>
  new AppError('backup_invalid', `${dataDir}: ${what}; choose another folder`, { path: dataDir });

async function begin(dataDir: string, mark: string, record: BackupRecord): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  await writeFile(mark, '', { flush: true });
  await sync(dataDir);
  await sync(dirname(dataDir));
  for (const name of namesOf(record)) {
    if (name !== RESTORE_MARK_NAME) await rm(join(dataDir, name), { recursive: true, force: true });
  }
  await mkdir(join(dataDir, JOURNAL_FOLDER));
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
