/** What the main thread tells the thread of the sources, and what it hears. */
import type { MessagePort } from 'node:worker_threads';
import type { EdgeLimits } from '../ingest/options.ts';
import type { LogOptions } from '../logging.ts';
import type { SourceOptions } from '../sources/options.ts';
import type { SourceStatus } from '../sources/source.ts';
import type { FromThread, ToThread } from './asked-thread.ts';

export interface SourcesThreadData {
  readonly sources: readonly SourceOptions[];
  readonly limits: EdgeLimits;
  readonly partitions: number;
  /** No edge has the same, and no thread of sources before this one. */
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Of a log that is a topic. */
  readonly logId: string | undefined;
  /** The buffer of a `LogShared`. */
  readonly shared: SharedArrayBuffer;
  /** To edge 0, which appends. */
  readonly log: MessagePort;
  readonly pendingBytesMax: number;
  readonly logging: Omit<LogOptions, 'thread'>;
}

export type SourcesQuestions = {
  readonly status: { readonly ask: undefined; readonly answer: readonly SourceStatus[] };
};

export type ToSources = ToThread<SourcesQuestions>;
export type FromSources = FromThread;
