/**
 * What a log's writer and readers tell all threads, in memory they all see: created once by the main thread, handed to every
 * thread that writes or reads. A journal is one sequence of offsets over all partitions; a topic of Kafka is one for
 * each. Layout: refusal, partition count, sequence count, whether it is a topic (i32 each), bytes of an offset (f64); start, end and
 * stray records of each sequence (i64 each); end, applied offset and end of events of each partition (f64 each); watermark flags (i32).
 */
import { ok as assert } from 'node:assert';
import { PARTITIONS_MAX } from '../../src/model/block-format.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import type { LogRefusal } from './log.ts';

const WORDS = { refusal: 0, partitions: 1, sequences: 2, isTopic: 3 } as const;
const FIXED_BYTES = 24;
const SEQUENCE_BYTES = 24;
const PARTITION_BYTES = 28;
/** Stands for "no writer has opened the log yet": readers wait for it as for any other change. */
const NOT_OPEN = -1n;
/** Lowest bits of a word of `stray`: how long the run is. The others hold any offset. */
const RUN_BITS = 10n;
const RUN_MAX = (1n << RUN_BITS) - 1n;
/** Of a topic of which nothing is known yet: about a block of an hour in which little comes. */
const RECORD_BYTES_FIRST = 4_096;
/** The mean is over about so many of the newest records: it follows the load within seconds. */
const RECORDS_OF_MEAN = 1_000;
const REFUSALS: readonly (LogRefusal | undefined)[] = [
  undefined,
  'log_backpressure',
  'log_full',
  'log_io',
  'log_closed',
  'log_away',
  'log_gone',
];

export interface LogShared {
  readonly buffer: SharedArrayBuffer;
  readonly partitions: number;
  /** Per partition the offset behind its newest durable block; 0 if none was seen since the log opened. */
  readonly partitionEnds: Float64Array;
  /** As `partitionEnds`, of blocks with events alone: of those appended or read since the log opened. */
  readonly eventEnds: Float64Array;
  /** Per partition the offset before which its owner has applied every block; set by its owner. */
  readonly applied: Float64Array;
  /** Per partition non-zero while something waits on its watermark; set by its owner with `Atomics.store`. */
  readonly watermarkWanted: Int32Array;
  readonly starts: BigInt64Array;
  readonly ends: BigInt64Array;
  /** Of each sequence the last run of records that is known to hold no block: its first offset and its length in one word. */
  readonly stray: BigInt64Array;
  /** One number: what distances of offsets are to be multiplied with to get bytes. */
  readonly bytesPerOffset: Float64Array;
  readonly words: Int32Array;
}

/** Offsets of a partition from the first up to the second. */
export interface OffsetRun {
  readonly from: number;
  readonly to: number;
}

export function createLogShared(
  partitions: number,
  type: 'journal' | 'kafka' = 'journal',
): LogShared {
  assert(
    Number.isInteger(partitions) && partitions >= 1 && partitions <= PARTITIONS_MAX,
    `partitions must be 1..${PARTITIONS_MAX}, received ${partitions}`,
  );
  const sequences = type === 'journal' ? 1 : partitions;
  const buffer = new SharedArrayBuffer(
    FIXED_BYTES + sequences * SEQUENCE_BYTES + partitions * PARTITION_BYTES,
  );
  const words = new Int32Array(buffer, 0, 4);
  words[WORDS.partitions] = partitions;
  words[WORDS.sequences] = sequences;
  words[WORDS.isTopic] = type === 'journal' ? 0 : 1;
  const shared = attachLogShared(buffer);
  shared.ends.fill(NOT_OPEN);
  shared.bytesPerOffset[0] = type === 'journal' ? 1 : RECORD_BYTES_FIRST;
  return shared;
}

/** The same memory seen from another thread. */
export function attachLogShared(buffer: SharedArrayBuffer): LogShared {
  const words = new Int32Array(buffer, 0, 4);
  const partitions = words[WORDS.partitions] as number;
  const sequences = words[WORDS.sequences] as number;
  const ofPartitions = FIXED_BYTES + sequences * SEQUENCE_BYTES;
  return {
    buffer,
    partitions,
    partitionEnds: new Float64Array(buffer, ofPartitions, partitions),
    applied: new Float64Array(buffer, ofPartitions + partitions * 8, partitions),
    eventEnds: new Float64Array(buffer, ofPartitions + partitions * 16, partitions),
    watermarkWanted: new Int32Array(buffer, ofPartitions + partitions * 24, partitions),
    starts: new BigInt64Array(buffer, FIXED_BYTES, sequences),
    ends: new BigInt64Array(buffer, FIXED_BYTES + sequences * 8, sequences),
    stray: new BigInt64Array(buffer, FIXED_BYTES + sequences * 16, sequences),
    bytesPerOffset: new Float64Array(buffer, 16, 1),
    words,
  };
}

/** The offset before which every block of the partition survives a power cut, or undefined before a writer has opened the log. */
export function logEnd(shared: LogShared, partition: number): Offset | undefined {
  const end = Atomics.load(shared.ends, sequenceOf(shared, partition));
  return end === NOT_OPEN ? undefined : offset(Number(end));
}

/** Behind the partition's newest durable block, as far as it is known here; 0 before one is. To a topic others may append, too. */
export const newestEnd = (shared: LogShared, partition: number): number =>
  Math.max(
    shared.partitionEnds[partition] ?? 0,
    shared.words[WORDS.isTopic] === 0 ? 0 : (logEnd(shared, partition) ?? 0),
  );

