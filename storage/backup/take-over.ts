/**
 * How a restored data folder goes on with an archive that was not in its backup, and that has gone on without it: the original is
 * lost. The log of the new folder leaves out all positions that are archived, so that no position ever means two events; and the
 * folder knows the archive's newest version as its own.
 */
import { AppError } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import type { Archive } from '../archive/archive.ts';
import { ManifestReader } from '../archive/manifest-reader.ts';
import { openOwnCommits } from '../archive/own-commits.ts';
import { nodeDisk } from '../log/disk.ts';
import { createJournalFile } from '../log/journal-file.ts';
import type { BackupRecord } from './backup-record.ts';

export interface TakeOver {
  readonly url: string;
  /** Newest version of the manifest. */
  readonly version: number;
  readonly commit: string;
  /** Where the log goes on: not before the backup's position, nor before anything that is archived. */
  readonly goesOnAt: Offset;
}

/** Writes nothing. Rejects with `backup_invalid` if there is nothing to take over, and with `archive_foreign`. */
export async function planTakeOver(
  archive: Archive,
  { archive: recorded, journal, position, topic }: BackupRecord,
  log: Logger,
): Promise<TakeOver> {
  const { url } = archive;
  const refuse = (what: string) =>
    new AppError('backup_invalid', `${what}: restore without --take-over`);
  if (topic !== undefined)
    throw refuse(`the log of this backup is the topic ${topic.name}, which goes on`);
  if (recorded === undefined) throw refuse('the server of this backup kept no archive');
  if (recorded.folder !== undefined) throw refuse('the archive is in the backup');
  const reader = new ManifestReader(archive, log);
  const { owner, version, positions } = await reader.load();
  if (owner === undefined || reader.newest === undefined) throw refuse(`${url} is empty`);
  if (owner.journal !== journal) {
    throw new AppError(
      'archive_foreign',
      `${url} belongs to the log ${owner.journal} of ${owner.host}, and the backup is of the log ${journal}: it is not the archive of this backup`,
    );
  }
  const archivedTo = Math.max(0, ...positions.values());
  const goesOnAt = offset(Math.max(position, archivedTo));
  return { url, version, commit: reader.newest.commit, goesOnAt };
}

/** In a data folder that is being restored, when its journal is there up to `position`. */
export async function goOnBehind(
  { url, version, commit, goesOnAt }: TakeOver,
  { journal, position }: BackupRecord,
  paths: { readonly journalDir: string; readonly ownCommitsFile: string },
  nowMs: number,
): Promise<void> {
  if (goesOnAt > position) {
    const journalId = Buffer.from(journal, 'hex');
    const header = { base: goesOnAt, createdMs: nowMs, journalId, gapFrom: offset(position) };
    const { fd } = await createJournalFile(nodeDisk, paths.journalDir, header);
    await nodeDisk.close(fd);
  }
  const commits = await openOwnCommits(paths.ownCommitsFile);
  await commits.remember(commit);
  await commits.confirm({ url, version, commit });
  if (goesOnAt > position) await commits.leaveOut([position, goesOnAt]);
}
