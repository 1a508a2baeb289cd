/** The folder that a backup goes to. */
import { readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { AppError } from '../../src/model/errors.ts';
import { isMissing, sync, systemCodeOf } from '../archive/disk-files.ts';
import { OWN_COMMITS_FILE } from '../archive/own-commits.ts';
import {
  ARCHIVE_FOLDER,
  JOURNAL_FOLDER,
  MARK_NAME,
  RECORD_NAME,
  STATE_NAME,
} from './backup-record.ts';

/** What an attempt that did not come to its end may have left. */
const LEFTOVERS = [
  `${RECORD_NAME}.tmp`,
  STATE_NAME,
  OWN_COMMITS_FILE,
  JOURNAL_FOLDER,
  ARCHIVE_FOLDER,
];

/**
 * Marks a folder as the place of the next backup. Whoever can do that may write there: a server that is asked for a backup
 * demands the mark, so that nobody can have it write to where he could not. Rejects with `backup_invalid` if there is anything else.
 */
export async function markTarget(dir: string, mark: string): Promise<void> {
  await refuseOthers(dir);
  await writeFile(join(dir, MARK_NAME), mark, { mode: 0o640 });
}

/** Empties a marked folder of an earlier attempt. Rejects with `backup_invalid` if it is no place for a backup. */
export async function claimTarget(dir: string, mark: string, dataDir: string): Promise<void> {
  if (!isAbsolute(dir)) throw invalid(dir, 'expected an absolute path');
  const found = await readMark(dir);
  if (found !== mark) {
    const what = found === undefined ? 'there is none' : 'there is another one';
    throw invalid(
      dir,
      `expected the mark of this backup in ${MARK_NAME}, ${what}: ask for it with "streamgauge backup" on the machine of the server`,
    );
  }
  await refuseOthers(dir);
  const [target, data] = await Promise.all([realpath(dir), realpath(dataDir)]);
  if (isWithin(target, data) || isWithin(data, target)) {
    throw invalid(dir, `expected a folder outside of the data folder ${data}`);
  }
  for (const name of LEFTOVERS) await rm(join(dir, name), { recursive: true, force: true });
  await sync(dir);
}

export async function unmarkTarget(dir: string): Promise<void> {
  await rm(join(dir, MARK_NAME), { force: true });
  await sync(dir);
}

async function refuseOthers(dir: string): Promise<void> {
  const names = await readdir(dir);
  if (names.includes(RECORD_NAME)) throw invalid(dir, 'there is a backup already');
  const isMarked = names.includes(MARK_NAME);
  const stranger = names.find(
    (name) => name !== MARK_NAME && !(isMarked && LEFTOVERS.includes(name)),
  );
  if (stranger !== undefined) {
    throw invalid(dir, `expected an empty folder, there is "${stranger}" in it`);
  }
}

async function readMark(dir: string): Promise<string | undefined> {
  try {
    if (!(await stat(dir)).isDirectory()) throw invalid(dir, 'expected a folder, this is none');
    return await readFile(join(dir, MARK_NAME), 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (systemCodeOf(error) !== 'EACCES') throw error;
    throw invalid(dir, 'the server may not read there: run the command as the user of the server');
  }
}

/** Or the same. */
export function isWithin(inner: string, outer: string): boolean {
  const way = relative(outer, inner);
  return way === '' || !(way.startsWith('..') || isAbsolute(way));
}

const invalid = (dir: string, what: string): AppError =>
  new AppError('backup_invalid', `${dir}: ${what}; choose another folder`, { path: dir });
