/**
 * Segments as files of this disk. Those of an archive in a directory are read where they are; of any other archive they are
 * fetched, and kept as long as there is room: a segment never changes.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../src/model/errors.ts';
import type { Archive } from '../../storage/archive/archive.ts';
import { requireLocalArchive } from '../../storage/archive/local.ts';
import type { SegmentFile } from '../../storage/archive/manifest.ts';

export interface SegmentLease {
  /** By path in the archive. */
  readonly paths: ReadonlyMap<string, string>;
  release(): void;
}

export interface SegmentFiles {
  /** Rejects with `query_overload` if they do not fit, or as the archive does. */
  lease(files: readonly SegmentFile[]): Promise<SegmentLease>;
  /** Where it can be read now and in this turn of the thread's loop; undefined: it has to be fetched. */
  localPath(file: SegmentFile): string | undefined;
  /** Bytes that were fetched since the start, and those of them that are kept. */
  held(): { readonly fetchedBytes: number; readonly cachedBytes: number };
  /** Keeps nothing that was fetched: events were erased. What is being read goes with its last reader. */
  forget(): void;
}

export const localSegments = (root: string): SegmentFiles => ({
  async lease(files) {
    // DuckDB would say of some file that it cannot be read.
    if (files.length > 0) await requireLocalArchive(root);
    return {
      paths: new Map(files.map(({ path }) => [path, join(root, path)])),
      release: () => {},
    };
  },
  localPath: ({ path }) => join(root, path),
  held: () => ({ fetchedBytes: 0, cachedBytes: 0 }),
  forget: () => {},
});

interface Cached {
  readonly localPath: string;
  readonly bytes: number;
  readonly fetched: Promise<void>;
  readers: number;
  isFetched: boolean;
  isForgotten: boolean;
}

/** Empties `folder`: names in it mean nothing to another process. */
export async function fetchedSegments(
  archive: Archive,
  folder: string,
  bytesMax: number,
): Promise<SegmentFiles> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  /** By path in the archive; the least recently used come first. */
  const cached = new Map<string, Cached>();
  let bytes = 0;
  let fetchedBytes = 0;
  let named = 0;

  function makeRoom(wanted: number): void {
    for (const [path, entry] of cached) {
      if (bytes + wanted <= bytesMax) return;
      if (entry.readers > 0) continue;
      cached.delete(path);
      bytes -= entry.bytes;
      removeUnread(entry);
    }
    if (bytes + wanted <= bytesMax) return;
    throw new AppError(
      'query_overload',
      `the files to read do not fit into ${bytesMax} bytes: ask for less time, or raise "cold.cacheBytesMax"`,
    );
  }

  function use(file: SegmentFile): Cached {
    const found = cached.get(file.path);
    cached.delete(file.path);
    if (found === undefined) makeRoom(file.bytes);
    const localPath = found?.localPath ?? join(folder, `${named++}.parquet`);
    const entry = found ?? {
      localPath,
      bytes: file.bytes,
      readers: 0,
      isFetched: false,
      isForgotten: false,
      fetched: archive.fetch(file.path, localPath),
    };
    if (found === undefined) {
      bytes += file.bytes;
      entry.fetched.then(
        () => {
          entry.isFetched = true;
          fetchedBytes += file.bytes;
        },
        () => {
          if (cached.get(file.path) !== entry) return;
          cached.delete(file.path);
          bytes -= file.bytes;
        },
      );
    }
    cached.set(file.path, entry);
    entry.readers += 1;
    return entry;
  }

  function release(entry: Cached): void {
    entry.readers -= 1;
    if (entry.isForgotten) removeUnread(entry);
  }

  function removeUnread({ localPath, readers, fetched }: Cached): void {
    const remove = () => rm(localPath, { force: true });
    // Who gave up because of another file has left this one on its way.
    if (readers === 0) void fetched.then(remove, remove);
  }

  return {
    localPath({ path }) {
      const entry = cached.get(path);
      return entry?.isFetched === true ? entry.localPath : undefined;
    },
    held: () => ({ fetchedBytes, cachedBytes: bytes }),
    forget() {
      for (const entry of cached.values()) {
        entry.isForgotten = true;
        bytes -= entry.bytes;
        removeUnread(entry);
      }
      cached.clear();
    },
    async lease(files) {
      const used: Cached[] = [];
      const releaseAll = () => {
        for (const entry of used.splice(0)) release(entry);
      };
      try {
        const paths = new Map<string, string>();
        for (const file of files) {
          const entry = use(file);
          used.push(entry);
          paths.set(file.path, entry.localPath);
        }
        await Promise.all(used.map(({ fetched }) => fetched));
        return { paths, release: releaseAll };
      } catch (error) {
        releaseAll();
        throw error;
      }
    },
  };
}
