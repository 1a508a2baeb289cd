/** Whole files on a local disk, and what the disk's errors mean to an archive. */
import { randomUUID } from 'node:crypto';
import { constants, copyFile, open, readFile, rename, rm } from 'node:fs/promises';
import { AppError, type FaultCode } from '../../src/model/errors.ts';

/**
 * Brings a file into being as a whole: `fill` writes to a path beside it. What was at `path` is replaced at the end.
 * Not synced: a copy of what the archive has may be lost with the power.
 */
export async function writeWhole(
  path: string,
  fill: (partialPath: string) => Promise<void>,
): Promise<void> {
  const partialPath = `${path}.${randomUUID()}.part`;
  try {
    await fill(partialPath);
    await rename(partialPath, path);
  } catch (error) {
    await rm(partialPath, { force: true });
    throw error;
  }
}

/** Shares the blocks where the file system can (XFS, Btrfs): no byte is copied then. */
export const copyBytes = (from: string, to: string): Promise<void> =>
  copyFile(from, to, constants.COPYFILE_FICLONE);

/** A file's bytes, or a folder's names, reach the disk. */
export async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Of a PEM file. */
export async function certificatesIn(caFile: string): Promise<string> {
  try {
    return await readFile(caFile, 'utf8');
  } catch (error) {
    throw diskFault('read certificates from', caFile, error);
  }
}

export const systemCodeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;

/** There is nothing at the path, or what it goes through is a file. */
export const isMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes(systemCodeOf(error) ?? '');

const MEANING: Readonly<Record<string, readonly [FaultCode, string]>> = {
  EACCES: ['archive_denied', 'give the user of this process access to it'],
  EPERM: [
    'archive_denied',
    'give the user of this process access to it; the file system has to support hard links',
  ],
  EROFS: ['archive_unavailable', 'mount the file system for writing'],
  ENOSPC: ['archive_unavailable', 'make room on the disk'],
  EDQUOT: ['archive_unavailable', 'raise the quota or make room'],
  ETIMEDOUT: ['archive_unavailable', 'see to the file server'],
  EHOSTDOWN: ['archive_unavailable', 'see to the file server'],
  ENOTCONN: ['archive_unavailable', 'mount the file system again'],
  ESTALE: ['archive_unavailable', 'mount the file system again'],
  ENOTDIR: ['archive_io', 'a file is where a folder should be: move it away'],
  EEXIST: ['archive_io', 'something else is there: move it away'],
  EISDIR: ['archive_io', 'a folder is where a file should be: move it away'],
};

/** What an archive rejects with when the disk refuses to `doing` something at `path`. */
export function diskFault(doing: string, path: string, error: unknown): unknown {
  if (error instanceof AppError || !(error instanceof Error)) return error;
  const code = systemCodeOf(error);
  if (code === undefined) return error;
  const [fault, remedy] = MEANING[code] ?? ['archive_io', 'see to the disk'];
  return new AppError(
    fault,
    `cannot ${doing} ${path}: ${error.message}; ${remedy}`,
    { path },
    error,
  );
}
