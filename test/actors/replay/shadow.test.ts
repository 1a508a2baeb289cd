/** A shadow that is filled in another order, and crashes on the way, against rollups that were fed as events came. */
import test, { type ExecutionContext } from 'ava';
import { writeCommit } from '../../../actors/partition/commit.ts';
import { Rollups } from '../../../actors/partition/rollups.ts';
import { Comparison } from '../../../actors/replay/compare.ts';
import type { TierDifference } from '../../../actors/replay/differences.ts';
import { wholeBuckets } from '../../../actors/replay/range.ts';
import { Shadow } from '../../../actors/replay/shadow.ts';
import { planSlices } from '../../../actors/replay/slices.ts';
import { type Random, seededRandom } from '../../../load-tests/random.ts';
import { BlockColumns } from '../../../src/aggregate/block-columns.ts';
import type { RollupDefinition } from '../../../src/model/rollup.ts';
import type { SegmentFile } from '../../../storage/archive/manifest.ts';
import { eventBlock, type PlainEvent } from '../../aggregate/event-blocks.ts';
import { Crash, MemoryStore } from '../../simulation/memory-store.ts';

const HOUR_MS = 3_600_000;
const START_MS = 1_790_000_000_000 - (1_790_000_000_000 % HOUR_MS);
const ROLLUP: RollupDefinition = {
  name: 'r',
  stream: 'events',
  dimensions: ['kind', 'size'],
  filter: [],
  measures: [
    { op: 'count' },
    { op: 'sum', field: 'n' },
    { op: 'min', field: 'n' },
    { op: 'sum', field: 'x' },
    { op: 'quantile', field: 'n' },
    { op: 'distinct', field: 'user' },
    { op: 'first', field: 'x' },
    { op: 'last', field: 'n' },
    { op: 'last', field: 'ts' },
    { op: 'top', field: 'user', capacity: 500 },
    { op: 'top', field: 'user', by: 'n', capacity: 500 },
  ],
  resolutions: [
    { stepMs: 1_000, retentionMs: 400 * 24 * HOUR_MS },
    { stepMs: 60_000, retentionMs: 400 * 24 * HOUR_MS },
    { stepMs: HOUR_MS, retentionMs: 400 * 24 * HOUR_MS },
  ],
  latenessMs: 5_000,
  seriesMax: 100,
};
const DEFINITIONS = { type: 'setRollups', version: 1, rollups: [ROLLUP] } as const;
const UNUSED = { position: 0, neededFrom: 0, clears: [], letters: [], sweeps: [] };
const columns = new BlockColumns();

interface Sent {
  readonly arrivalMs: number;
  readonly events: readonly PlainEvent[];
}

/** Blocks in the order in which they arrive: some events are late by seconds, some by hours. */
function drawBlocks(random: Random): Sent[] {
  return Array.from({ length: 40 }, (_, i) => {
    const arrivalMs = START_MS + i * 200_000;
    const events = Array.from({ length: random.between(1, 60) }, () => {
      const kind = random.between(0, 10);
      const lateMs = kind === 0 ? random.between(0, 2 * HOUR_MS) : random.between(0, 30_000);
      return {
        ts: Math.max(START_MS, arrivalMs - lateMs),
        kind: `k${random.between(0, 4)}`,
        ...(kind > 2 && { size: kind % 2 === 0 ? 1.5 : true }),
        n: random.between(-50, 1_000),
        x: random.between(0, 1_000) / 7,
        user: `u${random.between(0, 100)}`,
      };
    });
    return { arrivalMs, events };
  });
}

/** Commits now and then. Answers the store, and the watermark that it ends with. */
async function live(blocks: readonly Sent[], random: Random) {
  const store = new MemoryStore();
  const rollups = new Rollups(0, DEFINITIONS);
  let watermarkMs = Number.NEGATIVE_INFINITY;
  for (const [i, { arrivalMs, events }] of blocks.entries()) {
    const block = eventBlock(events, { arrivalMs });
    const after = Math.max(watermarkMs, Math.min(block.tsMaxMs, arrivalMs));
    rollups.fold(columns.load(block), undefined, watermarkMs, after, arrivalMs);
    watermarkMs = after;
    if (i < blocks.length - 1 && random.between(0, 3) > 0) continue;
    rollups.advance(watermarkMs);
    await writeCommit(store, { ...UNUSED, ...rollups.changes() });
    rollups.committed();
  }
  return { store, watermarkMs };
}

/** By the time of the events; every write may be the last one of a life. */
async function shadowed(
  blocks: readonly Sent[],
  of: Awaited<ReturnType<typeof live>>,
  random: Random,
): Promise<MemoryStore> {
  const store = new MemoryStore();
  const sorted = blocks
    .flatMap(({ events }) => events)
    .sort((a, b) => Number(a['ts']) - Number(b['ts']));
  for (;;) {
    store.crashAfter(random.between(1, 6));
    try {
      const options = { tenant: 'default', rollups: [ROLLUP], partitions: 1 };
      const shadow = await Shadow.open(store, of.store, options);
      for (let at = shadow.progress.done[0] ?? 0; at < sorted.length; ) {
        const slice = sorted.slice(at, at + 100);
        at += slice.length;
        columns.load(eventBlock(slice, { arrivalMs: START_MS }));
        shadow.foldSorted(0, columns, of.watermarkMs);
        await shadow.commit({ done: [at], round: undefined });
      }
      shadow.advance(0, of.watermarkMs);
      await shadow.commit({ done: [sorted.length], round: undefined });
      return store;
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
    }
  }
}

