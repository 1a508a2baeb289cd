import test from 'ava';
import { BlockColumns } from '../../src/aggregate/block-columns.ts';
import { visitSeries } from '../../src/aggregate/bucket-row.ts';
import { RollupState } from '../../src/aggregate/rollup.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import { eventBlock, type PlainEvent } from './event-blocks.ts';

const T = 1_760_000_040_000;
const def: RollupDefinition = {
  name: 'r',
  stream: 'events',
  filter: [{ field: 'level', in: ['error'] }],
  dimensions: ['message'],
  measures: [{ op: 'count' }],
  resolutions: [
    { stepMs: 1_000, retentionMs: 7_200_000 },
    { stepMs: 60_000, retentionMs: 1e10 },
  ],
  latenessMs: 10_000,
  seriesMax: 100,
  tenant: 'default',
  frozen: true,
  normalize: ['message'],
};
const columns = new BlockColumns();

const error = (ts: number, message: string): PlainEvent => ({ ts, level: 'error', message });

function fold(state: RollupState, events: readonly PlainEvent[], nowMs: number) {
  const block = columns.load(eventBlock(events, { arrivalMs: nowMs }));
  return state.fold(block, undefined, nowMs, nowMs);
}

function commit(state: RollupState) {
  const changes = state.changes();
  state.committed();
  return changes;
}

/** Seconds after T -> events of each series. */
function closed(state: RollupState, fromMs = 0): [second: number, counts: number[]][] {
  return state.closedSince(fromMs).map(({ bucketMs, rows }) => {
    const counts: number[] = [];
    visitSeries(rows[0] as Uint8Array, (_, count) => counts.push(count));
    return [(bucketMs - T) / 1_000, counts];
  });
}

test('what is late is counted and left out: of its bucket, of coarser ones, of the series', (t) => {
  const state = new RollupState(def, T);
  fold(state, [error(T + 5_000, 'a')], T + 30_000);
  const rows = closed(state);
  const late = [error(T + 5_001, 'a'), error(T + 6_000, 'b'), error(T + 29_000, 'a')];
  t.is(fold(state, late, T + 30_000).late, 2);
  t.deepEqual(closed(state), rows);
  t.is(state.seriesCount, 1);
  state.advance(T + 80_000);
  const changes = commit(state).rows;
  t.true(changes.every(({ mode }) => mode === 'put'));
  const minute = changes.find(({ stepMs }) => stepMs === 60_000);
  const counts: number[] = [];
  visitSeries(minute?.bytes as Uint8Array, (_, count) => counts.push(count));
  t.deepEqual(counts, [2]);
});

test('closed rows stay at hand after their commit until the bound, and none is forgotten before it', (t) => {
  const state = new RollupState(def, T);
  for (let s = 0; s < 100; s++) fold(state, [error(T + s * 1_000, 'a')], T + s * 1_000);
  state.trimClosed(0);
  t.is(closed(state).length, 89);
  t.is(state.closedFromMs, T - 10_000);
  commit(state);
  state.trimClosed(1e9);
  t.is(closed(state).length, 16);
  t.is(state.closedFromMs, T + 73_000);
  t.deepEqual(closed(state, T + 88_000), [[88, [1]]]);
  state.trimClosed(0);
  t.deepEqual(closed(state), []);
  t.is(state.closedFromMs, T + 89_000);
  state.advance(T + 101_000);
  t.deepEqual(closed(state), [
    [89, [1]],
    [90, [1]],
  ]);
});

test('a restored state hands out what closes from then on, whether it changed or not', (t) => {
  const state = new RollupState(def, T);
  fold(state, [error(T, 'a'), error(T + 15_000, 'a')], T + 15_000);
  const { rows, newSeries } = commit(state);
  const restored = new RollupState(def, T + 15_000);
  const openRows = rows.filter(({ bucketMs }) => bucketMs === T + 15_000);
  const closedRows = rows.filter(({ bucketMs }) => bucketMs === T);
  restored.restore(newSeries, [...closedRows, ...openRows]);
  t.is(restored.closedFromMs, T + 5_000);
  for (const each of [state, restored]) each.advance(T + 70_000);
  t.deepEqual(closed(restored), [[15, [1]]]);
  t.deepEqual(restored.closedSince(0), state.closedSince(T + 5_000));
});

test('texts without their ids are the labels, of selected rows alone, beside their raw form', (t) => {
  const state = new RollupState(def, T);
  const raw = new RollupState({ ...def, normalize: [] }, T);
  const events = [
    error(T, 'user 1 failed'),
    { ts: T, level: 'info', message: 'user 5 came' },
    error(T, 'user 22 failed'),
    { ts: T, level: 'error' },
    { ts: T, level: 'error', message: 17 },
    error(T, '?'),
  ];
  for (let again = 0; again < 2; again++) {
    const block = columns.load(eventBlock(events, { arrivalMs: T }, true));
    for (const each of [state, raw]) each.fold(block, undefined, T, T);
  }
  const labels = (each: RollupState) => each.seriesAfter(0, 10).map((series) => series.labels);
  t.deepEqual(labels(state), [['user ? failed'], [null], ['?']]);
  t.deepEqual(labels(raw), [['user 1 failed'], ['user 22 failed'], [null], ['17'], ['?']]);
  t.deepEqual(state.seriesAfter(1, 1), [{ id: 2, labels: [null] }]);
  state.advance(T + 11_000);
  t.deepEqual(closed(state), [[0, [4, 2, 4]]]);
});
