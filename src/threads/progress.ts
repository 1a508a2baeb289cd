/**
 * How far the partitions are, in memory that all threads see: created once by the main thread. Whoever waits for
 * a partition (read your own writes, `ack=applied`, live queries) waits here instead of asking. Layout: ticks
 * (i32), archived version (i32), reading since here and elsewhere (f64 each), then per partition committed offset,
 * needed offset and archived offset (f64 each), whether this node has it, and how often it has taken it (i32 each).
 */
import type { LogShared } from '../../storage/log/log-shared.ts';

const HEAD_BYTES = 24;
const PARTITION_BYTES = 32;

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
  /**
   * Per partition 1 if this node has it: then its own thread says how far it is, here and in `LogShared`. 0: another node has it, and
   * what is said here is what that one tells. Written by the main thread; a server that is no node of a cluster has all.
   */
  readonly owned: Int32Array;
  /** Per partition how often `owned` has become 1: whoever reads its rows for long sees whether it was elsewhere meanwhile. */
  readonly takings: Int32Array;
  /** One word: the newest version of the archive's manifest of which all files are at their paths; 0 until one is known. */
  readonly archivedVersion: Int32Array;
  /** One number: when the oldest export that runs began, in epoch milliseconds; infinite while none does. */
  readonly readingSince: Float64Array;
  /** As `readingSince`, of exports on other nodes; their node channel writes it. */
  readonly readingElsewhere: Float64Array;
}

export function createProgress(partitions: number): Progress {
  const progress = attachProgress(new SharedArrayBuffer(HEAD_BYTES + partitions * PARTITION_BYTES));
  progress.archived.fill(Number.POSITIVE_INFINITY);
  progress.readingSince.fill(Number.POSITIVE_INFINITY);
  progress.readingElsewhere.fill(Number.POSITIVE_INFINITY);
  progress.owned.fill(1);
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
    owned: new Int32Array(buffer, HEAD_BYTES + partitions * 24, partitions),
    takings: new Int32Array(buffer, HEAD_BYTES + partitions * 28, partitions),
    archivedVersion: new Int32Array(buffer, 4, 1),
    readingSince: new Float64Array(buffer, 8, 1),
    readingElsewhere: new Float64Array(buffer, 16, 1),
  };
}

/** Owner of the partition only. Every block of it before `offset` is now in what it answers. */
export function publishApplied(
  shared: LogShared,
  progress: Progress,
  partition: number,
  offset: number,
): void {
  shared.applied[partition] = offset;
  // The atomic write orders the plain one before it: whoever sees the tick sees the offset.
  Atomics.add(progress.ticks, 0, 1);
  Atomics.notify(progress.ticks, 0);
}

export const isOwned = ({ owned }: Pick<Progress, 'owned'>, partition: number): boolean =>
  Atomics.load(owned, partition) === 1;

/** Whether the rows of the partition are those of this node; of the server, whose number is above all partitions, they always are. */
export const hasRows = (progress: Pick<Progress, 'owned'>, partition: number): boolean =>
  partition >= progress.owned.length || isOwned(progress, partition);

/** Ascending. */
export const ownedPartitions = (progress: Pick<Progress, 'owned'>): number[] =>
  [...progress.owned.keys()].filter((partition) => isOwned(progress, partition));

/** Main thread only: before the partition's thread is asked to take it, and after it has given it. */
export function setOwned(
  { owned, takings }: Progress,
  partitions: Iterable<number>,
  has: boolean,
): void {
  for (const partition of partitions) {
    // Counted first: whoever sees it here again sees a greater number.
    if (has && Atomics.load(owned, partition) === 0) Atomics.add(takings, partition, 1);
    Atomics.store(owned, partition, has ? 1 : 0);
  }
}

/** Undefined: this node does not have it. As long as it is the same, the partition's rows are written by its own thread alone. */
export function takingOf({ owned, takings }: Progress, partition: number): number | undefined {
  const taking = Atomics.load(takings, partition);
  return Atomics.load(owned, partition) === 1 ? taking : undefined;
}

/** Main thread only: how often the partition has come to this node and left it. It only grows. */
export const movesOf = ({ owned, takings }: Progress, partition: number): number =>
  2 * Atomics.load(takings, partition) - Atomics.load(owned, partition);

/** Of the partitions that this node has. */
export function takings(progress: Progress): ReadonlyMap<number, number> {
  const all = new Map<number, number>();
  for (const partition of progress.owned.keys()) {
    const taking = takingOf(progress, partition);
    if (taking !== undefined) all.set(partition, taking);
  }
  return all;
}

/** When the oldest export that runs on any node began, in epoch milliseconds; infinite while none does. */
export const readingSinceMs = ({ readingSince, readingElsewhere }: Progress): number =>
  Math.min(readingSince[0] as number, readingElsewhere[0] as number);

/** To be read before looking at `applied`, and then handed to `progressMovedFrom`. */
export const progressTicks = (progress: Progress): number => Atomics.load(progress.ticks, 0);

/** Resolves when an applied offset has moved since `ticks` was read. Does not keep an idle thread alive. */
export async function progressMovedFrom(progress: Progress, ticks: number): Promise<void> {
  const wait = Atomics.waitAsync(progress.ticks, 0, ticks);
  if (wait.async) await wait.value;
}

/** The oldest offset that a partition or the archive may still have to read: a journal may be deleted before it. */
export const neededFrom = ({ needed, archived }: Progress): number =>
  Math.min(...needed, ...archived);
