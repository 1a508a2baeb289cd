import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { pushedOutKey } from '../../../storage/state/erasure-rows.ts';
import { pushOut } from '../../../storage/state/push-out.ts';
import { openState } from '../../../storage/state/rocksdb.ts';

const SECRET = 'the-secret-8f1d3a77';

const filesWith = async (dir: string): Promise<string[]> => {
  const names = await readdir(dir);
  const files = await Promise.all(names.map((name) => readFile(join(dir, name)).catch(() => '')));
  return names.filter((_, i) => files[i]?.includes(SECRET));
};

test('an old value of a row is in no file of the store once it was pushed out', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const dir = join(folder, 'state');
  const key = Buffer.from('row');
  const first = await openState({ dir, partitions: 1 });
  await first.commit([
    { key, value: Buffer.from(SECRET) },
    { key: Buffer.from('other'), value: Buffer.from('stays') },
  ]);
  await first.close();
  // Opening writes what the log holds into a file.
  await (await openState({ dir, partitions: 1 })).close();
  t.true((await filesWith(dir)).length > 0);
  const state = await openState({ dir, partitions: 1 });
  t.teardown(() => state.close());
  await state.commit([{ key, value: Buffer.from('erased') }], 'synced');
  await pushOut(state, pushedOutKey(), () => new Promise((resolve) => setImmediate(resolve)));
  // Files are rewritten and deleted in the background.
  for (let looks = 0; looks < 600 && (await filesWith(dir)).length > 0; looks++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  t.deepEqual(await filesWith(dir), []);
  const rows = await state.getMany([key, Buffer.from('other'), pushedOutKey()]);
  t.deepEqual(rows.map(String), ['erased', 'stays', 'undefined']);
});
