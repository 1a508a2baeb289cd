import { statfs } from 'node:fs/promises';

/** Bytes that an unprivileged process may still write to the file system of `path`, which exists. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

/** Undefined: the file system does not say. */
export const knownFreeBytes = (path: string): Promise<number | undefined> =>
  freeBytes(path).catch(() => undefined);
