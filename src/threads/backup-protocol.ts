/** What the main thread and the backup thread tell each other. */

import type { BackupRecord } from '../../storage/backup/backup-record.ts';
import type { BackupPhase } from '../../storage/backup/take.ts';
import type { LogSource } from '../../storage/log/source.ts';
import type { StateHandle } from '../../storage/state/rocksdb.ts';
import type { FromThread } from './asked-thread.ts';
import type { PartitionThreadOptions } from './protocol.ts';

/** `workerData` of src/threads/backup.ts. */
export interface BackupThreadData {
  readonly to: string;
  readonly dataDir: string;
  readonly source: LogSource;
  readonly partitions: number;
  readonly serverVersion: string;
  readonly archive: { readonly url: string; readonly dir: string | undefined } | undefined;
  /** A journal is deleted nowhere behind it while the thread is there. */
  readonly logStart: number;
  /** `LogShared.buffer` */
  readonly shared: SharedArrayBuffer;
  /** `Progress.buffer` */
  readonly progress: SharedArrayBuffer;
  /** `OpenState.handle`; the opener must outlive the thread. */
  readonly state: StateHandle;
  readonly logging: PartitionThreadOptions['logging'];
}

export type BackupQuestions = {
  /** Once a thread. Answered when the backup is whole. */
  readonly take: { readonly ask: undefined; readonly answer: Omit<BackupRecord, 'files'> };
};

export interface BackupProgress {
  readonly type: 'progress';
  readonly phase: BackupPhase;
  /** That are whole. */
  readonly files: number;
  /** That were read. */
  readonly bytes: number;
}

export type FromBackup = FromThread<BackupProgress>;
