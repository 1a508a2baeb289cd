/**
 * One seed: a log, a partition that crashes its way through it, one that never crashes, and a plain model. All three must
 * agree in the end.
 */
import assert from 'node:assert/strict';
import { rollupWatermark } from '../../actors/partition/definitions.ts';
import type { MachineOptions } from '../../actors/partition/machine.ts';
import { amended } from '../../actors/partition/rollups.ts';
import { BlockColumns } from '../../src/aggregate/block-columns.ts';
import { layoutOf } from '../../src/aggregate/layout.ts';
import { StepAccumulator } from '../../src/aggregate/merge.ts';
import { expiredBeforeMs } from '../../src/aggregate/tiers.ts';
import { identityOf, type RollupDefinition } from '../../src/model/rollup.ts';
import {
  deadLetterRange,
  ledgerRange,
  parseLedgerKey,
  parseRollupRowKey,
  ROW_KIND,
  rollupRange,
  rollupRowKey,
  seriesIdOf,
  seriesRange,
  verdictOffset,
} from '../../storage/state/keys.ts';
import { decodeDeadLetter, decodeLedger, decodeSeriesLabels } from '../../storage/state/rows.ts';
import { scan } from '../../storage/state/state.ts';
import { Model, type Point } from './model.ts';
import { Random } from './random.ts';
import { NO_FAULTS, PartitionRun } from './run-partition.ts';
import { TENANTS, Workload } from './workload.ts';

export interface SimulationReport {
  readonly blocks: number;
  readonly events: number;
  readonly crashes: number;
  readonly frozenRows: number;
}

const MINUTE_MS = 60_000;
const FOREVER_MS = 2 ** 48 - 1;
const DEAD_LETTERS_MAX = 7;
const FAULTS = { crash: 0.06, crashInCommit: 0.25, crashesMax: 20, powerCut: 0.5 };
const columns = new BlockColumns();

/** Rejects if anything is not as it must be. */
export async function simulate(seed: number): Promise<SimulationReport> {
  const random = new Random(seed);
  // In some runs ids are forgotten. What remains then depends on the window, which must survive crashes all the same.
  const forgets = random.chance(0.3);
  const options: MachineOptions = {
    partition: 0,
    dedup: forgets
      ? { idsMax: random.int(20, 200), bytesMax: 4_000, offsetsMax: random.int(4, 40) * 1_000 }
      : { idsMax: 1e6, bytesMax: 4e6, offsetsMax: 1e9 },
    dedupSeed: [seed, 77],
    deadLettersMax: DEAD_LETTERS_MAX,
    columns,
  };
  const { steps } = new Workload(random, random.int(20, 90));
  const crashing = new PartitionRun(options, steps, random, FAULTS);
  await crashing.finish();
  const calm = new PartitionRun(options, steps, new Random(seed + 1), NO_FAULTS);
  await calm.finish();
  assertSameState(crashing, calm);
  assert.deepEqual(crashing.follower.seen, calm.follower.seen, 'closed rows of frozen rollups');
  assertSwept(crashing);
  assertSwept(calm);
  if (!forgets) {
    const model = new Model();
    for (const step of steps) model.apply(step);
    await assertModel(crashing, model);
  }
  const events = steps.reduce((sum, step) => sum + ('rows' in step ? step.rows.length : 0), 0);
  const { crashes, follower } = crashing;
  return { blocks: steps.length, events, crashes, frozenRows: follower.seen.size };
}

/** Byte by byte, except for rows that only wait to be swept. */
function assertSameState(a: PartitionRun, b: PartitionRun): void {
  const rows = { a: a.store.dump(), b: b.store.dump() };
  for (const [mine, others, run] of [
    [rows.a, rows.b, b],
    [rows.b, rows.a, a],
  ] as const) {
    for (const [key, value] of mine) {
      if (isSweepable(Buffer.from(key, 'hex'), run)) continue;
      assert.equal(value, others.get(key), `row ${key} differs with and without crashes`);
    }
  }
}

