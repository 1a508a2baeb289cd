import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { prepareDataDir } from '../src/data-dir.ts';
import { isFault } from '../src/model/errors.ts';

async function scratchDir(t: ExecutionContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-data-'));
  t.teardown(() => rm(dir, { recursive: true }));
  return dir;
}

test('a data directory is made with its parents, and may be there already', async (t) => {
  const dir = join(await scratchDir(t), 'a', 'b');
  await prepareDataDir(dir);
  await prepareDataDir(dir);
  t.true((await stat(dir)).isDirectory());
});

test('a file in the place of the data directory or of its parent is named', async (t) => {
  const file = join(await scratchDir(t), 'file');
  await writeFile(file, '');
  for (const dir of [file, join(file, 'below')]) {
    const error = await t.throwsAsync(prepareDataDir(dir));
    t.true(isFault(error, 'config_invalid'));
    t.true(error?.message.includes(`"${dir}" is not usable`));
  }
});

test('a file system that makes no directories ends the start instead of spinning', async (t) => {
  const error = await t.throwsAsync(prepareDataDir('/proc/streamgauge/data'));
  t.true(isFault(error, 'config_invalid'));
});