async function compared(
  of: Awaited<ReturnType<typeof live>>,
  shadow: MemoryStore,
): Promise<Comparison> {
  const comparison = new Comparison(of.store, shadow, {
    ...{ tenant: 'default', partitions: 1, rollups: [ROLLUP], buckets: 'all' },
    range: { fromMs: START_MS, toMs: Number.POSITIVE_INFINITY },
    ...{ nowMs: of.watermarkMs, watermarksMs: [of.watermarkMs] },
  });
  await comparison.all(async () => {});
  return comparison;
}

function isEqual(t: ExecutionContext, differences: readonly TierDifference[]): void {
  for (const { rows, rowsDiffering, eventsLost, eventsAdded, sumErrorMax } of differences) {
    t.true(rows > 0);
    t.deepEqual([rowsDiffering, eventsLost, eventsAdded], [0, 0, 0]);
    t.true(sumErrorMax < 1e-12);
  }
}

test('whatever the order, and however often it dies, a shadow is the live rollup', async (t) => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = seededRandom(seed);
    const blocks = drawBlocks(random);
    const of = await live(blocks, random);
    isEqual(t, (await compared(of, await shadowed(blocks, of, random))).differences());
  }
});

test('events that are gone are counted as lost, and those that are new as added', async (t) => {
  const random = seededRandom(99);
  const blocks = drawBlocks(random);
  const of = await live(blocks, random);
  const gone = blocks[5];
  const left = blocks.filter((block) => block !== gone);
  const fewer = await compared(of, await shadowed(left, of, random));
  for (const { eventsLost, eventsAdded, examples } of fewer.differences()) {
    t.deepEqual([eventsLost, eventsAdded], [gone?.events.length, 0]);
    t.true((examples[0]?.liveCount ?? 0) > (examples[0]?.rebuiltCount ?? 0));
  }
  const less = await live(left, random);
  const more = await compared(less, await shadowed(blocks, less, random));
  for (const { eventsLost, eventsAdded } of more.differences()) {
    t.deepEqual([eventsLost, eventsAdded], [0, gone?.events.length]);
  }
});

test('what a comparison writes makes the live rollup the rebuilt one, whatever series it got meanwhile', async (t) => {
  const random = seededRandom(3);
  const blocks = drawBlocks(random);
  const whole = await live(blocks, random);
  // Declared late: it has a part of the events, and series in another order.
  const of = {
    ...(await live(blocks.slice(20).reverse(), random)),
    watermarkMs: whole.watermarkMs,
  };
  const empty = { ...of, store: new MemoryStore() };
  const shadow = await shadowed(blocks, empty, random);
  const comparison = await compared(of, shadow);
  t.true(await comparison.isStillMatched());
  await of.store.commit(comparison.ops());
  isEqual(t, (await compared(of, shadow)).differences());
  isEqual(t, (await compared(whole, of.store)).differences());
});

test('slices cover what the files touch, without a gap', (t) => {
  const random = seededRandom(8);
  for (let round = 0; round < 200; round++) {
    const files = Array.from({ length: random.between(1, 30) }, (): SegmentFile => {
      const hourMs = START_MS + random.between(0, 40) * HOUR_MS;
      const tsMinMs = hourMs - (random.between(0, 4) === 0 ? random.between(0, 90 * HOUR_MS) : 0);
      const tsMaxMs = Math.max(tsMinMs, hourMs + random.between(-HOUR_MS, 2 * HOUR_MS));
      const rows = random.between(1, 5_000_000);
      const at = { from: 0, to: 1, rows, bytes: 1, tsMinMs, tsMaxMs, schema: 1 };
      return { path: 'p', tenant: 'default', stream: 'events', hourMs, ...at };
    });
    const fromMs = START_MS + random.between(-50, 30) * HOUR_MS;
    const toMs = random.between(0, 2) === 0 ? Number.POSITIVE_INFINITY : fromMs + 20 * HOUR_MS;
    const slices = planSlices(files, { fromMs, toMs });
    for (const [i, slice] of slices.entries()) {
      t.true(slice.fromMs < slice.toMs);
      if (i > 0) t.is(slices[i - 1]?.toMs, slice.fromMs);
    }
    // Of a file without rows far ahead of their arrival these are the ends.
    for (const { tsMinMs, tsMaxMs, hourMs } of files) {
      for (const timeMs of [tsMinMs, Math.min(tsMaxMs, hourMs + HOUR_MS)]) {
        if (timeMs < fromMs || timeMs >= toMs) continue;
        t.true(slices.some((slice) => slice.fromMs <= timeMs && timeMs < slice.toMs));
      }
    }
  }
});

test('a range is rounded to whole buckets, and goes up to now where not all are closed', (t) => {
  const hour = (hours: number) => START_MS + hours * HOUR_MS;
  const [closedMs, nowMs] = [hour(10), hour(11)];
  const of = (fromMs: number, toMs: number) =>
    wholeBuckets([ROLLUP], { fromMs, toMs }, closedMs, nowMs);
  t.deepEqual(of(hour(1) + 1, hour(4) - 1), { fromMs: hour(2), toMs: hour(3) });
  t.deepEqual(of(hour(1), hour(10)), { fromMs: hour(1), toMs: hour(10) });
  t.deepEqual(of(hour(1), hour(10) + 1), { fromMs: hour(1), toMs: Number.POSITIVE_INFINITY });
  t.throws(() => of(hour(1) + 1, hour(2) + 1), { message: /at least one whole bucket/ });
  t.throws(() => of(hour(3), hour(2)), { message: /at least one whole bucket/ });
});
