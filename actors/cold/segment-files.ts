/**
 * Segments as files of this disk. Those of an archive in a directory are read where they are; of any other archive they are
 * fetched, and kept as long as there is room: a segment never changes.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../src/model/errors.ts';
import type { Archive } from '../../storage/archive/archive.ts';
import type { SegmentFile } from '../../storage/archive/manifest.ts';

export interface SegmentLease {
  /** By path in the archive. */
  readonly paths: ReadonlyMap<string, string>;
  release(): void;
}

export interface SegmentFiles {
  /** Rejects with `query_overload` if they do not fit, or as the archive does. */
  lease(files: readonly SegmentFile[]): Promise<SegmentLease>;
  /** Bytes that were fetched since the start, and those of them that are kept. */
  held(): { readonly fetchedBytes: number; readonly cachedBytes: number };
}

export const localSegments = (root: string): SegmentFiles => ({
  lease: async (files) => ({
    paths: new Map(files.map(({ path }) => [path, join(root, path)])),
    release: () => {},
  }),
  held: () => ({ fetchedBytes: 0, cachedBytes: 0 }),
});

interface Cached {
  readonly localPath: string;
  readonly bytes: number;
  readonly fetched: Promise<void>;
  readers: number;
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
    for (const [path, { localPath, readers, bytes: freed }] of cached) {
      if (bytes + wanted <= bytesMax) return;
      if (readers > 0) continue;
      cached.delete(path);
      bytes -= freed;
      void rm(localPath, { force: true });
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
      fetched: archive.fetch(file.path, localPath),
    };
    if (found === undefined) {
      bytes += file.bytes;
      entry.fetched.then(
        () => {
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

  return {
    held: () => ({ fetchedBytes, cachedBytes: bytes }),
    async lease(files) {
      const used: Cached[] = [];
      const release = () => {
        for (const entry of used.splice(0)) entry.readers -= 1;
      };
      try {
        const paths = new Map<string, string>();
        for (const file of files) {
          const entry = use(file);
          used.push(entry);
          paths.set(file.path, entry.localPath);
        }
        await Promise.all(used.map(({ fetched }) => fetched));
        return { paths, release };
      } catch (error) {
        release();
        throw error;
      }
    },
  };
}
