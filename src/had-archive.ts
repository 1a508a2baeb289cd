/** Whether a data folder has ever been archived from: a server that keeps no archive now may have events in one. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from '../storage/archive/disk-files.ts';
import { MANIFEST_FOLDER } from '../storage/archive/manifest-paths.ts';
import { OWN_COMMITS_FILE } from '../storage/archive/own-commits.ts';
import { DEFAULT_ARCHIVE_FOLDER } from './archive-settings.ts';

/**
 * A version's name is on the disk before the version is made, so none is missed. Folders of releases that kept no names are known by an
 * archive in its default place.
 */
export async function hasHadArchive(dataDir: string): Promise<boolean> {
  const signs = [OWN_COMMITS_FILE, join(DEFAULT_ARCHIVE_FOLDER, MANIFEST_FOLDER)];
  for (const sign of signs) if (await isThere(join(dataDir, sign))) return true;
  return false;
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
