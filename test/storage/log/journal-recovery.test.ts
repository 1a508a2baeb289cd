import { appendFile, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { isFault } from '../../../src/model/errors.ts';
import { offset } from '../../../src/model/units.ts';
import { JOURNAL_ROUND_BYTES_MAX } from '../../../storage/limits.ts';
import {
  encodeJournalHeader,
  JOURNAL_AT,
  JOURNAL_HEADER_BYTES,
} from '../../../storage/log/journal-file.ts';
import { logEnd } from '../../../storage/log/log-shared.ts';
import { testBlock } from './blocks.ts';
import { journalFiles, PARTITIONS, scratchDir, scratchJournal, sequences } from './scratch.ts';

const BLOCK_BYTES = testBlock().length;

/** A closed journal of three blocks in one file. */
async function threeBlocks(
  t: ExecutionContext,
): Promise<{ dir: string; path: string; size: number }> {
  const dir = await scratchDir(t);
  const { journal } = await scratchJournal(t, { dir });
  await journal.writer.append([1, 2, 3].map((sequence) => testBlock({ sequence })));
  await journal.writer.close();
  const [path] = await journalFiles(dir);
  return { dir, path: path ?? '', size: JOURNAL_HEADER_BYTES + 3 * BLOCK_BYTES };
}

async function reopened(t: ExecutionContext, dir: string) {
  const { journal, shared } = await scratchJournal(t, { dir });
  const found = await sequences(journal, 0, logEnd(shared, 0) ?? offset(0));
  return { found, report: journal.recovery, journal };
}

async function flipBit(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at] = (bytes[at] as number) ^ 1;
  await writeFile(path, bytes);
}

/** Each damages the tail of a file of `size` bytes whose last block must then be gone. */
const TAILS: Record<string, (path: string, size: number) => Promise<void>> = {
  'cut inside its body': (path, size) => truncate(path, size - 8),
  'cut by one byte': (path, size) => truncate(path, size - 1),
  'cut behind its header': (path, size) => truncate(path, size - BLOCK_BYTES + 80),
  'cut inside its header': (path, size) => truncate(path, size - BLOCK_BYTES + 40),
  'cut inside its length': (path, size) => truncate(path, size - BLOCK_BYTES + 6),
  'with a flipped bit in its body': (path, size) => flipBit(path, size - 10),
  'with a flipped bit in its mark': (path, size) => flipBit(path, size - BLOCK_BYTES),
  'with a flipped bit in its length': (path, size) => flipBit(path, size - BLOCK_BYTES + 4),
  'of zeros': async (path, size) => {
    await truncate(path, size - BLOCK_BYTES);
    await truncate(path, size);
  },
  'of zeros from its middle on': async (path, size) => {
    await truncate(path, size - 40);
    await truncate(path, size);
  },
};

for (const [what, damageTail] of Object.entries(TAILS)) {
  test(`a last block ${what} is cut and reported`, async (t) => {
    const { dir, path, size } = await threeBlocks(t);
    await damageTail(path, size);
    const left = (await stat(path)).size;
    const { found, report, journal } = await reopened(t, dir);
    t.deepEqual(found, [1, 2]);
    const byteOffset = size - BLOCK_BYTES;
    t.deepEqual(report.cut, { path, byteOffset, bytesCut: left - byteOffset });
    t.deepEqual(report.damage, []);
    const [next] = await journal.writer.append([testBlock({ sequence: 9 })]);
    t.is(next, offset(2 * BLOCK_BYTES));
    await journal.writer.close();
    t.deepEqual((await reopened(t, dir)).found, [1, 2, 9]);
  });
}

test('garbage behind the last block is cut', async (t) => {
  const { dir, path, size } = await threeBlocks(t);
  await appendFile(path, Buffer.from('not a block, whoever wrote this'));
  const { found, report } = await reopened(t, dir);
  t.deepEqual(found, [1, 2, 3]);
  t.deepEqual(report.cut, { path, byteOffset: size, bytesCut: 31 });
});

test('what a cut removed does not come back behind the blocks that took its place', async (t) => {
  const { dir, path, size } = await threeBlocks(t);
  // The mark of the second block: no length leads to the third.
  await flipBit(path, size - 2 * BLOCK_BYTES);
  const { journal } = await reopened(t, dir);
  await journal.writer.append([testBlock({ sequence: 8 })]);
  await journal.writer.close();
  t.deepEqual((await reopened(t, dir)).found, [1, 8]);
});

test('an intact journal reports its extent and cuts nothing', async (t) => {
  const { dir } = await threeBlocks(t);
  const { report } = await reopened(t, dir);
  t.is(report.cut, undefined);
  t.deepEqual([report.start, report.end, report.files], [0, 3 * BLOCK_BYTES, 1]);
});

test('a bad block deeper than one round is damage: kept, reported, and written behind', async (t) => {
  const dir = await scratchDir(t);
  const { journal } = await scratchJournal(t, { dir });
  const large = { bodyBytes: JOURNAL_ROUND_BYTES_MAX / 2 };
  for (const sequence of [1, 2, 3, 4]) {
    await journal.writer.append([testBlock({ sequence, ...large })]);
  }
  await journal.writer.close();
  const [path] = await journalFiles(dir);
  const at = JOURNAL_HEADER_BYTES + testBlock(large).length;
  await flipBit(path ?? '', at + 200);

  const { journal: again, shared } = await scratchJournal(t, { dir });
  t.is(again.recovery.cut, undefined);
  t.deepEqual(again.recovery.damage, [{ path: path ?? '', byteOffset: at }]);
  const [next] = await again.writer.append([testBlock({ sequence: 5 })]);
  const end = logEnd(shared, 0) ?? offset(0);
  t.deepEqual(await sequences(again, 0, end, next), [5]);
  const error = await t.throwsAsync(sequences(again, 0, end));
  t.true(isFault(error, 'block_corrupt') && error.location.byteOffset === at);
});

