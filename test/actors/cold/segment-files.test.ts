import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { fetchedSegments } from '../../../actors/cold/segment-files.ts';
import { beginLocalArchive, openLocalArchive } from '../../../storage/archive/local.ts';
import type { SegmentFile } from '../../../storage/archive/manifest.ts';

async function scene(t: ExecutionContext) {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  await beginLocalArchive(join(dir, 'archive'));
  const archive = openLocalArchive(join(dir, 'archive'));
  await writeFile(join(dir, 'new'), 'rows');
  const files = ['a', 'b'].map((name): SegmentFile => {
    const where = { tenant: 't', stream: 's', hourMs: 0, partition: 0, from: 0, to: 8 };
    const what = { rows: 1, bytes: 4, tsMinMs: 0, tsMaxMs: 0, schema: 1 };
    return { path: `tenant=t/stream=s/dt=1970-01-01/hour=00/${name}.parquet`, ...where, ...what };
  });
  for (const { path } of files) await archive.put(path, join(dir, 'new'));
  const cache = join(dir, 'cache');
  return { segments: await fetchedSegments(archive, cache, 100), files, cache };
}

/** Files are taken away in the background. */
async function left(cache: string, count: number): Promise<void> {
  while ((await readdir(cache)).length > count) await new Promise((go) => setTimeout(go, 5));
}

test('what was fetched is kept for the next question, until it is to be forgotten', async (t) => {
  const { segments, files, cache } = await scene(t);
  (await segments.lease(files)).release();
  t.is((await readdir(cache)).length, 2);
  t.deepEqual(segments.held(), { fetchedBytes: 8, cachedBytes: 8 });
  segments.forget();
  await left(cache, 0);
  t.deepEqual(segments.held(), { fetchedBytes: 8, cachedBytes: 0 });
});

test('what is being read goes with its last reader, and is fetched anew for others', async (t) => {
  const { segments, files, cache } = await scene(t);
  const first = await segments.lease(files);
  const second = await segments.lease(files.slice(0, 1));
  segments.forget();
  t.is((await readdir(cache)).length, 2);
  const third = await segments.lease(files.slice(0, 1));
  t.is((await readdir(cache)).length, 3);
  first.release();
  await left(cache, 2);
  second.release();
  await left(cache, 1);
  third.release();
  t.deepEqual(segments.held(), { fetchedBytes: 12, cachedBytes: 4 });
});
