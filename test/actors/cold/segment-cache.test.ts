import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { fetchedSegments } from '../../../actors/cold/segment-files.ts';
import { AppError, isFault } from '../../../src/model/errors.ts';
import type { SegmentFile } from '../../../storage/archive/manifest.ts';
import { scratchDir } from '../../contract/archive.ts';
import { MemoryArchive } from '../../storage/archive/memory-archive.ts';
import { fileOf } from '../../storage/archive/versions.ts';

const BYTES = 10;

/** Room for three files; what is fetched is noted. */
async function scene(t: ExecutionContext) {
  const archive = new MemoryArchive({ clock: { now: () => 0 } });
  const fetched: number[] = [];
  const gates = new Map<string, Promise<void>>();
  archive.fetch = async (path, localPath) => {
    fetched.push(numberOf(path));
    await gates.get(path);
    await writeFile(localPath, path);
  };
  const folder = join(await scratchDir(t), 'cache');
  const segments = await fetchedSegments(archive, folder, 3 * BYTES);
  const lease = (...numbers: number[]) => segments.lease(numbers.map(segment));
  return { segments, lease, fetched, gates, folder };
}

const segment = (n: number): SegmentFile => fileOf(0, n, n + 1);
const numberOf = (path: string): number => Number(/p0-(\d+)/.exec(path)?.[1]);

test('a segment is fetched once, whoever asks for it, at the same time too', async (t) => {
  const { segments, lease, fetched } = await scene(t);
  const [one, other] = await Promise.all([lease(1, 2), lease(2, 1)]);
  t.deepEqual(fetched, [1, 2]);
  t.deepEqual([...one.paths].sort(), [...other.paths].sort());
  for (const [path, localPath] of one.paths) t.is(await readFile(localPath, 'utf8'), path);
  one.release();
  other.release();
  (await lease(1)).release();
  t.deepEqual(fetched, [1, 2]);
  t.deepEqual(segments.held(), { fetchedBytes: 2 * BYTES, cachedBytes: 2 * BYTES });
});

test('the least recently asked make room, and none that is being read', async (t) => {
  const { segments, lease, fetched } = await scene(t);
  const read = await lease(1);
  (await lease(2)).release();
  (await lease(3)).release();
  (await lease(2)).release();
  (await lease(4)).release();
  t.deepEqual(fetched, [1, 2, 3, 4]);
  for (const localPath of read.paths.values()) t.true(existsSync(localPath));
  (await lease(1, 2)).release();
  t.deepEqual(fetched, [1, 2, 3, 4]);
  (await lease(3)).release();
  t.deepEqual(fetched, [1, 2, 3, 4, 3]);
  t.is(segments.held().cachedBytes, 3 * BYTES);
  read.release();
});

test('a question that needs more than there is room for is refused, and holds nothing', async (t) => {
  const { lease, fetched } = await scene(t);
  t.true(isFault(await t.throwsAsync(lease(1, 2, 3, 4)), 'query_overload'));
  const all = await lease(4, 5, 6);
  t.true(isFault(await t.throwsAsync(lease(7)), 'query_overload'));
  all.release();
  (await lease(7)).release();
  t.deepEqual(fetched.slice(-1), [7]);
});

test('what could not be fetched is fetched for the next who asks', async (t) => {
  const { segments, lease, fetched, gates } = await scene(t);
  const isAway = Promise.reject(new AppError('archive_unavailable', 'away'));
  gates.set(segment(1).path, isAway);
  t.true(isFault(await t.throwsAsync(lease(1, 2)), 'archive_unavailable'));
  gates.clear();
  (await lease(1)).release();
  t.deepEqual(fetched, [1, 2, 1]);
  t.is(segments.held().cachedBytes, 2 * BYTES);
});

test('a file that is on its way when it has to make room is not left behind', async (t) => {
  const { lease, gates, folder } = await scene(t);
  const arrival = Promise.withResolvers<void>();
  gates.set(segment(1).path, arrival.promise);
  gates.set(segment(2).path, Promise.reject(new AppError('archive_unavailable', 'away')));
  await t.throwsAsync(lease(1, 2));
  const others = await lease(3, 4, 5);
  arrival.resolve();
  const isThere = () => existsSync(join(folder, '0.parquet'));
  while (!isThere()) await new Promise(setImmediate);
  while (isThere()) await new Promise(setImmediate);
  others.release();
  t.pass();
});
