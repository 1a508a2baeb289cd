/** A journal in a directory of its own, taken away with the test. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Offset, offset } from '../../../src/model/units.ts';
import { type Journal, type JournalOptions, openJournal } from '../../../storage/log/journal.ts';
import type { LoggedBlock, LogReader } from '../../../storage/log/log.ts';
import { createLogShared, type LogShared } from '../../../storage/log/log-shared.ts';
import { sequenceOf } from './blocks.ts';

export const PARTITIONS = 4;

export async function scratchDir(t: ExecutionContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-log-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** Opened with nothing reserved on the disk, unless `options` say so; closed with the test if not before. */
export async function scratchJournal(
  t: ExecutionContext,
  options: Partial<JournalOptions> & { dir: string },
): Promise<{ journal: Journal; shared: LogShared }> {
  const shared = options.shared ?? createLogShared(PARTITIONS);
  const journal = await openJournal({ diskReserveBytes: 0, ...options, shared });
  t.teardown(() => journal.writer.close());
  return { journal, shared };
}

/** Reads until every partition of `from` has been read up to `end`. */
export async function readUntil(
  reader: LogReader,
  partition: number,
  end: Offset,
  bytesMax = 1 << 20,
): Promise<LoggedBlock[]> {
  const found: LoggedBlock[] = [];
  for (;;) {
    const { blocks, readTo } = await reader.read(bytesMax);
    found.push(...blocks);
    if (readTo(partition) >= end) return found;
  }
}

/** Sequence numbers of one partition's blocks from `from` to the durable end. */
export async function sequences(
  journal: Journal,
  partition: number,
  end: Offset,
  from: Offset = offset(0),
): Promise<number[]> {
  const reader = journal.openReader(new Map([[partition, from]]));
  try {
    if (from === end) return [];
    return (await readUntil(reader, partition, end)).map((block) => sequenceOf(block.bytes));
  } finally {
    reader.close();
  }
}

/** Paths of the journal's files, oldest first. */
export async function journalFiles(dir: string): Promise<string[]> {
  const names = await readdir(dir);
  return names
    .filter((name) => name.endsWith('.journal'))
    .sort()
    .map((name) => join(dir, name));
}