/** The oldest offset of the partition that is still kept. */
export const logStart = (shared: LogShared, partition: number): Offset =>
  offset(Number(Atomics.load(shared.starts, sequenceOf(shared, partition))));

/**
 * How many bytes of log lie between pairs of offsets that are so far apart, a pair of each partition that is meant: about, of a topic. In
 * a journal these stretches lie over each other.
 */
export function logBytes({ ends, bytesPerOffset }: LogShared, distances: Iterable<number>): number {
  let longest = 0;
  let sum = 0;
  for (const distance of distances) {
    longest = Math.max(longest, distance);
    sum += Math.max(0, distance);
  }
  return Math.ceil((ends.length === 1 ? longest : sum) * (bytesPerOffset[0] as number));
}

/** Behind a block that is there and has so many bytes. */
export const offsetBehind = ({ words }: LogShared, block: Offset, bytes: number): Offset =>
  offset(block + (words[WORDS.isTopic] === 0 ? bytes : 1));

/** Of each sequence of offsets, its end; 0 before a writer has opened the log. */
export const logEnds = (shared: LogShared): number[] =>
  Array.from(shared.ends, (_, i) => logEnd(shared, i) ?? 0);

/** Of all partitions together, for who looks at one number. */
export const logNumbers = (shared: LogShared) => ({
  startOffset: sumOf(Array.from(shared.ends, (_, i) => logStart(shared, i))),
  durableOffset: sumOf(logEnds(shared)),
  usedBytes: logUsedBytes(shared),
});

/** What the log keeps. */
export const logUsedBytes = (shared: LogShared): number =>
  logBytes(
    shared,
    logEnds(shared).map((end, i) => end - logStart(shared, i)),
  );

/** Why the next append would be refused, as the writer last said. */
export const sharedRefusal = (shared: LogShared): LogRefusal | undefined =>
  REFUSALS[Atomics.load(shared.words, WORDS.refusal)];

/**
 * Resolves when the partition's end is no longer `seen`, or after any `wakeReaders`. Costs nothing while it waits, and
 * does not keep an otherwise idle thread alive.
 */
export async function logEndMovedFrom(
  shared: LogShared,
  partition: number,
  seen: Offset | undefined,
): Promise<void> {
  const expected = seen === undefined ? NOT_OPEN : BigInt(seen);
  const wait = Atomics.waitAsync(shared.ends, sequenceOf(shared, partition), expected);
  if (wait.async) await wait.value;
}

/** Makes every waiting reader look again: for a seek or close, which move no offset. Others wake for nothing. */
export function wakeReaders(shared: LogShared): void {
  for (let i = 0; i < shared.ends.length; i++) Atomics.notify(shared.ends, i);
}

/**
 * Stored after `partitionEnds`, so that whoever sees this end sees those too. Of a journal any partition stands for all. Several may
 * publish what they have heard of a topic: what was heard before and comes late moves nothing back.
 */
export function publishEnd(shared: LogShared, partition: number, end: Offset): void {
  const sequence = sequenceOf(shared, partition);
  if (raise(shared.ends, sequence, BigInt(end))) Atomics.notify(shared.ends, sequence);
}

/** A block with events ends there. Nothing moves back, but of two who tell at once one may be lost until the next block. */
export function publishEvents({ eventEnds }: LogShared, partition: number, end: Offset): void {
  if ((eventEnds[partition] as number) < end) eventEnds[partition] = end;
}

/** As `publishEnd`; before anything is deleted, so that a reader that misses it knows why. */
export function publishStart(shared: LogShared, partition: number, start: Offset): void {
  raise(shared.starts, sequenceOf(shared, partition), BigInt(start));
}

/** What somebody else wrote to a topic: all readers have to know when it is gone that nothing was lost. One run is remembered. */
export function publishStray(shared: LogShared, partition: number, run: OffsetRun): void {
  const length = BigInt(run.to - run.from);
  const word = (BigInt(run.from) << RUN_BITS) | (length < RUN_MAX ? length : RUN_MAX);
  raise(shared.stray, sequenceOf(shared, partition), word);
}

/** Whether it is known that no block was ever in the run. */
export function isStray(shared: LogShared, partition: number, { from, to }: OffsetRun): boolean {
  const word = Atomics.load(shared.stray, sequenceOf(shared, partition));
  const first = Number(word >> RUN_BITS);
  return first <= from && to <= first + Number(word & RUN_MAX);
}

/** Writer only. */
export function publishRefusal(shared: LogShared, refusal: LogRefusal | undefined): void {
  Atomics.store(shared.words, WORDS.refusal, REFUSALS.indexOf(refusal));
}

/** Of a topic: what some of its records took. Two who tell at once may lose one of them, which a mean survives. */
export function publishRecords(
  { bytesPerOffset }: LogShared,
  records: number,
  bytes: number,
): void {
  if (records === 0) return;
  const mean = bytesPerOffset[0] as number;
  const weight = Math.min(1, records / RECORDS_OF_MEAN);
  bytesPerOffset[0] = mean + (bytes / records - mean) * weight;
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, each) => sum + each, 0);

const sequenceOf = ({ ends }: LogShared, partition: number): number =>
  ends.length === 1 ? 0 : partition;

function raise(words: BigInt64Array, at: number, wanted: bigint): boolean {
  for (let seen = Atomics.load(words, at); seen < wanted; seen = Atomics.load(words, at)) {
    if (Atomics.compareExchange(words, at, seen, wanted) === seen) return true;
  }
  return false;
}
