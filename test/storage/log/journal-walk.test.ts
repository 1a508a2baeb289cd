import { open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { BLOCK_KIND } from '../../../src/model/block-format.ts';
import { isFault } from '../../../src/model/errors.ts';
import { offset } from '../../../src/model/units.ts';
import { JOURNAL_HEADER_BYTES } from '../../../storage/log/journal-file.ts';
import { JournalSummary, SUMMARY_STREAMS_MAX } from '../../../storage/log/journal-summary.ts';
import { findBlock, walkJournal } from '../../../storage/log/journal-walk.ts';
import { testBlock } from './blocks.ts';
import { journalFiles, scratchDir, scratchJournal } from './scratch.ts';

const FILE_BYTES = 2_048;

/** Forty blocks of two partitions in several files. Answers their offsets. */
async function scene(t: ExecutionContext) {
  const dir = await scratchDir(t);
  const { journal } = await scratchJournal(t, {
    ...{ dir, fileBytes: FILE_BYTES, bytesMax: 100 * FILE_BYTES },
  });
  const offsets: number[] = [];
  for (let n = 0; n < 40; n++) {
    const kind = n % 10 === 9 ? BLOCK_KIND.deadLetters : BLOCK_KIND.events;
    const block = testBlock({
      partition: n % 2,
      kind,
      sequence: n,
      rows: 3,
      received: 4,
      rejected: 1,
    });
    offsets.push(...(await journal.writer.append([block])));
  }
  return { dir, journal, offsets, files: await journalFiles(dir) };
}

async function summaryOf(dir: string, from = 0, partition?: number): Promise<JournalSummary> {
  const summary = new JournalSummary(partition);
  await walkJournal(dir, offset(from), summary);
  return summary;
}

async function spoil(path: string, at: number, bytes = 1): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(Buffer.alloc(bytes, 0xee), 0, bytes, at);
  await file.close();
}

test('a sound journal is added up, beside the writer that has it open', async (t) => {
  const { dir, files, offsets } = await scene(t);
  const summary = await summaryOf(dir);
  t.is(summary.files.length, files.length);
  t.true(files.length > 1);
  t.like(summary.total, { blocks: 40, rows: 120 });
  t.deepEqual(
    [summary.kinds.get('events')?.blocks, summary.kinds.get('deadLetters')?.blocks],
    [36, 4],
  );
  t.deepEqual(
    summary.partitions.map(({ partition, blocks, firstOffset }) => [
      partition,
      blocks,
      firstOffset,
    ]),
    [0, 1].map((p) => [p, 20, offsets[p]]),
  );
  t.like(summary.streams[0], { tenant: 't', stream: 's', blocks: 40, received: 160, rejected: 40 });
  t.deepEqual([summary.damageCount, summary.tail], [0, undefined]);
});

test('blocks of one partition, and from an offset on, are counted alone', async (t) => {
  const { dir, offsets } = await scene(t);
  t.is((await summaryOf(dir, 0, 1)).total.blocks, 20);
  t.is((await summaryOf(dir, offsets[35])).total.blocks, 5);
  t.is((await summaryOf(dir, (offsets[35] ?? 0) + 1)).total.blocks, 4);
});

test('a damaged block is told with its place, and those behind it are found', async (t) => {
  const { dir, files, offsets } = await scene(t);
  const [path = ''] = files;
  await spoil(path, JOURNAL_HEADER_BYTES + (offsets[3] ?? 0) + 100);
  // Of this one not even the header is left.
  await spoil(path, JOURNAL_HEADER_BYTES + (offsets[6] ?? 0), 60);
  const { damages, total, tail } = await summaryOf(dir);
  t.deepEqual(
    damages.map((damage) => [damage.path, damage.offset, damage.byteOffset, damage.bytes]),
    [3, 6].map((n) => {
      const at = offsets[n] ?? 0;
      return [path, at, JOURNAL_HEADER_BYTES + at, (offsets[n + 1] ?? 0) - at];
    }),
  );
  t.regex(damages[0]?.problem ?? '', /checksum/);
  t.deepEqual([total.blocks, tail], [38, undefined]);
});

test('a torn end of the newest file is no damage, one of an older file is', async (t) => {
  const { dir, files, journal } = await scene(t);
  await journal.writer.close();
  const newest = files.at(-1) ?? '';
  const oldest = files[0] ?? '';
  await truncate(newest, (await stat(newest)).size - 8);
  const torn = await summaryOf(dir);
  t.deepEqual([torn.damageCount, torn.tail?.path, torn.total.blocks], [0, newest, 39]);
  t.regex(torn.tail?.problem ?? '', /ends behind the file/);
  await truncate(oldest, (await stat(oldest)).size - 8);
  const damaged = await summaryOf(dir);
  // The block itself, and that the next file does not start where this one ends.
  t.is(damaged.damageCount, 2);
  t.is(damaged.total.blocks, 38);
});

test('a missing file is a gap, and a file with a bad header is passed over', async (t) => {
  const { dir, files } = await scene(t);
  const [first = '', second = '', third = ''] = files;
  await rm(second);
  const gap = await summaryOf(dir);
  t.is(gap.damageCount, 1);
  t.regex(gap.damages[0]?.problem ?? '', /expected a file that starts at /);
  await spoil(first, 20);
  const bad = await summaryOf(dir);
  t.regex(bad.damages[0]?.problem ?? '', /the header of the journal file .* fails its checksum/);
  t.is(bad.files[0]?.path, third);
  t.is(bad.damageCount, 1);
});

test('a block is found by its offset, and by one in it', async (t) => {
  const { dir, offsets } = await scene(t);
  const [, , , at = 0] = offsets;
  const found = await findBlock(dir, offset(at));
  t.true('bytes' in found && found.bytes.length === (offsets[4] ?? 0) - at);
  t.deepEqual(await findBlock(dir, offset(at + 8)), { startsAt: offset(at) });
  t.deepEqual(await findBlock(dir, offset(1e9)), { startsAt: undefined });
});

test('more streams than are told apart are one line', (t) => {
  const summary = new JournalSummary(undefined);
  for (let n = 0; n < SUMMARY_STREAMS_MAX + 5; n++) {
    summary.block(testBlock({ stream: `s${n}`, rows: 1 }), offset(n * 200));
  }
  t.is(summary.streams.length, SUMMARY_STREAMS_MAX + 1);
  t.is(summary.streams.find(({ tenant }) => tenant === undefined)?.blocks, 5);
});

test('a folder without a journal is named', async (t) => {
  const dir = await scratchDir(t);
  for (const wrong of [dir, `${dir}/not-there`]) {
    const error = await t.throwsAsync(summaryOf(wrong));
    t.true(isFault(error, 'log_io'));
    t.true(error?.message.includes(`there is no journal in ${wrong}`));
  }
  await writeFile(`${dir}/0000000000000000.journal`, 'short');
  t.is((await summaryOf(dir)).damageCount, 1);
  t.is((await readFile(`${dir}/0000000000000000.journal`)).length, 5);
});