function isSweepable(key: Uint8Array, { machine, logStart }: PartitionRun): boolean {
  const kind = kindOf(key);
  if (kind === ROW_KIND.verdict) return verdictOffset(key) < Math.max(logStart, machine.neededFrom);
  if (kind !== ROW_KIND.rollup) return false;
  const { rollup, stepMs, bucketMs } = parseRollupRowKey(key);
  const definition = machine.definitions?.rollups.find(({ name }) => name === rollup);
  if (definition === undefined) return false;
  const closedMs = rollupWatermark(machine.definitions, rollup, machine.watermarkMs);
  const beforeMs = expiredBeforeMs(definition, stepMs, closedMs, machine.nowMs);
  return bucketMs + stepMs <= beforeMs;
}

/** Behind the partition (2 bytes) and the tenant, which a zero ends. */
const kindOf = (key: Uint8Array): number | undefined => key[key.indexOf(0, 2) + 1];

/** A thirty-second part of a retention, or a step, may have passed since the last sweep; no more. */
function assertSwept({ store, machine }: PartitionRun): void {
  const { definitions, watermarkMs, nowMs } = machine;
  for (const hex of store.dump().keys()) {
    const key = Buffer.from(hex, 'hex');
    if (kindOf(key) !== ROW_KIND.rollup) continue;
    const { rollup, stepMs, bucketMs } = parseRollupRowKey(key);
    const definition = definitions?.rollups.find(({ name }) => name === rollup);
    const tier = definition?.resolutions.find((resolution) => resolution.stepMs === stepMs);
    assert(definition !== undefined && tier !== undefined, `row ${hex} belongs to nothing`);
    const closedMs = rollupWatermark(definitions, rollup, watermarkMs);
    const beforeMs = expiredBeforeMs(definition, stepMs, closedMs, nowMs);
    const lagMs = Math.max(stepMs, tier.retentionMs / 32) + stepMs;
    assert(bucketMs + stepMs > beforeMs - lagMs, `row ${hex} should have been deleted`);
  }
}

async function assertModel(run: PartitionRun, model: Model): Promise<void> {
  await assertLedger(run, model);
  await assertDeadLetters(run, model);
  for (const definition of model.control?.rollups ?? []) {
    for (const tenant of TENANTS) {
      const expected = model.rollups.get(`${definition.name}/${tenant}`) ?? new Map();
      const found = await readMinutes(run, definition, tenant);
      const name = `${definition.name} of ${tenant}`;
      assert.deepEqual([...found.keys()].sort(), [...expected.keys()].sort(), `minutes of ${name}`);
      for (const [minute, points] of expected) {
        comparePoints(definition, found.get(minute), points, `${name} at ${minute}`);
      }
    }
  }
}

async function assertLedger({ store }: PartitionRun, model: Model): Promise<void> {
  const found = new Map<string, unknown>();
  for (const tenant of TENANTS) {
    for await (const { key, value } of scan(store, ledgerRange(0, tenant, 0, FOREVER_MS))) {
      const { stream, arrivalHourMs } = parseLedgerKey(key);
      const counts = decodeLedger(value);
      assert.equal(counts.received, counts.applied + counts.duplicate + counts.rejected);
      found.set(`${tenant}/${stream}/${arrivalHourMs}`, counts);
    }
  }
  assert.deepEqual(Object.fromEntries(found), Object.fromEntries(model.ledger), 'the ledger');
}

async function assertDeadLetters({ store }: PartitionRun, model: Model): Promise<void> {
  for (const tenant of TENANTS) {
    const found: string[] = [];
    for await (const { value } of scan(store, deadLetterRange(0, tenant))) {
      found.push(Buffer.from(decodeDeadLetter(value).raw).toString());
    }
    const expected = (model.deadLetters.get(tenant) ?? []).slice(-DEAD_LETTERS_MAX);
    assert.deepEqual(found, expected, `dead letters of ${tenant}`);
  }
}

interface Minute {
  readonly accumulator: StepAccumulator;
  readonly labels: ReadonlyMap<number, string>;
}

