/** The files of an import as they are now, and which of those in its state each of them is. */
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import type { FoundFile } from './import-paths.ts';
import type { ImportState, SourceProgress } from './import-state.ts';
import { headOf } from './text-lines.ts';

export interface SeenFile extends FoundFile {
  /** As it lies on disk, packed or not. */
  readonly bytes: number;
  readonly modifiedMs: number;
  readonly inode: number;
  /** Its first bytes, unpacked. */
  readonly head: Buffer;
}

export interface ImportFile extends SeenFile {
  readonly progress: SourceProgress;
}

/** A score of usual lines: enough for two logs to differ. */
const HEAD_BYTES = 4_096;
/** Two short files may well begin alike: with fewer bytes more than the beginning has to be the same. */
const TELLING_HEAD_BYTES_MIN = 256;

export async function seen(files: readonly FoundFile[]): Promise<SeenFile[]> {
  const all = [];
  for (const file of files) {
    const { size, mtimeMs, ino } = statSync(file.path);
    const head = await headAt(file.path);
    all.push({ ...file, bytes: size, modifiedMs: mtimeMs, inode: ino, head });
  }
  return all;
}

const headAt = (path: string): Promise<Buffer> => headOf(createReadStream(path), path, HEAD_BYTES);

/** A file has the progress of its path, if it still begins as it did; else of one that has gone and began so; else none. */
export async function known<File extends SeenFile>(
  files: readonly File[],
  state: ImportState,
): Promise<(File & ImportFile)[]> {
  const taken = new Set<SourceProgress>();
  const progressOf = new Map<string, SourceProgress>();
  const take = (path: string, progress: SourceProgress | undefined): void => {
    if (progress === undefined) return;
    taken.add(progress);
    progressOf.set(path, progress);
  };
  // The newest of a path: a file that was replaced has its own.
  for (const { path, head } of files) {
    take(
      path,
      state.sources.findLast((each) => each.path === path && beginsSo(head, each)),
    );
  }
  for (const file of files) {
    if (progressOf.has(file.path)) continue;
    const others = state.sources.filter((each) => !taken.has(each));
    take(file.path, await formerOf(file, others));
  }
  return files.map((file) => {
    const { path, head, inode } = file;
    const progress = progressOf.get(path) ?? state.add(path, fingerprint(head, head.length));
    // A file that has grown is known by more of it.
    Object.assign(progress, { path, inode, ...fingerprint(head, head.length) });
    return { ...file, progress };
  });
}

/** What the file was before it was renamed or packed: of that nothing is left where it was. */
async function formerOf(
  file: SeenFile,
  sources: readonly SourceProgress[],
): Promise<SourceProgress | undefined> {
  for (const source of sources) {
    const isTelling = source.headBytes >= TELLING_HEAD_BYTES_MIN || isMovedOrPacked(file, source);
    if (isTelling && beginsSo(file.head, source) && !(await isStillThere(source))) return source;
  }
  return undefined;
}

/** A file that is renamed keeps its inode, and one that is packed its time, to the second at least. */
const isMovedOrPacked = ({ inode, modifiedMs }: SeenFile, source: SourceProgress): boolean =>
  source.headBytes > 0 &&
  (source.inode === inode || secondOf(source.end?.modifiedMs) === secondOf(modifiedMs));

const secondOf = (ms: number | undefined): number | undefined => ms && Math.floor(ms / 1_000);

/** A file at its path begins as it did: what begins so elsewhere is another one, such as a table with the same long first row. */
async function isStillThere(source: SourceProgress): Promise<boolean> {
  const stats = statSync(source.path, { throwIfNoEntry: false });
  return stats?.isFile() === true && beginsSo(await headAt(source.path), source);
}

const beginsSo = (head: Buffer, { headBytes, headHash }: SourceProgress): boolean =>
  head.length >= headBytes && fingerprint(head, headBytes).headHash === headHash;

const fingerprint = (head: Buffer, headBytes: number) => ({
  headBytes,
  headHash: createHash('sha256')
    .update(head.subarray(0, headBytes))
    .digest('base64url')
    .slice(0, 22),
});
