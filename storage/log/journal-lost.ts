/**
 * A journal that is gone as a whole. The newest file of one is never deleted, so without any file somebody has removed them. A new
 * journal would begin behind what is applied, and the ids of all events before it would be forgotten: what is sent again would
 * count twice, and nothing would show it.
 */
import { join } from 'node:path';
import { AppError } from '../../src/model/errors.ts';
import { hasJournal } from './log-origin.ts';

/**
 * To be asked before `openJournal`, which makes what is not there. Rejects with `log_truncated` if the data folder has no file of a
 * journal of which something is applied. `appliedTo`: the greatest offset up to which a partition has applied it.
 */
export async function refuseLostJournal(dataDir: string, appliedTo: number): Promise<void> {
  if (appliedTo === 0 || (await hasJournal(dataDir))) return;
  const path = join(dataDir, 'journal');
  throw new AppError(
    'log_truncated',
    `expected the files of the journal in "${path}", there is none, and the state beside it has applied the journal up to ${appliedTo}: bring back the folder; if it is lost, "A journal that is gone" in docs/backup.md says how to go on`,
    { path },
  );
}
