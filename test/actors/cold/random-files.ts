/** Random files of three schemas, and random conditions on what is in them. */
import { statSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { runStatement } from '../../../actors/cold/duck-statement.ts';
import type { FindTools } from '../../../actors/cold/question-tools.ts';
import type { EventWhere } from '../../../actors/cold/questions.ts';
import type { SegmentFiles } from '../../../actors/cold/segment-files.ts';
import { SegmentFilters } from '../../../actors/cold/segment-filters.ts';
import { SegmentJoins } from '../../../actors/cold/segment-joins.ts';
import type { StreamSnapshot } from '../../../actors/cold/snapshots.ts';
import type { ValueFilters } from '../../../actors/cold/value-filters.ts';
import { COLUMN_KIND } from '../../../src/model/columns.ts';
import type { StreamSchema } from '../../../src/model/stream-schema.ts';
import type { SegmentFile } from '../../../storage/archive/manifest.ts';
import { openDuck } from '../../../storage/segments/duckdb.ts';
import { literal, segmentColumns } from '../../../storage/segments/segment-columns.ts';
import { Random } from '../../simulation/random.ts';

export const FILES = 42;
export const ROWS = 6;
const WHERE = { tenant: 't', stream: 's' };
export const ALL = { ...WHERE, fromMs: 0, toMs: 1e9, first: 20 };
const MEMORY = { threads: 1, memoryBytesMax: 256 * 2 ** 20 };

/** As a stream grows: at first `user` is rare, then a column, in the end numbers among them have one too. */
const COLUMNS: StreamSchema['columns'] = [
  { name: 'plan', field: 'plan', kind: COLUMN_KIND.string },
  { name: 'user', field: 'user', kind: COLUMN_KIND.string },
  { name: 'user_number', field: 'user', kind: COLUMN_KIND.number },
];
export const schemaOf = (version: number): StreamSchema => ({
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
export async function scene(seed: number, dictionaryMax = 1, count = FILES) {
  const random = new Random(seed);
  const folder = join(root, `${seed} ${dictionaryMax}`);
  await mkdir(folder);
  // The database of a process stays, with the folders that it was opened with.
  const limits = { ...MEMORY, tempDir: join(root, 'temp'), folders: [root] };
  const duck = await openDuck(limits);
  const files: SegmentFile[] = [];
  for (let i = 0; i < count; i++) {
    const schema = 1 + Math.floor((i * 3) / count);
    const path = `${i}.parquet`;
    const rows = Array.from({ length: ROWS }, (_, row) => rowOf(random, schema, row, i));
    await duck.rows(
      `COPY (${rows.join(' UNION ALL ')}) TO ${literal(join(folder, path))}
        (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION V1, DICTIONARY_SIZE_LIMIT ${dictionaryMax})`,
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
    joins: new SegmentJoins(join(folder, 'no joins'), 0, 0),
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
  return { random, snapshot, folder, segments, toolsWith, filesReadBy };
}

export function someWhere(random: Random, depth = 0): EventWhere {
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
