import test from 'ava';
import { BlockColumns } from '../../src/aggregate/block-columns.ts';
import { restatedOf, visitSeries } from '../../src/aggregate/bucket-row.ts';
import { RollupState, type StoredRow } from '../../src/aggregate/rollup.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import { eventBlock, type PlainEvent } from './event-blocks.ts';

const T = 1_760_000_040_000;
const def: RollupDefinition = {
  name: 'r',
  stream: 'events',
  filter: [],
  dimensions: ['type'],
  measures: [{ op: 'count' }, { op: 'distinct', field: 'user' }],
  resolutions: [
    { stepMs: 1_000, retentionMs: 7_200_000 },
    { stepMs: 60_000, retentionMs: 1e10 },
  ],
  latenessMs: 10_000,
  seriesMax: 100,
};
const everything = { fromMs: 0, toMs: 1e15, steps: [1_000, 60_000], groups: [0, 1] };
const columns = new BlockColumns();

function at(...times: readonly number[]): PlainEvent[] {
  return times.map((ts) => ({ ts, type: 'view', user: `u${ts}` }));
}

function fold(state: RollupState, events: readonly PlainEvent[], nowMs: number) {
  return state.fold(
    columns.load(eventBlock(events, { arrivalMs: nowMs })),
    undefined,
    nowMs,
    nowMs,
  );
}

function commit(state: RollupState) {
  const changes = state.changes();
  state.committed();
  return changes;
}

/** `step/seconds after T` -> events. */
function counts(rows: readonly StoredRow[]): Record<string, number> {
  const entries = rows
    .filter(({ group }) => group === 0)
    .map(({ stepMs, bucketMs, bytes }): [string, number] => {
      let events = 0;
      visitSeries(bytes, (_, count) => {
        events += count;
      });
      return [`${stepMs / 1000}s@${(bucketMs - T) / 1000}`, events];
    });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

test('open buckets are answered with all they hold, committed or not', (t) => {
  const state = new RollupState(def);
  fold(state, at(T, T + 1, T + 1_000), T + 1_000);
  t.deepEqual(counts(state.collect(everything).rows), { '1s@0': 2, '1s@1': 1 });
  commit(state);
  fold(state, at(T + 999), T + 1_500);
  t.deepEqual(counts(state.collect(everything).rows), { '1s@0': 3, '1s@1': 1 });
  t.deepEqual(counts(state.changes().rows), { '1s@0': 3 }, 'only what changed is committed');
});

test('a range, steps and groups leave out the rest', (t) => {
  const state = new RollupState(def);
  fold(state, at(T, T + 1_000, T + 2_000), T + 2_000);
  const { rows } = state.collect({
    fromMs: T + 1_500,
    toMs: T + 2_000,
    steps: [1_000],
    groups: [1],
  });
  t.deepEqual(
    rows.map(({ bucketMs, group }) => [bucketMs, group]),
    [[T + 1_000, 1]],
  );
  t.deepEqual(state.collect({ ...everything, steps: [60_000] }).rows, []);
});

test('closed buckets are put once, coarser ones when they close; the clock says which', (t) => {
  const state = new RollupState(def);
  fold(state, at(T, T + 59_999), T + 59_999);
  t.is(state.closedToMs(1_000), T + 49_000);
  t.is(state.closedToMs(60_000), T);
  t.deepEqual(counts(commit(state).rows), { '1s@0': 1, '1s@59': 1 });
  state.advance(T + 70_000);
  t.is(state.closedToMs(60_000), T + 60_000);
  t.false(state.waiting);
  // The second was committed as it is; the minute is new.
  t.deepEqual(counts(commit(state).rows), { '60s@0': 2 });
  t.deepEqual(commit(state).rows, []);
});

test('a late event is a delta beside what is stored, and part of what is not', (t) => {
  const state = new RollupState(def);
  fold(state, at(T + 5_000, T + 30_000), T + 30_000);
  commit(state);
  t.deepEqual(fold(state, at(T + 5_001, T + 29_000), T + 30_000), {
    clamped: 0,
    expired: 0,
    filtered: 0,
    late: 1,
  });
  t.deepEqual(counts(state.collect(everything).deltas), { '1s@5': 1 });
  const { rows } = commit(state);
  const delta = rows.find(({ mode, group }) => mode === 'merge' && group === 0);
  t.is(delta?.bucketMs, T + 5_000);
  t.is(restatedOf(delta?.bytes ?? new Uint8Array()), 1);
  state.advance(T + 80_000);
  t.deepEqual(counts(commit(state).rows), { '60s@0': 4 }, 'the minute was open and has it');
});

test('a late event for rows that wait for their commit changes these: one entry per row', (t) => {
  const state = new RollupState(def);
  fold(state, at(T + 5_000), T + 5_000);
  state.advance(T + 100_000);
  fold(state, at(T + 5_500), T + 100_000);
  const { rows, deltas } = state.collect(everything);
  t.deepEqual(counts(rows), { '1s@5': 2, '60s@0': 2 });
  t.deepEqual(deltas, []);
  const changes = commit(state).rows;
  t.true(changes.every(({ mode }) => mode === 'put'));
  t.is(
    new Set(changes.map(({ stepMs, bucketMs, group }) => `${stepMs}/${bucketMs}/${group}`)).size,
    4,
  );
});

test('many late events of one row do not pile up', (t) => {
  const state = new RollupState(def, T + 1e6);
  for (let i = 0; i < 1_000; i++) fold(state, at(T + 5_000), T + 1e6);
  t.true(state.pendingBytes < 20_000, `${state.pendingBytes}`);
  const { rows } = commit(state);
  t.deepEqual(counts(rows), { '1s@5': 1_000, '60s@0': 1_000 });
  t.is(state.pendingBytes, 0);
});

test('pending bytes grow with late deltas of different rows, which stay exact when they are put away', (t) => {
  const state = new RollupState(def, T + 1e6);
  const seconds = Array.from({ length: 500 }, (_, i) => T + i * 1_000);
  for (const offset of [0, 1, 2]) fold(state, at(...seconds.map((s) => s + offset)), T + 1e6);
  t.true(state.pendingBytes > 100_000);
  const { rows } = commit(state);
  t.true(rows.every(({ mode }) => mode === 'merge'));
  const expected = Object.fromEntries(
    seconds.map((s): [string, number] => [`1s@${(s - T) / 1000}`, 3]),
  );
  for (let minute = 0; minute < 9; minute++) expected[`60s@${minute * 60}`] = minute < 8 ? 180 : 60;
  t.deepEqual(counts(rows), expected);
});

test('a bucket that was put away as bytes takes stragglers as if it had not', (t) => {
  const state = new RollupState(def);
  fold(state, at(T + 5_000), T + 5_000);
  commit(state);
  commit(state);
  fold(state, at(T + 5_001), T + 6_000);
  t.deepEqual(counts(commit(state).rows), { '1s@5': 2 });
});

test('a rollup may not have more series than a bucket has room for', (t) => {
  t.throws(() => new RollupState({ ...def, seriesMax: 200_000 }), { message: /fewer than 131072/ });
});
