/** The end of a journal in which a disk has damaged what may have been acknowledged. */
import { readFile, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { AT, BLOCK_BYTES_MAX, BLOCK_MAGIC } from '../../../src/model/block-format.ts';
import { type Offset, offset } from '../../../src/model/units.ts';
import { DAMAGED_ENDS_MAX } from '../../../storage/limits.ts';
import { damagedEndsIn, readEnd, tellDamagedEnd } from '../../../storage/log/damaged-end.ts';
import { JOURNAL_HEADER_BYTES } from '../../../storage/log/journal-file.ts';
import { JournalSummary } from '../../../storage/log/journal-summary.ts';
import { walkJournal } from '../../../storage/log/journal-walk.ts';
import { logEnd } from '../../../storage/log/log-shared.ts';
import { sequenceOf, testBlock } from './blocks.ts';
import { faultyDisk, systemError } from './faulty-disk.ts';
import { journalFiles, readUntil, scratchDir, scratchJournal } from './scratch.ts';

const BLOCK_BYTES = testBlock().length;
const positionOf = (index: number): number => JOURNAL_HEADER_BYTES + index * BLOCK_BYTES;

/** A closed journal of `count` blocks of 7 events in one file. */
async function written(t: ExecutionContext, count: number): Promise<{ dir: string; path: string }> {
  const dir = await scratchDir(t);
  const { journal } = await scratchJournal(t, { dir });
  const blocks = Array.from({ length: count }, (_, sequence) => testBlock({ sequence, rows: 7 }));
  await journal.writer.append(blocks);
  await journal.writer.close();
  const [path = ''] = await journalFiles(dir);
  return { dir, path };
}

/** Opens and closes it: what the server then has, and what it was told. */
async function reopened(t: ExecutionContext, dir: string) {
  const { journal, shared } = await scratchJournal(t, { dir });
  const end = logEnd(shared, 0) ?? offset(0);
  const reader = journal.openReader(new Map([[0, offset(0)]]));
  const blocks = end === 0 ? [] : await readUntil(reader, 0, end);
  reader.close();
  await journal.writer.close();
  const found = blocks.map((block) => [sequenceOf(block.bytes), block.offset]);
  return { found, end, report: journal.recovery };
}

const at = (...sequences: number[]): [number, Offset][] =>
  sequences.map((sequence) => [sequence, offset(sequence * BLOCK_BYTES)]);

async function flipBit(path: string, position: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[position] = (bytes[position] as number) ^ 1;
  await writeFile(path, bytes);
}

test('a damaged block costs itself alone: its neighbours stay at their offsets', async (t) => {
  const { dir, path } = await written(t, 5);
  await flipBit(path, positionOf(1) + 100);
  const { size } = await stat(path);
  const asFound = (await readFile(path)).subarray(positionOf(1));
  const { found, report, end } = await reopened(t, dir);
  t.deepEqual(found, at(0, 2, 3, 4));
  t.is(end, offset(5 * BLOCK_BYTES));
  t.is(report.cut, undefined);
  t.deepEqual(report.damage, []);
  const [keptIn = ''] = damagedEndsIn(dir);
  t.deepEqual(report.damagedEnd, {
    path,
    byteOffset: positionOf(1),
    bytes: size - positionOf(1),
    staying: { blocks: 3, events: 21 },
    unreachable: { blocks: 0, events: 0 },
    keptIn,
    deleted: [],
  });
  t.deepEqual(await readFile(keptIn), asFound);
});

test('what was mended is whole for the next start and for an inspection', async (t) => {
  const { dir, path } = await written(t, 4);
  await flipBit(path, positionOf(1) + 100);
  await reopened(t, dir);
  const { found, report } = await reopened(t, dir);
  t.deepEqual(found, at(0, 2, 3));
  t.is(report.damagedEnd, undefined);
  t.is(damagedEndsIn(dir).length, 1);
  const summary = new JournalSummary(undefined);
  await walkJournal(dir, offset(0), summary);
  t.deepEqual([summary.damageCount, summary.tail], [0, undefined]);
  t.deepEqual(summary.kinds.get('void'), { blocks: 1, bytes: BLOCK_BYTES, rows: 0 });
  t.deepEqual(
    summary.partitions.map(({ partition, blocks }) => [partition, blocks]),
    [[0, 3]],
  );
});

test('several damaged blocks, and a torn end behind them', async (t) => {
  const { dir, path } = await written(t, 8);
  for (const index of [1, 2, 5]) await flipBit(path, positionOf(index) + 100);
  await truncate(path, positionOf(8) - 9);
  const { found, report } = await reopened(t, dir);
  t.deepEqual(found, at(0, 3, 4, 6));
  t.deepEqual(report.cut, { path, byteOffset: positionOf(7), bytesCut: BLOCK_BYTES - 9 });
  t.deepEqual(report.damagedEnd?.staying, { blocks: 3, events: 21 });
});

test('behind a block that says no length nothing stays, and all is counted and kept', async (t) => {
  const { dir, path } = await written(t, 5);
  await flipBit(path, positionOf(2) + AT.magic);
  const asFound = (await readFile(path)).subarray(positionOf(2));
  const { found, report } = await reopened(t, dir);
  t.deepEqual(found, at(0, 1));
  t.is(report.cut?.byteOffset, positionOf(2));
  t.deepEqual(report.damagedEnd?.unreachable, { blocks: 2, events: 14 });
  t.deepEqual(await readFile(report.damagedEnd?.keptIn ?? ''), asFound);
});

test('a block that somebody has sent as a text does not come into the log', async (t) => {
  const dir = await scratchDir(t);
  const { journal } = await scratchJournal(t, { dir });
  const forged = testBlock({ sequence: 9, tenant: 'somebody else' });
  const carrier = testBlock({ sequence: 1, bodyBytes: 400 });
  carrier.set(forged, 160);
  await journal.writer.append([testBlock({ sequence: 0 }), carrier]);
  await journal.writer.close();
  const [path = ''] = await journalFiles(dir);
  await flipBit(path, positionOf(1) + AT.magic);
  const { found, report } = await reopened(t, dir);
  t.deepEqual(found, at(0));
  t.is(report.damagedEnd?.unreachable.blocks, 1);
});

test('wherever a byte is damaged, every other block stays or is kept', async (t) => {
  const bodies = fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 2, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(
      bodies,
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      async (sizes, where) => {
        const dir = await scratchDir(t);
        const { journal } = await scratchJournal(t, { dir });
        const blocks = sizes.map((bodyBytes, sequence) => testBlock({ sequence, bodyBytes }));
        const offsets = await journal.writer.append(blocks);
        await journal.writer.close();
        const [path = ''] = await journalFiles(dir);
        const { size } = await stat(path);
        const position = Math.floor(JOURNAL_HEADER_BYTES + where * (size - JOURNAL_HEADER_BYTES));
        await flipBit(path, position);
        const hit = offsets.findLastIndex((start) => start + JOURNAL_HEADER_BYTES <= position);
        const { found, report } = await reopened(t, dir);
        const others = offsets.map((start, sequence) => [sequence, start]).toSpliced(hit, 1);
        const behind = blocks.length - hit - 1;
        const { staying, unreachable } = report.damagedEnd ?? {};
        t.deepEqual(found, others.slice(0, hit + (staying?.blocks ?? 0)));
        t.is((staying?.blocks ?? 0) + (unreachable?.blocks ?? 0), behind);
        const isInLength = position < JOURNAL_HEADER_BYTES + (offsets[hit] ?? 0) + AT.crc;
        if (behind > 0) t.is(unreachable?.blocks, isInLength ? behind : 0);
      },
    ),
    { numRuns: 60 },
  );
});

