import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { ErasureValues } from '../src/erasure-values.ts';

test('a value is there until it is forgotten, and nobody else may read it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const dir = join(folder, 'erasures');
  const values = new ErasureValues(dir);
  await values.forgetOthers(new Set());
  await values.keep('1', 'Jürgen\0\n');
  await values.keep('2', 'other');
  t.is(await values.read('1'), 'Jürgen\0\n');
  t.is((await stat(dir)).mode & 0o777, 0o700);
  t.is((await stat(join(dir, '1'))).mode & 0o777, 0o600);
  await values.forget('1');
  t.is(await values.read('1'), undefined);
  t.deepEqual(await readdir(dir), ['2']);
});

test('what a crash has left of values that nobody looks for is taken away', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const values = new ErasureValues(folder);
  await values.keep('1', 'wanted');
  await values.keep('2', 'not wanted');
  await writeFile(join(folder, '3.tmp'), 'half');
  await values.forgetOthers(new Set(['1']));
  t.deepEqual(await readdir(folder), ['1']);
});
