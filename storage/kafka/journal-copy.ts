/**
 * Copies blocks of a journal into a topic that holds nothing else, in their order, and reads them back. It may be broken off at any
 * moment: what a partition of the topic holds by then is a beginning of its blocks, and the next attempt goes on behind it.
 */
import { createHash, type Hash } from 'node:crypto';
import { AppError } from '../../src/model/errors.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import type { LoggedBlock, LogWriter, OpenReader } from '../log/log.ts';
import { type LogShared, logEnd, logStart } from '../log/log-shared.ts';
import { kafkaPath } from './faults.ts';

export interface JournalCopyOptions {
  readonly journal: {
    readonly openReader: OpenReader;
    /** Per partition. */
    readonly from: readonly number[];
    readonly end: number;
  };
  readonly topic: {
    readonly name: string;
    readonly openReader: OpenReader;
    readonly writer: LogWriter;
    readonly shared: LogShared;
    readonly offsetBase: number;
  };
  /** Told of each block, whether it was in the topic already or not, with its offset there. */
  readonly visit: (block: LoggedBlock, to: number) => void | Promise<void>;
  readonly progress: (doing: 'copying' | 'reading back', bytes: number) => void;
}

/** Of one produce request or some: larger ones are not faster. */
const APPEND_BYTES = 4 * 2 ** 20;

/** What a partition's blocks are, one after the other. */
class Sum {
  count = 0;
  readonly #hash: Hash = createHash('sha256');
  #digest: string | undefined;

  add(bytes: Uint8Array): void {
    this.count += 1;
    this.#hash.update(bytes);
  }

  get digest(): string {
    this.#digest ??= this.#hash.digest('hex');
    return this.#digest;
  }
}

/** Rejects with `config_invalid` if the topic holds anything else, and as logs do. Answers how many blocks there are. */
export async function copyJournal(options: JournalCopyOptions): Promise<number> {
  refuseDeleted(options);
  const sums = await copy(options);
  await readBack(options, sums);
  return sums.reduce((total, { count }) => total + count, 0);
}

async function copy({ journal, topic, visit, progress }: JournalCopyOptions): Promise<Sum[]> {
  const { writer, shared, offsetBase } = topic;
  const there = journal.from.map((_, partition) => recordsOf(shared, partition));
  const sums = journal.from.map(() => new Sum());
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  const flush = async () => {
    if (waiting.length > 0) await writer.append(waiting);
    waiting = [];
    waitingBytes = 0;
  };
  const ends = journal.from.map(() => journal.end);
  for await (const block of blocksOf(journal.openReader, journal.from, ends)) {
    const sum = sums[block.partition] as Sum;
    const index = sum.count;
    sum.add(block.bytes);
    await visit(block, offsetBase + index);
    if (index < (there[block.partition] as number)) continue;
    waiting.push(block.bytes);
    waitingBytes += block.bytes.length;
    progress('copying', block.bytes.length);
    if (waitingBytes >= APPEND_BYTES) await flush();
  }
  await flush();
  return sums;
}

/** An append of an attempt before may have come late: only what is read is believed. */
async function readBack(
  { topic, progress }: JournalCopyOptions,
  copied: readonly Sum[],
): Promise<void> {
  const { offsetBase, shared, openReader, name } = topic;
  const sums = copied.map(() => new Sum());
  const from = copied.map(() => offsetBase);
  const to = copied.map(({ count }) => offsetBase + count);
  for await (const { partition, bytes } of blocksOf(openReader, from, to)) {
    sums[partition]?.add(bytes);
    progress('reading back', bytes.length);
  }
  for (const [partition, sum] of copied.entries()) {
    const there = sums[partition] as Sum;
    const isSame = there.count === sum.count && there.digest === sum.digest;
    if (isSame && recordsOf(shared, partition) === sum.count) continue;
    throw other(
      name,
      `partition ${partition} should hold the ${sum.count} blocks of the journal, and it holds ${Math.max(there.count, recordsOf(shared, partition))} records that are others, or more`,
    );
  }
}

/** What a topic that nobody else writes to holds is a beginning of what it will. */
function refuseDeleted({ topic: { name, shared, offsetBase } }: JournalCopyOptions): void {
  for (let partition = 0; partition < shared.partitions; partition++) {
    const start = logStart(shared, partition);
    if (start === offsetBase) continue;
    throw other(
      name,
      `partition ${partition} begins with offset ${start - offsetBase}, as its first records were deleted`,
    );
  }
}

/** Until each partition is read up to `ends`. */
async function* blocksOf(
  openReader: OpenReader,
  from: readonly number[],
  ends: readonly number[],
): AsyncGenerator<LoggedBlock> {
  const left = new Set(from.keys());
  const pass = (readTo: (partition: number) => number) => {
    for (const partition of left) {
      if (readTo(partition) >= (ends[partition] as number)) left.delete(partition);
    }
  };
  pass((partition) => from[partition] as number);
  if (left.size === 0) return;
  const wanted = [...left].map(
    (partition) => [partition, offset(from[partition] as number)] as const,
  );
  const reader = openReader(new Map<number, Offset>(wanted));
  try {
    while (left.size > 0) {
      const read = await reader.read(APPEND_BYTES);
      yield* read.blocks.filter((block) => block.offset < (ends[block.partition] as number));
      pass((partition) => read.readTo(partition));
    }
  } finally {
    reader.close();
  }
}

const recordsOf = (shared: LogShared, partition: number): number =>
  (logEnd(shared, partition) ?? 0) - logStart(shared, partition);

const other = (topic: string, what: string): AppError =>
  new AppError(
    'config_invalid',
    `the topic ${topic} is not the log of this data folder: ${what}. Delete the topic and run the command again: nothing is lost, the journal is as it was`,
    { path: kafkaPath(topic) },
  );
