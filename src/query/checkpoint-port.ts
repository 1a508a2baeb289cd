/** Checkpoints as operators see them. */

export interface PartitionCheckpoint {
  readonly partition: number;
  /** Everything of the log before this offset is in it. */
  readonly position: number;
  /** It was known then to have all that the partition had committed. */
  readonly coveredMs: number;
  /** As it lies in the archive. */
  readonly bytes: number;
}

export interface CheckpointNumbers {
  /** Which start of a server over this log this one is. */
  readonly life: number;
  /** Of the newest of each partition; those without one are left out. */
  readonly partitions: readonly PartitionCheckpoint[];
  /** Rounds since the start that have come to their end, and that have failed. */
  readonly taken: number;
  readonly failed: number;
  /** Of the last round that has come to its end: how long it took, and the bytes it has put into the archive. */
  readonly lastMs: number;
  readonly lastBytes: number;
  readonly oldestKeptMs: number | undefined;
  /** The archive has not answered in time: a server on another machine would repeat some messages about alarms. */
  readonly isServerBehind: boolean;
  /** Another server has begun a later life over this log. */
  readonly isFenced: boolean;
  /** Why the last round has failed. */
  readonly problem: string | undefined;
}

export interface CheckpointPort {
  numbers(): CheckpointNumbers;
  /** Resolves when a round that began after the call has come to its end. Rejects as the archive does, and with `archive_fenced`. */
  take(): Promise<CheckpointNumbers>;
}
