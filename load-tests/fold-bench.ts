/**
 * How many events a second one core folds into the two benchmark rollups, commits included, duplicate removal excluded:
 * `node load-tests/fold-bench.ts [--seconds 3] [--fields] [--sessions] [--save]`; with `--fields` partitions also look at which fields events have, with `--sessions` they
 * also make sessions of them, of 100,000 users with a gap of 2 s, so that they end as they begin, and count these in a rollup. Blocks are packed beforehand; reading their columns is part of
 * what is measured. Time is the process's CPU time, garbage collection included, so that other work on
 * the machine takes nothing but cache from it.
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { zeroCounters } from '../actors/partition/accounts.ts';
import { Fields, NO_FIELDS } from '../actors/partition/fields.ts';
import { Sessions } from '../actors/partition/sessions.ts';
import { BlockColumns } from '../src/aggregate/block-columns.ts';
import { RollupState } from '../src/aggregate/rollup.ts';
import { Block } from '../src/model/block.ts';
import { AT, BLOCK_KIND } from '../src/model/block-format.ts';
import { packBlock } from '../src/model/block-writer.ts';
import { COLUMN_KIND, type Column, ROLE, type Role } from '../src/model/columns.ts';
import type { RollupDefinition } from '../src/model/rollup.ts';
import { countedWithinMs, type SessionDefinition, sessionStream } from '../src/model/session.ts';
import { BENCHMARK_ROLLUPS } from './benchmark-rollups.ts';
import { type Random, seededRandom } from './random.ts';
import { grouped, saveResult, table } from './results.ts';

/** The rate that the event times pretend: it decides how many events share a bucket. */
const EVENTS_PER_SECOND = 500_000;
const COMMIT_INTERVAL_MS = 2_000;
const START_MS = 1_760_000_000_000;
/** Blocks that are folded in turn, their times moved on: enough that they do not stay in the cache. */
const BLOCKS = 64;

interface Case {
  readonly name: string;
  readonly partitions: number;
  readonly rows: number;
  /** Share of events that come 15 to 75 seconds after they happened, when their buckets are closed. */
  readonly late: number;
}
const CASES: readonly Case[] = [
  { name: '1 partition, 8,000 rows a block', partitions: 1, rows: 8_000, late: 0 },
  { name: '12 partitions, 600 rows', partitions: 12, rows: 600, late: 0 },
  { name: '1 partition, 8,000 rows, 2 % late', partitions: 1, rows: 8_000, late: 0.02 },
];

const VISITS: SessionDefinition = {
  ...{
    name: 'visits',
    stream: 'events',
    user: 'user',
    filter: [],
    gapMs: 2_000,
    latenessMs: 1_000,
  },
  ...{ entry: 'url', exit: 'url', dimensions: ['country'], openMax: 100_000 },
};
const OF_VISITS: RollupDefinition = {
  ...{ name: 'visits', stream: sessionStream('visits'), filter: [], dimensions: ['country'] },
  measures: [{ op: 'count' }, { op: 'quantile', field: 'duration_ms' }],
  resolutions: [{ stepMs: 60_000, retentionMs: 86_400_000 }],
  ...{ latenessMs: countedWithinMs(VISITS), seriesMax: 10_000 },
};

interface Extras {
  readonly fields: boolean;
  readonly sessions: boolean;
}

interface Outcome extends Case {
  readonly eventsPerSecond: number;
  /** Of the CPU time; the rest encodes rows for commits. */
  readonly foldShare: number;
  readonly commitBytesPerEvent: number;
}

