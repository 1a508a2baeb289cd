/** What the main thread and the eraser thread tell each other. */

import type { LogSource } from '../../storage/log/source.ts';
import type { StateHandle } from '../../storage/state/rocksdb.ts';
import type { Erasure } from '../model/erasure.ts';
import type { RollupDefinition } from '../model/rollup.ts';
import type { FromThread, ToThread } from './asked-thread.ts';
import type { Answer, Question } from './asker.ts';
import type { PartitionThreadOptions } from './protocol.ts';

/** `workerData` of src/threads/erase.ts. */
export interface EraseThreadData {
  readonly source: LogSource;
  /** `LogShared.buffer` */
  readonly shared: SharedArrayBuffer;
  /** `Progress.buffer` */
  readonly progress: SharedArrayBuffer;
  /** `OpenState.handle`; the opener must outlive the thread. */
  readonly state: StateHandle;
  readonly logging: PartitionThreadOptions['logging'];
}

export type EraseQuestions = {
  /** See `eraseFromLogAndState`. */
  readonly erase: {
    readonly ask: {
      readonly erasure: Erasure;
      readonly value: string;
      readonly rollups: readonly RollupDefinition[];
    };
    readonly answer: Erasure;
  };
};

/** What the eraser thread asks of who writes the log: see `RewritableLog`. */
export type LogQuestions = {
  readonly endFile: { readonly ask: undefined; readonly answer: undefined };
  readonly replaceFile: { readonly ask: number; readonly answer: boolean };
};

export type ToldByEraser = Question<LogQuestions>;
export type ToEraser = ToThread<EraseQuestions, Answer>;
export type FromEraser = FromThread<ToldByEraser>;