test('nothing that someone has committed is cut', async (t) => {
  const { dir, path, size } = await threeBlocks(t);
  await flipBit(path, size - BLOCK_BYTES - 10);
  const durableBefore = offset(3 * BLOCK_BYTES);
  const { journal } = await scratchJournal(t, { dir, durableBefore });
  t.is(journal.recovery.cut, undefined);
  t.is(journal.recovery.damage.length, 1);
  t.is((await stat(path)).size, size);
});

test('offsets that someone has committed are not given out again when the log is gone', async (t) => {
  const { dir, path } = await threeBlocks(t);
  await rm(path);
  const durableBefore = offset(3 * BLOCK_BYTES);
  const { journal, shared } = await scratchJournal(t, { dir, durableBefore });
  t.is(journal.recovery.damage.length, 1);
  t.deepEqual(await journal.writer.append([testBlock({ sequence: 8 })]), [durableBefore]);
  t.deepEqual(await sequences(journal, 0, logEnd(shared, 0) ?? offset(0), durableBefore), [8]);
});

test('a missing file in the middle is reported, and its reader told', async (t) => {
  const dir = await scratchDir(t);
  const { journal } = await scratchJournal(t, { dir, fileBytes: 1024 });
  for (const sequence of [1, 2, 3]) {
    await journal.writer.append([testBlock({ sequence, bodyBytes: 800 })]);
  }
  await journal.writer.close();
  const [first, second] = await journalFiles(dir);
  await rm(second ?? '');
  const { journal: again, shared } = await scratchJournal(t, { dir });
  t.deepEqual(
    again.recovery.damage.map((place) => place.path),
    [first ?? ''],
  );
  const error = await t.throwsAsync(sequences(again, 0, logEnd(shared, 0) ?? offset(0)));
  t.true(isFault(error, 'block_corrupt') && error.location.path === first);
});

test('another version of the file format is refused by name', async (t) => {
  const { dir, path } = await threeBlocks(t);
  const bytes = await readFile(path);
  bytes.writeUInt32LE(3, JOURNAL_AT.version);
  await writeFile(path, bytes);
  const error = await t.throwsAsync(scratchJournal(t, { dir }));
  t.true(isFault(error, 'log_version'));
  t.regex(error?.message ?? '', /expected journal version 1 or 2, received 3/);
});

for (const left of [0, 12, JOURNAL_HEADER_BYTES - 1]) {
  test(`a file that is cut to ${left} bytes of its header is refused by its name`, async (t) => {
    const { dir, path } = await threeBlocks(t);
    await truncate(path, left);
    const error = await t.throwsAsync(scratchJournal(t, { dir }));
    t.true(isFault(error, 'block_corrupt') && error.location.path === path);
    const said = `the header of the journal file ${path} should be 64 bytes long, the file has ${left}: restore`;
    t.true(error?.message.startsWith(said), error?.message);
  });
}

test('a damaged or foreign file header is refused', async (t) => {
  const { dir, path } = await threeBlocks(t);
  await flipBit(path, JOURNAL_AT.base);
  t.true(isFault(await t.throwsAsync(scratchJournal(t, { dir })), 'block_corrupt'));
  const other = encodeJournalHeader({
    base: offset(8),
    createdMs: 0,
    journalId: new Uint8Array(16),
  });
  await flipBit(path, JOURNAL_AT.base);
  await writeFile(path.replace('0.journal', '8.journal'), other);
  const error = await t.throwsAsync(scratchJournal(t, { dir }));
  t.regex(error?.message ?? '', /another journal/);
});

test('a file that was being created is removed', async (t) => {
  const { dir } = await threeBlocks(t);
  await writeFile(`${dir}/0000000000000999.journal.tmp`, 'half a header');
  t.deepEqual((await reopened(t, dir)).found, [1, 2, 3]);
});

test('recovery tells where each partition of the last file ends', async (t) => {
  const dir = await scratchDir(t);
  const { journal } = await scratchJournal(t, { dir });
  await journal.writer.append([0, 2, 0].map((partition) => testBlock({ partition })));
  await journal.writer.close();
  const { shared } = await scratchJournal(t, { dir });
  t.deepEqual([...shared.partitionEnds], [3 * BLOCK_BYTES, 0, 2 * BLOCK_BYTES, 0]);
  t.is(shared.partitions, PARTITIONS);
});

test('the file header is these bytes', async (t) => {
  const header = encodeJournalHeader({
    base: offset(4096),
    createdMs: 1_700_000_000_000,
    journalId: Uint8Array.from({ length: 16 }, (_, index) => index),
  });
  t.is(
    Buffer.from(header).toString('hex'),
    '53474a31bb7daf440100000000000000' + // mark, checksum, version
      '000000000000b04000008056febc7842' + // base offset, created
      '000102030405060708090a0b0c0d0e0f' + // journal id
      '00000000000000000000000000000000',
  );
});

test('a journal without blocks reopens', async (t) => {
  const dir = await scratchDir(t);
  const { journal } = await scratchJournal(t, { dir });
  await journal.writer.close();
  const file = await open((await journalFiles(dir))[0] ?? '');
  t.is((await file.stat()).size, JOURNAL_HEADER_BYTES);
  await file.close();
  const { journal: again } = await scratchJournal(t, { dir });
  t.deepEqual(await again.writer.append([testBlock()]), [offset(0)]);
});
