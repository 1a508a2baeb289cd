/** Whether this data folder is the one that was archived: two may have the same log up to some place, as a copy and its original do. */
import { AppError } from '../../src/model/errors.ts';
import type { Manifest } from '../../storage/archive/manifest.ts';
import type { ClaimGuard } from '../../storage/archive/manifest-store.ts';
import {
  type MadeVersion,
  OWN_COMMITS_FILE,
  type OwnCommits,
} from '../../storage/archive/own-commits.ts';

export interface ClaimGuardOptions {
  readonly commits: OwnCommits;
  /** Of a partition: behind its newest block that survives a power cut. */
  readonly logEnd: (partition: number) => number;
  /** The archive's. */
  readonly url: string;
  /**
   * A position of the log names the same events for everybody, as in a topic: whoever has the log goes on where the archive ends, on
   * whatever machine. Journals of a folder and its copy have one name, and part.
   */
  readonly isOneLine?: boolean;
}

export const claimGuard = ({
  commits,
  logEnd,
  url,
  isOneLine = false,
}: ClaimGuardOptions): ClaimGuard => ({
  judge(manifest, newest) {
    refuseOlderArchive(commits.made, manifest, url);
    if (newest === undefined) return;
    refuseShorterLog(manifest, logEnd, url);
    if (isOneLine || commits.isOwn(newest.commit)) return;
    const { host, pid } = newest.owner;
    throw new AppError(
      'archive_foreign',
      `version ${newest.version} of ${url} was made from another copy of this data folder, by process ${pid} on ${host}: ` +
        `this folder's ${OWN_COMMITS_FILE} does not know it. Go on with the folder that was archived last, or give this one an archive of its own`,
    );
  },
  remember: (commit) => commits.remember(commit),
  made: ({ version, commit }) => commits.confirm({ url, version, commit }),
});

/** Whether the archive of this place is one that the data folder has written to. Another place is another archive. */
export const isKnown = ({ made }: OwnCommits, url: string): boolean => made?.url === url;

/**
 * An archive that lacks what was archived is not there (its folder was moved away, or is not mounted) or was replaced by an older
 * copy. Whoever went on in it would count what the log holds alone, and take for erased what is elsewhere.
 */
function refuseOlderArchive(
  made: MadeVersion | undefined,
  { version }: Manifest,
  url: string,
): void {
  if (made === undefined || made.url !== url || version >= made.version) return;
  const found = version === 0 ? 'it is empty or not there' : `it ends with version ${version}`;
  throw new AppError(
    'archive_unavailable',
    `${url} should hold version ${made.version}, which this data folder has archived, and ${found}: mount it, or bring it back. ` +
      `If it is lost and a new one is to be begun, remove ${OWN_COMMITS_FILE} from the data folder and restart the server`,
  );
}

/**
 * Only what is durable is ever archived. A log that ends before its archive does is an older copy of the one that was
 * archived: the same positions mean other events in it, which would be taken for archived.
 */
function refuseShorterLog(
  { positions }: Manifest,
  logEnd: ClaimGuardOptions['logEnd'],
  url: string,
): void {
  for (const [partition, archivedTo] of positions) {
    const end = logEnd(partition);
    if (archivedTo <= end) continue;
    throw new AppError(
      'log_truncated',
      `${url} holds partition ${partition} of this log up to ${archivedTo}, and here it ends at ${end}: this data folder is a copy from before that, or a topic has lost its end. ` +
        'Go on with the one that was archived last, or give this one an archive of its own',
      { partition },
    );
  }
}
