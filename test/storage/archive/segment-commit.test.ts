import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { AppError } from '../../../src/model/errors.ts';
import { DAY_MS, HOUR_MS } from '../../../src/model/units.ts';
import type { Archive } from '../../../storage/archive/archive.ts';
import { beginLocalArchive, openLocalArchive } from '../../../storage/archive/local.ts';
import { stagedPath } from '../../../storage/archive/manifest-paths.ts';
import {
  type NewSegment,
  SegmentCommitter,
  type SegmentCommitterOptions,
} from '../../../storage/archive/segment-commit.ts';
import { silent } from './silent.ts';
import { fileOf, ownerOf } from './versions.ts';

async function scene(t: ExecutionContext) {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-commit-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  await beginLocalArchive(join(dir, 'archive'));
  const archive = openLocalArchive(join(dir, 'archive'));
  const clock = { ms: Date.now(), now: () => clock.ms };
  const open = (options: Partial<SegmentCommitterOptions> = {}) =>
    SegmentCommitter.open({
      archive,
      owner: ownerOf('j'),
      clock,
      log: silent,
      sleep: async () => undefined,
      ...options,
    });
  async function segment(partition: number, from: number, to: number): Promise<NewSegment> {
    const localPath = join(dir, `local-${partition}-${from}`);
    await writeFile(localPath, `${partition} ${from} ${to}`);
    return { file: fileOf(partition, from, to), localPath };
  }
  /** The segments of one cut: each partition from `from` to `from + 10`. */
  const cut = async (from: number, partitions = 2) => ({
    positions: new Map(Array.from({ length: partitions }, (_, p) => [p, from + 10])),
    files: await Promise.all(
      Array.from({ length: partitions }, (_, p) => segment(p, from, from + 10)),
    ),
    schemas: [],
  });
  const files = async (folder: string) =>
    (await readdir(join(dir, 'archive', folder), { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map(({ name }) => name)
      .sort();
  return { dir, archive, clock, open, segment, cut, files };
}

/** As `archive`, but for some calls. */
const withCalls = (archive: Archive, calls: Partial<Archive>): Archive => ({
  ...archive,
  ...calls,
});

const unavailable = async (): Promise<never> => {
  throw new AppError('archive_unavailable', 'planted');
};

test('segments that are committed are at their paths, and nothing is left beside them', async (t) => {
  const { archive, open, cut, files } = await scene(t);
  const committer = await open();
  await committer.commit(await cut(0));
  t.deepEqual([...committer.manifest.positions.values()], [10, 10]);
  const bytes = await archive.read(fileOf(1, 0, 10).path);
  t.is(Buffer.from(bytes ?? []).toString(), '1 0 10');
  t.deepEqual(await files('tenant=t'), ['p0-0-10.parquet', 'p1-0-10.parquet']);
  t.deepEqual(await files('_tmp'), []);
});

test('partitions that did not move are not in the version', async (t) => {
  const { archive, open, cut } = await scene(t);
  const committer = await open();
  await committer.commit(await cut(0));
  const { files, schemas } = await cut(10, 1);
  const positions = new Map([...committer.manifest.positions, [0, 20]]);
  await committer.commit({ positions, files, schemas });
  const version = await archive.read('_manifest/v00000000000000000003.json');
  t.deepEqual(JSON.parse(Buffer.from(version ?? []).toString()).positions, { 0: 20 });
});

test('what a server has committed and not moved is moved by the next one', async (t) => {
  const { archive, open, cut, files } = await scene(t);
  let moves = 0;
  const dying = withCalls(archive, {
    move: (from, to) =>
      moves++ === 0 ? archive.move(from, to) : Promise.reject(new Error('gone')),
  });
  const first = await open({ archive: dying });
  await t.throwsAsync(first.commit(await cut(0)), { message: 'gone' });
  t.is(first.manifest.files.size, 0);
  t.is((await files('tenant=t')).length, 1);
  const second = await open();
  t.deepEqual([...second.manifest.positions.values()], [10, 10]);
  t.deepEqual(await files('tenant=t'), ['p0-0-10.parquet', 'p1-0-10.parquet']);
  t.deepEqual(await files('_tmp'), []);
});

test('what a server has put and not committed is taken away by the next one', async (t) => {
  const { archive, open, cut, files } = await scene(t);
  const dying = withCalls(archive, {
    create: (path, bytes) =>
      path.includes('/v00000000000000000002')
        ? Promise.reject(new Error('gone'))
        : archive.create(path, bytes),
  });
  const first = await open({ archive: dying });
  await t.throwsAsync(first.commit(await cut(0)), { message: 'gone' });
  t.is((await files('_tmp')).length, 2);
  await t.throwsAsync(first.commit(await cut(0)), { message: /after one that has failed/ });
  const second = await open();
  t.is(second.manifest.positions.size, 0);
  t.deepEqual(await files('_tmp'), []);
});

test('the sweep spares what a later owner has put, and what another writer has put lately', async (t) => {
  const { dir, archive, clock, open, segment, files } = await scene(t);
  const { localPath } = await segment(0, 0, 10);
  const committer = await open();
  const later = { format: 1, epoch: 9, version: 9, commit: 'later' } as const;
  await archive.put(stagedPath(later, 0), localPath);
  await archive.put('_tmp/fresh', localPath);
  await archive.put('_tmp/old', localPath);
  const oldSeconds = (clock.ms - DAY_MS) / 1_000 - 1;
  await utimes(join(dir, 'archive/_tmp/old'), oldSeconds, oldSeconds);
  t.is(await committer.sweep(), 1);
  t.deepEqual(await files('_tmp'), ['9-9-0.parquet', 'fresh']);
});

test('removed files stay for the grace, across restarts, and their deletion is told once', async (t) => {
  const { clock, open, cut, segment, files } = await scene(t);
  const first = await open();
  await first.commit(await cut(0));
  const remove = [...first.manifest.files.keys()];
  const merged = await segment(0, 0, 10);
  const path = 'tenant=t/stream=s/dt=1970-01-01/hour=00/merged.parquet';
  const add = [{ ...merged, file: { ...merged.file, path, rows: 2 } }];
  await first.replace({ change: 'compaction', add, remove });
  t.deepEqual([...first.manifest.files.keys()], [path]);
  t.deepEqual(await first.removeExpired(HOUR_MS), []);
  const second = await open();
  clock.ms += HOUR_MS;
  t.is((await files('tenant=t')).length, 3);
  t.deepEqual(await second.removeExpired(HOUR_MS), remove);
  t.deepEqual(await files('tenant=t'), ['merged.parquet']);
  t.deepEqual(await second.removeExpired(HOUR_MS), []);
  t.is(second.manifest.removed.size, 2);
  await second.commit(await cut(10));
  t.is(second.manifest.removed.size, 0);
});

test('an archive that is unavailable is waited for', async (t) => {
  const { archive, open, cut } = await scene(t);
  const waits: number[] = [];
  let failures = 9;
  const flaky = withCalls(archive, {
    put: (path, localPath) => (failures-- > 0 ? unavailable() : archive.put(path, localPath)),
  });
  const sleep = async (ms: number) => void waits.push(ms);
  const committer = await open({ archive: flaky, sleep });
  await committer.commit(await cut(0, 1));
  t.deepEqual(waits, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
  t.is(committer.manifest.files.size, 1);
});

test('waiting ends with the signal, and what the commit came to is found by the next one', async (t) => {
  const { archive, open, cut, files } = await scene(t);
  const end = new AbortController();
  const breaking = withCalls(archive, { move: unavailable });
  const sleep = () => {
    queueMicrotask(() => end.abort());
    return new Promise<void>(() => undefined);
  };
  const first = await open({ archive: breaking, sleep, signal: end.signal });
  await t.throwsAsync(first.commit(await cut(0)), { code: 'archive_unavailable' });
  const second = await open();
  t.deepEqual([...second.manifest.positions.values()], [10, 10]);
  t.is((await files('tenant=t')).length, 2);
});

test('a committed file that is in no place is reported, not passed over', async (t) => {
  const { archive, open, cut } = await scene(t);
  const first = await open();
  await first.commit(await cut(0));
  await archive.remove(fileOf(1, 0, 10).path);
  await t.throwsAsync(open(), {
    code: 'archive_missing',
    message: /hour=00\/p1-0-10\.parquet of version 2 is neither in its place/,
  });
});

test('at most four files are on their way at once', async (t) => {
  const { archive, open, cut } = await scene(t);
  let now = 0;
  let most = 0;
  const counting = withCalls(archive, {
    put: async (path, localPath) => {
      most = Math.max(most, ++now);
      await archive.put(path, localPath);
      now--;
    },
  });
  const committer = await open({ archive: counting });
  await committer.commit(await cut(0, 20));
  t.is(most, 4);
});
