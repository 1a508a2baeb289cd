import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { isFault } from '../../../src/model/errors.ts';
import { refuseLostJournal } from '../../../storage/log/journal-lost.ts';
import { testBlock } from './blocks.ts';
import { journalFiles, scratchDir, scratchJournal } from './scratch.ts';

test('a journal without a file is refused if something of it is applied, its folder there or not', async (t) => {
  const dataDir = await scratchDir(t);
  const path = join(dataDir, 'journal');
  const refused = async () => {
    const error = await t.throwsAsync(refuseLostJournal(dataDir, 4_096));
    t.true(isFault(error, 'log_truncated') && error.location.path === path);
    t.regex(error?.message ?? '', /applied the journal up to 4096/);
  };
  await refused();
  await mkdir(path);
  await refused();
});

test('a new data folder has no journal yet', async (t) => {
  await t.notThrowsAsync(refuseLostJournal(await scratchDir(t), 0));
});

test('a journal of which a file is left is opened, whatever else has become of it', async (t) => {
  const dataDir = await scratchDir(t);
  const dir = join(dataDir, 'journal');
  const { journal } = await scratchJournal(t, { dir, fileBytes: testBlock().length });
  for (const sequence of [1, 2]) await journal.writer.append([testBlock({ sequence })]);
  await journal.writer.close();
  const [, ...newer] = await journalFiles(dir);
  t.true(newer.length > 0);
  for (const path of newer) await rm(path);
  await t.notThrowsAsync(refuseLostJournal(dataDir, 1_000_000));
});
