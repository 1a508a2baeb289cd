/**
 * What questions over weeks take that a rollup of 15 minutes answers, over a real RocksDB state, in this process and without HTTP:
 * `node load-tests/store-query-bench.ts [--partitions 2] [--events 300] [--runs 15] [--kept 0] [--save]`. Events are those of each quarter of an
 * hour; `--kept` is how many MiB may be kept of answers.
 */
import { parseArgs } from 'node:util';
import type { RollupDefinition } from '../src/model/rollup.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, WEEK_MS } from '../src/model/units.ts';
import { columnsOf } from '../src/query/columns.ts';
import { Queries } from '../src/query/queries.ts';
import type { TimeseriesRequest } from '../src/query/request.ts';
import { storedRollups } from '../src/query/stored-rollups.ts';
import { rollupRowKey, seriesKey } from '../storage/state/keys.ts';
import { openState } from '../storage/state/rocksdb.ts';
import { encodeSeriesLabels } from '../storage/state/rows.ts';
import type { StateOp } from '../storage/state/state.ts';
import { MemoryPartitions, TENANT } from '../test/query/partitions.ts';
import { seededRandom } from './random.ts';
import { type Column, median, saveResult, table } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';

const { values: options } = parseArgs({
  options: {
    partitions: { type: 'string', default: '2' },
    events: { type: 'string', default: '300' },
    runs: { type: 'string', default: '15' },
    kept: { type: 'string', default: '0' },
    save: { type: 'boolean', default: false },
  },
});
const partitions = Number(options.partitions);
const events = Number(options.events);

const STEP_MS = 15 * MINUTE_MS;
const NOW_MS = Date.parse('2026-05-20T12:00:00Z');
const START_MS = NOW_MS - 62 * DAY_MS;
const [USERS, PATHS, COUNTRIES] = [20_000, 100, 10];

const COMMON = {
  ...{ stream: 'events', filter: [], latenessMs: 10_000, seriesMax: 1_000 },
  resolutions: [{ stepMs: STEP_MS, retentionMs: 730 * DAY_MS }],
};
const ROLLUPS: readonly RollupDefinition[] = [
  {
    ...{ ...COMMON, name: 'users', dimensions: ['country'] },
    measures: [{ op: 'count' }, { op: 'distinct', field: 'user' }],
  },
  { ...COMMON, name: 'requests', dimensions: ['path'], measures: [{ op: 'count' }] },
];

interface Case {
  readonly name: string;
  readonly request: Partial<TimeseriesRequest>;
}

const USERS_OF: Partial<TimeseriesRequest> = {
  measures: [{ op: 'distinct', field: 'user' }],
  stepMs: DAY_MS,
};
const MONTH = { ...USERS_OF, lastMs: 30 * DAY_MS, windowMs: 30 * DAY_MS };
const CASES: readonly Case[] = [
  { name: 'count, 30 d by hour', request: { lastMs: 30 * DAY_MS, stepMs: HOUR_MS } },
  {
    name: 'count, 30 d by hour, Asia/Kathmandu',
    request: { lastMs: 30 * DAY_MS, stepMs: HOUR_MS, timeZone: 'Asia/Kathmandu' },
  },
  {
    name: 'count, 14 d by 30 min, 100 series',
    request: { lastMs: 14 * DAY_MS, stepMs: 30 * MINUTE_MS, groupBy: ['path'] },
  },
  { name: 'users of today', request: { ...USERS_OF, lastMs: DAY_MS } },
  {
    name: 'users of the last 30 d',
    request: { ...USERS_OF, lastMs: DAY_MS, windowMs: 30 * DAY_MS },
  },
  { name: 'users of 30 d, each of 30 days', request: MONTH },
  {
    name: 'users of 30 d, each of 30 days, Europe/Berlin',
    request: { ...MONTH, timeZone: 'Europe/Berlin' },
  },
  {
    name: 'users of 7 d, each of 30 days, by country',
    request: { ...MONTH, windowMs: WEEK_MS, groupBy: ['country'] },
  },
];

interface Measured {
  readonly name: string;
  readonly rows: number;
  readonly points: number;
  readonly ms: readonly number[];
}

