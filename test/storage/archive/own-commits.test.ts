import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { OWN_COMMITS_FILE, openOwnCommits } from '../../../storage/archive/own-commits.ts';
import { OWN_COMMITS_MAX } from '../../../storage/limits.ts';

async function file(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return join(folder, OWN_COMMITS_FILE);
}

test('a folder that knows nothing takes everything for its own', async (t) => {
  const commits = await openOwnCommits(await file(t));
  t.true(commits.isOwn('a'));
});

test('what was remembered is known after a restart, and nothing else is', async (t) => {
  const path = await file(t);
  const before = await openOwnCommits(path);
  await before.remember('a');
  await before.remember('b');
  const after = await openOwnCommits(path);
  t.deepEqual(
    ['a', 'b', 'c'].map((commit) => after.isOwn(commit)),
    [true, true, false],
  );
});

test('the newest that was made is known with its place, whatever is remembered after it', async (t) => {
  const path = await file(t);
  const commits = await openOwnCommits(path);
  t.is(commits.made, undefined);
  await commits.remember('a');
  t.is((await openOwnCommits(path)).made, undefined);
  const made = { url: 'file:///a', version: 1, commit: 'a' };
  await commits.confirm(made);
  await commits.remember('b');
  t.deepEqual((await openOwnCommits(path)).made, made);
});

test('a file of a release that kept the names alone is read', async (t) => {
  const path = await file(t);
  await writeFile(path, '{"format":1,"commits":["a"]}');
  const commits = await openOwnCommits(path);
  t.deepEqual([commits.isOwn('a'), commits.isOwn('b'), commits.made], [true, false, undefined]);
});

test('positions that a restore has left out are known, whatever is remembered after them', async (t) => {
  const path = await file(t);
  const commits = await openOwnCommits(path);
  t.deepEqual(commits.leftOut, []);
  await commits.leaveOut([10, 20]);
  await commits.leaveOut([40, 60]);
  await commits.remember('b');
  t.deepEqual((await openOwnCommits(path)).leftOut, [
    [10, 20],
    [40, 60],
  ]);
});

test('only the newest are kept', async (t) => {
  const path = await file(t);
  const commits = await openOwnCommits(path);
  for (let i = 0; i <= OWN_COMMITS_MAX; i++) await commits.remember(`c${i}`);
  const after = await openOwnCommits(path);
  t.deepEqual([after.isOwn('c0'), after.isOwn('c1')], [false, true]);
});

test('a half-written successor changes nothing, and a damaged file is named', async (t) => {
  const path = await file(t);
  await (await openOwnCommits(path)).remember('a');
  await writeFile(`${path}.tmp`, '{"form');
  t.false((await openOwnCommits(path)).isOwn('b'));
  await writeFile(path, '{"form');
  const error = await t.throwsAsync(openOwnCommits(path), { code: 'state_corrupt' });
  t.true(error?.message.includes(path));
  t.is((await readdir(join(path, '..'))).length, 2);
});
