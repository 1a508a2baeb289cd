/**
 * An archive in a directory: of this machine, or of a file server that is mounted here.
 *
 * It rests on link(2), which makes a name only if there is none, in one step that all processes agree on. That holds on
 * every file system with hard links, NFS included.
 *
 * A directory that is not there any more, or is the empty mount point of one, is out of reach: nothing is made in its place. What
 * tells an archive from such a folder is its manifest's folder, which is made when the archive is begun.
 */
import { link, mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { AppError, isFault } from '../../src/model/errors.ts';
import { ARCHIVE_STATS_AT_ONCE } from '../limits.ts';
import type { Archive, ArchiveEntry } from './archive.ts';
import { copyBytes, diskFault, isMissing, sync, systemCodeOf, writeWhole } from './disk-files.ts';
import { MANIFEST_FOLDER } from './manifest-paths.ts';
import { byName, checkedFolder, checkedPath, temporaryPath } from './paths.ts';

/** Makes what is not there of the directory, for an archive that nobody has written to yet. */
export async function beginLocalArchive(dir: string): Promise<void> {
  const path = join(resolve(dir), MANIFEST_FOLDER);
  try {
    const topmost = await mkdir(path, { recursive: true });
    if (topmost === undefined) return;
    for (let folder = path; folder !== dirname(topmost); folder = dirname(folder)) {
      await sync(dirname(folder));
    }
  } catch (error) {
    throw diskFault('begin the archive in', resolve(dir), error);
  }
}

/** Rejects with `archive_unavailable` if there is no archive in the directory just now. */
export async function requireLocalArchive(dir: string): Promise<void> {
  const root = resolve(dir);
  const found = await unlessMissing(() => stat(join(root, MANIFEST_FOLDER)), undefined);
  if (found !== undefined) return;
  throw new AppError(
    'archive_unavailable',
    `there is no archive in ${root}: the folder was moved away, or is not mounted; bring it back`,
    { path: root },
  );
}

/** Looks at nothing yet: the directory may be out of reach now, and come back. */
export function openLocalArchive(dir: string): Archive {
  const root = resolve(dir);
  const at = (path: string): string => join(root, checkedPath(path));
  const requireRoot = () => requireLocalArchive(root);

  async function guarded<T>(doing: string, path: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (isMissing(error) || isFault(error, 'archive_missing')) await requireRoot();
      throw diskFault(doing, path, error);
    }
  }

  /** `otherwise` if there is nothing at a path of an archive that is there. */
  async function ifThere<T, U>(call: () => Promise<T>, otherwise: U): Promise<T | U> {
    const found = await unlessMissing(call, MISSING);
    if (found !== MISSING) return found;
    await requireRoot();
    return otherwise;
  }

  /** Folders are durable, too, or a file in them would not be. */
  async function ensureFolder(path: string): Promise<void> {
    if (path === root) return requireRoot();
    if ((await statOf(path))?.isDirectory() === true) return;
    const parent = dirname(path);
    await ensureFolder(parent);
    await unlessThere(() => mkdir(path));
    await sync(parent);
  }

  /** Puts a file that `fill` has made, and that is durable, to its place by `place`. */
  async function place(
    to: string,
    fill: (temporary: string) => Promise<void>,
    place: (temporary: string, to: string) => Promise<void>,
  ): Promise<void> {
    const temporary = at(temporaryPath());
    await ensureFolder(dirname(temporary));
    try {
      await fill(temporary);
      await sync(temporary);
      await ensureFolder(dirname(to));
      await place(temporary, to);
      await sync(dirname(to));
    } finally {
      await rm(temporary, { force: true });
    }
  }

  return {
    url: `file://${root}`,

    async put(path, localPath) {
      const to = at(path);
      await guarded('store', to, () =>
        place(to, (temporary) => copyBytes(localPath, temporary), rename),
      );
    },

    async create(path, bytes) {
      const to = at(path);
      return guarded('create', to, async () => {
        try {
          await place(to, (temporary) => writeBytes(temporary, bytes), link);
          return true;
        } catch (error) {
          if (systemCodeOf(error) === 'EEXIST' && (await isFile(to))) return false;
          throw error;
        }
      });
    },

    async move(from, to) {
      const [source, target] = [at(from), at(to)];
      await guarded(`move ${source} to`, target, async () => {
        await ensureFolder(dirname(target));
        await linkOnce(source, target);
        await sync(dirname(target));
        await rm(source, { force: true });
      });
    },

    async read(path) {
      const file = at(path);
      return guarded('read', file, () => ifThere(() => readFile(file), undefined));
    },

    async fetch(path, localPath) {
      const file = at(path);
      await guarded(`copy to ${localPath} from`, file, async () => {
        if (!(await isFile(file))) throw missing(file);
        await writeWhole(localPath, (partialPath) => copyBytes(file, partialPath));
      });
    },

    async list(folder) {
      const path = join(root, checkedFolder(folder));
      return guarded('list', path, async () => {
        const names = await ifThere(() => readdir(path), []);
        const entries: ArchiveEntry[] = [];
        for (let from = 0; from < names.length; from += ARCHIVE_STATS_AT_ONCE) {
          const some = names.slice(from, from + ARCHIVE_STATS_AT_ONCE);
          const found = await Promise.all(some.map((name) => entryOf(path, name)));
          entries.push(...found.filter((entry) => entry !== undefined));
        }
        return entries.sort(byName);
      });
    },

    async remove(path) {
      const file = at(path);
      await guarded('remove', file, () => ifThere(() => unlink(file), undefined));
    },

    close: async () => undefined,
  };
}

/**
 * A second name for the same file: a move that is cut off here leaves both, and is finished when it is repeated. That it
 * is the same file is seen by its inode.
 */
async function linkOnce(source: string, target: string): Promise<void> {
  try {
    await link(source, target);
  } catch (error) {
    const [from, to] = await Promise.all([source, target].map(statOf));
    const isMade = to?.isFile() && (from === undefined || from.ino === to.ino);
    if (isMade) return;
    if (from === undefined) throw missing(source);
    throw error;
  }
}

async function writeBytes(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile(bytes);
  } finally {
    await handle.close();
  }
}

async function entryOf(folder: string, name: string): Promise<ArchiveEntry | undefined> {
  const found = await statOf(join(folder, name));
  // It was removed meanwhile.
  if (found === undefined) return undefined;
  const isFolder = found.isDirectory();
  return { name, isFolder, bytes: isFolder ? 0 : found.size, modifiedMs: found.mtimeMs };
}

const statOf = (path: string) => unlessMissing(() => stat(path), undefined);

const isFile = async (path: string): Promise<boolean> => (await statOf(path))?.isFile() === true;

const missing = (path: string): AppError =>
  new AppError('archive_missing', `${path} is not in the archive`, { path });

async function unlessMissing<T, U>(call: () => Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await call();
  } catch (error) {
    if (isMissing(error)) return otherwise;
    throw error;
  }
}

/** Another call may have made it at the same time. */
async function unlessThere(call: () => Promise<void>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') throw error;
  }
}

const MISSING = Symbol('missing');
