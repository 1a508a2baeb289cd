/** Copies the journal while it is written to: whole files, and of the last one what is durable. */
import { join, relative } from 'node:path';
import { AppError } from '../../src/model/errors.ts';
import type { Offset } from '../../src/model/units.ts';
import { filePosition, journalPath, listJournal } from '../log/journal-file.ts';
import { type BackupFile, JOURNAL_FOLDER } from './backup-record.ts';
import { copyDigested, type Digest, linkDigested, type Pace } from './digest.ts';

export interface JournalCopy {
  readonly journalDir: string;
  /** The backup's folder. */
  readonly to: string;
  /** Nobody deletes files from the one of this offset on meanwhile. */
  readonly start: Offset;
  /** A block boundary; everything before it is durable. */
  readonly end: Offset;
  readonly pace: Pace;
  readonly done: (file: BackupFile) => void;
}

/** Rejects with `log_truncated` if the log does not reach to the end, or no longer back to the start. */
export async function copyJournal(copy: JournalCopy): Promise<void> {
  const { journalDir, to, start, end, pace, done } = copy;
  const bases = await listJournal(journalDir);
  const first = bases.findLast((base) => base <= start);
  if (first === undefined) throw truncated(copy, `begins at ${bases[0] ?? 'no file'}`);
  const wanted = bases.filter((base) => base >= first && base <= end);
  for (const base of wanted) {
    const from = journalPath(journalDir, base);
    const target = journalPath(join(to, JOURNAL_FOLDER), base);
    const isWrittenTo = base === bases.at(-1);
    const isLast = base === wanted.at(-1);
    // A file that has a successor is never written to again; when something is erased from it, another takes its name.
    let digest: Digest;
    if (!isLast) digest = await linkDigested(from, target, pace);
    else {
      const bytes = filePosition(base, end);
      digest = await copyDigested(from, target, pace, bytes);
      if (digest.bytes < bytes && isWrittenTo) throw truncated(copy, `ends before ${end}`);
    }
    done({ path: relative(to, target), ...digest });
  }
}

const truncated = ({ journalDir, start, end }: JournalCopy, what: string): AppError =>
  new AppError('log_truncated', `expected the log from ${start} to ${end}, it ${what}`, {
    path: journalDir,
  });
