/** A window that slides is, to the byte, the one that is merged from its ticks alone, whatever way it came. */
import test from 'ava';
import fc from 'fast-check';
import { BucketFold } from '../../src/aggregate/bucket-fold.ts';
import { encodeRow, mergeRowInto } from '../../src/aggregate/bucket-row.ts';
import type { RowLayout } from '../../src/aggregate/layout.ts';
import type { MergedRows } from '../../src/aggregate/merged-rows.ts';
import { packBins, QuantileTable } from '../../src/aggregate/quantile-sketch.ts';
import { SlidingWindow } from '../../src/aggregate/sliding-window.ts';

const LAYOUT: RowLayout = { scalars: [], sketches: [{ op: 'quantile', field: 'ms' }] };

/** Series, value (NaN: the event has none) and how often. */
type Events = readonly (readonly [series: number, value: number, times: number])[];

function nodeOf(events: Events): MergedRows {
  const fold = new BucketFold(LAYOUT);
  for (const [series, value, times] of events) {
    const slot = fold.slotOf(series);
    fold.counts[slot] = (fold.counts[slot] ?? 0) + times;
    const packed = new Uint32Array(1);
    packBins(Float64Array.of(value), 1, packed);
    const sketch = fold.sketches[0];
    if (!(sketch instanceof QuantileTable)) continue;
    const rows = new Uint32Array(times);
    sketch.addRows(packed, rows, new Uint32Array(times).fill(slot), 0, times, fold.slots);
  }
  return fold.slots === 0 ? [] : [encodeRow(fold, 0), encodeRow(fold, 1)];
}

/** Events of every series that has some, and the packed sketches. */
function contentOf(fold: BucketFold) {
  const counts = [...fold.order()]
    .map((slot) => [fold.series[slot], fold.counts[slot]])
    .filter(([, count]) => count !== 0);
  const values = [...fold.order()].map((slot) => {
    const sketch = fold.sketches[0];
    return sketch instanceof QuantileTable ? sketch.quantile(slot, 0.9) : undefined;
  });
  return { counts, values: values.filter(Boolean), bytes: encodeRow(fold, 1) };
}

function merged(nodes: readonly MergedRows[]): BucketFold {
  const fold = new BucketFold(LAYOUT);
  for (const node of nodes) {
    node.forEach((row, group) => {
      if (row !== undefined) mergeRowInto(fold, group, row);
    });
  }
  return fold;
}

const value = fc.oneof(
  fc.double({ min: -1e6, max: 1e6, noNaN: true }),
  fc.integer({ min: -300, max: 300 }),
  fc.constantFrom(-Number.MAX_VALUE, Number.MAX_VALUE, 0, Number.NaN),
);
const ticks = fc.array(
  fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), value, fc.integer({ min: 1, max: 3 })), {
    maxLength: 12,
  }),
  { minLength: 1, maxLength: 60 },
);

test('a window that slides by any steps is the one merged from its ticks', (t) => {
  fc.assert(
    fc.property(
      ticks,
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 40 }),
      (all, width, steps) => {
        const nodes = all.map(nodeOf);
        const slid = new SlidingWindow(LAYOUT);
        let from = 100;
        for (const step of [0, ...steps]) {
          from += step;
          const fold = slid.moveTo(from, from + width, (tick) => nodes[tick % nodes.length] ?? []);
          if (fold === undefined) return t.fail('it only went on');
          const inside = Array.from({ length: width }, (_, i) => nodes[(from + i) % nodes.length]);
          t.deepEqual(contentOf(fold), contentOf(merged(inside.map((node) => node ?? []))));
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('a window that lies behind is refused, and the next one is not disturbed', (t) => {
  const nodes = [1, 2, 3, 4, 5].map((series) => nodeOf([[series, series * 1.5, 1]]));
  const slid = new SlidingWindow(LAYOUT);
  const at = (tick: number) => nodes[tick] ?? [];
  slid.moveTo(2, 4, at);
  t.is(slid.moveTo(0, 2, at), undefined);
  const fold = slid.moveTo(3, 5, at);
  t.deepEqual(fold && contentOf(fold), contentOf(merged([at(3), at(4)])));
});

test('more events of one value than an entry holds leave without a trace', (t) => {
  const many = nodeOf([[1, 7, 300_000]]);
  const few = nodeOf([
    [1, 7, 2],
    [2, 8, 1],
  ]);
  const slid = new SlidingWindow(LAYOUT);
  const at = (tick: number) => (tick % 3 === 0 ? many : few);
  for (let from = 0; from < 9; from++) {
    const fold = slid.moveTo(from, from + 2, at);
    t.deepEqual(fold && contentOf(fold), contentOf(merged([at(from), at(from + 1)])));
  }
});

test('sums and distinct counts do not slide', (t) => {
  const scalars = [{ field: 'ms', sum: true, min: false, max: false }];
  t.is(SlidingWindow.of({ scalars, sketches: [] }), undefined);
  t.is(SlidingWindow.of({ scalars: [], sketches: [{ op: 'distinct', field: 'ip' }] }), undefined);
  t.not(SlidingWindow.of(LAYOUT), undefined);
});
