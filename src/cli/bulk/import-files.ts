/** The files of an import, and which of those in its state each of them is. */
import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { AppError } from '../../model/errors.ts';
import type { ImportState, SourceProgress } from './import-state.ts';
import { headOf } from './text-lines.ts';

export interface ImportFile {
  readonly path: string;
  /** As it lies on disk, packed or not. */
  readonly bytes: number;
  readonly modifiedMs: number;
  /** Its first bytes, unpacked. */
  readonly head: Buffer;
  readonly progress: SourceProgress;
}

/** A score of usual lines: enough for two logs to differ. */
const HEAD_BYTES = 4_096;
/** With fewer a file is known by its path alone: two short ones may well begin alike. */
const RENAMED_HEAD_BYTES_MIN = 256;

/** Folders as all files in them, in the order of their names, but for states of imports; each file once. */
export function filesAt(paths: readonly string[], statePath: string): string[] {
  const found = new Set<string>();
  const state = join(realpathSync(dirname(statePath)), basename(statePath));
  for (const path of paths) {
    try {
      const real = realpathSync(path);
      const files = statSync(real).isDirectory() ? filesIn(real, state) : [real];
      for (const file of files) found.add(file);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new AppError('config_invalid', `expected files and folders: ${reason}`, {}, cause);
    }
  }
  return [...found];
}

/** A file has the progress of its path, if it still begins as it did; else of one that has gone and began so; else none. */
export async function known(paths: readonly string[], state: ImportState): Promise<ImportFile[]> {
  const files = [];
  for (const path of paths) {
    const { size, mtimeMs } = statSync(path);
    const head = await headOf(createReadStream(path), path, HEAD_BYTES);
    files.push({ path, bytes: size, modifiedMs: mtimeMs, head });
  }
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
  for (const { path, head } of files) {
    if (progressOf.has(path)) continue;
    const isRenamed = (each: SourceProgress) =>
      !taken.has(each) && each.headBytes >= RENAMED_HEAD_BYTES_MIN && beginsSo(head, each);
    take(path, state.sources.find(isRenamed));
  }
  return files.map((file) => {
    const { path, head } = file;
    const progress = progressOf.get(path) ?? state.add(path, fingerprint(head, head.length));
    // A file that has grown is known by more of it.
    Object.assign(progress, { path, ...fingerprint(head, head.length) });
    return { ...file, progress };
  });
}

/** That of this import, what a killed one has left of its own, and those of other streams where they are by default. */
const isOfState = (file: string, state: string): boolean =>
  file === state ||
  (file.startsWith(`${state}.`) && file.endsWith('.new')) ||
  /^streamgauge-import-.+\.json(\.\d+\.new)?$/.test(basename(file));

const filesIn = (folder: string, state: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !isOfState(file, state))
    .sort();

const beginsSo = (head: Buffer, { headBytes, headHash }: SourceProgress): boolean =>
  head.length >= headBytes && fingerprint(head, headBytes).headHash === headHash;

const fingerprint = (head: Buffer, headBytes: number) => ({
  headBytes,
  headHash: createHash('sha256')
    .update(head.subarray(0, headBytes))
    .digest('base64url')
    .slice(0, 22),
});
