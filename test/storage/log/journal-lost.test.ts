import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { isFault } from '../../../src/model/errors.ts';
import { refuseLostJournal } from '../../../storage/log/journal-lost.ts';
import { testBlock } from './blocks.ts';
import { journalFiles, scratchDir, scratchJournal } from './scratch.ts';

test('a journal without a file is refused if something of it is applied, its folder there or not', async (t) => {
  const dir = await scratchDir(t);
  for (const gone of [dir, join(dir, 'journal')]) {
    const error = await t.throwsAsync(refuseLostJournal(gone, 4_096));
    t.true(isFault(error, 'log_truncated') && error.location.path === gone);
    t.regex(error?.message ?? '', /applied the journal up to 4096/);
  }
});

test('a new data folder has no journal yet', async (t) => {
  await t.notThrowsAsync(refuseLostJournal(join(await scratchDir(t), 'journal'), 0));
});

test('a journal of which a file is left is opened, whatever else has become of it', async (t) => {
  const dir = await scratchDir(t);
  const { journal } = await scratchJournal(t, { dir, fileBytes: testBlock().length });
  for (const sequence of [1, 2]) await journal.writer.append([testBlock({ sequence })]);
  await journal.writer.close();
  const [, ...newer] = await journalFiles(dir);
  t.true(newer.length > 0);
  for (const path of newer) await rm(path);
  await t.notThrowsAsync(refuseLostJournal(dir, 1_000_000));
});
