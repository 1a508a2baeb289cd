/** What the main thread and the checkpoint thread tell each other. */

import type { ArchiveSettings } from '../../storage/archive/open.ts';
import type { CheckpointPart, Turn } from '../../storage/checkpoint/checkpoint-set.ts';
import type { StateHandle } from '../../storage/state/rocksdb.ts';
import type { PartitionThreadOptions } from './protocol.ts';

/** `workerData` of src/threads/checkpoint.ts. */
export interface CheckpointThreadData {
  readonly archive: ArchiveSettings;
  readonly logId: string;
  readonly offsetBase: number;
  readonly turn: Turn;
  readonly known: readonly CheckpointPart[];
  readonly isTouched: boolean;
  readonly isAlone: boolean;
  readonly chainLife: number | undefined;
  readonly serverVersion: string;
  readonly partitions: number;
  readonly setsKept: number;
  readonly workDir: string;
  /** `Progress.buffer` */
  readonly progress: SharedArrayBuffer;
  /** `OpenState.handle`; the opener must outlive the thread. */
  readonly state: StateHandle;
  readonly logging: PartitionThreadOptions['logging'];
}

/** A round that has come to its end. */
export interface TakenCheckpoint {
  readonly takenMs: number;
  readonly parts: readonly CheckpointPart[];
  /** When the oldest part was taken that a kept set names. */
  readonly oldestKeptMs: number;
}

export type CheckpointQuestions = {
  /** Once a thread. */
  readonly take: { readonly ask: undefined; readonly answer: TakenCheckpoint };
};
