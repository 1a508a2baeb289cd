/**
 * How far the partitions are, in memory that all threads see: created once by the main thread. Whoever waits for
 * a partition (read your own writes, `ack=applied`, live queries) waits here instead of asking. Layout: ticks
 * (i32), archived version (i32), reading since (f64), then per partition committed offset, needed offset and archived offset (f64 each).
 */
import type { JournalShared } from '../../storage/log/journal-shared.ts';

const HEAD_BYTES = 16;
const PARTITION_BYTES = 24;

export interface Progress {
  readonly buffer: SharedArrayBuffer;
  /** One word that changes whenever any partition's applied offset does. */
  readonly ticks: Int32Array;
  /** Per partition: a restart reads the log again from here. */
  readonly committed: Float64Array;
  /**
   * Per partition: the log before this offset is not needed any more, once the commits up to now are synced. 0 until
   * the partition has loaded its state.
   */
  readonly needed: Float64Array;
  /** Per partition: the archive has the log before this offset. Infinite without an archive; with one, 0 until it is known. */
  readonly archived: Float64Array;
  /** One word: the newest version of the archive's manifest of which all files are at their paths; 0 until one is known. */
  readonly archivedVersion: Int32Array;
  /** One number: when the oldest export that runs began, in epoch milliseconds; infinite while none does. */
  readonly readingSince: Float64Array;
}

export function createProgress(partitions: number): Progress {
  const progress = attachProgress(new SharedArrayBuffer(HEAD_BYTES + partitions * PARTITION_BYTES));
  progress.archived.fill(Number.POSITIVE_INFINITY);
  progress.readingSince.fill(Number.POSITIVE_INFINITY);
  return progress;
}

/** The same memory seen from another thread. */
export function attachProgress(buffer: SharedArrayBuffer): Progress {
  const partitions = (buffer.byteLength - HEAD_BYTES) / PARTITION_BYTES;
  return {
    buffer,
    ticks: new Int32Array(buffer, 0, 1),
    committed: new Float64Array(buffer, HEAD_BYTES, partitions),
    needed: new Float64Array(buffer, HEAD_BYTES + partitions * 8, partitions),
    archived: new Float64Array(buffer, HEAD_BYTES + partitions * 16, partitions),
    archivedVersion: new Int32Array(buffer, 4, 1),
    readingSince: new Float64Array(buffer, 8, 1),
  };
}

/** Owner of the partition only. Every block of it before `offset` is now in what it answers. */
export function publishApplied(
  journal: JournalShared,
  progress: Progress,
  partition: number,
  offset: number,
): void {
  journal.applied[partition] = offset;
  // The atomic write orders the plain one before it: whoever sees the tick sees the offset.
  Atomics.add(progress.ticks, 0, 1);
  Atomics.notify(progress.ticks, 0);
}

/** To be read before looking at `applied`, and then handed to `progressMovedFrom`. */
export const progressTicks = (progress: Progress): number => Atomics.load(progress.ticks, 0);

/** Resolves when an applied offset has moved since `ticks` was read. Does not keep an idle thread alive. */
export async function progressMovedFrom(progress: Progress, ticks: number): Promise<void> {
  const wait = Atomics.waitAsync(progress.ticks, 0, ticks);
  if (wait.async) await wait.value;
}

/** The oldest offset that a partition or the archive may still have to read: the log may be deleted before it. */
export const neededFrom = ({ needed, archived }: Progress): number =>
  Math.min(...needed, ...archived);
