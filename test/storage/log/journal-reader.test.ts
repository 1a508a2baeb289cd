import { readFile, rename, writeFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { isFault } from '../../../src/model/errors.ts';
import { type Offset, offset } from '../../../src/model/units.ts';
import { type Disk, nodeDisk } from '../../../storage/log/disk.ts';
import { openJournalReader } from '../../../storage/log/journal-reader.ts';
import { createLogShared, logEnd } from '../../../storage/log/log-shared.ts';
import { sequenceOf, testBlock } from './blocks.ts';
import {
  journalFiles,
  PARTITIONS,
  readUntil,
  scratchDir,
  scratchJournal,
  sequences,
} from './scratch.ts';

const START = offset(0);

test('a reader that is opened before the writer waits for it', async (t) => {
  const dir = await scratchDir(t);
  const shared = createLogShared(PARTITIONS);
  const reader = openJournalReader({ dir, shared, from: new Map([[0, START]]) });
  t.teardown(() => reader.close());
  const waiting = reader.read(1000);
  const { journal } = await scratchJournal(t, { dir, shared });
  await journal.writer.append([testBlock({ sequence: 3 })]);
  t.deepEqual(
    (await waiting).blocks.map((block) => sequenceOf(block.bytes)),
    [3],
  );
});

test('readers in other threads are woken, and end when they are told to', async (t) => {
  const dir = await scratchDir(t);
  const { journal, shared } = await scratchJournal(t, { dir });
  const workers = [0, 1].map(
    (partition) =>
      new Worker(new URL('./reading-worker.ts', import.meta.url), {
        workerData: { dir, buffer: shared.buffer, partition },
      }),
  );
  const answers = workers.map((worker) => messages(worker));
  for (const answer of answers) t.is(await answer(), 'waiting');
  for (const sequence of [1, 2, 3]) {
    await journal.writer.append([0, 1].map((partition) => testBlock({ partition, sequence })));
    for (const answer of answers) t.is(await answer(), sequence);
  }
  t.deepEqual(await Promise.all(workers.map((worker) => worker.terminate())), [1, 1]);
  await t.notThrowsAsync(journal.writer.append([testBlock()]));
});

test('a damaged block in an older file is reported where it lies, after those before it', async (t) => {
  const dir = await scratchDir(t);
  const { journal, shared } = await scratchJournal(t, { dir, fileBytes: 4096 });
  for (let sequence = 0; sequence < 8; sequence += 1) {
    await journal.writer.append([testBlock({ sequence, bodyBytes: 900 })]);
  }
  const [path = ''] = await journalFiles(dir);
  const length = testBlock({ bodyBytes: 900 }).length;
  const bytes = await readFile(path);
  const at = 64 + 2 * length;
  bytes[at + 500] = 0;
  await writeFile(path, bytes);

  const reader = journal.openReader(new Map([[0, START]]));
  t.teardown(() => reader.close());
  const { blocks, readTo } = await reader.read(1 << 20);
  t.deepEqual(
    blocks.map((block) => sequenceOf(block.bytes)),
    [0, 1],
  );
  t.is(readTo(0), offset(2 * length));
  for (const _ of [1, 2]) {
    const error = await t.throwsAsync(reader.read(1 << 20));
    t.true(isFault(error, 'block_corrupt'));
    t.like(error, { location: { path, byteOffset: at } });
  }
  reader.seek(0, offset(3 * length));
  const rest = await readUntil(reader, 0, logEnd(shared, 0) ?? START);
  t.deepEqual(
    rest.map((block) => sequenceOf(block.bytes)),
    [3, 4, 5, 6, 7],
  );
});

test('damage in the body of a block that nobody here wants is passed over', async (t) => {
  const dir = await scratchDir(t);
  const { journal, shared } = await scratchJournal(t, { dir });
  await journal.writer.append(
    [0, 1, 0].map((partition, i) => testBlock({ partition, sequence: i })),
  );
  const [path = ''] = await journalFiles(dir);
  const bytes = await readFile(path);
  bytes[64 + testBlock().length + 90] = 0xff;
  await writeFile(path, bytes);
  t.deepEqual(await sequences(journal, 0, logEnd(shared, 0) ?? START), [0, 2]);
});

test('an offset behind the end of the log is an error, not a wait', async (t) => {
  const dir = await scratchDir(t);
  const { journal } = await scratchJournal(t, { dir });
  await journal.writer.append([testBlock()]);
  const error = await t.throwsAsync(sequences(journal, 0, offset(1), offset(80_000)));
  t.true(isFault(error, 'log_truncated'));
  t.regex(error?.message ?? '', /behind the log's end/);
});

test('an offset inside a block is an error', async (t) => {
  const dir = await scratchDir(t);
  const { journal } = await scratchJournal(t, { dir });
  await journal.writer.append([testBlock()]);
  const error = await t.throwsAsync(sequences(journal, 0, offset(160), offset(16)));
  t.true(isFault(error, 'block_corrupt'));
});

test("seeking one partition back does not repeat another's blocks", async (t) => {
  const dir = await scratchDir(t);
  const { journal, shared } = await scratchJournal(t, { dir });
  const offsets = await journal.writer.append(
    [0, 1, 0, 1].map((partition, sequence) => testBlock({ partition, sequence })),
  );
  const end = logEnd(shared, 0) ?? START;
  const reader = journal.openReader(
    new Map([
      [0, START],
      [1, START],
    ]),
  );
  t.teardown(() => reader.close());
  await readUntil(reader, 0, end);
  reader.seek(1, offsets[1] as Offset);
  const again = await readUntil(reader, 1, end);
  t.deepEqual(
    again.map((block) => sequenceOf(block.bytes)),
    [1, 3],
  );
});

test('a seek goes back to an older file', async (t) => {
  const dir = await scratchDir(t);
  const { journal, shared } = await scratchJournal(t, { dir, fileBytes: 1024 });
  for (const sequence of [1, 2, 3]) {
    await journal.writer.append([testBlock({ sequence, bodyBytes: 800 })]);
  }
  const end = logEnd(shared, 0) ?? START;
  const reader = journal.openReader(new Map([[0, START]]));
  t.teardown(() => reader.close());
  await readUntil(reader, 0, end);
  reader.seek(0, START);
  t.deepEqual(
    (await readUntil(reader, 0, end)).map((block) => sequenceOf(block.bytes)),
    [1, 2, 3],
  );
});

test('a seek that comes while a file is being closed is not forgotten', async (t) => {
  const dir = await scratchDir(t);
  const { journal, shared } = await scratchJournal(t, { dir, fileBytes: 1024 });
  const offsets: Offset[] = [];
  for (const sequence of [1, 2, 3]) {
    offsets.push(...(await journal.writer.append([testBlock({ sequence, bodyBytes: 800 })])));
  }
  let closing = () => {};
  const disk: Disk = {
    ...nodeDisk,
    close: async (fd) => {
      closing();
      await nodeDisk.close(fd);
    },
  };
  const [first = START, second = START, third = START] = offsets;
  const reader = openJournalReader({ dir, shared, disk, from: new Map([[0, third]]) });
  t.teardown(() => reader.close());
  await reader.read(1);
  reader.seek(0, second);
  closing = () => {
    closing = () => {};
    reader.seek(0, first);
  };
  t.deepEqual(
    (await readUntil(reader, 0, logEnd(shared, 0) ?? START)).map((b) => sequenceOf(b.bytes)),
    [1, 2, 3],
  );
});

test('a damaged file that is replaced by a sound one is read on', async (t) => {
  const dir = await scratchDir(t);
  const { journal, shared } = await scratchJournal(t, { dir });
  await journal.writer.append([1, 2].map((sequence) => testBlock({ sequence })));
  const [path = ''] = await journalFiles(dir);
  const sound = await readFile(path);
  const damaged = Buffer.from(sound);
  damaged[64 + 90] = 0xff;
  await writeFile(path, damaged);
  const reader = journal.openReader(new Map([[0, START]]));
  t.teardown(() => reader.close());
  t.true(isFault(await t.throwsAsync(reader.read(1 << 20)), 'block_corrupt'));
  await writeFile(`${path}.restored`, sound);
  await rename(`${path}.restored`, path);
  t.deepEqual(
    (await readUntil(reader, 0, logEnd(shared, 0) ?? START)).map((b) => sequenceOf(b.bytes)),
    [1, 2],
  );
});

test('a partition that is released no longer holds the others back', async (t) => {
  const dir = await scratchDir(t);
  const { journal, shared } = await scratchJournal(t, { dir });
  const offsets = await journal.writer.append(
    [0, 1, 1, 0].map((partition, sequence) => testBlock({ partition, sequence })),
  );
  const from = new Map([
    [0, START],
    [1, START],
  ]);
  const reader = journal.openReader(from);
  t.teardown(() => reader.close());
  const end = logEnd(shared, 0) ?? START;
  await readUntil(reader, 0, end);
  reader.seek(1, START);
  await reader.read(1);
  reader.release(1);
  const more = journal.writer.append([1, 0].map((partition) => testBlock({ partition })));
  const { blocks, readTo } = await reader.read(1);
  await more;
  // The next read begins where partition 0 was, and finds the block of partition 1 that nobody wants.
  t.deepEqual([blocks.length, readTo(0) > end], [0, true]);
  reader.seek(1, offsets[2] as Offset);
  const again = await readUntil(reader, 1, logEnd(shared, 0) ?? START);
  t.deepEqual(
    again.map(({ partition }) => partition),
    [1, 1, 0],
  );
});

test('small reads go on across files to the same end', async (t) => {
  const dir = await scratchDir(t);
  const { journal, shared } = await scratchJournal(t, { dir, fileBytes: 2048 });
  for (let sequence = 0; sequence < 30; sequence += 1) {
    await journal.writer.append([testBlock({ sequence, bodyBytes: 10 + sequence * 37 })]);
  }
  const reader = journal.openReader(new Map([[0, START]]));
  t.teardown(() => reader.close());
  const found = await readUntil(reader, 0, logEnd(shared, 0) ?? START, 1);
  t.deepEqual(
    found.map((block) => sequenceOf(block.bytes)),
    Array.from({ length: 30 }, (_, index) => index),
  );
});

/** The worker's messages one at a time, in order. */
function messages(worker: Worker): () => Promise<unknown> {
  const arrived: unknown[] = [];
  let wanted: ((message: unknown) => void) | undefined;
  worker.on('message', (message: unknown) => {
    if (wanted === undefined) arrived.push(message);
    else wanted(message);
    wanted = undefined;
  });
  return () =>
    new Promise((resolve) => {
      if (arrived.length > 0) resolve(arrived.shift());
      else wanted = resolve;
    });
}