for (const call of ['write', 'syncData', 'truncate', 'open'] as const) {
  test(`a crash at any ${call} of the mending leaves what the next start mends`, async (t) => {
    for (let calls = 0; ; calls++) {
      const { dir, path } = await written(t, 5);
      await flipBit(path, positionOf(1) + 100);
      await flipBit(path, positionOf(4) + 100);
      const disk = faultyDisk();
      let left = calls;
      disk.before[call] = () => {
        if (left-- === 0) throw systemError('EIO');
      };
      const opened = await scratchJournal(t, { dir, disk }).then(
        ({ journal }) => journal.writer.close().then(() => true),
        () => false,
      );
      const { found } = await reopened(t, dir);
      t.deepEqual(found, at(0, 2, 3));
      t.is(damagedEndsIn(dir).length, 1);
      if (!opened) continue;
      t.true(calls > 0);
      break;
    }
  });
}

test('so many copies are kept, and which ones are deleted is told', async (t) => {
  const { dir, path } = await written(t, 3);
  for (let i = 0; i < DAMAGED_ENDS_MAX; i++) {
    const copy = join(dir, `${i}.damaged`);
    await writeFile(copy, 'of an earlier day');
    await utimes(copy, 1_000 + i, 1_000 + i);
  }
  await flipBit(path, positionOf(1) + 100);
  const { report } = await reopened(t, dir);
  t.deepEqual(report.damagedEnd?.deleted, [join(dir, '0.damaged')]);
  t.is(damagedEndsIn(dir).length, DAMAGED_ENDS_MAX);
});

test('what looks like many large blocks is not tried without end', (t) => {
  const bytes = Buffer.alloc(BLOCK_BYTES_MAX);
  for (let position = 8; position < bytes.length / 2; position += 8) {
    bytes.writeUInt32LE(BLOCK_MAGIC, position);
    bytes.writeUInt32LE(BLOCK_BYTES_MAX / 2, position + AT.length);
  }
  t.like(readEnd(new Uint8Array(bytes.buffer)), { end: 0, isCounted: false });
});

test('a damaged end is told as an error that names the copy and what is in it', async (t) => {
  const { dir, path } = await written(t, 3);
  await flipBit(path, positionOf(1) + 100);
  const { report } = await reopened(t, dir);
  const told: [object, string][] = [];
  const error = (fields: object, message: string): void => void told.push([fields, message]);
  const silent = () => undefined;
  const logger = { debug: silent, info: silent, warn: silent, error, child: () => logger };
  if (report.damagedEnd !== undefined) tellDamagedEnd(logger, report.damagedEnd, 'the log');
  const [[fields, message] = [{}, '']] = told;
  t.like(fields, { keptIn: damagedEndsIn(dir)[0], staying: { blocks: 1, events: 7 } });
  t.regex(message, /^near the end of the log a block is damaged.*Check the disk/);
});
