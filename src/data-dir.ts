/** Makes sure that there is a directory for the data before anything is opened in it. */
import { existsSync } from 'node:fs';
import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { RESTORE_MARK_NAME } from '../storage/backup/backup-record.ts';
import { AppError } from './model/errors.ts';

/** Rejects with `config_invalid` if the directory cannot be made, is none, must not be written, or is not restored to the end. */
export async function prepareDataDir(dir: string): Promise<void> {
  await prepare(dir);
  if (!existsSync(join(dir, RESTORE_MARK_NAME))) return;
  throw new AppError(
    'config_invalid',
    `"${dir}" is being restored from a backup, or that did not come to its end: wait for "streamgauge restore", or run it again`,
    { path: dir },
  );
}

async function prepare(dir: string): Promise<void> {
  try {
    await makeDirectory(resolve(dir));
    await access(dir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AppError(
      'config_invalid',
      `dataDir must be a directory that the server may write, "${dir}" is not usable: ${why}`,
      { path: dir },
      cause,
    );
  }
}

/**
 * By hand, because Node's own recursive `mkdir` spins for ever where a file system answers "no such directory" although
 * the parent is there, as /proc does.
 */
async function makeDirectory(dir: string): Promise<void> {
  if (await isDirectory(dir)) return;
  const parent = dirname(dir);
  if (parent !== dir) await makeDirectory(parent);
  try {
    await mkdir(dir);
  } catch (error) {
    // Somebody else was faster.
    if (!(await isDirectory(dir))) throw error;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
