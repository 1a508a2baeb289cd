/** What the main thread and the archive thread tell each other. */

import type { CutPolicy } from '../../actors/archiver/actor.ts';
import type { CompactionPolicy } from '../../actors/archiver/compaction-choice.ts';
import type { ErasureTarget } from '../../actors/archiver/erasure-jobs.ts';
import type { ArchiverNumbers } from '../../actors/archiver/protocol.ts';
import type { RetentionPolicy } from '../../actors/archiver/retention.ts';
import type { ActorSnapshot } from '../../actors/runtime.ts';
import type { HistoryQuery, ManifestHistory } from '../../storage/archive/manifest-history.ts';
import type { ArchiveSettings } from '../../storage/archive/open.ts';
import type { SegmentPage, SegmentQuery } from '../../storage/archive/segment-list.ts';
import type { LogSource } from '../../storage/log/source.ts';
import type { StateHandle } from '../../storage/state/rocksdb.ts';
import type { HiveSettings } from '../hive/hive-sync.ts';
import type { ArchiveIntent } from '../model/erasure.ts';
import type { HiveNumbers } from '../model/hive-numbers.ts';
import type { FromThread, ToThread } from './asked-thread.ts';
import type { Answer, Question } from './asker.ts';
import type { PartitionThreadOptions } from './protocol.ts';

/** `workerData` of src/threads/archive.ts. */
export interface ArchiveThreadData {
  readonly archive: ArchiveSettings;
  readonly policy: CutPolicy;
  readonly compaction: CompactionPolicy;
  readonly retention: RetentionPolicy;
  readonly removedKeptMs: number;
  /** What the log may hold; infinite: its brokers keep it. */
  readonly logBytesMax: number;
  /** Of the disk of `workDir`, that stay free. */
  readonly diskReserveBytes: number;
  /** Who is told of new segments. */
  readonly hive?: HiveSettings | undefined;
  /** Since when events have waited for the thread to start; 0: none do. */
  readonly waitingSinceMs: number;
  /** Memory of DuckDB while it seals; past it it spills into the work folder. */
  readonly memoryBytesMax: number;
  readonly workDir: string;
  /** See `OwnCommits`. */
  readonly ownCommitsFile: string;
  /** Undefined: this server is no node of a cluster. */
  readonly node: (Guidance & { readonly life: number }) | undefined;
  readonly source: LogSource;
  /** `LogShared.buffer` */
  readonly shared: SharedArrayBuffer;
  /** `Progress.buffer` */
  readonly progress: SharedArrayBuffer;
  /** `OpenState.handle`; the opener must outlive the thread. */
  readonly state: StateHandle;
  readonly logging: PartitionThreadOptions['logging'];
}

/** What a node of a cluster has to do for all of them, and who they are. */
export interface Guidance {
  readonly isLeader: boolean;
  /** Of all members. */
  readonly lives: readonly number[];
}

/** Longest that `archiveNow` is waited for. */
export const ARCHIVE_NOW_TIMEOUT_MS = 600_000;

export interface ArchiveNow {
  /** And every hour that has many small files is compacted, over or not. */
  readonly compact: boolean;
}

export type ArchiveQuestions = {
  /** Answered when everything that is committed now is in the archive. */
  readonly archiveNow: { readonly ask: ArchiveNow; readonly answer: ArchiverNumbers };
  readonly segments: { readonly ask: SegmentQuery; readonly answer: SegmentPage };
  readonly history: { readonly ask: HistoryQuery; readonly answer: ManifestHistory };
  readonly actors: { readonly ask: undefined; readonly answer: readonly ActorSnapshot[] };
  /** Answered when no file holds the events any more. `intent`: a version of which nobody knows whether it was made. */
  readonly erase: {
    readonly ask: { readonly target: ErasureTarget; readonly intent: ArchiveIntent | undefined };
    readonly answer: undefined;
  };
  /** How many of the tenant's files that were removed by then are still there. */
  readonly removedBefore: {
    readonly ask: { readonly tenant: string; readonly removedMs: number };
    readonly answer: number;
  };
};

/** What the archive thread asks: first of all, per partition what is committed, once it survives a power cut. */
export type BarrierQuestions = {
  readonly barrier: { readonly ask: undefined; readonly answer: readonly number[] };
  /** See `ErasureKeeper`. */
  readonly erasureIntended: {
    readonly ask: { readonly id: string; readonly intent: ArchiveIntent };
    readonly answer: undefined;
  };
  readonly erasureSettled: {
    readonly ask: { readonly id: string; readonly isMade: boolean };
    readonly answer: undefined;
  };
};

/** Beside questions and its end. */
export type ToldToArchive = Answer | ({ readonly type: 'guide' } & Guidance);

/** Beside answers and its end. */
export type ToldByArchive =
  | Question<BarrierQuestions>
  | { readonly type: 'numbers'; readonly numbers: ArchiverNumbers; readonly hive?: HiveNumbers }
  /** Why nothing is archived just now; undefined: nothing is wrong. */
  | { readonly type: 'problem'; readonly problem: string | undefined };

export type ToArchive = ToThread<ArchiveQuestions, ToldToArchive>;
export type FromArchive = FromThread<ToldByArchive>;
