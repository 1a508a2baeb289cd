/**
 * Which versions of the archive's manifest were made from this data folder: a small file in it. A copy of the folder has the same
 * journal, and by that the same name as an owner; what the other one has archived since is not in its file.
 *
 * A version is remembered before it is made. So whatever moment a crash takes, a server knows its own again. Once it is made, it is
 * remembered as the newest that is surely there: an archive without it is not the one that it was.
 */
import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Stretch } from '../../src/model/erasure.ts';
import { AppError } from '../../src/model/errors.ts';
import { OWN_COMMITS_MAX } from '../limits.ts';
import { isMissing, sync } from './disk-files.ts';

/** In the data folder. */
export const OWN_COMMITS_FILE = 'archive-commits.json';

/** A version that is in an archive. */
export interface MadeVersion {
  readonly url: string;
  readonly version: number;
  readonly commit: string;
}

export interface OwnCommits {
  /** The newest that was surely made, and where; undefined while nothing is known. */
  readonly made: MadeVersion | undefined;
  /** Also true while nothing is known: the folder is new, or of a release that did not keep this. */
  isOwn(commit: string): boolean;
  /** Resolves when it survives a power cut. Only one call of these two at a time. */
  remember(commit: string): Promise<void>;
  /** As `remember`, of one that has been made since. */
  confirm(made: MadeVersion): Promise<void>;
  /**
   * Positions that this folder's log does not have, because its archive was taken over: what the archive holds of them was applied by the
   * server before, and is in no ledger of this one.
   */
  readonly leftOut: readonly Stretch[];
  /** As `remember`. */
  leaveOut(stretch: Stretch): Promise<void>;
}

const FORMAT = 1;

/** Rejects with `state_corrupt` if there is a file that says something else. */
export async function openOwnCommits(path: string): Promise<OwnCommits> {
  let known = await read(path);
  async function keep(next: Known): Promise<void> {
    await write(path, JSON.stringify({ format: FORMAT, ...next }));
    known = next;
  }
  return {
    get made() {
      return known.made;
    },
    get leftOut() {
      return known.leftOut ?? [];
    },
    isOwn: (commit) => known.commits.length === 0 || known.commits.includes(commit),
    // Several, because one that was asked for before a crash may be made by the archive after it.
    async remember(commit) {
      // In a cluster one commit may be tried as several versions.
      if (known.commits.at(-1) === commit) return;
      await keep({ ...known, commits: [...known.commits, commit].slice(-OWN_COMMITS_MAX) });
    },
    confirm: (made) => keep({ ...known, made }),
    leaveOut: (stretch) => keep({ ...known, leftOut: [...(known.leftOut ?? []), stretch] }),
  };
}

interface Known {
  readonly commits: readonly string[];
  readonly made: MadeVersion | undefined;
  /** Written only where there is one. */
  readonly leftOut: readonly Stretch[] | undefined;
}

async function read(path: string): Promise<Known> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return { commits: [], made: undefined, leftOut: undefined };
    throw error;
  }
  const known = knownIn(text);
  if (known !== undefined) return known;
  throw new AppError(
    'state_corrupt',
    `${path} does not name the versions of the archive that this data folder has made. If no other folder was copied from this one, remove it: it is made anew`,
    { path },
  );
}

function knownIn(text: string): Known | undefined {
  try {
    const { format, commits, made, leftOut }: Partial<Record<string, unknown>> = JSON.parse(text);
    const isList = Array.isArray(commits) && commits.every((commit) => typeof commit === 'string');
    // A release that kept the commits alone wrote no `made`.
    if (format !== FORMAT || !isList || !(made === undefined || isMade(made))) return undefined;
    if (!(leftOut === undefined || isStretches(leftOut))) return undefined;
    return { commits, made, leftOut };
  } catch {
    return undefined;
  }
}

const isStretches = (value: unknown): value is readonly Stretch[] =>
  Array.isArray(value) && value.every(isStretch);

const isStretch = (value: unknown): value is Stretch =>
  Array.isArray(value) && value.length === 2 && value.every((at) => Number.isSafeInteger(at));

const isMade = (value: unknown): value is MadeVersion =>
  typeof value === 'object' &&
  value !== null &&
  'url' in value &&
  typeof value.url === 'string' &&
  'version' in value &&
  Number.isSafeInteger(value.version) &&
  'commit' in value &&
  typeof value.commit === 'string';

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
