/** The durable, partitioned log of event blocks: what every log (embedded journal, Kafka) offers. */
import type { Appended } from '../../src/model/appended.ts';
import type { Offset } from '../../src/model/units.ts';

/** A block as the log holds it. `bytes` is immutable, 8-byte aligned and stays valid. */
export interface LoggedBlock {
  readonly partition: number;
  readonly offset: Offset;
  readonly nextOffset: Offset;
  readonly bytes: Uint8Array;
}

/** Why a log takes no blocks: too many bytes wait, no room, the disk failed and the log must be reopened, or closed. */
export type LogRefusal =
  | 'log_backpressure'
  | 'log_full'
  | 'log_io'
  | 'log_closed'
  | 'log_away'
  | 'log_gone';

/** The writing side; lives where events arrive. */
export interface LogWriter {
  /**
   * Appends sealed blocks in order, all or none, and resolves once they survive a power cut. Answers the offset of each,
   * or that a spool in front of the log has them.
   * The log owns them from the call on. Rejects with `log_backpressure`, `log_full`, `log_closed` (nothing was
   * taken) or `log_io` (unknown whether the blocks will be read: the sender sends again and dedup drops the copy).
   */
  append(blocks: readonly Uint8Array[]): Promise<Appended>;
  /** Bytes accepted and not yet durable. Admission refuses requests before this reaches its bound. */
  readonly pendingBytes: number;
  /** Undefined while appends are taken, else why the next one would be refused. */
  readonly refusal: LogRefusal | undefined;
  /** Deletes whole files that end at or before `offset`; answers the oldest offset that is still kept. */
  deleteBefore(offset: Offset): Promise<Offset>;
  close(): Promise<void>;
}

/** A log in files, in which blocks can be replaced by others of the same length. */
export interface RewritableLog extends LogWriter {
  /** Ends the file that is written to: all that is durable now is in files that only `replaceFile` changes. Rejects with `log_io`. */
  endFile(): Promise<void>;
  /**
   * Puts the unfinished file of `base` (`unfinishedPath`), synced and with all blocks at their offsets, in the place of the one
   * that is there. False if that has been deleted meanwhile; then the unfinished one is, too. Rejects with `log_io`.
   */
  replaceFile(base: Offset): Promise<boolean>;
}

/** What one read found; blocks of one partition are in offset order. */
export interface LogRead {
  readonly blocks: readonly LoggedBlock[];
  /** Every block of `partition` before this offset has now been delivered. */
  readTo(partition: number): Offset;
}

/** A durable log of event blocks, one order per partition. */
export interface EventLog {
  readonly writer: LogWriter;
  readonly openReader: OpenReader;
}

/** Opens a reader: `from` holds the first wanted offset of each partition to read, at least one. */
export type OpenReader = (from: ReadonlyMap<number, Offset>) => LogReader;

/** The reading side: a cursor over the blocks of some partitions. Only durable blocks are seen. */
export interface LogReader {
  /**
   * The next blocks, at most about `bytesMax` of them but at least one if there is one. Waits while there is
   * nothing, without polling; resolves with no blocks when `close` is called meanwhile, or when
   * other partitions' blocks alone moved `readTo`. Never called again before it has answered.
   * Rejects with `log_truncated`, `block_corrupt` (with path and byte offset), `block_version`, `log_io`, `log_denied`, or `log_away` if
   * brokers have not been heard for long: the next read waits again then. A fault with a partition is of that one alone: the next
   * read goes on with the others, and after a while one rejects again if it lasts.
   */
  read(bytesMax: number): Promise<LogRead>;
  /**
   * Delivers `partition` from `offset`, a block boundary, also one that was not read before. Takes effect with the next `read` and wakes a waiting
   * one. Blocks of other partitions may be delivered again with it: consumers skip offsets they have passed.
   */
  seek(partition: number, offset: Offset): void;
  /** Delivers no more of `partition` until its next `seek`, and passes over what nobody else has to get. */
  release(partition: number): void;
  close(): void;
}
