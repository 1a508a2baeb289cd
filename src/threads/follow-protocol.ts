/** What the main thread and the thread that follows the log tell each other. */

import type { MessagePort } from 'node:worker_threads';
import type { FollowedEvents, FollowQuestion } from '../../actors/follow/questions.ts';
import type { LogSource } from '../../storage/log/source.ts';
import type { StateHandle } from '../../storage/state/rocksdb.ts';
import type { FromThread, ToThread } from './asked-thread.ts';
import type { PartitionThreadOptions } from './protocol.ts';

/** `workerData` of src/threads/follow.ts. */
export interface FollowThreadData {
  readonly source: LogSource;
  /** `LogShared.buffer` */
  readonly shared: SharedArrayBuffer;
  /** `Progress.buffer` */
  readonly progress: SharedArrayBuffer;
  /** `OpenState.handle`; the opener must outlive the thread. */
  readonly state: StateHandle;
  /** As `ColdThreadData.elsewhere`. */
  readonly elsewhere?: MessagePort | undefined;
  readonly logging: PartitionThreadOptions['logging'];
}

export type FollowQuestions = {
  /** Answered when what is committed from then on will be told, under the number `reader`. */
  readonly follow: {
    readonly ask: { readonly reader: number; readonly question: FollowQuestion };
    readonly answer: undefined;
  };
};

export interface FollowedMessage {
  readonly type: 'followed';
  readonly reader: number;
  readonly message: FollowedEvents;
}

/** A reader took a message, or wants no more. */
export interface FollowerMessage {
  readonly type: 'taken' | 'left';
  readonly reader: number;
}

export type ToFollow = ToThread<FollowQuestions, FollowerMessage>;
export type FromFollow = FromThread<FollowedMessage>;