/** As a query does: minutes that are closed from their own rows, others from seconds; what the machine holds replaces rows. */
async function readMinutes(
  { store, machine }: PartitionRun,
  definition: RollupDefinition,
  tenant: string,
): Promise<Map<number, Minute>> {
  const rollup = definition.name;
  const groups = [0, ...layoutOf(definition).sketches.map((_, i) => i + 1)];
  const steps = [1_000, MINUTE_MS];
  const identity = identityOf(definition);
  const request = { tenant, rollup, identity, fromMs: 0, toMs: FOREVER_MS, steps, groups };
  machine.closeDue(request);
  const live = machine.collect(request);
  const labels = new Map<number, string>();
  for await (const { key, value } of scan(store, seriesRange(0, tenant, rollup))) {
    labels.set(seriesIdOf(key), JSON.stringify(decodeSeriesLabels(value)));
  }
  for (const { id, labels: names } of live.series) labels.set(id, JSON.stringify(names));
  const rows = new Map<string, Uint8Array>();
  for await (const { key, value } of scan(store, rollupRange(0, tenant, rollup))) {
    rows.set(Buffer.from(key).toString('hex'), value);
  }
  const keyOf = (row: (typeof live.rows)[number]): string =>
    Buffer.from(rollupRowKey({ partition: 0, ...row })).toString('hex');
  for (const row of live.deltas) rows.set(keyOf(row), amended(rows.get(keyOf(row)), row.bytes));
  for (const row of live.rows) rows.set(keyOf(row), row.bytes);
  const closedMs = live.closedToMs[1] as number;
  const outputs = Int32Array.from({ length: Math.max(0, ...labels.keys()) + 1 }, (_, id) => id);
  const minutes = new Map<number, Minute>();
  for (const [key, bytes] of rows) {
    const { stepMs, group, bucketMs } = parseRollupRowKey(Buffer.from(key, 'hex'));
    const isRead =
      (stepMs === MINUTE_MS && bucketMs < closedMs) || (stepMs === 1_000 && bucketMs >= closedMs);
    if (!isRead) continue;
    const minute = Math.floor(bucketMs / MINUTE_MS) * MINUTE_MS;
    const known = minutes.get(minute) ?? { accumulator: new StepAccumulator(definition), labels };
    known.accumulator.add(group, bytes, outputs);
    minutes.set(minute, known);
  }
  return minutes;
}

function comparePoints(
  definition: RollupDefinition,
  found: Minute | undefined,
  expected: ReadonlyMap<string, Point>,
  what: string,
): void {
  assert(found !== undefined, what);
  const { accumulator, labels } = found;
  const series = accumulator.series();
  const names = series.map((id) => labels.get(id) ?? '?');
  assert.deepEqual([...names].sort(), [...expected.keys()].sort(), `series of ${what}`);
  series.forEach((id, i) => {
    const point = expected.get(names[i] as string) as Point;
    const sorted = [...point.numbers].sort((x, y) => x - y);
    const inOrder = point.timed.toSorted((x, y) => x.timeMs - y.timeMs || x.n - y.n);
    for (const measure of definition.measures) {
      const { value, errorBound } = accumulator.answer(id, { measure });
      const where = `${measure.op} of ${names[i]} in ${what}`;
      if (measure.op === 'count') assert.equal(value, point.count, where);
      if (measure.op === 'sum') assert.equal(value, sorted.length > 0 ? point.sum : null, where);
      if (measure.op === 'max') assert.equal(value, sorted.at(-1) ?? null, where);
      if (measure.op === 'first') assert.equal(value, inOrder[0]?.n ?? null, where);
      if (measure.op === 'last') assert.equal(value, inOrder.at(-1)?.n ?? null, where);
      if (measure.op === 'distinct') {
        const users = point.users.size;
        assert(Math.abs((value ?? 0) - users) <= Math.max(1, users * 0.1), `${where}: ${value}`);
      }
      if (measure.op === 'quantile' && sorted.length > 0) {
        const median = sorted[Math.ceil(sorted.length / 2) - 1] as number;
        assert(Math.abs((value as number) - median) <= errorBound + 1e-9, `${where}: ${value}`);
      }
    }
  });
}