const COLUMNS: readonly Column<Measured>[] = [
  { title: 'question', cell: ({ name }) => name },
  { title: 'points', cell: ({ points }) => String(points) },
  { title: 'rows', cell: ({ rows }) => String(rows) },
  { title: 'median, ms', cell: ({ ms }) => median(ms).toFixed(1) },
  { title: 'most, ms', cell: ({ ms }) => Math.max(...ms).toFixed(1) },
];

const folder = scratchFolder('store-query');
const state = await openState({ dir: folder, partitions });
try {
  const memory = new MemoryPartitions(ROLLUPS, partitions);
  const stored = storedRollups(state, state.rowWrites);
  let rows = 0;
  const counted: typeof stored = {
    ...stored,
    scans: (all) => {
      const scans = stored.scans?.(all);
      if (scans === undefined) throw new Error('the store reads several stretches at once');
      const visit: typeof scans.visit = (place, visitRow) =>
        scans.visit(place, (bucketMs, row) => {
          rows++;
          visitRow(bucketMs, row);
        });
      return { visit, close: () => scans.close() };
    },
  };
  const clock = { now: () => NOW_MS };
  const keptBytesMax = Number(options.kept) * 2 ** 20;
  const catalog = memory;
  const queries = new Queries({
    partitions: memory,
    stored: counted,
    catalog,
    clock,
    keptBytesMax,
  });
  fill(memory);
  for (let partition = 0; partition < partitions; partition++) await store(memory, partition);
  const measured: Measured[] = [];
  for (const { name, request } of CASES) {
    const ms: number[] = [];
    let points = 0;
    for (let run = -3; run < Number(options.runs); run++) {
      rows = 0;
      const beganMs = performance.now();
      const { series } = await queries.timeseries({
        ...{ tenant: TENANT, stream: 'events', measures: [{ op: 'count' }], groupBy: [] },
        ...request,
      });
      // As who asks for many points does: their times and values as arrays.
      const columns = series.map((each) => each.columns ?? columnsOf(each.points, 1));
      const numbers = columns.map(({ t, values }) => [t, ...values]);
      // The first ones warm up.
      if (run >= 0) ms.push(performance.now() - beganMs);
      points = numbers.reduce((sum, [t]) => sum + (t?.length ?? 0), 0);
    }
    measured.push({ name, rows, points, ms });
  }
  const text = table(COLUMNS, measured);
  process.stdout.write(`${text}\n`);
  if (options.save) saveResult('store-query', text, { partitions, events, measured });
} finally {
  await state.close();
  removeScratch(folder);
}

function fill(memory: MemoryPartitions): void {
  const random = seededRandom(1);
  for (let fromMs = START_MS; fromMs < NOW_MS; fromMs += STEP_MS) {
    for (let partition = 0; partition < partitions; partition++) {
      const some = Array.from({ length: Math.ceil(events / partitions) }, (_, i) => ({
        ts: fromMs + random.between(0, STEP_MS),
        ...{ type: 'view', path: `/${i % PATHS}`, country: `C${i % COUNTRIES}` },
        user: `user ${random.between(0, USERS)}`,
      }));
      memory.apply(partition, some, fromMs + STEP_MS);
      memory.commit(partition);
    }
  }
}

/** What the partition has committed, as it lies in RocksDB. */
async function store(memory: MemoryPartitions, partition: number): Promise<void> {
  for (const { name: rollup, measures } of ROLLUPS) {
    const series = await memory.series(partition, TENANT, rollup, 0);
    await state.commit(
      series.map(({ id, labels }) => ({
        key: seriesKey(partition, TENANT, rollup, id),
        value: encodeSeriesLabels(labels),
      })),
    );
    for (const group of measures.keys()) {
      const at = { partition, tenant: TENANT, rollup, stepMs: STEP_MS, group };
      const ops: StateOp[] = [];
      await memory.scanRows(
        { ...at, fromMs: START_MS, toMs: NOW_MS + STEP_MS },
        (bucketMs, row) => {
          ops.push({ key: rollupRowKey({ ...at, bucketMs }), value: row });
        },
      );
      await state.commit(ops);
    }
  }
}
