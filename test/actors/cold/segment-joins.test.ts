/** Questions are answered the same whether segments are joined or not, and nothing that is gone is read from a join. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { findEvents } from '../../../actors/cold/events.ts';
import type { FindTools } from '../../../actors/cold/question-tools.ts';
import type { SegmentFiles } from '../../../actors/cold/segment-files.ts';
import { SegmentJoins } from '../../../actors/cold/segment-joins.ts';
import { findSeries } from '../../../actors/cold/series.ts';
import type { SeriesQuestion } from '../../../actors/cold/series-question.ts';
import type { StreamSnapshot } from '../../../actors/cold/snapshots.ts';
import { answerSql } from '../../../actors/cold/sql.ts';
import { ValueFilters } from '../../../actors/cold/value-filters.ts';
import { evenEdges } from '../../../src/query/steps.ts';
import type { SegmentFile } from '../../../storage/archive/manifest.ts';
import { ALL, FILES, scene, someWhere } from './random-files.ts';

const ENOUGH = 1e9;
/** Files of the three schemas. */
const JOINS = 3;

async function buildAll(joins: SegmentJoins, segments: SegmentFiles): Promise<number> {
  for (let made = 0; ; made++) if (!(await joins.build(segments))) return made;
}

/** All files of the scene are joined. */
async function joinedScene(seed: number, bytesMax = ENOUGH, count = FILES) {
  const found = await scene(seed, 100, count);
  const { folder, segments, snapshot } = found;
  const joins = new SegmentJoins(join(folder, 'joins'), bytesMax, 0);
  joins.take(snapshot.files, snapshot.files).release();
  const made = await buildAll(joins, segments);
  return { ...found, joins, made };
}

const seriesOf = (fromMs: number, toMs: number): SeriesQuestion => ({
  ...{ tenant: ALL.tenant, stream: ALL.stream, fromMs, toMs, limit: 100, scanRowsMax: 1e6 },
  ...{ edges: evenEdges(fromMs, toMs, 1_000), groupBy: ['type'] },
  measures: [{ op: 'count' }, { op: 'distinct', field: 'user' }],
  orderBy: { term: { kind: 'measure', at: 0 }, descending: true },
});

const snapshotsOf = (snapshot: StreamSnapshot) => ({
  take: async () => ({
    streams: new Map([[snapshot.stream, snapshot]]),
    archivedStreams: [snapshot.stream],
    release: () => {},
  }),
});

test('pages, measures and statements are the same, and open fewer files', async (t) => {
  const seed = 20_261_122;
  const { random, snapshot, toolsWith, filesReadBy, joins, made } = await joinedScene(seed);
  t.is(made, JOINS);
  const single = toolsWith(new ValueFilters(0));
  const joined: FindTools = { ...single, joins };
  const same = async (what: string, ask: (by: FindTools) => Promise<unknown>) => {
    const answers: unknown[] = [];
    const opened = (by: FindTools) => filesReadBy(async () => answers.push(await ask(by)));
    const counts = { single: await opened(single), joined: await opened(joined) };
    t.deepEqual(answers[1], answers[0], `${seed}: ${what}`);
    return counts;
  };
  for (let i = 0; i < 40; i++) {
    const question = { ...ALL, where: someWhere(random) };
    await same(JSON.stringify(question), (by) => findEvents(by, snapshot, question));
  }
  for (let i = 0; i < 10; i++) {
    const fromMs = random.int(0, FILES) * 1_000 - random.int(0, 3);
    const series = seriesOf(fromMs, fromMs + (1 + random.int(0, FILES)) * 1_000);
    await same(`series from ${series.fromMs}`, (by) => findSeries(by, snapshot, series));
  }
  const whole = seriesOf(0, FILES * 1_000);
  const opened = await same('series', (by) => findSeries(by, snapshot, whole));
  t.deepEqual(opened, { single: FILES, joined: 0 });
  const query = 'SELECT * FROM s ORDER BY ts, _position, _row';
  const parse = async () => TREE;
  const bySql = (by: FindTools) =>
    answerSql({ ...by, duck: { ...by.duck, parse } }, snapshotsOf(snapshot), {
      ...{ tenant: ALL.tenant, query, limit: 1_000 },
    });
  t.deepEqual(await same('sql', bySql), { single: FILES, joined: 0 });
});

/** Of a statement that reads the stream. */
const TREE = JSON.stringify({
  error: false,
  statements: [
    {
      node: {
        type: 'SELECT_NODE',
        cte_map: { map: [] },
        from_table: {
          ...{ type: 'BASE_TABLE', catalog_name: '', schema_name: '', table_name: 's' },
          at_clause: null,
        },
      },
    },
  ],
});

