/**
 * How many events a second one core folds into the two benchmark rollups, commits included, duplicates excluded:
 * `node load-tests/fold-bench.ts [--seconds 3] [--partitions 1] [--rows 8000]`; without `--rows` both main cases.
 * Blocks are packed beforehand; reading their columns is part of what is measured. Time is the process's CPU time, garbage
 * collection included, so that other work on the machine does not count.
 */
import { parseArgs } from 'node:util';
import { BlockColumns } from '../src/aggregate/block-columns.ts';
import { RollupState } from '../src/aggregate/rollup.ts';
import { Block } from '../src/model/block.ts';
import { BLOCK_KIND } from '../src/model/block-format.ts';
import { packBlock } from '../src/model/block-writer.ts';
import { COLUMN_KIND, type Column, ROLE, type Role } from '../src/model/columns.ts';
import {
  DEFAULT_LATENESS_MS,
  DEFAULT_RESOLUTIONS,
  DEFAULT_SERIES_MAX,
  type RollupDefinition,
} from '../src/model/rollup.ts';

/** The rate that the event times pretend: it decides how many events share a bucket. */
const EVENTS_PER_SECOND = 500_000;
const COMMIT_INTERVAL_MS = 2_000;
const START_MS = 1_760_000_000_000;
/** Distinct blocks that are folded in turn; their times are moved on each time. */
const BLOCKS = 64;

const common = {
  stream: 'events',
  filter: [],
  resolutions: DEFAULT_RESOLUTIONS,
  latenessMs: DEFAULT_LATENESS_MS,
  seriesMax: DEFAULT_SERIES_MAX,
};
const rollups: readonly RollupDefinition[] = [
  {
    ...common,
    name: 'by-type-and-country',
    dimensions: ['type', 'country'],
    measures: [
      { op: 'count' },
      { op: 'sum', field: 'duration_ms' },
      { op: 'quantile', field: 'duration_ms' },
      { op: 'distinct', field: 'user' },
    ],
  },
  { ...common, name: 'by-url', dimensions: ['url'], measures: [{ op: 'count' }] },
];

/** A small deterministic generator (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function strings(name: string, role: Role, values: readonly string[]): Column {
  const codeOf = new Map<string, number>();
  const codes = Uint32Array.from(values, (value) => {
    const code = codeOf.get(value) ?? codeOf.size + 1;
    codeOf.set(value, code);
    return code;
  });
  const texts = [...codeOf.keys()];
  const offsets = new Uint32Array(texts.length + 1);
  texts.forEach((text, i) => {
    offsets[i + 1] = (offsets[i] as number) + text.length;
  });
  const entries = { count: texts.length, offsets, bytes: new TextEncoder().encode(texts.join('')) };
  return { kind: COLUMN_KIND.string, role, name, codes, entries };
}

function numbers(name: string, role: Role, values: readonly number[]): Column {
  return { kind: COLUMN_KIND.number, role, name, values: Float64Array.from(values) };
}

/** Skewed towards small numbers, as types, countries and pages are. */
const skewed = (next: () => number, count: number) => Math.floor(count * next() ** 2);

function makeBlock(rows: number, arrivalMs: number, partition: number, next: () => number): Block {
  const column = <T>(make: () => T) => Array.from({ length: rows }, make);
  const columns = [
    numbers(
      'ts',
      ROLE.ts,
      column(() => Math.floor(arrivalMs - 300 * next() ** 3)),
    ),
    strings(
      'id',
      ROLE.id,
      column(
        () =>
          `${Math.floor(next() * 2 ** 40)
            .toString(16)
            .padStart(16, '0')}`,
      ),
    ),
    strings(
      'type',
      ROLE.type,
      column(() => `type-${skewed(next, 12)}`),
    ),
    strings(
      'country',
      ROLE.field,
      column(() => `c${skewed(next, 40)}`),
    ),
    strings(
      'url',
      ROLE.field,
      column(() => `/shop/category/product-${skewed(next, 2_000)}`),
    ),
    strings(
      'user',
      ROLE.field,
      column(() => `user-${Math.floor(next() * 100_000)}`),
    ),
    numbers(
      'duration_ms',
      ROLE.field,
      column(() => Math.floor(20 * Math.exp(4 * next() ** 2))),
    ),
    strings(
      'session',
      ROLE.field,
      column(() => `s${Math.floor(next() * 1e6)}`),
    ),
    strings(
      'app',
      ROLE.field,
      column(() => `app-${skewed(next, 3)}`),
    ),
  ];
  const header = {
    kind: BLOCK_KIND.events,
    partition,
    tenant: 'default',
    stream: 'events',
    arrivalMs,
    producerId: 1,
    producerEpoch: 1,
    sequence: 1,
    received: rows,
    rejected: 0,
  };
  return new Block(packBlock(header, columns, { count: rows, index: undefined }));
}

