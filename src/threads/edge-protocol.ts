/** What the main thread tells an edge thread, and what it hears. */
import type { MessagePort } from 'node:worker_threads';
import type { RecoveryReport } from '../../storage/log/journal-recovery.ts';
import type { JournalBounds } from '../../storage/log/journal-writer.ts';
import type { KafkaSource } from '../../storage/log/source.ts';
import type { SpoolSettings } from '../../storage/spool/spool-shared.ts';
import type { EdgeCounts } from '../ingest/counters.ts';
import type { EdgeOptions } from '../ingest/options.ts';
import type { LogOptions } from '../logging.ts';
import type { FaultCode, FaultLocation } from '../model/errors.ts';
import type { EventsToSend, SentEvents } from '../model/event-to-send.ts';
import type { RollupsControl } from '../model/rollup.ts';
import type { PartitionThread } from './partition-links.ts';

export interface EdgeThreadData {
  /** 0 owns the log's writing side; the others reach it over `log`. */
  readonly edgeId: number;
  /** Port 0 is allowed for edge 0 only, which takes a free one and reports it. */
  readonly options: EdgeOptions;
  readonly logging: LogOptions;
  /** Which life of the server this is: greater at every start, below 2^32. */
  readonly producerEpoch: number;
  /** The buffer of a `LogShared`. */
  readonly shared: SharedArrayBuffer;
  /** The buffer of a `Progress`. */
  readonly progress: SharedArrayBuffer;
  readonly partitionThreads: readonly PartitionThread[];
  /** The way to partitions of other nodes, which the main thread serves. Undefined: this server has all. */
  readonly remotePartitions?: MessagePort | undefined;
  /** The log, if it is one. */
  readonly topic?: string | undefined;
  /** The buffer of a `SpoolShared`, if edge 0 has a spool. */
  readonly spool?: SharedArrayBuffer | undefined;
  readonly log: JournalHere | KafkaHere | RemoteLog;
}

export interface JournalHere extends Partial<JournalBounds>, FirstBlocks {
  readonly type: 'journal';
  readonly dir: string;
  /** The greatest offset that any partition has committed. */
  readonly durableBefore: number;
}

export interface KafkaHere extends FirstBlocks {
  readonly type: 'kafka';
  readonly source: KafkaSource;
  readonly pendingBytesMax: number;
  /** Replicas in sync without which the topic takes nothing. */
  readonly inSyncMin?: number | undefined;
  /** By partition the offset up to which its state has the log; undefined in a cluster, where it may be taken anew from a checkpoint. */
  readonly committed?: readonly number[] | undefined;
  readonly spool?: SpoolSettings | undefined;
}

export interface FirstBlocks {
  /** To be logged in every partition before the first event is taken... */
  readonly definitions?: RollupsControl;
  /** ...unless the log ends before these: the partitions have them already, and nothing that could change them follows. */
  readonly definedTo?: readonly number[];
}

export interface RemoteLog {
  readonly type: 'remote';
  /** Its other end is given to edge 0 as `serveLog`. */
  readonly port: MessagePort;
  /** What this edge may have waiting for the log; default: as much as a journal. */
  readonly pendingBytesMax?: number;
}

export type ToEdge =
  /** Edge 0: appends for whoever holds the other end of `port`. */
  | { readonly type: 'serveLog'; readonly port: MessagePort }
  /** Edge 0: logs new definitions in every partition. */
  | { readonly type: 'define'; readonly id: number; readonly control: RollupsControl }
  /** Whom to ask what a request says of its visit. */
  | { readonly type: 'connectWeb'; readonly port: MessagePort }
  /** Takes in what the server sends itself. */
  | { readonly type: 'send'; readonly id: number; readonly events: EventsToSend }
  | { readonly type: 'counts'; readonly id: number }
  /** From here on `/readyz` says why the server is not ready; undefined: it is. */
  | { readonly type: 'ready'; readonly reason?: string }
  /** Finish what is in progress, close the log, end. */
  | { readonly type: 'close' };

export type FromEdge =
  | { readonly type: 'listening'; readonly port: number; readonly recovery?: RecoveryReport }
  /** They are durable. */
  | { readonly type: 'defined'; readonly id: number }
  | { readonly type: 'sent'; readonly id: number; readonly sent: SentEvents }
  | { readonly type: 'counts'; readonly id: number; readonly counts: EdgeCounts }
  /** The thread has closed its sockets and ends. */
  | { readonly type: 'failed'; readonly fault: EdgeFault }
  | { readonly type: 'closed' };

/** An error without its class, which does not cross threads. */
export interface EdgeFault {
  readonly message: string;
  readonly code?: FaultCode;
  readonly location?: FaultLocation;
}