test('a page of values that are in many of the files, and not in most, is read from joins', async (t) => {
  const { snapshot, toolsWith, filesReadBy, joins } = await joinedScene(21, ENOUGH, 150);
  const single = toolsWith(new ValueFilters(0));
  const ids = Array.from({ length: 18 }, (_, i) => `e${i}`);
  const question = { ...ALL, where: { field: 'id', in: ids } };
  let answer: unknown;
  const left = await filesReadBy(async () => {
    answer = await findEvents(single, snapshot, question);
  });
  t.true(left >= 32 && left <= 75, `${left} files`);
  const read = await filesReadBy(async () => {
    t.deepEqual(await findEvents({ ...single, joins }, snapshot, question), answer);
  });
  t.true(read < left / 4, `${read} of ${left}`);
});

test('a join is read only where all of its segments are asked for', async (t) => {
  const { snapshot, joins } = await joinedScene(22);
  const { files } = snapshot;
  const all = joins.take(files, files);
  t.is(all.joins.length, JOINS);
  t.deepEqual(all.rest, []);
  all.release();
  const some = joins.take(files.slice(1), files);
  t.is(some.joins.length, JOINS - 1);
  t.is(some.rest.length, FILES / JOINS - 1);
  some.release();
  t.is(joins.take(files, files).joins.length, JOINS);
});

test('one whose segment was replaced goes, with its last reader', async (t) => {
  const { snapshot, joins } = await joinedScene(23);
  const { files } = snapshot;
  const before = joins.take(files, files);
  const paths = before.joins.map(({ localPath }) => localPath);
  const [first] = files as readonly [SegmentFile];
  const after = [{ ...first, path: 'without what was erased.parquet' }, ...files.slice(1)];
  const { joins: left, rest, release } = joins.take(after, after);
  t.is(left.length, JOINS - 1);
  t.is(rest.length, FILES / JOINS);
  release();
  const there = () => paths.map((path) => existsSync(path));
  t.deepEqual(there(), [true, true, true]);
  before.release();
  t.is(there().filter(Boolean).length, JOINS - 1);
  t.is(joins.take(files, files).joins.length, JOINS - 1);
});

test('one all of whose segments were replaced goes, and those of other streams stay', async (t) => {
  const { snapshot, joins } = await joinedScene(28);
  const { files } = snapshot;
  const of = (stream: string) =>
    files.map((file) => ({ ...file, stream, path: `new ${file.path}` }));
  joins.take([], of('other')).release();
  const before = joins.take(files, files);
  t.is(before.joins.length, JOINS);
  before.release();
  joins.take([], of(ALL.stream)).release();
  t.is(joins.bytes, 0);
});

test('after an erasure nothing is kept, not even what is being made', async (t) => {
  const { snapshot, folder, segments, joins } = await joinedScene(24);
  const { files } = snapshot;
  const read = joins.take(files, files);
  const paths = read.joins.map(({ localPath }) => localPath);
  joins.forget();
  t.is(joins.bytes, 0);
  t.is(joins.take(files, files).joins.length, 0);
  t.true(paths.every((path) => existsSync(path)));
  read.release();
  t.false(paths.some((path) => existsSync(path)));

  const gate = Promise.withResolvers<void>();
  const building = joins.build({
    ...segments,
    lease: async (some) => {
      await gate.promise;
      return segments.lease(some);
    },
  });
  joins.forget();
  gate.resolve();
  t.false(await building);
  t.is(joins.bytes, 0);
  t.false(existsSync(join(folder, 'joins', '3.parquet')));
});

test('they have a bound, and what has no room is not made again and again', async (t) => {
  const { joins: all } = await joinedScene(25);
  const bytesMax = Math.floor(all.bytes * 0.9);
  const { snapshot, segments, joins, made } = await joinedScene(26, bytesMax);
  t.true(made > 0 && made < JOINS);
  t.true(joins.bytes <= bytesMax);
  const bytes = joins.bytes;
  joins.take(snapshot.files, snapshot.files).release();
  t.is(await buildAll(joins, segments), 0);
  t.is(joins.bytes, bytes);
});

test('few files are not worth it, and what cannot be joined is tried once', async (t) => {
  const { snapshot, folder, segments, joins } = await joinedScene(27);
  joins.forget();
  joins.take(snapshot.files.slice(0, 20), snapshot.files).release();
  t.false(joins.isWished);

  const elsewhere = {
    ...segments,
    lease: async (some: readonly SegmentFile[]) => ({
      paths: new Map(some.map(({ path }) => [path, join(folder, 'is not there')])),
      release: () => {},
    }),
  };
  for (let i = 0; i < JOINS; i++) {
    joins.take(snapshot.files, snapshot.files).release();
    await t.throwsAsync(joins.build(elsewhere), { code: 'ENOENT' });
  }
  joins.take(snapshot.files, snapshot.files).release();
  t.false(await joins.build(segments));
});
