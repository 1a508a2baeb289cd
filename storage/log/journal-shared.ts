/**
 * What the journal's writer tells the reading threads, in memory they all see: created once by the main thread,
 * handed to every thread that writes or reads. Layout, 8-byte words: durable end (i64, the word readers wait on),
 * start (i64), refusal (i32) and partition count (i32), end, applied offset and end of events of each partition (f64 each),
 * then the watermark flags (i32).
 */
import { ok as assert } from 'node:assert';
import { PARTITIONS_MAX } from '../../src/model/block-format.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import type { LogRefusal } from './log.ts';

const DURABLE_END = 0;
const START = 1;
const WORDS = { refusal: 4, partitions: 5 } as const;
const FIXED_BYTES = 24;
const PARTITION_BYTES = 28;
/** Stands for "no writer has opened the journal yet": readers wait for it as for any other change. */
const NOT_OPEN = -1n;
const REFUSALS: readonly (LogRefusal | undefined)[] = [
  undefined,
  'log_backpressure',
  'log_full',
  'log_io',
  'log_closed',
];

export interface JournalShared {
  readonly buffer: SharedArrayBuffer;
  readonly partitions: number;
  /** Per partition the offset behind its newest durable block; 0 if none was seen since the journal opened. */
  readonly partitionEnds: Float64Array;
  /** As `partitionEnds`, of blocks with events alone, and only of those since the journal opened. */
  readonly eventEnds: Float64Array;
  /** Per partition the offset before which its owner has applied every block; set by its owner. */
  readonly applied: Float64Array;
  /** Per partition non-zero while something waits on its watermark; set by its owner with `Atomics.store`. */
  readonly watermarkWanted: Int32Array;
  readonly ends: BigInt64Array;
  readonly words: Int32Array;
}

export function createJournalShared(partitions: number): JournalShared {
  assert(
    Number.isInteger(partitions) && partitions >= 1 && partitions <= PARTITIONS_MAX,
    `partitions must be 1..${PARTITIONS_MAX}, received ${partitions}`,
  );
  const buffer = new SharedArrayBuffer(FIXED_BYTES + partitions * PARTITION_BYTES);
  new Int32Array(buffer)[WORDS.partitions] = partitions;
  new BigInt64Array(buffer, 0, 2)[DURABLE_END] = NOT_OPEN;
  return attachJournalShared(buffer);
}

/** The same memory seen from another thread. */
export function attachJournalShared(buffer: SharedArrayBuffer): JournalShared {
  const words = new Int32Array(buffer, 0, FIXED_BYTES / 4);
  const partitions = words[WORDS.partitions] as number;
  return {
    buffer,
    partitions,
    partitionEnds: new Float64Array(buffer, FIXED_BYTES, partitions),
    applied: new Float64Array(buffer, FIXED_BYTES + partitions * 8, partitions),
    eventEnds: new Float64Array(buffer, FIXED_BYTES + partitions * 16, partitions),
    watermarkWanted: new Int32Array(buffer, FIXED_BYTES + partitions * 24, partitions),
    ends: new BigInt64Array(buffer, 0, 2),
    words,
  };
}

/** The offset before which every block survives a power cut, or undefined before a writer has opened the journal. */
export function durableEnd(shared: JournalShared): Offset | undefined {
  const end = Atomics.load(shared.ends, DURABLE_END);
  return end === NOT_OPEN ? undefined : offset(Number(end));
}

/** The oldest offset that is still kept. */
export const journalStart = (shared: JournalShared): Offset =>
  offset(Number(Atomics.load(shared.ends, START)));

/** Why the next append would be refused, as the writer last said. */
export const sharedRefusal = (shared: JournalShared): LogRefusal | undefined =>
  REFUSALS[Atomics.load(shared.words, WORDS.refusal)];

/**
 * Resolves when the durable end is no longer `seen`, or after any `wakeReaders`. Costs nothing while it waits, and
 * does not keep an otherwise idle thread alive.
 */
export async function durableEndMovedFrom(
  shared: JournalShared,
  seen: Offset | undefined,
): Promise<void> {
  const expected = seen === undefined ? NOT_OPEN : BigInt(seen);
  const wait = Atomics.waitAsync(shared.ends, DURABLE_END, expected);
  if (wait.async) await wait.value;
}

/** Makes every waiting reader look again: for a seek or close, which move no offset. Others wake for nothing. */
export function wakeReaders(shared: JournalShared): void {
  Atomics.notify(shared.ends, DURABLE_END);
}

/** Writer only. Stored after `partitionEnds`, so that whoever sees this end sees those too. */
export function publishDurableEnd(shared: JournalShared, end: Offset): void {
  Atomics.store(shared.ends, DURABLE_END, BigInt(end));
  wakeReaders(shared);
}

/** Writer only; before the files are deleted, so that a reader that misses one knows why. */
export function publishStart(shared: JournalShared, start: Offset): void {
  Atomics.store(shared.ends, START, BigInt(start));
}

/** Writer only. */
export function publishRefusal(shared: JournalShared, refusal: LogRefusal | undefined): void {
  Atomics.store(shared.words, WORDS.refusal, REFUSALS.indexOf(refusal));
}
