/** Makes sure that there is a directory for the data before anything is opened in it. */
import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { AppError } from './model/errors.ts';

/** Rejects with `config_invalid` if the directory cannot be made, is none, or must not be written. */
export async function prepareDataDir(dir: string): Promise<void> {
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
