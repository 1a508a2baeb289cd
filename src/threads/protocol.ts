/**
 * What the threads tell each other. Events never pass here: they lie in the journal's files, which partition threads
 * read themselves. Offsets and wishes are in shared memory (`JournalShared`, `Progress`); messages are requests to
 * partitions, their answers, and the life of a thread. All of it is plain data.
 */
import type { MessagePort } from 'node:worker_threads';
import type {
  CollectReply,
  CollectRequest,
  LedgerReply,
  LedgerRequest,
  PartialsReply,
  PartialsRequest,
  VerdictRequest,
} from '../../actors/partition/protocol.ts';
import type { ActorSnapshot } from '../../actors/runtime.ts';
import type { FaultCode } from '../model/errors.ts';

/** Requests to a partition thread by name: what is asked, and what is answered. */
export interface PartitionRequests {
  collect: { ask: { partition: number; request: CollectRequest }; answer: CollectReply };
  partials: { ask: { partition: number; request: PartialsRequest }; answer: PartialsReply };
  ledger: { ask: { partition: number; request: LedgerRequest }; answer: LedgerReply };
  /** How many of the block's rows were duplicates; for `ack=applied`. */
  verdict: { ask: { partition: number; request: VerdictRequest }; answer: number };
  /** The thread's actor tree, parents before children. */
  actors: { ask: Record<string, never>; answer: readonly ActorSnapshot[] };
  metrics: { ask: Record<string, never>; answer: readonly PartitionMetrics[] };
}
export type PartitionRequestName = keyof PartitionRequests;

/** `id` is the asker's, unique per port while the request is open. */
export type PartitionRequest = {
  [Name in PartitionRequestName]: {
    readonly id: number;
    readonly name: Name;
    readonly ask: PartitionRequests[Name]['ask'];
  };
}[PartitionRequestName];

export type PartitionAnswer =
  | {
      readonly id: number;
      readonly ok: true;
      readonly answer: PartitionRequests[PartitionRequestName]['answer'];
    }
  | {
      readonly id: number;
      readonly ok: false;
      /** Undefined for a bug: then it is no fault that a caller could handle. */
      readonly code: FaultCode | undefined;
      readonly message: string;
    };

/** `workerData` of src/threads/partition.ts. */
export interface PartitionThreadOptions {
  /** Counts partition threads from 0, for logs and names. */
  readonly thread: number;
  /** The partitions that this thread owns; no other thread does. */
  readonly partitions: readonly number[];
  readonly journalDir: string;
  /** `JournalShared.buffer` */
  readonly journal: SharedArrayBuffer;
  /** `Progress.buffer` */
  readonly progress: SharedArrayBuffer;
  /** `OpenState.handle`; the opener must outlive the thread. */
  readonly state: bigint;
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
  /** Log bytes behind which an id is forgotten: else a slow stream of ids would keep the whole log. */
  readonly dedupLogBytesMax: number;
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
  readonly restarts: number;
  /** What the window of duplicates really holds now. */
  readonly dedupIds: number;
  readonly dedupBytes: number;
  readonly dedupSinceMs: number;
  readonly series: number;
  /** Events that the overflow series took. */
  readonly overflowEvents: number;
}

/** Main thread → partition thread. */
export type PartitionThreadCommand = { readonly type: 'close' };

/** Partition thread → main thread, on its `parentPort`. */
export type PartitionThreadEvent =
  /** Every partition has loaded its committed state, or has failed to and tries again; reading the log begins. */
  | { readonly type: 'ready' }
  /** What keeps its partitions from being ready has changed; nothing: they are. */
  | { readonly type: 'problems'; readonly problems: readonly string[] }
  /** The thread cannot go on and ends. */
  | { readonly type: 'failed'; readonly code: FaultCode | undefined; readonly message: string }
  /** After `close`: everything that was applied is committed. */
  | { readonly type: 'closed' };
