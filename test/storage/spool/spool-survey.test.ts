/** What a spool finds on its disk when it is opened. */
import { readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { AT } from '../../../src/model/block-format.ts';
import type { Logger } from '../../../src/model/logger.ts';
import { JOURNAL_HEADER_BYTES } from '../../../storage/log/journal-file.ts';
import { Spool } from '../../../storage/spool/spool.ts';
import { silentLogger } from '../../ingest/start-edge.ts';
import { sequenceOf, testBlock } from '../log/blocks.ts';
import { journalFiles, PARTITIONS, scratchDir } from '../log/scratch.ts';

interface Line {
  readonly fields: object;
  readonly line: string;
}

async function openSpool(t: ExecutionContext, dir: string, partitions = PARTITIONS) {
  const lines: Line[] = [];
  const note = (fields: object, line: string) => lines.push({ fields, line });
  const logger: Logger = { ...silentLogger, warn: note, error: note };
  const bounds = { bytesMax: 1 << 20, diskReserveBytes: 0 };
  const spool = await Spool.open({ dir, partitions, ...bounds, logger });
  t.teardown(() => spool.close());
  return { spool, lines };
}

const block = (sequence: number, partition = 0): Uint8Array =>
  testBlock({ sequence, partition, rows: 10 });
const LENGTH = block(1).length;
const placeOf = (index: number): number => JOURNAL_HEADER_BYTES + index * LENGTH;

/** A closed spool with one block for each of `partitions`, of sequences from 1 on. */
async function spoolWith(t: ExecutionContext, partitions: readonly number[]): Promise<string> {
  const dir = await scratchDir(t);
  const { spool } = await openSpool(t, dir);
  for (const [index, partition] of partitions.entries()) {
    await spool.append([block(index + 1, partition)]);
  }
  await spool.close();
  return dir;
}

/** One block more, in a file of its own. */
async function addFile(t: ExecutionContext, dir: string, bytes: Uint8Array): Promise<void> {
  const { spool } = await openSpool(t, dir);
  await spool.shrink();
  await spool.append([bytes]);
  await spool.close();
}

/** Of the oldest file; answers its path. */
async function change(dir: string, act: (bytes: Buffer) => void): Promise<string> {
  const [path = ''] = await journalFiles(dir);
  const bytes = await readFile(path);
  act(bytes);
  await writeFile(path, bytes);
  return path;
}

async function drainedSequences(spool: Spool): Promise<number[]> {
  const sequences: number[] = [];
  while (!spool.isEmpty) {
    const run = await spool.next();
    if (run === undefined) break;
    sequences.push(...run.blocks.map(sequenceOf));
    await spool.drained(run);
  }
  return sequences;
}

test('a spool with blocks of more partitions than there are is refused, and stays as it is', async (t) => {
  const dir = await spoolWith(t, [0, 3, 1]);
  const refused = await t.throwsAsync(openSpool(t, dir, 2), { code: 'config_invalid' });
  t.regex(refused?.message ?? '', /events of partition 3, and the server has 2 .* at least 4/);
  const { spool } = await openSpool(t, dir);
  t.deepEqual(spool.waiting, { blocks: 3, events: 30, bytes: 3 * LENGTH });
  t.deepEqual(await drainedSequences(spool), [1, 2, 3]);
});

test('blocks of more partitions than there are are found behind a damaged one, too', async (t) => {
  const dir = await spoolWith(t, [0, 0]);
  await addFile(t, dir, block(3, 3));
  // Of the last block in the first file, whose end is then unknown.
  await change(dir, (bytes) => bytes.fill(0, placeOf(1), placeOf(1) + 8));
  await t.throwsAsync(openSpool(t, dir, 2), { code: 'config_invalid' });
  const { spool } = await openSpool(t, dir);
  t.deepEqual(await drainedSequences(spool), [1, 3]);
  t.is(spool.lostBytes, LENGTH);
});

test('a damaged block near the end is told and counted by each opening until it is drained', async (t) => {
  const dir = await spoolWith(t, [0, 0, 0]);
  await change(dir, (bytes) => bytes.writeUInt8(0xee, placeOf(1) + 100));
  const first = await openSpool(t, dir);
  t.is(first.spool.lostBytes, LENGTH);
  t.like(first.spool.waiting, { blocks: 2, events: 20 });
  t.true(first.lines.some(({ line }) => line.startsWith('a part of the spool is damaged')));
  await first.spool.close();
  const { spool } = await openSpool(t, dir);
  t.is(spool.lostBytes, LENGTH);
  t.deepEqual(await drainedSequences(spool), [1, 3]);
  t.is(spool.lostBytes, LENGTH);
  await spool.close();
  t.is((await openSpool(t, dir)).spool.lostBytes, 0);
});

test('an end that is cut is told with path, byte and length', async (t) => {
  const dir = await spoolWith(t, [0, 0]);
  const [path = ''] = await journalFiles(dir);
  await truncate(path, placeOf(2) - 8);
  const { spool, lines } = await openSpool(t, dir);
  t.deepEqual(
    lines.map(({ fields }) => fields),
    [{ path, byteOffset: placeOf(1), bytesCut: LENGTH - 8 }],
  );
  t.is(spool.lostBytes, 0);
  t.deepEqual(await drainedSequences(spool), [1]);
});

test('an end that is cut with whole blocks in it is counted', async (t) => {
  const dir = await spoolWith(t, [0, 0, 0]);
  await change(dir, (bytes) => bytes.fill(0, placeOf(1), placeOf(1) + 8));
  const { spool } = await openSpool(t, dir);
  t.is(spool.lostBytes, 2 * LENGTH);
  t.deepEqual(await drainedSequences(spool), [1]);
});

test('a header that is damaged so that it names another partition refuses nothing and is counted', async (t) => {
  const dir = await spoolWith(t, [0, 0, 0]);
  await addFile(t, dir, block(4));
  await change(dir, (bytes) => bytes.writeUInt16LE(PARTITIONS + 1, placeOf(1) + AT.partition));
  const { spool } = await openSpool(t, dir);
  t.is(spool.lostBytes, LENGTH);
  t.deepEqual(await drainedSequences(spool), [1, 3, 4]);
});

for (const [index, name] of ['oldest', 'middle', 'newest'].entries()) {
  test(`a file whose header is damaged, the ${name}, is refused as one of the spool, and the others are drained without it`, async (t) => {
    const dir = await spoolWith(t, [0]);
    await addFile(t, dir, block(2));
    await addFile(t, dir, block(3));
    const path = (await journalFiles(dir))[index] ?? '';
    const bytes = await readFile(path);
    bytes[20] = 0xee;
    await writeFile(path, bytes);
    const refused = await t.throwsAsync(openSpool(t, dir), { code: 'block_corrupt' });
    t.true(refused?.message.startsWith(`${path} is a file of the spool`));
    t.regex(refused?.message ?? '', /is in no backup.* Move it out of the folder/);
    await rename(path, join(await scratchDir(t), name));
    const { spool } = await openSpool(t, dir);
    t.deepEqual(
      await drainedSequences(spool),
      [1, 2, 3].filter((sequence) => sequence !== index + 1),
    );
    t.true(spool.isEmpty);
  });
}
