/** What the archiver is told, and what it tells. All of it is plain data. */
import type { LogPlace } from '../../src/model/server-alarms.ts';
import type { Reply } from '../partition/protocol.ts';
import type { WorkNumbers } from './work.ts';

export type ArchiverCommand =
  /** Time has passed: perhaps a cut is due. */
  | { readonly type: 'look' }
  /**
   * Archives everything that is committed now; answers once it is in the manifest. `compact`: and once every hour that has many small
   * files has fewer.
   */
  | {
      readonly type: 'archiveNow';
      readonly compact: boolean;
      readonly replyTo: Reply<ArchiverNumbers>;
    };

/** Counters count from the thread's start. */
export interface ArchiverNumbers {
  /** Of the archive, for other programs. */
  readonly url: string;
  /** Of the manifest. */
  readonly version: number;
  readonly epoch: number;
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
  readonly cuts: number;
  readonly filesWritten: number;
  readonly rowsWritten: number;
  readonly bytesWritten: number;
  readonly workMsTotal: number;
  /** Hours that were compacted, their files before and after. */
  readonly compactions: number;
  readonly filesMerged: number;
  readonly filesMade: number;
  /** Hours that were older than they are kept. */
  readonly hoursExpired: number;
  /** Files that are not part of the archive any more: those that are still there, and those that were deleted. */
  readonly filesRemoved: number;
  readonly filesDeleted: number;
  /** What is done beside the cuts, kind by kind. */
  readonly work: readonly WorkNumbers[];
  /** When there is something of it to do; in the past: now; infinite: nothing, as far as is known. */
  readonly workDueMs: number;
  /** Log bytes between what is archived and what could be. */
  readonly waitingBytes: number;
  /** Where that begins, in each partition that has some of it. */
  readonly waitsFrom: readonly LogPlace[];
  /** When the oldest of it was first seen; 0 if there is none. */
  readonly waitingSinceMs: number;
  /** Log bytes that were deleted before they were archived, since the archive's beginning as far as this start knows. */
  readonly missedBytes: number;
  /** Cuts rest in between, so that ingest keeps its rate. */
  readonly givesWay: boolean;
  /** Another server has taken the archive over: this one writes no more to it. */
  readonly isFenced: boolean;
}
