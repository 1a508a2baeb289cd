/**
 * How fast rollups are rebuilt: `node load-tests/replay-bench.ts [--rows 10000000] [--hours 24] [--partitions 4] [--save]`.
 *
 * Events of some hours lie in segments by the hour and partition, sorted as the archiver does it. They go through
 * the rollups of the main benchmark into a shadow, with all its commits, and are compared with a live store that has nothing.
 * One thread decodes and folds, beside what libuv and RocksDB start.
 */
import { ok as assert } from 'node:assert';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { localSegments } from '../actors/cold/segment-files.ts';
import { encodePartitionState } from '../actors/partition/snapshot.ts';
import { Replay } from '../actors/replay/replay.ts';
import type { StreamSchema } from '../src/model/stream-schema.ts';
import { HOUR_MS } from '../src/model/units.ts';
import { beginLocalArchive } from '../storage/archive/local.ts';
import type { Manifest, SegmentFile } from '../storage/archive/manifest.ts';
import { EMPTY_MANIFEST } from '../storage/archive/manifest.ts';
import { hourFolder, segmentPath } from '../storage/archive/segment-path.ts';
import { type Duck, openDuck } from '../storage/segments/duckdb.ts';
import { literal } from '../storage/segments/segment-columns.ts';
import { definitionsKey, partitionStateKey } from '../storage/state/keys.ts';
import { openState } from '../storage/state/rocksdb.ts';
import { BENCHMARK_ROLLUPS } from './benchmark-rollups.ts';
import { grouped, megabytes, saveResult, table } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000000' },
    hours: { type: 'string', default: '0.05,1,24' },
    partitions: { type: 'string', default: '4' },
    save: { type: 'boolean', default: false },
  },
});
const ROWS = Number(options.rows);
const PARTITIONS = Number(options.partitions);
const MEMORY_BYTES = 512 * 2 ** 20;
const WHERE = { tenant: 'default', stream: 'events' };
const SCHEMA: StreamSchema = {
  ...WHERE,
  version: 1,
  columns: [
    { name: 'country', field: 'country', kind: 1 },
    { name: 'url', field: 'url', kind: 1 },
    { name: 'user', field: 'user', kind: 1 },
    { name: 'duration_ms', field: 'duration_ms', kind: 2 },
  ],
};
interface Outcome {
  readonly hours: number;
  readonly bytes: number;
  readonly fillMs: number;
  readonly cpuMs: number;
  readonly compareMs: number;
  readonly rowsStored: number;
}

const folder = scratchFolder('replay');
const outcomes: Outcome[] = [];
for (const hours of options.hours.split(',').map(Number)) outcomes.push(await run(hours));
removeScratch(folder);

const text = table<Outcome>(
  [
    { title: 'hours of events', cell: ({ hours }) => String(hours) },
    { title: 'events/s then', cell: ({ hours }) => grouped(ROWS / hours / 3_600) },
    { title: 'segments', cell: ({ bytes }) => megabytes(bytes) },
    { title: 'events/s', cell: ({ fillMs }) => grouped((ROWS / fillMs) * 1_000) },
    { title: 'CPU, µs an event', cell: ({ cpuMs }) => ((cpuMs / ROWS) * 1_000).toFixed(2) },
    { title: 'cores', cell: ({ cpuMs, fillMs }) => (cpuMs / fillMs).toFixed(2) },
    { title: 'rows rebuilt', cell: ({ rowsStored }) => grouped(rowsStored) },
    { title: 'comparing, ms', cell: ({ compareMs }) => grouped(compareMs) },
  ],
  outcomes,
);
const about = `${grouped(ROWS)} events in ${PARTITIONS} partitions, two rollups, all resolutions kept.`;
console.log(`${about}\n\n${text}`);
if (options.save) console.log(saveResult('replay', `${about}\n\n${text}`, { options, outcomes }));

