/**
 * What the threads tell each other. Events never pass here: they lie in the journal's files, which partition threads
 * read themselves. Offsets and wishes are in shared memory (`LogShared`, `Progress`); messages are requests to
 * partitions, their answers, and the life of a thread. All of it is plain data.
 */

import type { MessagePort } from 'node:worker_threads';
import type {
  CollectReply,
  CollectRequest,
  HeldAt,
  LedgerReply,
  LedgerRequest,
  OverflowsReply,
  OverflowsRequest,
  PartialsReply,
  PartialsRequest,
  VerdictRequest,
} from '../../actors/partition/protocol.ts';
import type { ActorSnapshot } from '../../actors/runtime.ts';
import type { LogSource } from '../../storage/log/source.ts';
import type { StateHandle } from '../../storage/state/rocksdb.ts';
import type { Answer, PlainFault, Question } from './asker.ts';

/** What can be asked of a partition thread. */
export type PartitionQuestions = {
  readonly collect: {
    readonly ask: { readonly partition: number; readonly request: CollectRequest };
    readonly answer: CollectReply;
  };
  readonly partials: {
    readonly ask: { readonly partition: number; readonly request: PartialsRequest };
    readonly answer: PartialsReply;
  };
  readonly ledger: {
    readonly ask: { readonly partition: number; readonly request: LedgerRequest };
    readonly answer: LedgerReply;
  };
  readonly overflows: {
    readonly ask: { readonly partition: number; readonly request: OverflowsRequest };
    readonly answer: OverflowsReply;
  };
  /** How many of the block's rows were duplicates; for `ack=applied`. */
  readonly verdict: {
    readonly ask: { readonly partition: number; readonly request: VerdictRequest };
    readonly answer: number;
  };
  /** The partition commits and stands still until `release`, which it may hear first. */
  readonly hold: { readonly ask: { readonly partition: number }; readonly answer: HeldAt };
  readonly release: { readonly ask: { readonly partition: number }; readonly answer: undefined };
  /** The thread's actor tree, parents before children. */
  readonly actors: { readonly ask: undefined; readonly answer: readonly ActorSnapshot[] };
  readonly metrics: { readonly ask: undefined; readonly answer: readonly PartitionMetrics[] };
};

/** Of these, the ones about one partition. */
export type AboutPartition = Exclude<keyof PartitionQuestions, 'actors' | 'metrics'>;

/** What the main thread alone asks: partitions come to this node and leave it while the thread runs. */
export type PartitionMoves = {
  /** Answered when each has loaded its state, or has failed to and tries again. One that is there already stays as it is. */
  readonly take: {
    readonly ask: { readonly partitions: readonly number[] };
    readonly answer: undefined;
  };
  /** Answered when each has committed what it has applied, and nothing writes to it any more. */
  readonly give: {
    readonly ask: { readonly partitions: readonly number[] };
    readonly answer: undefined;
  };
};

/** `workerData` of src/threads/partition.ts. */
export interface PartitionThreadOptions {
  /** Counts partition threads from 0, for logs and names. */
  readonly thread: number;
  /** Those that this thread has whenever this node does; at its start it takes the ones that `Progress.owned` says. */
  readonly partitions: readonly number[];
  readonly source: LogSource;
  /** `LogShared.buffer` */
  readonly shared: SharedArrayBuffer;
  /** `Progress.buffer` */
  readonly progress: SharedArrayBuffer;
  /** `OpenState.handle`; the opener must outlive the thread. */
  readonly state: StateHandle;
  readonly commitIntervalMs: number;
  readonly bounds: PartitionBounds;
  readonly logging: {
    readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
    readonly format: 'auto' | 'pretty' | 'json';
  };
  /** Requests arrive on these; transferred to the thread. One for the main thread, one per edge. */
  readonly clients: readonly MessagePort[];
}

/** Each partition's share of the server's bounds. */
export interface PartitionBounds {
  readonly dedupIdsMax: number;
  readonly dedupBytesMax: number;
  /** Distance in the log behind which an id is forgotten: else a slow stream of ids would keep the whole log. */
  readonly dedupOffsetsMax: number;
  /** Dead letters kept per tenant. */
  readonly deadLettersMax: number;
}

/** As numbers that a registry exports; counters count from the thread's start. */
export interface PartitionMetrics {
  readonly partition: number;
  readonly state: ActorSnapshot['state'];
  readonly appliedOffset: number;
  readonly committedOffset: number;
  /** Of the log, between what is applied and the partition's newest block; other partitions' blocks there count too. */
  readonly lagBytes: number;
  readonly watermarkMs: number;
  readonly blocks: number;
  readonly eventsApplied: number;
  readonly eventsDuplicate: number;
  readonly eventsRejected: number;
  readonly eventsLate: number;
  readonly eventsClamped: number;
  readonly eventsExpired: number;
  readonly eventsPoison: number;
  readonly commits: number;
  readonly commitMsTotal: number;
  readonly commitMsLast: number;
  readonly commitBytesTotal: number;
  readonly commitBytesMax: number;
  readonly restarts: number;
  /** What the window of duplicates really holds now. */
  readonly dedupIds: number;
  readonly dedupBytes: number;
  readonly dedupSinceMs: number;
  readonly series: number;
  /** Events that the overflow series took. */
  readonly overflowEvents: number;
  readonly sessionsOpen: number;
  /** That have ended, of these those that were closed early, and events that are in none. */
  readonly sessions: number;
  readonly sessionsEarly: number;
  readonly sessionsLate: number;
  readonly sessionsUnassigned: number;
}

/** Main thread → partition thread. */
export type PartitionThreadCommand = Question<PartitionMoves> | { readonly type: 'close' };

/** Partition thread → main thread, on its `parentPort`. */
export type PartitionThreadEvent =
  | Answer
  /** Every partition that it takes at its start has loaded its committed state, or has failed to and tries again; reading the log begins. */
  | { readonly type: 'ready' }
  /** What keeps its partitions from being ready has changed; nothing: they are. */
  | { readonly type: 'problems'; readonly problems: readonly string[] }
  /** The thread cannot go on and ends. */
  | ({ readonly type: 'failed' } & PlainFault)
  /** After `close`: everything that was applied is committed. */
  | { readonly type: 'closed' };
