/** Random files of three schemas and random questions: filters change what is read, and never what is answered. */
import { statSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { runStatement } from '../../../actors/cold/duck-statement.ts';
import { type FindTools, findEvent, findEvents } from '../../../actors/cold/events.ts';
import { wantedTexts } from '../../../actors/cold/file-sieve.ts';
import { buildFilters } from '../../../actors/cold/filter-build.ts';
import type { EventsQuestion, EventWhere } from '../../../actors/cold/questions.ts';
import type { SegmentFiles } from '../../../actors/cold/segment-files.ts';
import { SegmentFilters } from '../../../actors/cold/segment-filters.ts';
import type { StreamSnapshot } from '../../../actors/cold/snapshots.ts';
import { ValueFilters } from '../../../actors/cold/value-filters.ts';
import { COLUMN_KIND } from '../../../src/model/columns.ts';
import type { StreamSchema } from '../../../src/model/stream-schema.ts';
import type { SegmentFile } from '../../../storage/archive/manifest.ts';
import { openDuck } from '../../../storage/segments/duckdb.ts';
import { literal, segmentColumns } from '../../../storage/segments/segment-columns.ts';
import { Random } from '../../simulation/random.ts';

const FILES = 42;
const ROWS = 6;
const WHERE = { tenant: 't', stream: 's' };
const ALL = { ...WHERE, fromMs: 0, toMs: 1e9, first: 20 };
const MEMORY = { threads: 1, memoryBytesMax: 256 * 2 ** 20 };

/** As a stream grows: at first `user` is rare, then a column, in the end numbers among them have one too. */
const COLUMNS: StreamSchema['columns'] = [
  { name: 'plan', field: 'plan', kind: COLUMN_KIND.string },
  { name: 'user', field: 'user', kind: COLUMN_KIND.string },
  { name: 'user_number', field: 'user', kind: COLUMN_KIND.number },
];
const schemaOf = (version: number): StreamSchema => ({
  ...WHERE,
  version,
  columns: COLUMNS.slice(0, version),
});

const USERS = [
  ...Array.from({ length: 40 }, (_, i) => `u${i}`),
  ...['', "o'x", 'ünï ☃', 'longer than what is kept in place', '7', '7.0', ' 7', '07', 'true'],
];

/** What may be a number, and has no column as such in the schema of its file. */
const NUMBER_LIKE = ['7', '5', 'true'];

/** The same field may lie in a column, in the map, and in both: an event may have had it twice. */
function rowOf(random: Random, version: number, row: number, place: number): string {
  const user = literal(random.pick(USERS));
  const number = random.chance(1 / 3) ? String(5 + random.int(0, 3)) : 'NULL';
  const inMap = version === 1 || (version === 2 && random.chance(1 / 4));
  const rare = version === 1 ? user : literal(random.pick(NUMBER_LIKE));
  const values: Record<string, string> = {
    id: literal(`e${random.int(0, 299)}`),
    ts: `TIMESTAMP '1970-01-01' + INTERVAL ${place * 1000 + row} MILLISECOND`,
    type: literal(`t${random.int(0, 2)}`),
    plan: random.chance(1 / 2) ? 'NULL' : literal(`p${random.int(0, 3)}`),
    user: random.chance(1 / 3) ? 'NULL' : user,
    user_number: number,
    more: inMap ? `MAP {'user': ${rare}, 'coupon': 'c${random.int(0, 49)}'}` : 'NULL',
    _arrival: `TIMESTAMP '1970-01-01'`,
    _partition: '0',
    _position: String(place),
    _row: String(row),
  };
  const columns = segmentColumns(schemaOf(version));
  return `SELECT ${columns.map(({ name, sqlType }) => `(${values[name]})::${sqlType} AS "${name}"`).join(', ')}`;
}

let root: string;
test.before(async () => {
  root = await mkdtemp(join(tmpdir(), 'streamgauge-'));
});
test.after.always(() => rm(root, { recursive: true }));

/** What was given to read is counted. `dictionaryMax`: with dictionaries DuckDB writes filters into files. */
async function scene(seed: number, dictionaryMax = 1) {
  const random = new Random(seed);
  const folder = join(root, `${seed} ${dictionaryMax}`);
  await mkdir(folder);
  // The database of a process stays, with the folders that it was opened with.
  const limits = { ...MEMORY, tempDir: join(root, 'temp'), folders: [root] };
  const duck = await openDuck(limits);
  const files: SegmentFile[] = [];
  for (let i = 0; i < FILES; i++) {
    const schema = 1 + Math.floor((i * 3) / FILES);
    const path = `${i}.parquet`;
    const rows = Array.from({ length: ROWS }, (_, row) => rowOf(random, schema, row, i));
    await duck.rows(
      `COPY (${rows.join(' UNION ALL ')}) TO ${literal(join(folder, path))}
        (FORMAT parquet, DICTIONARY_SIZE_LIMIT ${dictionaryMax})`,
    );
    const times = { hourMs: 0, tsMinMs: i * 1000, tsMaxMs: i * 1000 + ROWS - 1 };
    files.push({
      ...{ ...WHERE, ...times, path, schema, partition: 0 },
      ...{ from: i, to: i + 1, rows: ROWS, bytes: statSync(join(folder, path)).size },
    });
  }
  duck.close();
  let read = 0;
  const segments: SegmentFiles = {
    lease: async (some) => {
      read += some.length;
      return {
        paths: new Map(some.map(({ path }) => [path, join(folder, path)])),
        release: () => {},
      };
    },
    localPath: ({ path }) => join(folder, path),
    held: () => ({ fetchedBytes: 0, cachedBytes: 0 }),
    forget: () => {},
  };
  const toolsWith = (filters: ValueFilters, isLocal = true): FindTools => ({
    duck: {
      run: (question) => runStatement(limits, question),
      parse: () => Promise.reject(new Error('nothing is parsed')),
      copy: () => Promise.reject(new Error('nothing is copied')),
    },
    segments: isLocal ? segments : { ...segments, localPath: () => undefined },
    filters,
    segmentFilters: new SegmentFilters(),
    timeLeftMs: () => 60_000,
  });
  const snapshot: StreamSnapshot = {
    ...{ ...WHERE, schema: schemaOf(3), files, chunks: [], archived: new Map() },
  };
  const filesReadBy = async (work: () => Promise<unknown>) => {
    const before = read;
    await work();
    return read - before;
  };
  return { random, snapshot, toolsWith, filesReadBy };
}

async function buildAll(tools: FindTools): Promise<void> {
  while (await buildFilters(tools));
}

/** For every field that questions below ask about. */
async function withFilters(tools: FindTools, snapshot: StreamSnapshot): Promise<FindTools> {
  const { schema, files } = snapshot;
  const fields = ['id', 'type', 'plan', 'user', 'coupon', 'nobody'];
  tools.filters.wish = { schema, fields, files };
  await buildAll(tools);
  return tools;
}

function someWhere(random: Random, depth = 0): EventWhere {
  const user = random.pick(USERS);
  const simple: EventWhere[] = [
    { field: 'user', eq: user },
    { field: 'user', eq: 5 + random.int(0, 4) },
    { field: 'user', in: [user, random.pick(USERS)] },
    { field: 'user', in: [] },
    { field: 'user', ne: user },
    { field: 'user', eq: true },
    { field: 'user', exists: false },
    { field: 'coupon', eq: `c${random.int(0, 59)}` },
    { field: 'plan', eq: `p${random.int(0, 4)}`, prefix: 'p' },
    { field: 'id', in: [`e${random.int(0, 299)}`, 17] },
    { field: 'type', eq: `t${random.int(0, 3)}` },
    { field: 'nobody', eq: 'x' },
    { field: 'ts', eq: 17_003 },
  ];
  const one = random.pick(simple);
  if (depth === 2) return one;
  const inner = () => someWhere(random, depth + 1);
  switch (random.int(0, 7)) {
    case 0:
      return { and: [inner(), inner()] };
    case 1:
      return { or: [inner(), inner()] };
    case 2:
      return { not: inner() };
    case 3:
      return { ...one, and: [inner()] };
    case 4:
      return { ...one, not: inner() };
    default:
      return one;
  }
}

for (const [from, dictionaryMax] of [
  ['memory', 1],
  ['files', 100],
] as const) {
  test(`a question is answered from filters in ${from} as without them, and reads fewer files`, async (t) => {
    const seed = 20_261_121;
    const { random, snapshot, toolsWith, filesReadBy } = await scene(seed, dictionaryMax);
    const plain = toolsWith(new ValueFilters(0), false);
    const filtered = toolsWith(new ValueFilters(1e7));
    if (from === 'memory') await withFilters(filtered, snapshot);
    let read = { plain: 0, filtered: 0 };
    for (let i = 0; i < 60; i++) {
      const question: EventsQuestion = {
        ...ALL,
        where: someWhere(random),
        ...(random.chance(1 / 8) && { id: `e${random.int(0, 319)}` }),
      };
      const answers: unknown[] = [];
      const ask = (tools: FindTools) => async () => {
        answers.push(await findEvents(tools, snapshot, question));
      };
      read = {
        plain: read.plain + (await filesReadBy(ask(plain))),
        filtered: read.filtered + (await filesReadBy(ask(filtered))),
      };
      t.deepEqual(answers[1], answers[0], `${seed}: ${JSON.stringify(question)}`);
    }
    t.true(read.filtered < read.plain, JSON.stringify(read));
  });
}

test('files with filters in them need no others', async (t) => {
  const { snapshot, toolsWith, filesReadBy } = await scene(11, 100);
  const tools = toolsWith(new ValueFilters(1e7));
  const ask = (question: Partial<EventsQuestion>) =>
    filesReadBy(() => findEvents(tools, snapshot, { ...ALL, ...question }));
  t.is(await ask({ id: 'nobody has this one' }), 0);
  t.is(tools.filters.wish, undefined);
  // Files of the first schema have no column of users.
  const older = snapshot.files.filter(({ schema }) => schema === 1);
  const read = await ask({ where: { field: 'user', eq: 'nobody' } });
  t.true(read >= older.length && read < FILES / 2, `${read} read`);
  const gone = { ...snapshot, files: snapshot.files.map((file) => ({ ...file, bytes: 1 })) };
  t.is(
    await filesReadBy(() => findEvents(toolsWith(new ValueFilters(0)), gone, { ...ALL, id: 'x' })),
    FILES,
  );
});

test('a question that looked far makes the next one of its kind read the files of its value', async (t) => {
  const { snapshot, toolsWith, filesReadBy } = await scene(12);
  const tools = toolsWith(new ValueFilters(1e7));
  const question = { ...ALL, where: { field: 'user', eq: 'longer than what is kept in place' } };
  t.is(await filesReadBy(() => findEvents(tools, snapshot, question)), FILES);
  await buildAll(tools);
  const { events } = await findEvents(tools, snapshot, question);
  const holding = new Set(events.map(({ position }) => position)).size;
  const read = await filesReadBy(() => findEvents(tools, snapshot, question));
  t.true(holding > 0 && read >= holding && read < FILES / 2, `${holding} files, ${read} read`);

  const id = 'nobody has this one';
  t.is(await filesReadBy(() => findEvent(tools, snapshot, { ...ALL, id })), FILES);
  await buildAll(tools);
  t.is(await filesReadBy(() => findEvent(tools, snapshot, { ...ALL, id })), 0);
  t.is(await findEvent(tools, snapshot, { ...ALL, id }), undefined);
});

test('a question that finds its page in the newest files wishes for no filters', async (t) => {
  const { snapshot, toolsWith } = await scene(8);
  const tools = toolsWith(new ValueFilters(1e7));
  await findEvents(tools, snapshot, { ...ALL, first: 3, where: { field: 'type', eq: 't1' } });
  await findEvents(tools, snapshot, ALL);
  t.is(tools.filters.wish, undefined);
});

test('filters that have no room are not made again and again: the newest files have them', async (t) => {
  const { snapshot, toolsWith, filesReadBy } = await scene(9);
  const room = 5_000;
  const tools = toolsWith(new ValueFilters(room));
  const question = { ...ALL, where: { field: 'user', eq: 'u1' } };
  await findEvents(tools, snapshot, question);
  await buildAll(tools);
  t.true(tools.filters.bytes <= room);
  t.true(tools.filters.has(`${FILES - 1}.parquet`, 'user'));
  await findEvents(tools, snapshot, question);
  t.is(await filesReadBy(() => buildAll(tools)), 0);
});

test('a condition that is wrong is refused, whatever filters leave out', async (t) => {
  const { snapshot, toolsWith } = await scene(10);
  const tools = await withFilters(toolsWith(new ValueFilters(1e7)), snapshot);
  const where = { and: [{ field: 'nobody', eq: 'x' }, { field: 'user' }] };
  await t.throwsAsync(findEvents(tools, snapshot, { ...ALL, where }), { code: 'query_invalid' });
});

test('only what every event that fits must have is looked up in filters', (t) => {
  const wanted = (where: EventWhere, version = 3) => wantedTexts(schemaOf(version), { where });
  t.deepEqual(wanted({ field: 'user', eq: 'u1' }), [
    { field: 'user', texts: ['u1'], column: 'user' },
  ]);
  t.deepEqual(wanted({ and: [{ field: 'plan', in: ['a', 1] }] }), [
    { field: 'plan', texts: ['a', '1'], column: undefined },
  ]);
  // It may be in the column of numbers, once there is one.
  t.deepEqual(wanted({ field: 'user', eq: '7' }), []);
  t.deepEqual(wanted({ field: 'user', in: ['u1', 7] }), []);
  t.deepEqual(wanted({ field: 'user', eq: '7' }, 2), [
    { field: 'user', texts: ['7'], column: undefined },
  ]);
  for (const where of [
    { field: 'user', ne: 'u1' },
    { field: 'user', prefix: 'u1' },
    { not: { field: 'user', eq: 'u1' } },
    { or: [{ field: 'user', eq: 'u1' }] },
    { field: 'ts', eq: 7 },
  ]) {
    t.deepEqual(wanted(where), []);
  }
});
