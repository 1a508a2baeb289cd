/**
 * Which versions of the archive's manifest were made from this data folder: a small file in it. A copy of the folder has the same
 * journal, and by that the same name as an owner; what the other one has archived since is not in its file.
 *
 * A version is remembered before it is made. So whatever moment a crash takes, a server knows its own again.
 */
import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '../../src/model/errors.ts';
import { OWN_COMMITS_MAX } from '../limits.ts';
import { isMissing, sync } from './disk-files.ts';

/** In the data folder. */
export const OWN_COMMITS_FILE = 'archive-commits.json';

export interface OwnCommits {
  /** Also true while nothing is known: the folder is new, or of a release that did not keep this. */
  isOwn(commit: string): boolean;
  /** Resolves when it survives a power cut. Only one call at a time. */
  remember(commit: string): Promise<void>;
}

const FORMAT = 1;

/** Rejects with `state_corrupt` if there is a file that says something else. */
export async function openOwnCommits(path: string): Promise<OwnCommits> {
  let commits = await read(path);
  return {
    isOwn: (commit) => commits.length === 0 || commits.includes(commit),
    async remember(commit) {
      // Several, because one that was asked for before a crash may be made by the archive after it.
      const next = [...commits, commit].slice(-OWN_COMMITS_MAX);
      await write(path, JSON.stringify({ format: FORMAT, commits: next }));
      commits = next;
    },
  };
}

async function read(path: string): Promise<readonly string[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  const commits = commitsIn(text);
  if (commits !== undefined) return commits;
  throw new AppError(
    'state_corrupt',
    `${path} does not name the versions of the archive that this data folder has made. If no other folder was copied from this one, remove it: it is made anew`,
    { path },
  );
}

function commitsIn(text: string): readonly string[] | undefined {
  try {
    const { format, commits }: { format?: unknown; commits?: unknown } = JSON.parse(text);
    const isList = Array.isArray(commits) && commits.every((commit) => typeof commit === 'string');
    return format === FORMAT && isList ? commits : undefined;
  } catch {
    return undefined;
  }
}

async function write(path: string, text: string): Promise<void> {
  const next = `${path}.tmp`;
  const handle = await open(next, 'w', 0o640);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(next, path);
  await sync(dirname(path));
}
