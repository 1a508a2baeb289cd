/** A topic of another program as a source of events, as operators see it. */

export interface SourcePartitionView {
  readonly topic: string;
  readonly partition: number;
  /** Every record before it is in the log. */
  readonly position: number;
  /** Behind the newest record, as the brokers last said; undefined until they have. */
  readonly end: number | undefined;
  /** The time of the newest record that is in the log, as the record says; 0: none since this server reads the partition. */
  readonly lastRecordMs: number;
}

export interface SourceView {
  readonly name: string;
  readonly topics: readonly string[];
  readonly group: string;
  /** Why it cannot be read just now; undefined while it can. */
  readonly problem: string | undefined;
  /** Since when; 0: there is none. */
  readonly problemSinceMs: number;
  /** How often reading it has failed. */
  readonly failures: number;
  readonly records: number;
  /** Bytes of their values. */
  readonly bytes: number;
  /** Records without a value, which stand for what was deleted. */
  readonly empty: number;
  /** Batches of records that could not be unpacked. */
  readonly unreadable: number;
  /** Records that were deleted before they were read. */
  readonly missed: number;
  /** Parts that were decoded again because the log had refused them. */
  readonly repeats: number;
  readonly eventsAccepted: number;
  readonly eventsRejected: number;
  /** Those that this server reads. */
  readonly partitions: readonly SourcePartitionView[];
}

/** Records that are not in the log yet; undefined until the brokers have said where the newest is. */
export const lagOf = ({ position, end }: SourcePartitionView): number | undefined =>
  end === undefined ? undefined : Math.max(0, end - position);

/** By how long what is read is behind now; 0: everything is in the log, or nothing is known. */
export function lagMsOf(partition: SourcePartitionView, nowMs: number): number {
  const isBehind = (lagOf(partition) ?? 0) > 0 && partition.lastRecordMs > 0;
  return isBehind ? Math.max(0, nowMs - partition.lastRecordMs) : 0;
}
