/** Windows merged from the tree are those merged bucket by bucket, however they are slid and whatever was forgotten. */
import test from 'ava';
import fc from 'fast-check';
import { BucketFold } from '../../src/aggregate/bucket-fold.ts';
import { encodeRow } from '../../src/aggregate/bucket-row.ts';
import { layoutOf } from '../../src/aggregate/layout.ts';
import { WindowTree } from '../../src/aggregate/window-tree.ts';
import type { PartialRow } from '../../src/model/partials.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';

const SECOND = 1_000;
const START = 1_767_614_400_000;
const ROLLUP: RollupDefinition = {
  name: 'alarm.acme.sums',
  tenant: 'acme',
  stream: 'events',
  filter: [],
  dimensions: ['service'],
  measures: [{ op: 'sum', field: 'ms' }],
  resolutions: [{ stepMs: SECOND, retentionMs: 60_000 }],
  latenessMs: 0,
  seriesMax: 100,
  frozen: true,
};

/** By tick: pairs of series and value. */
type Ticks = readonly (readonly (readonly [series: number, value: number])[])[];

function rowsOf(values: Ticks[number]): PartialRow[] {
  const fold = new BucketFold(layoutOf(ROLLUP));
  for (const [series, value] of values) {
    const slot = fold.slotOf(series);
    fold.counts[slot] = (fold.counts[slot] ?? 0) + 1;
    for (const scalars of fold.scalars) {
      scalars.n[slot] = (scalars.n[slot] ?? 0) + 1;
      scalars.sum[slot] = (scalars.sum[slot] ?? 0) + value;
    }
  }
  const bytes = encodeRow(fold, 0);
  const outputOf = Int32Array.from({ length: 8 }, (_, i) => i);
  return bytes === undefined ? [] : [{ partition: 0, group: 0, bytes, outputOf }];
}

/** Series -> count and sum. */
function read(fold: BucketFold): Map<number, readonly [number, number]> {
  const found = new Map<number, readonly [number, number]>();
  for (const slot of fold.order()) {
    found.set(fold.series[slot] ?? -1, [fold.counts[slot] ?? 0, fold.scalars[0]?.sum[slot] ?? 0]);
  }
  return found;
}

const ticks: fc.Arbitrary<Ticks> = fc.array(
  fc.array(fc.tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: -1_000, max: 1_000 })), {
    maxLength: 4,
  }),
  { minLength: 1, maxLength: 80 },
);

test('a window is the sum of its buckets', (t) => {
  fc.assert(
    fc.property(ticks, fc.integer({ min: 1, max: 40 }), (all, width) => {
      const tree = new WindowTree(ROLLUP, SECOND);
      all.forEach((values, i) => {
        tree.add(START + i * SECOND, rowsOf(values));
        const toMs = START + (i + 1) * SECOND;
        const expected = new Map<number, readonly [number, number]>();
        for (const [series, value] of all.slice(Math.max(0, i + 1 - width), i + 1).flat()) {
          const [count, sum] = expected.get(series) ?? [0, 0];
          expected.set(series, [count + 1, sum + value]);
        }
        const sorted = new Map([...expected].sort(([a], [b]) => a - b));
        t.deepEqual(read(tree.merge(toMs - width * SECOND, toMs)), sorted);
        tree.dropBefore(toMs + SECOND - width * SECOND);
      });
    }),
    { numRuns: 50 },
  );
});

test('sums of fractions are the same bits for a tree that was filled at once and one that slid', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 30, maxLength: 90 }),
      fc.integer({ min: 2, max: 30 }),
      (values, width) => {
        const slid = new WindowTree(ROLLUP, SECOND);
        const whole = new WindowTree(ROLLUP, SECOND);
        const rows = values.map((value) => rowsOf([[1, value]]));
        for (const [i, row] of rows.entries()) whole.add(START + i * SECOND, row);
        for (const [i, row] of rows.entries()) {
          slid.add(START + i * SECOND, row);
          const toMs = START + (i + 1) * SECOND;
          const fromMs = toMs - width * SECOND;
          t.deepEqual(read(slid.merge(fromMs, toMs)), read(whole.merge(fromMs, toMs)));
          slid.dropBefore(fromMs + SECOND);
        }
      },
    ),
    { numRuns: 50 },
  );
});

test('a bucket of all partitions is one row, added up in their order', (t) => {
  const tree = new WindowTree(ROLLUP, SECOND);
  tree.add(START, [
    ...rowsOf([[1, 2]]),
    ...rowsOf([
      [1, 3],
      [2, 4],
    ]),
  ]);
  const merged = read(tree.merge(START, START + SECOND));
  t.deepEqual(
    [...merged],
    [
      [1, [2, 5]],
      [2, [1, 4]],
    ],
  );
});