function run(scenario: Case, seconds: number, extras: Extras): Outcome {
  const { partitions, rows, late } = scenario;
  const random = seededRandom(1);
  const states = Array.from({ length: partitions }, () =>
    BENCHMARK_ROLLUPS.map((def) => new RollupState(def)),
  );
  const visits = Array.from({ length: partitions }, (_, p) => ({
    sessions: new Sessions(p, zeroCounters(), [VISITS]),
    counted: new RollupState(OF_VISITS),
  }));
  const fields = Array.from({ length: partitions }, (_, p) => new Fields(p, NO_FIELDS));
  const blocks = Array.from({ length: BLOCKS }, () => makeBlock(rows, late, random));
  const columns = new BlockColumns();
  let nowMs = START_MS;
  let committedMs = START_MS;
  let startedAt = 0;
  let committing = 0;
  let commitBytes = 0;
  let events = 0;
  // The first fifth warms up the compiler and fills the buckets.
  const begun = performance.now();
  for (let turn = 0; performance.now() - begun < seconds * 1200; turn++) {
    if (startedAt === 0 && performance.now() - begun > seconds * 200) {
      startedAt = cpuMs();
      events = committing = commitBytes = 0;
    }
    const block = moved(blocks[turn % BLOCKS] as Block, Math.floor(nowMs));
    columns.load(block);
    if (extras.fields) {
      (fields[turn % partitions] as Fields).look(block, columns, undefined, rows, nowMs);
    }
    for (const state of states[turn % partitions] as RollupState[]) {
      state.fold(columns, undefined, nowMs, nowMs);
    }
    if (extras.sessions) {
      const { sessions, counted } = visits[turn % partitions] as (typeof visits)[number];
      sessions.fold(columns, undefined, nowMs, nowMs);
      for (const ended of sessions.endedBy(nowMs)) {
        counted.fold(columns.read(ended), undefined, nowMs, nowMs);
      }
    }
    events += rows;
    nowMs += (rows / EVENTS_PER_SECOND) * 1000;
    if (nowMs - committedMs < COMMIT_INTERVAL_MS) continue;
    committedMs = nowMs;
    const before = cpuMs();
    for (const each of fields) {
      for (const { value } of each.changes()) commitBytes += value?.length ?? 0;
      each.committed();
    }
    for (const { sessions } of visits) {
      for (const { value } of sessions.changes()) commitBytes += value?.length ?? 0;
      sessions.committed();
    }
    for (const state of [...states.flat(), ...visits.map(({ counted }) => counted)]) {
      for (const row of state.changes().rows) commitBytes += row.bytes.length;
      state.committed();
    }
    committing += cpuMs() - before;
  }
  const took = cpuMs() - startedAt;
  return {
    ...scenario,
    eventsPerSecond: Math.round((events / took) * 1000),
    foldShare: 1 - committing / took,
    commitBytesPerEvent: commitBytes / events,
  };
}

function makeBlock(rows: number, late: number, random: Random): Block {
  const column = <T>(make: () => T): T[] => Array.from({ length: rows }, make);
  // Skewed towards small numbers, as types, countries and pages are.
  const skewed = (count: number) => Math.floor(count * random.next() ** 2);
  const ageMs = () =>
    random.next() < late ? random.between(15_000, 75_000) : Math.floor(300 * random.next() ** 3);
  const columns = [
    numbers(
      'ts',
      ROLE.ts,
      column(() => START_MS - ageMs()),
    ),
    strings(
      'type',
      ROLE.type,
      column(() => `type-${skewed(12)}`),
    ),
    strings(
      'country',
      ROLE.field,
      column(() => `c${skewed(40)}`),
    ),
    strings(
      'url',
      ROLE.field,
      column(() => `/shop/category/product-${skewed(2_000)}`),
    ),
    strings(
      'user',
      ROLE.field,
      column(() => `user-${random.between(0, 100_000)}`),
    ),
    numbers(
      'duration_ms',
      ROLE.field,
      column(() => Math.floor(20 * Math.exp(4 * random.next() ** 2))),
    ),
  ];
  const header = {
    kind: BLOCK_KIND.events,
    partition: 0,
    tenant: 'default',
    stream: 'events',
    arrivalMs: START_MS,
    producerId: 1,
    producerEpoch: 1,
    sequence: 1,
    received: rows,
    rejected: 0,
  };
  return new Block(packBlock(header, columns, { count: rows, index: undefined }));
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

/** The block as if it arrived at `arrivalMs`: its times are narrow deltas to one base. */
function moved(block: Block, arrivalMs: number): Block {
  const view = new DataView(block.bytes.buffer, block.bytes.byteOffset);
  const by = arrivalMs - block.arrivalMs;
  const base = block.byRole(ROLE.ts)?.dataOffset ?? AT.tsMinMs;
  for (const at of new Set([AT.arrivalMs, AT.tsMinMs, AT.tsMaxMs, base])) {
    view.setFloat64(at, view.getFloat64(at, true) + by, true);
  }
  return new Block(block.bytes);
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    fields: { type: 'boolean', default: false },
    sessions: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
});
const outcomes = CASES.map((scenario) => run(scenario, Number(options.seconds), options));
const text = table(
  [
    { title: 'case', cell: ({ name }) => name },
    { title: 'events/s of one core', cell: ({ eventsPerSecond }) => grouped(eventsPerSecond) },
    { title: 'of it folding', cell: ({ foldShare }) => `${Math.round(foldShare * 100)} %` },
    { title: 'bytes committed/event', cell: (o) => o.commitBytesPerEvent.toFixed(1) },
  ],
  outcomes,
);
const busy = `Load average of the machine meanwhile: ${loadavg()[0]?.toFixed(1)}, of which this takes 1.`;
console.log(`${text}\n\n${busy}`);
if (options.save) console.log(saveResult('fold', `${text}\n\n${busy}`, { outcomes }));
