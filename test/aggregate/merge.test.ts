import test from 'ava';
import { BlockColumns } from '../../src/aggregate/block-columns.ts';
import { groupOf } from '../../src/aggregate/layout.ts';
import { StepAccumulator } from '../../src/aggregate/merge.ts';
import { RollupState } from '../../src/aggregate/rollup.ts';
import type { Measure, RollupDefinition } from '../../src/model/rollup.ts';
import { eventBlock, type PlainEvent } from './event-blocks.ts';

const NOW = 1_760_000_000_000;
const def: RollupDefinition = {
  name: 'r',
  stream: 'events',
  filter: [],
  dimensions: ['type'],
  measures: [
    { op: 'count' },
    { op: 'avg', field: 'ms' },
    { op: 'min', field: 'ms' },
    { op: 'max', field: 'ms' },
    { op: 'quantile', field: 'ms' },
    { op: 'distinct', field: 'user' },
    { op: 'sum', field: 'price' },
  ],
  resolutions: [{ stepMs: 1_000, retentionMs: 1e9 }],
  latenessMs: 0,
  seriesMax: 100,
};

/** Two partitions, each with half of the events: the rows that they would store. */
function partitions(events: readonly PlainEvent[]) {
  return [0, 1].map((partition) => {
    const state = new RollupState(def);
    const own = events.filter((_, i) => i % 2 === partition);
    state.fold(new BlockColumns().load(eventBlock(own, { arrivalMs: NOW })), undefined, NOW, NOW);
    state.advance(NOW + 1e6);
    return state.changes();
  });
}

const events = Array.from({ length: 1_000 }, (_, i) => ({
  ts: NOW - (i % 7) * 1_000,
  type: i % 5 === 0 ? 'rare' : 'usual',
  ms: i % 3 === 0 ? null : i % 200,
  user: `user-${i % 50}`,
  price: 1e308 * (i % 2),
}));

function answers(type: string, measures: readonly [Measure, number?][]) {
  const accumulator = new StepAccumulator(def);
  for (const { rows, newSeries } of partitions(events)) {
    const outputOf = new Int32Array(10).fill(-1);
    for (const { id, labels } of newSeries) if (labels[0] === type) outputOf[id] = 7;
    for (const { group, bytes } of rows) accumulator.add(group, bytes, outputOf);
  }
  return {
    accumulator,
    values: measures.map(([measure, q]) =>
      accumulator.answer(7, q === undefined ? { measure } : { measure, q }),
    ),
  };
}

test('rows of all partitions and buckets merge into one answer', (t) => {
  const own = events.filter(({ type }) => type === 'usual');
  const ms = own.flatMap((event) => event.ms ?? []).sort((a, b) => a - b);
  const { accumulator, values } = answers('usual', [
    [{ op: 'count' }],
    [{ op: 'sum', field: 'ms' }],
    [{ op: 'avg', field: 'ms' }],
    [{ op: 'min', field: 'ms' }],
    [{ op: 'max', field: 'ms' }],
    [{ op: 'quantile', field: 'ms' }, 0.9],
    [{ op: 'quantile', field: 'ms' }],
  ]);
  const sum = ms.reduce((a, b) => a + b, 0);
  t.deepEqual(
    values.map(({ value }) => value),
    [
      own.length,
      sum,
      sum / ms.length,
      1,
      199,
      ms[Math.ceil(0.9 * ms.length) - 1] as number,
      ms[Math.ceil(0.5 * ms.length) - 1] as number,
    ],
  );
  t.true(values.every(({ errorBound }) => errorBound === 0));
  t.deepEqual(accumulator.series(), [7]);
  t.is(accumulator.restated, 0);
});

test('a distinct count merges across partitions and states its bound', (t) => {
  const { values } = answers('rare', [[{ op: 'distinct', field: 'user' }]]);
  t.is(values[0]?.value, 10);
  t.true((values[0]?.errorBound ?? 0) > 0);
});

test('a sum beyond the range of a double says so instead of being no number', (t) => {
  const { values } = answers('usual', [[{ op: 'sum', field: 'price' }]]);
  t.deepEqual(values, [{ value: Number.MAX_VALUE, errorBound: Number.MAX_VALUE }]);
});

test('no value is null, and an unknown series has none', (t) => {
  const { accumulator } = answers('usual', []);
  t.deepEqual(accumulator.answer(3, { measure: { op: 'count' } }), { value: null, errorBound: 0 });
  const empty = new StepAccumulator(def);
  t.deepEqual(empty.series(), []);
  t.is(empty.answer(0, { measure: { op: 'max', field: 'ms' } }).value, null);
});

test('a measure that the rollup does not keep has no column group', (t) => {
  t.is(groupOf(def, { op: 'count' }), 0);
  t.is(groupOf(def, { op: 'sum', field: 'ms' }), 0, 'avg keeps the sum');
  t.is(groupOf(def, { op: 'quantile', field: 'ms' }), 1);
  t.is(groupOf(def, { op: 'distinct', field: 'user' }), 2);
  t.is(groupOf(def, { op: 'min', field: 'price' }), undefined);
  t.is(groupOf(def, { op: 'distinct', field: 'ms' }), undefined);
  const { accumulator } = answers('usual', []);
  t.throws(() => accumulator.answer(7, { measure: { op: 'max', field: 'price' } }), {
    message: /keeps no max\(price\)/,
  });
});
