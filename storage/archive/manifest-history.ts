/** The newest versions of a manifest, as people look through them. */
import { AppError } from '../../src/model/errors.ts';
import { MANIFEST_READS_AT_ONCE } from '../limits.ts';
import { atOnce } from './at-once.ts';
import type { Manifest, ManifestChange, ManifestOwner, ManifestVersion } from './manifest.ts';
import { totalOf } from './segment-list.ts';

export interface HistoryQuery {
  readonly first: number;
  /** Only versions before this one. */
  readonly before?: number | undefined;
}

export interface VersionSummary {
  readonly version: number;
  readonly change: ManifestChange;
  readonly epoch: number;
  /** Who wrote it. */
  readonly owner: ManifestOwner;
  readonly atMs: number;
  readonly filesAdded: number;
  readonly rowsAdded: number;
  readonly bytesAdded: number;
  readonly filesRemoved: number;
  /** Of those that earlier versions removed. */
  readonly filesDeleted: number;
}

export interface ManifestHistory {
  readonly version: number;
  readonly epoch: number;
  readonly owner: ManifestOwner | undefined;
  /** Newest first. Each follows from the one before it: versions never branch. */
  readonly versions: readonly VersionSummary[];
  /** There are older ones. Those that a checkpoint has summed up are removed after a day. */
  readonly hasMore: boolean;
}

/** `read` answers undefined for a version that has no file any more. */
export async function manifestHistory(
  read: (version: number) => Promise<ManifestVersion | undefined>,
  { version, epoch, owner }: Manifest,
  { first, before = version + 1 }: HistoryQuery,
): Promise<ManifestHistory> {
  if (before < 1) {
    throw new AppError('query_invalid', `"before" must be a version from 1 on, received ${before}`);
  }
  const newest = Math.min(before - 1, version);
  // One more than asked tells whether there is a next page.
  const wanted = Array.from({ length: first + 1 }, (_, i) => newest - i).filter((n) => n >= 1);
  const found = new Map<number, VersionSummary>();
  await atOnce(wanted, MANIFEST_READS_AT_ONCE, async (number) => {
    const one = await read(number);
    if (one !== undefined) found.set(number, summaryOf(one));
  });
  const versions: VersionSummary[] = [];
  for (const number of wanted) {
    const one = found.get(number);
    if (one === undefined) break;
    versions.push(one);
  }
  const hasMore = versions.length > first;
  return { version, epoch, owner, versions: versions.slice(0, first), hasMore };
}

function summaryOf(one: ManifestVersion): VersionSummary {
  const { version, change, epoch, owner, atMs, add, remove, deleted } = one;
  const { rows, bytes } = totalOf(add);
  return {
    version,
    change,
    epoch,
    owner,
    atMs,
    filesAdded: add.length,
    rowsAdded: rows,
    bytesAdded: bytes,
    filesRemoved: remove.length,
    filesDeleted: deleted.length,
  };
}
