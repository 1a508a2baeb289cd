/** Whether this data folder is the one that was archived: two may have the same log up to some place, as a copy and its original do. */
import { AppError } from '../../src/model/errors.ts';
import type { Manifest } from '../../storage/archive/manifest.ts';
import type { ClaimGuard } from '../../storage/archive/manifest-store.ts';
import { OWN_COMMITS_FILE, type OwnCommits } from '../../storage/archive/own-commits.ts';

export interface ClaimGuardOptions {
  readonly commits: OwnCommits;
  /** Behind the newest block that survives a power cut. */
  readonly logEnd: () => number;
  /** The archive's. */
  readonly url: string;
}

export const claimGuard = ({ commits, logEnd, url }: ClaimGuardOptions): ClaimGuard => ({
  judge(manifest, newest) {
    refuseShorterLog(manifest, logEnd(), url);
    if (commits.isOwn(newest.commit)) return;
    const { host, pid } = newest.owner;
    throw new AppError(
      'archive_foreign',
      `version ${newest.version} of ${url} was made from another copy of this data folder, by process ${pid} on ${host}: ` +
        `this folder's ${OWN_COMMITS_FILE} does not know it. Go on with the folder that was archived last, or give this one an archive of its own`,
    );
  },
  remember: (commit) => commits.remember(commit),
});

/**
 * Only what is durable is ever archived. A log that ends before its archive does is an older copy of the one that was
 * archived: the same positions mean other events in it, which would be taken for archived.
 */
function refuseShorterLog({ positions }: Manifest, logEnd: number, url: string): void {
  const archivedTo = Math.max(0, ...positions.values());
  if (archivedTo <= logEnd) return;
  throw new AppError(
    'log_truncated',
    `${url} holds this log up to ${archivedTo}, and here it ends at ${logEnd}: this data folder is a copy from before that. ` +
      'Go on with the one that was archived last, or give this one an archive of its own',
  );
}
