/** A journal that leaves out positions on purpose: a file says that it begins behind a gap. */
import { readFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { type Offset, offset } from '../../../src/model/units.ts';
import { countBacklog } from '../../../storage/log/backlog.ts';
import { nodeDisk } from '../../../storage/log/disk.ts';
import {
  createJournalFile,
  encodeJournalHeader,
  journalPath,
  readJournalHeader,
} from '../../../storage/log/journal-file.ts';
import { JournalSummary } from '../../../storage/log/journal-summary.ts';
import { walkJournal } from '../../../storage/log/journal-walk.ts';
import { sequenceOf, testBlock } from './blocks.ts';
import { journalFiles, readUntil, scratchDir, scratchJournal, sequences } from './scratch.ts';

const BEHIND = offset(1_000_000);

/** Three blocks of partition 0, a gap, and the journal opened behind it. */
async function scene(t: ExecutionContext) {
  const dir = await scratchDir(t);
  const before = await scratchJournal(t, { dir });
  const blocks = [0, 1, 2].map((sequence) => testBlock({ sequence, received: 1 }));
  await before.journal.writer.append(blocks);
  await before.journal.writer.close();
  const end = offset(blocks.reduce((sum, { length }) => sum + length, 0));
  const [path = ''] = await journalFiles(dir);
  const fd = await nodeDisk.open(path, 'r');
  const { journalId } = await readJournalHeader(nodeDisk, fd, path, offset(0));
  await nodeDisk.close(fd);
  const header = { base: BEHIND, createdMs: 1, journalId, gapFrom: end };
  await nodeDisk.close((await createJournalFile(nodeDisk, dir, header)).fd);
  return { dir, end, ...(await scratchJournal(t, { dir, durableBefore: end })) };
}

const append = async (journal: Awaited<ReturnType<typeof scene>>['journal'], sequence: number) =>
  (await journal.writer.append([testBlock({ sequence, received: 1 })]))[0] as Offset;

test('what is written goes on behind the gap, which is no damage', async (t) => {
  const { journal } = await scene(t);
  t.deepEqual(journal.recovery.damage, []);
  t.is(journal.recovery.end, BEHIND);
  t.is(await append(journal, 3), BEHIND);
});

test('a reader passes the gap before anything is written behind it, and then reads on', async (t) => {
  const { journal } = await scene(t);
  const reader = journal.openReader(new Map([[0, offset(0)]]));
  t.teardown(() => reader.close());
  const first = await readUntil(reader, 0, BEHIND);
  t.deepEqual(
    first.map(({ bytes }) => sequenceOf(bytes)),
    [0, 1, 2],
  );
  const at = await append(journal, 3);
  const [block] = (await reader.read(1 << 20)).blocks;
  t.is(block?.offset, at);
});

test('a reader that begins in the gap gets what is behind it', async (t) => {
  const { journal, end } = await scene(t);
  const at = await append(journal, 3);
  const behind = offset(at + testBlock().length);
  t.deepEqual(await sequences(journal, 0, behind, end), [3]);
  t.deepEqual(await sequences(journal, 0, behind, offset(end + 8_000)), [3]);
  t.deepEqual(await sequences(journal, 0, behind), [0, 1, 2, 3]);
});

test('a seek over the gap, there and back, delivers what it asks for', async (t) => {
  const { journal } = await scene(t);
  const at = await append(journal, 3);
  const reader = journal.openReader(new Map([[0, at]]));
  t.teardown(() => reader.close());
  t.is((await reader.read(1 << 20)).blocks.length, 1);
  reader.seek(0, offset(0));
  const again = await readUntil(reader, 0, offset(at + 1));
  t.deepEqual(
    again.map(({ bytes }) => sequenceOf(bytes)),
    [0, 1, 2, 3],
  );
});

test('it is still there after a restart, and is counted and inspected as what it is', async (t) => {
  const { dir, journal, end } = await scene(t);
  await append(journal, 3);
  await journal.writer.close();
  const { journal: later, shared } = await scratchJournal(t, { dir });
  t.deepEqual(later.recovery.damage, []);
  t.is(later.recovery.start, offset(0));
  const backlog = await countBacklog(dir, shared, new Map([[0, offset(0)]]));
  t.like(backlog, { complete: true, entries: [{ blocks: 4, received: 4 }] });
  const summary = new JournalSummary(undefined);
  await walkJournal(dir, offset(0), summary);
  t.deepEqual([summary.total.blocks, summary.damageCount], [4, 0]);
  const header = (await readFile(journalPath(dir, BEHIND))).subarray(0, 64);
  t.is(header.readUInt32LE(8), 2);
  t.is(header.readDoubleLE(48), end);
});

test('a header without a gap is that of version 1', (t) => {
  const header = encodeJournalHeader({
    base: offset(8),
    createdMs: 1,
    journalId: new Uint8Array(16).fill(7),
  });
  t.is(Buffer.from(header).readUInt32LE(8), 1);
  t.is(Buffer.from(header).readDoubleLE(48), 0);
});
