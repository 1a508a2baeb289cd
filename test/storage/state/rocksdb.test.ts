import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { isFault } from '../../../src/model/errors.ts';
import { rollupRowKey, rollupRowRange } from '../../../storage/state/keys.ts';
import { attachState, openState } from '../../../storage/state/rocksdb.ts';
import { readRanges, scan } from '../../../storage/state/state.ts';

const key = (...bytes: number[]): Uint8Array => new Uint8Array(bytes);
const ALL = { from: key(0), to: key(0xff, 0xff) };

async function scratchDir(t: ExecutionContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-state-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

test('a commit is read back in key order, page by page', async (t) => {
  const state = await openState({ dir: await scratchDir(t), partitions: 2 });
  const rows = Array.from({ length: 300 }, (_, i) => ({
    key: key(i % 7, 0, i >> 8, i & 0xff),
    value: key(i & 0xff),
  }));
  await state.commit(rows);
  const found: string[] = [];
  for await (const row of scan(state, ALL, 17)) found.push(Buffer.from(row.key).toString('hex'));
  const expected = rows.map((row) => Buffer.from(row.key).toString('hex')).sort();
  t.deepEqual(found, expected);
  await state.close();
});

test('ranges of many pages are read to their ends, each as it was when its reading began', async (t) => {
  const state = await openState({ dir: await scratchDir(t), partitions: 1 });
  const rows = Array.from({ length: 2_500 }, (_, i) => ({
    key: key(5, i >> 8, i & 0xff),
    value: key(1),
  }));
  await state.commit([...rows, { key: key(6), value: key(2) }, { key: key(7), value: key(3) }]);
  const read = readRanges(state, [
    { from: key(5), to: key(6) },
    { from: key(6), to: key(7) },
    { from: key(8), to: key(9) },
  ]);
  const found: number[] = [];
  for (const place of [0, 1, 2]) {
    let count = 0;
    for await (const page of read.rows(place)) {
      count += page.length;
      if (place === 0) await state.commit([{ key: key(5, 0xff), value: key(4) }]);
    }
    found.push(count);
  }
  t.deepEqual(found, [2_500, 1, 0]);
  for await (const page of read.rows(0)) {
    t.is(page.length, 128);
    break;
  }
  read.close();
  await state.close();
});

test('an absent row is undefined, a deleted one too', async (t) => {
  const state = await openState({ dir: await scratchDir(t), partitions: 1 });
  await state.commit([{ key: key(1), value: key(9) }]);
  await state.commit([
    { key: key(1), value: undefined },
    { key: key(2), value: key() },
  ]);
  const [deleted, empty, absent] = await state.getMany([key(1), key(2), key(3)]);
  t.is(deleted, undefined);
  t.deepEqual([...(empty ?? [1])], []);
  t.is(absent, undefined);
  await state.close();
});

test('a range is cleared with its first key and without its last, whatever bytes they have', async (t) => {
  const state = await openState({ dir: await scratchDir(t), partitions: 1 });
  const keys = [key(5), key(6, 0), key(6, 0, 0xff), key(6, 0xff, 0xfe), key(7), key(7, 0)];
  await state.commit(keys.map((k) => ({ key: k, value: key(1) })));
  await state.clear({ from: key(6, 0), to: key(7) });
  const left: string[] = [];
  for await (const row of scan(state, ALL)) left.push(Buffer.from(row.key).toString('hex'));
  t.deepEqual(left, ['05', '07', '0700']);
  await state.close();
});

test('seed and partitions survive a reopening, another partition count is refused', async (t) => {
  const dir = await scratchDir(t);
  const first = await openState({ dir, partitions: 4 });
  const { dedupSeed } = first.server;
  await first.syncedBarrier();
  await first.close();
  const second = await openState({ dir, partitions: 4 });
  t.deepEqual(second.server.dedupSeed, dedupSeed);
  await second.close();
  const error = await t.throwsAsync(openState({ dir, partitions: 5 }));
  t.true(isFault(error, 'state_version'));
  t.regex(error?.message ?? '', /4 partitions/);
});

test('a folder that cannot be opened is an operating fault that says why', async (t) => {
  const file = join(await scratchDir(t), 'file');
  await writeFile(file, '');
  const error = await t.throwsAsync(openState({ dir: join(file, 'state'), partitions: 1 }));
  t.true(isFault(error, 'state_io'));
});

test('another thread attaches by the handle, and its commits are seen and counted', async (t) => {
  const state = await openState({ dir: await scratchDir(t), partitions: 1 });
  const worker = new Worker(new URL('./attaching-worker.ts', import.meta.url), {
    workerData: state.handle,
  });
  const code = await new Promise((resolve) => worker.on('exit', resolve));
  t.is(code, 0);
  const [row] = await state.getMany([key(42)]);
  t.deepEqual([...(row ?? [])], [1, 2, 3]);
  const attached = await attachState(state.handle);
  t.deepEqual(attached.server, state.server);
  const at = { partition: 0, tenant: 'a', rollup: 'r', stepMs: 1_000, group: 0 };
  const count = () => state.rowWrites.ofRows(at)(0, 1_000);
  const before = count();
  await attached.commit([{ key: rollupRowKey({ ...at, bucketMs: 0 }), value: key(1) }]);
  t.is(count(), before + 1);
  await attached.clear(rollupRowRange(at, 0, 1_000));
  t.is(count(), before + 2);
  await state.close();
});
