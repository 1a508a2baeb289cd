/** What the main thread and a replay thread tell each other. */

import type { HeldPartition, ReplayRecord } from '../../actors/replay/protocol.ts';
import type { ArchiveSettings } from '../../storage/archive/open.ts';
import type { LogSource } from '../../storage/log/source.ts';
import type { StateHandle } from '../../storage/state/rocksdb.ts';
import type { FromThread, ToThread } from './asked-thread.ts';
import type { Answer, PlainFault, Question } from './asker.ts';
import type { PartitionThreadOptions } from './protocol.ts';

/** `workerData` of src/threads/replay.ts. */
export interface ReplayThreadData {
  /** `applying`: it ends with the swap; else with the comparison. */
  readonly record: ReplayRecord;
  /** The shadow is kept here from life to life. */
  readonly folder: string;
  readonly partitions: number;
  readonly archive: ArchiveSettings;
  readonly memoryBytesMax: number;
  /** Segments of a remote archive that are kept here. */
  readonly cacheBytesMax: number;
  readonly source: LogSource;
  /** `LogShared.buffer` */
  readonly shared: SharedArrayBuffer;
  /** `Progress.buffer` */
  readonly progress: SharedArrayBuffer;
  /** `OpenState.handle`; the opener must outlive the thread. */
  readonly state: StateHandle;
  readonly logging: PartitionThreadOptions['logging'];
}

/** What the replay thread asks. */
export type SwapQuestions = {
  /** All partitions stand still. */
  readonly hold: { readonly ask: undefined; readonly answer: readonly HeldPartition[] };
  /** False: they do not any more. Else they do until `release`. */
  readonly beginSwap: { readonly ask: undefined; readonly answer: boolean };
  readonly release: { readonly ask: undefined; readonly answer: undefined };
};

/** It is asked nothing. */
export type ReplayQuestions = Record<string, never>;

export type ToldToReplay = Answer;

/** What has changed of its record. */
export type ReplayNews = Partial<
  Pick<
    ReplayRecord,
    | 'rows'
    | 'rowsTotal'
    | 'firstEventMs'
    | 'workedMs'
    | 'rowsPerSecond'
    | 'differences'
    | 'heldMs'
    | 'state'
  >
>;

export type ToldByReplay =
  | Question<SwapQuestions>
  | { readonly type: 'news'; readonly news: ReplayNews }
  /** It ends by itself after that; a fault that may pass leaves it to be begun again. */
  | { readonly type: 'failed'; readonly fault: PlainFault };

export type ToReplay = ToThread<ReplayQuestions, ToldToReplay>;
export type FromReplay = FromThread<ToldByReplay>;
