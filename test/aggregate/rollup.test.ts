import test from 'ava';
import fc from 'fast-check';
import { BlockColumns } from '../../src/aggregate/block-columns.ts';
import { RollupState } from '../../src/aggregate/rollup.ts';
import { openRanges } from '../../src/aggregate/tiers.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import { eventBlock, type PlainEvent, type Value } from './event-blocks.ts';
import { RollupModel, RowStore, sorted } from './rollup-model.ts';

const START_MS = 1_760_000_000_000;
const END_OF_TIME_MS = START_MS + 1e9;

const definition: fc.Arbitrary<RollupDefinition> = fc.record({
  name: fc.constant('r'),
  stream: fc.constant('events'),
  filter: fc.oneof(
    { weight: 4, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.constant([{ field: 'mixed', in: ['a', '7', 'true'] }]) },
  ),
  dimensions: fc.subarray(['type', 'country', 'mixed', 'never']),
  measures: fc.shuffledSubarray<RollupDefinition['measures'][number]>([
    { op: 'count' },
    { op: 'sum', field: 'amount' },
    { op: 'min', field: 'amount' },
    { op: 'max', field: 'amount' },
    { op: 'avg', field: 'mixed' },
    { op: 'max', field: 'never' },
    { op: 'quantile', field: 'amount' },
    { op: 'quantile', field: 'mixed' },
    { op: 'distinct', field: 'mixed' },
    { op: 'distinct', field: 'user' },
    { op: 'first', field: 'amount' },
    { op: 'last', field: 'mixed' },
    { op: 'top', field: 'mixed', capacity: 500 },
    { op: 'top', field: 'user', by: 'amount', capacity: 500 },
  ]),
  resolutions: fc.constantFrom(
    [{ stepMs: 1_000, retentionMs: 20_000 }],
    [
      { stepMs: 1_000, retentionMs: 20_000 },
      { stepMs: 5_000, retentionMs: 60_000 },
    ],
    [
      { stepMs: 1_000, retentionMs: 8_000 },
      { stepMs: 4_000, retentionMs: 30_000 },
      { stepMs: 20_000, retentionMs: 200_000 },
    ],
    // Coarser steps than finer retention: unfinished buckets outlive the rows that they are made of.
    [
      { stepMs: 500, retentionMs: 1_000 },
      { stepMs: 30_000, retentionMs: 60_000 },
    ],
  ),
  latenessMs: fc.constantFrom(0, 1_500, 5_000),
  seriesMax: fc.constantFrom(3, 100),
});

/** Amounts are multiples of 1/64, so that sums are exact in any order. */
const value: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom('a', 'b', 'true', '7', 'ünïcödé'),
  fc.integer({ min: -5, max: 300 }),
  fc.integer({ min: -1000, max: 1_000_000 }).map((n) => n / 64),
  fc.boolean(),
  fc.constant(null),
);
const event = fc.record({
  type: fc.constantFrom('view', 'click', 'buy'),
  country: fc.constantFrom('de', 'fr', null),
  mixed: value,
  amount: fc.oneof(
    fc.integer({ min: -1000, max: 1_000_000 }).map((n) => n / 64),
    fc.constant(null),
  ),
  user: fc.integer({ min: 0, max: 20 }).map((n) => `user-${n}`),
  // Before arrival, mostly by little; sometimes far in the future; sometimes absent.
  ageMs: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 3_000 }) },
    { weight: 3, arbitrary: fc.integer({ min: -50_000, max: 30_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 400_000 }) },
    { weight: 1, arbitrary: fc.constantFrom(-60_000, -60_001, -1e9, 1e12, null) },
  ),
  kept: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
});
const step = fc.record({
  afterMs: fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 0, max: 40_000 })),
  events: fc.array(event, { maxLength: 12 }),
  commit: fc.boolean(),
  repeatEntries: fc.boolean(),
});
const history = fc.array(step, { minLength: 1, maxLength: 25 });

const columns = new BlockColumns();

/** Plays a history; `restart` restores the state from the store after every commit. */
function play(
  def: RollupDefinition,
  steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
  restart: boolean,
) {
  const model = new RollupModel(def);
  const store = new RowStore();
  const commits: [string, string][][] = [];
  const counts: unknown[] = [];
  let state = new RollupState(def);
  let nowMs = START_MS;
  let watermarkMs = Number.NEGATIVE_INFINITY;
  const commit = () => {
    store.apply(state.changes());
    state.committed();
    commits.push(sorted(store.hex()));
    if (!restart) return;
    state = new RollupState(def, watermarkMs);
    state.restore(store.series, store.within(openRanges(def, watermarkMs)));
  };
  for (const { afterMs, events, commit: commits, repeatEntries } of steps) {
    nowMs += afterMs;
    const plain: PlainEvent[] = events.map(({ ageMs, kept: _, ...fields }) => ({
      ...fields,
      ts: ageMs === null ? null : nowMs - ageMs,
    }));
    if (plain.length === 0) {
      // A heartbeat.
      watermarkMs = Math.max(watermarkMs, nowMs);
      state.advance(watermarkMs);
      model.advance(watermarkMs);
    } else {
      const times = plain.map(({ ts }) => Math.min(typeof ts === 'number' ? ts : nowMs, nowMs));
      watermarkMs = Math.max(watermarkMs, ...times);
      const keep = Uint8Array.from(events, ({ kept }) => (kept ? 1 : 0));
      const mask = keep.includes(0) ? keep : undefined;
      columns.load(eventBlock(plain, { arrivalMs: nowMs }, repeatEntries));
      counts.push([
        state.fold(columns, mask, watermarkMs, nowMs),
        model.fold(plain, mask, watermarkMs, nowMs),
      ]);
    }
    if (commits) commit();
  }
  watermarkMs = END_OF_TIME_MS;
  state.advance(watermarkMs);
  const stillWaiting = state.waiting;
  commit();
  return { model, store, commits, counts, stillWaiting };
}

test('stored rows are byte for byte what one fold over all events of the bucket gives', (t) => {
  fc.assert(
    fc.property(definition, history, (def, steps) => {
      const { model, store, counts, stillWaiting } = play(def, steps, false);
      t.false(stillWaiting);
      t.deepEqual(sorted(store.hex()), sorted(model.stored()));
      const labels = new Map(store.series.map(({ id, labels }) => [id, JSON.stringify(labels)]));
      t.deepEqual(labels, model.series());
      for (const [actual, expected] of counts as [unknown, unknown][])
        t.deepEqual(actual, expected);
    }),
    { numRuns: 200 },
  );
});

test('a state that is restored at every commit stores the same bytes as one that never stopped', (t) => {
  fc.assert(
    fc.property(definition, history, (def, steps) => {
      // Summaries that are cut are the same in the finest tier: coarser ones are derived anew after a restart.
      const capacity = def.resolutions.length === 1 ? 2 : 500;
      const measures = def.measures.map((each) =>
        each.op === 'top' ? { ...each, capacity } : each,
      );
      const lasting = play({ ...def, measures }, steps, false);
      const restarted = play({ ...def, measures }, steps, true);
      t.deepEqual(restarted.commits, lasting.commits);
      t.deepEqual(restarted.counts, lasting.counts);
    }),
    { numRuns: 150 },
  );
});
