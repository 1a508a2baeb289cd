/**
 * Copies a local archive as of one version of its manifest: the files that this version names, and the part of the manifest that
 * leads to it. What lies beside them in the folders is not looked at.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import { isMissing } from '../archive/disk-files.ts';
import { openLocalArchive } from '../archive/local.ts';
import type { Manifest, SegmentFile } from '../archive/manifest.ts';
import { MANIFEST_FOLDER, parseManifestName, stagedPath } from '../archive/manifest-paths.ts';
import { ManifestReader } from '../archive/manifest-reader.ts';
import { checkedPath } from '../archive/paths.ts';
import { BACKUP_ARCHIVE_TRIES_MAX } from '../limits.ts';
import { ARCHIVE_FOLDER, type BackupFile } from './backup-record.ts';
import { copyDigested, type Digest, linkDigested, type Pace } from './digest.ts';

export interface ArchiveCopy {
  readonly archiveDir: string;
  /** The backup's folder. */
  readonly to: string;
  /** Of the log: an archive of another one is refused. */
  readonly journalId: string;
  readonly pace: Pace;
  readonly log: Logger;
  readonly done: (file: BackupFile) => void;
}

/**
 * Answers the manifest as of which it is copied. Files that compaction or retention removes, and deletes while they are waited
 * for, are not needed by the then newest version: that one is copied instead.
 */
export async function copyArchive(copy: ArchiveCopy): Promise<Manifest> {
  const copied = new Map<string, Digest>();
  for (let attempt = 1; ; attempt++) {
    const reader = new ManifestReader(openLocalArchive(copy.archiveDir), copy.log);
    const manifest = await reader.load();
    refuseForeign(copy, manifest);
    for (const path of copied.keys()) {
      if (manifest.files.has(path)) continue;
      await rm(join(copy.to, ARCHIVE_FOLDER, path));
      copied.delete(path);
    }
    const missing = await copySegments(copy, reader, copied);
    if (missing === undefined) {
      const digests = [...copied, ...(await copyManifest(copy, manifest))];
      await checkCopy(copy, manifest);
      for (const [path, digest] of digests)
        copy.done({ path: `${ARCHIVE_FOLDER}/${path}`, ...digest });
      return manifest;
    }
    if (attempt === BACKUP_ARCHIVE_TRIES_MAX) {
      throw new AppError(
        'archive_missing',
        `${missing} of version ${manifest.version} is not in ${copy.archiveDir}; "streamgauge segments verify" shows what else is missing`,
        { path: missing },
      );
    }
  }
}

/** Adds to `copied`. Answers the path of a file that is not there any more; undefined if all were. */
async function copySegments(
  { archiveDir, to, pace }: ArchiveCopy,
  { manifest, newest }: ManifestReader,
  copied: Map<string, Digest>,
): Promise<string | undefined> {
  const staged = new Map(newest?.add.map(({ path }, i) => [path, stagedPath(newest, i)]));
  for (const path of manifest.files.keys()) {
    if (copied.has(path)) continue;
    const target = join(to, ARCHIVE_FOLDER, checkedPath(path));
    // Those of the newest version may be on their way: first at the one place, then at both, then at the other.
    const places = [path, staged.get(path), path].filter((place) => place !== undefined);
    const digest = await firstOf(places, (place) =>
      linkDigested(join(archiveDir, place), target, pace),
    );
    if (digest === undefined) return path;
    copied.set(path, digest);
  }
  return undefined;
}

async function firstOf(
  places: readonly string[],
  copy: (place: string) => Promise<Digest>,
): Promise<Digest | undefined> {
  for (const place of places) {
    try {
      return await copy(place);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return undefined;
}

/** Everything of the manifest up to the version. Old parts may be removed meanwhile: they are not needed. */
async function copyManifest(
  { archiveDir, to, pace }: ArchiveCopy,
  { version }: Manifest,
): Promise<Map<string, Digest>> {
  const folder = join(to, ARCHIVE_FOLDER, MANIFEST_FOLDER);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const digests = new Map<string, Digest>();
  if (version === 0) return digests;
  for (const name of await readdir(join(archiveDir, MANIFEST_FOLDER))) {
    const parsed = parseManifestName(name);
    if (parsed === undefined || parsed.version > version) continue;
    const path = `${MANIFEST_FOLDER}/${name}`;
    const digest = await firstOf([path], (place) =>
      copyDigested(join(archiveDir, place), join(folder, name), pace),
    );
    if (digest !== undefined) digests.set(path, digest);
  }
  return digests;
}

/** Reads the copy as a server would that is started on it. */
async function checkCopy({ to, log }: ArchiveCopy, { version, files }: Manifest): Promise<void> {
  const reader = new ManifestReader(openLocalArchive(join(to, ARCHIVE_FOLDER)), log);
  const copy = await reader.load();
  const lacking = [...files.values()].find(({ path }: SegmentFile) => !copy.files.has(path));
  if (copy.version === version && lacking === undefined) return;
  throw new AppError(
    'backup_corrupt',
    `the copy of the manifest ends with version ${copy.version}, expected ${version}`,
    { path: to },
  );
}

function refuseForeign({ archiveDir, journalId }: ArchiveCopy, { owner }: Manifest): void {
  if (owner === undefined || owner.journal === journalId) return;
  throw new AppError(
    'archive_foreign',
    `${archiveDir} belongs to the log ${owner.journal} of ${owner.host}, and this server's log is ${journalId}: a backup would hold what does not belong together`,
    { path: archiveDir },
  );
}