interface Outcome {
  readonly eventsPerSecond: number;
  readonly foldShare: number;
  readonly commitBytesPerEvent: number;
  readonly rssMb: number;
}

function run(partitions: number, rows: number, seconds: number): Outcome {
  const next = random(1);
  const states = Array.from({ length: partitions }, () =>
    rollups.map((def) => new RollupState(def)),
  );
  const blocks = Array.from({ length: BLOCKS }, (_, i) =>
    makeBlock(rows, START_MS, i % partitions, next),
  );
  const columns = new BlockColumns();
  let nowMs = START_MS;
  let lastCommitMs = START_MS;
  let committing = 0;
  let commitBytes = 0;
  let turn = 0;
  let startedAt = 0;
  let events = 0;
  // The first fifth warms up the compiler and fills the buckets.
  for (const begun = performance.now(); ; turn++) {
    const elapsed = performance.now() - begun;
    if (startedAt === 0 && elapsed > seconds * 200) {
      startedAt = cpuMs();
      events = committing = commitBytes = 0;
    }
    if (elapsed > seconds * 1200) break;
    const block = moved(blocks[turn % BLOCKS] as Block, nowMs);
    columns.load(block);
    for (const state of states[turn % partitions] as RollupState[]) {
      state.fold(columns, undefined, nowMs, nowMs);
    }
    events += rows;
    nowMs += (rows / EVENTS_PER_SECOND) * 1000;
    if (nowMs - lastCommitMs < COMMIT_INTERVAL_MS) continue;
    lastCommitMs = nowMs;
    const before = cpuMs();
    for (const state of states.flat()) {
      for (const row of state.changes().rows) commitBytes += row.bytes.length;
      state.committed();
    }
    committing += cpuMs() - before;
  }
  const took = cpuMs() - startedAt;
  return {
    eventsPerSecond: Math.round((events / took) * 1000),
    foldShare: 1 - committing / took,
    commitBytesPerEvent: commitBytes / events,
    rssMb: Math.round(process.memoryUsage().rss / 2 ** 20),
  };
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The block with its times moved to `arrivalMs`: their column is a base and narrow deltas. */
function moved(block: Block, arrivalMs: number): Block {
  const ts = block.byRole(ROLE.ts);
  const view = new DataView(block.bytes.buffer, block.bytes.byteOffset);
  const by = Math.floor(arrivalMs) - block.arrivalMs;
  if (ts !== undefined)
    view.setFloat64(ts.dataOffset, view.getFloat64(ts.dataOffset, true) + by, true);
  for (const at of [16, 56, 64]) view.setFloat64(at, view.getFloat64(at, true) + by, true);
  return new Block(block.bytes);
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    partitions: { type: 'string' },
    rows: { type: 'string' },
  },
});
const cases =
  values.rows === undefined
    ? [
        { partitions: 1, rows: 8_000 },
        { partitions: 12, rows: 600 },
      ]
    : [{ partitions: Number(values.partitions ?? 1), rows: Number(values.rows) }];
for (const { partitions, rows } of cases) {
  const outcome = run(partitions, rows, Number(values.seconds));
  console.log(
    `${partitions} partition(s), blocks of ${rows}: ${(outcome.eventsPerSecond / 1e6).toFixed(2)} M events/s, ` +
      `${(100 * outcome.foldShare).toFixed(0)} % of it folding, ${outcome.commitBytesPerEvent.toFixed(1)} bytes committed an event, RSS ${outcome.rssMb} MB`,
  );
}
