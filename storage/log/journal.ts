/** Opens the embedded log: the journal of one directory, with its one writer and any number of readers. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, systemClock } from '../../src/model/clock.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { syncDirectory } from './journal-file.ts';
import { lockJournal } from './journal-lock.ts';
import { openJournalReader } from './journal-reader.ts';
import { type RecoveryReport, recoverJournal } from './journal-recovery.ts';
import { type JournalBounds, JournalWriter } from './journal-writer.ts';
import type { EventLog } from './log.ts';
import type { LogShared } from './log-shared.ts';

export interface JournalOptions extends Partial<JournalBounds> {
  /** The journal's own directory; created if missing. */
  readonly dir: string;
  readonly shared: LogShared;
  /** The greatest offset that any partition has committed: see `recoverJournal`. */
  readonly durableBefore?: Offset;
  readonly disk?: Disk;
  readonly clock?: Clock;
}

export interface Journal extends EventLog {
  readonly writer: JournalWriter;
  readonly recovery: RecoveryReport;
}

/**
 * Recovers the journal of `dir` and opens it for appending. Call once per process, in the thread that owns the writer;
 * other threads use `openJournalReader` and `connectLogWriter`. Rejects with `log_locked` while another process
 * has it open, `log_version`, `block_corrupt` (a file's header) and `log_io`.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { dir, shared, durableBefore = offset(0), disk = nodeDisk, clock = systemClock } = options;
  if ((await mkdir(dir, { recursive: true })) !== undefined)
    await syncDirectory(disk, dirname(dir));
  const lock = await lockJournal(dir);
  try {
    const recovered = await recoverJournal(disk, dir, durableBefore);
    const writer = await JournalWriter.start({ ...options, disk, clock, lock, recovered });
    return {
      writer,
      recovery: recovered.report,
      openReader: (from) => openJournalReader({ dir, shared, from, disk }),
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}