async function run(hours: number): Promise<Outcome> {
  const root = join(folder, `archive-${hours}`);
  const startMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - Math.ceil(hours) * HOUR_MS;
  const duck = await openDuck({
    threads: 1,
    memoryBytesMax: MEMORY_BYTES,
    tempDir: join(folder, `duck-${hours}`),
    folders: [root],
  });
  const files: SegmentFile[] = [];
  for (let i = 0; i < Math.ceil(hours) * PARTITIONS; i++)
    files.push(await writeSegment(duck, root, hours, startMs, i));
  const rowsOf = (partition: number) =>
    Math.max(...files.filter((file) => file.partition === partition).map(({ to }) => to));
  const positions = Array.from({ length: PARTITIONS }, (_, partition) => rowsOf(partition));
  const manifest: Manifest = {
    ...EMPTY_MANIFEST,
    version: 1,
    positions: new Map(positions.entries()),
    files: new Map(files.map((file) => [file.path, file])),
    schemas: new Map([[`${WHERE.tenant}/${WHERE.stream}`, SCHEMA]]),
  };
  const live = await openState({ dir: join(folder, `live-${hours}`), partitions: PARTITIONS });
  const shadow = await openState({
    ...{ dir: join(folder, `shadow-${hours}`), partitions: PARTITIONS, isLogCompressed: false },
  });
  for (const [partition, position] of positions.entries()) {
    const watermarkMs = startMs + hours * HOUR_MS;
    const state = { position, watermarkMs, nowMs: watermarkMs, producers: [], generations: [] };
    const definitions = { type: 'setRollups', version: 1, rollups: BENCHMARK_ROLLUPS };
    await live.commit([
      { key: partitionStateKey(partition), value: encodePartitionState(state) },
      { key: definitionsKey(partition), value: Buffer.from(JSON.stringify(definitions)) },
    ]);
  }
  let filledMs = 0;
  let filledCpu = process.cpuUsage();
  const startedCpu = process.cpuUsage();
  const started = performance.now();
  const none = () => Promise.reject(new Error('nothing is swapped here'));
  await beginLocalArchive(root);
  const replay = await Replay.open(
    {
      ...{ live, shadow, state: live, partitions: PARTITIONS },
      memoryBytesMax: MEMORY_BYTES,
      segments: localSegments(root),
      manifest: async () => manifest,
      openReader: () => {
        throw new Error('everything is in segments');
      },
      logStart: () => 0,
      pause: async () => {},
      now: () => startMs + hours * HOUR_MS,
      tell: ({ rows }) => {
        if (rows < ROWS) return;
        filledMs = performance.now() - started;
        filledCpu = process.cpuUsage(startedCpu);
      },
      ...{ hold: none, beginSwap: none, release: none },
    },
    {
      ...{ ...WHERE, id: 'bench', rollups: BENCHMARK_ROLLUPS, fromMs: startMs, toMs: undefined },
      ...{ notes: [], startedMs: startMs, share: 1 },
    },
  );
  const { differences } = await replay.compare();
  const compareMs = performance.now() - started - filledMs;
  assert(replay.rows === ROWS, `expected ${ROWS} rows, folded ${replay.rows}`);
  duck.close();
  await live.close();
  await shadow.close();
  return {
    hours,
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    fillMs: filledMs,
    cpuMs: (filledCpu.user + filledCpu.system) / 1_000,
    compareMs,
    rowsStored: differences.reduce((sum, { rows }) => sum + rows, 0),
  };
}

/** One hour of a partition. */
async function writeSegment(
  duck: Duck,
  root: string,
  hours: number,
  startMs: number,
  index: number,
): Promise<SegmentFile> {
  const files = Math.ceil(hours) * PARTITIONS;
  const spanMs = Math.min(hours, 1) * HOUR_MS;
  const first = Math.floor((ROWS * index) / files);
  const rows = Math.floor((ROWS * (index + 1)) / files) - first;
  const partition = index % PARTITIONS;
  const hourMs = startMs + Math.floor(index / PARTITIONS) * HOUR_MS;
  const place = { ...WHERE, hourMs, partition, from: first, to: first + rows };
  const hour = hourFolder(place);
  const path = segmentPath({ ...place, folder: hour, epoch: 1 });
  mkdirSync(join(root, hour), { recursive: true });
  const types =
    "['page_view', 'page_view', 'page_view', 'click', 'click', 'api_call', 'purchase', 'error']";
  await duck.rows(
    `COPY (SELECT 'e' || i AS id, make_timestamp_ms(${hourMs} + ((i - ${first}) * ${spanMs / rows})::BIGINT) AS ts,
        ${types}[(1 + hash(i) % 8)::BIGINT] AS type,
        'country-' || (sqrt(hash(i, 1) % 400))::BIGINT AS country, '/p/' || (hash(i, 2) % 1000) AS url,
        'u' || (hash(i, 3) % 100000) AS "user", (hash(i, 4) % 3000)::DOUBLE AS duration_ms,
        NULL::MAP(VARCHAR, VARCHAR) AS more, ts AS _arrival,
        ${partition} AS _partition, i AS _position, 0 AS _row
      FROM (SELECT range AS i FROM range(${first}, ${first + rows})) ORDER BY type, ts)
    TO ${literal(join(root, path))} (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION V1)`,
  );
  const { size } = statSync(join(root, path));
  const times = { tsMinMs: hourMs, tsMaxMs: hourMs + spanMs };
  return { path, ...place, rows, bytes: size, schema: 1, ...times };
}
