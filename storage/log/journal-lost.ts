/**
 * A journal that is gone as a whole. The newest file of one is never deleted, so without any file somebody has removed them. A new
 * journal would begin behind what is applied, and the ids of all events before it would be forgotten: what is sent again would
 * count twice, and nothing would show it.
 */
import { AppError } from '../../src/model/errors.ts';
import { isMissing } from '../archive/disk-files.ts';
import { listJournal } from './journal-file.ts';

/**
 * To be asked before `openJournal`, which makes what is not there. Rejects with `log_truncated` if `dir` has no file of a journal of
 * which something is applied. `appliedTo`: the greatest offset up to which a partition has applied it.
 */
export async function refuseLostJournal(dir: string, appliedTo: number): Promise<void> {
  if (appliedTo === 0 || (await hasFiles(dir))) return;
  throw new AppError(
    'log_truncated',
    `expected the files of the journal in "${dir}", there is none, and the state beside it has applied the journal up to ${appliedTo}: bring back the folder; if it is lost, "A journal that is gone" in docs/backup.md says how to go on`,
    { path: dir },
  );
}

async function hasFiles(dir: string): Promise<boolean> {
  try {
    return (await listJournal(dir)).length > 0;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
