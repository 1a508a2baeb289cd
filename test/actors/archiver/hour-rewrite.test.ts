import test from 'ava';
import { Compaction } from '../../../actors/archiver/compaction.ts';
import { HourRewrite, type Rewriting } from '../../../actors/archiver/hour-rewrite.ts';
import type { Hour } from '../../../actors/archiver/hours.ts';
import { PutOff } from '../../../actors/archiver/work.ts';
import { HOUR_MS } from '../../../src/model/units.ts';
import { folderOf } from '../../../storage/archive/paths.ts';
import { literal } from '../../../storage/segments/segment-columns.ts';
import { silent } from '../../storage/archive/silent.ts';
import { archiveScene, namesOf } from './archive-scene.ts';

const POLICY = { enabled: true, fileBytes: 1_000, afterMs: 60_000 };

async function scene(...[t]: Parameters<typeof archiveScene>) {
  const here = await archiveScene(t);
  const putOff = new PutOff();
  const compactionOf = (policy = POLICY) =>
    new Compaction({ tools: here.tools, policy, putOff, clock: here.clock, log: silent });
  const hour = (): Hour => {
    const [first] = here.hours.all();
    if (first === undefined) throw new Error('no hour has files');
    return first;
  };
  return { ...here, putOff, compactionOf, hour };
}

test('an hour that is over becomes a file in a folder of its own; the old ones stay', async (t) => {
  const { clock, hours, cut, counted, visible, compactionOf } = await scene(t);
  for (const partition of [0, 1, 0]) await cut(0, 10, partition);
  await cut(1, 10);
  const compaction = compactionOf();
  const dueMs = compaction.dueMs();
  t.is(dueMs, clock.ms + HOUR_MS + POLICY.afterMs);
  clock.ms = dueMs;
  while (compaction.dueMs() <= clock.ms) await compaction.step();
  const [compacted, other] = namesOf(hours);
  t.regex(compacted ?? '', /^hour=08-c6\/c0-0{20}-0{17}300\.parquet$/);
  t.regex(other ?? '', /^hour=09\/p0-/);
  t.deepEqual(await counted(), { rows: 40, places: 40 });
  t.is((await visible()).length, 5);
  t.like(
    [...hours.manifest.files.values()].find(({ hourMs }) => hourMs < clock.ms - HOUR_MS),
    {
      from: 0,
      to: 300,
      rows: 30,
    },
  );
  t.deepEqual(compaction.counts, { compactions: 1, filesMerged: 3, filesMade: 1 });
});

test('how far events lie ahead of their arrival is known of a compacted file if it is of all before', async (t) => {
  const { hours, cut, compactionOf } = await scene(t);
  for (const aheadMaxMs of [-5, 70]) await cut(0, 10, 0, aheadMaxMs);
  for (const aheadMaxMs of [5, undefined]) await cut(1, 10, 0, aheadMaxMs);
  const compaction = compactionOf();
  compaction.demand();
  while (compaction.isDemanded) await compaction.step();
  const files = [...hours.manifest.files.values()].sort((a, b) => a.hourMs - b.hourMs);
  t.deepEqual(
    files.map(({ aheadMaxMs }) => aheadMaxMs),
    [70, undefined],
  );
});

test('a cut in the middle of a compaction is in it', async (t) => {
  const { hours, cut, counted, compactionOf } = await scene(t);
  for (let i = 0; i < 4; i++) await cut(0, 60);
  const compaction = compactionOf();
  compaction.demand();
  await compaction.step();
  t.deepEqual(compaction.numbers().done, 2);
  await cut(0, 5);
  while (compaction.isDemanded) await compaction.step();
  t.is(new Set([...hours.manifest.files.keys()].map(folderOf)).size, 1);
  t.deepEqual(await counted(), { rows: 245, places: 245 });
});

test('late files come into the folder that their hour has then', async (t) => {
  const { hours, cut, compactionOf } = await scene(t);
  await cut(0, 10);
  await cut(0, 10);
  const compaction = compactionOf();
  compaction.demand();
  while (compaction.isDemanded) await compaction.step();
  await cut(0, 1);
  t.deepEqual(
    namesOf(hours).map((name) => name.replace(/-0{10,}.*/, '')),
    ['hour=08-c4/c0', 'hour=08-c4/p0'],
  );
});

