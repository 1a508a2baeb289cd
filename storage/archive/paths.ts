/** Paths inside an archive: relative, `/` between names, the same rules on every kind of archive. */
import { randomUUID } from 'node:crypto';

/**
 * Holds what is not whole yet. A crash leaves files here, which nobody needs and a sweep takes away. Hive and Spark do not
 * look into folders whose names begin with `_`.
 */
export const TEMPORARY_FOLDER = '_tmp';

/** Nobody else has used this path, on any machine. */
export const temporaryPath = (): string => `${TEMPORARY_FOLDER}/${randomUUID()}`;

/**
 * Answers `path`. Throws a RangeError, for it is a bug, if it could mean a place outside of the archive, or not the same
 * place everywhere.
 */
export function checkedPath(path: string): string {
  const isSound =
    !path.includes('\0') &&
    path.isWellFormed() &&
    path.split('/').every((name) => name !== '' && name !== '.' && name !== '..');
  if (isSound) return path;
  throw new RangeError(
    `expected names with "/" between them, none empty, "." or "..", received ${JSON.stringify(path)}`,
  );
}

/** As `checkedPath`; empty is the archive's root. */
export const checkedFolder = (folder: string): string =>
  folder === '' ? folder : checkedPath(folder);

/** Of a file in the root: empty. */
export function folderOf(path: string): string {
  const end = path.lastIndexOf('/');
  return end < 0 ? '' : path.slice(0, end);
}

export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Sorts by code unit, as every archive lists. */
export const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : Number(a.name > b.name);