test('an hour without files, whose old ones are still there, has another folder', async (t) => {
  const { hours, cut } = await scene(t);
  await cut(0, 10);
  await hours.replace({ change: 'retention', add: [], remove: [...hours.manifest.files.keys()] });
  await cut(0, 1);
  t.regex(namesOf(hours)[0] ?? '', /^hour=08-c4\/p0-/);
});

test('a file that lacks rows puts its hour off, and nothing else', async (t) => {
  const { archive, clock, dir, hours, cut, compactionOf, putOff } = await scene(t);
  await cut(0, 10);
  await cut(0, 10);
  await cut(1, 10);
  await cut(1, 10);
  const [broken] = [...hours.manifest.files.keys()];
  await archive.fetch([...hours.manifest.files.keys()][2] ?? '', `${dir}/other.parquet`);
  await archive.put(broken ?? '', `${dir}/other.parquet`);
  const file = hours.manifest.files.get(broken ?? '');
  if (file !== undefined) Object.assign(file, { rows: 11 });
  const compaction = compactionOf();
  clock.ms += 3 * HOUR_MS;
  while (compaction.dueMs() <= clock.ms) await compaction.step();
  t.regex(putOff.problem ?? '', /hour=08: 2 files have 20 rows, and 21 by the manifest/);
  t.is(compaction.counts.compactions, 1);
  t.is(compaction.dueMs(), clock.ms + 60_000);
  t.is(hours.manifest.files.size, 3);
});

test('a disk without room puts an hour off', async (t) => {
  const { hours, tools, cut, hour } = await scene(t);
  await cut(0, 10);
  const rewriting: Rewriting = {
    ...{ change: 'compaction', group: (files) => [[...files]], rewrite: async () => 'kept' },
  };
  const full = { ...tools, diskReserveBytes: Number.MAX_SAFE_INTEGER };
  await t.throwsAsync(new HourRewrite(full, rewriting, hour()).prepare(), {
    message: /make room on the disk/,
  });
  t.is(hours.manifest.version, 2);
});

test('rows are taken out: a file goes over as it is, one is rewritten, one is gone', async (t) => {
  const { hours, tools, cut, counted, hour } = await scene(t);
  for (const rows of [3, 10, 5]) await cut(0, rows);
  const rewrite = new HourRewrite(tools, withoutFirst('_row >= 4'), hour());
  while (!(await rewrite.prepare()));
  t.like(await rewrite.commit(), { filesBefore: 3, filesAfter: 3, rowsBefore: 18, rowsAfter: 11 });
  await rewrite.close();
  t.deepEqual(await counted(), { rows: 11, places: 11 });
  const again = new HourRewrite(tools, withoutFirst('_row >= 4'), hour());
  while (!(await again.prepare()));
  t.is(await again.commit(), undefined);
  const last = new HourRewrite(tools, withoutFirst('_row >= 0'), hour());
  while (!(await last.prepare()));
  t.like(await last.commit(), { filesAfter: 0, rowsAfter: 0 });
  t.is(hours.manifest.files.size, 0);
});

test('an hour that lost a file to another version meanwhile is begun anew', async (t) => {
  const { hours, tools, cut, hour } = await scene(t);
  for (const rows of [3, 10]) await cut(0, rows);
  const rewrite = new HourRewrite(tools, withoutFirst('_row >= 4'), hour());
  while (!(await rewrite.prepare()));
  const [first = ''] = hours.manifest.files.keys();
  await hours.replace({ change: 'retention', add: [], remove: [first] });
  t.is(await rewrite.commit(), undefined);
  t.is(hours.manifest.files.size, 1);
});

/** Takes rows out, file by file. */
const withoutFirst = (condition: string): Rewriting => ({
  change: 'erasure',
  group: (files) => files.map((file) => [file]),
  async rewrite({ files, paths }, duck, outPath) {
    const from = `read_parquet(${literal(paths[0] ?? '')})`;
    const [found] = await duck.rows(
      `SELECT count(*) FILTER (NOT (${condition}))::INT AS rows FROM ${from}`,
    );
    const rows = Number(found?.['rows']);
    if (rows === files[0]?.rows) return 'kept';
    if (rows === 0) return 'empty';
    await duck.rows(
      `COPY (FROM ${from} WHERE NOT (${condition})) TO ${literal(outPath)} (FORMAT parquet)`,
    );
    return { rows, bytes: rows * 10, tsMinMs: 0, tsMaxMs: 0 };
  },
});
