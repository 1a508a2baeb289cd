import test from 'ava';
import fc from 'fast-check';
import {
  deadLetterKey,
  partitionRange,
  rollupRange,
  rollupRowKey,
  rollupRowRange,
  seriesKey,
  seriesRange,
  verdictRange,
} from '../../../storage/state/keys.ts';
import { RowWrites } from '../../../storage/state/row-writes.ts';
import type { KeyRange, StateOp } from '../../../storage/state/state.ts';
import { MemoryStore } from '../../simulation/memory-store.ts';

const BUCKETS = 100;

const tier = fc.record({
  partition: fc.constantFrom(0, 1, 300),
  tenant: fc.constantFrom('a', 'b'),
  rollup: fc.constantFrom('r', 'rr'),
  stepMs: fc.constantFrom(1_000, 60_000),
  group: fc.nat({ max: 1 }),
});
const place = fc.nat({ max: BUCKETS - 1 });
const span = fc.tuple(place, place).map(([a, b]) => [Math.min(a, b), Math.max(a, b) + 1] as const);
const key = fc.oneof(
  fc
    .tuple(tier, place)
    .map(([at, bucket]) => rollupRowKey({ ...at, bucketMs: bucket * at.stepMs })),
  fc
    .tuple(tier, fc.integer({ min: 1, max: 9 }))
    .map(([{ partition, tenant, rollup }, id]) => seriesKey(partition, tenant, rollup, id)),
);
const op: fc.Arbitrary<StateOp> = fc.record({
  key,
  value: fc.option(fc.uint8Array({ minLength: 1, maxLength: 2 }), { nil: undefined }),
});
const range: fc.Arbitrary<KeyRange> = fc.oneof(
  fc
    .tuple(tier, span)
    .map(([at, [from, to]]) => rollupRowRange(at, from * at.stepMs, to * at.stepMs)),
  tier.map(({ partition, tenant, rollup }) => rollupRange(partition, tenant, rollup)),
  tier.map(({ partition, tenant, rollup }) => seriesRange(partition, tenant, rollup)),
  tier.map(({ partition }) => partitionRange(partition)),
);
const write = fc.oneof(
  { weight: 4, arbitrary: fc.array(op, { maxLength: 4 }) },
  { weight: 1, arbitrary: range },
);

test('while the count of rows, or of series, is the same, so are they', async (t) => {
  const asked = fc.tuple(tier, span);
  await fc.assert(
    fc.asyncProperty(
      fc.array(write, { maxLength: 12 }),
      fc.array(asked, { minLength: 5, maxLength: 5 }),
      async (writes, all) => {
        const store = new MemoryStore();
        const look = () => Promise.all(all.map(([at, ends]) => seen(store, at, ends)));
        let before = await look();
        for (const each of writes) {
          await ('from' in each ? store.clear(each) : store.commit(each));
          const after = await look();
          for (const [i, { counts, rows }] of after.entries()) {
            for (const which of ['rows', 'series'] as const) {
              if (counts[which] === before[i]?.counts[which])
                t.deepEqual(rows[which], before[i]?.rows[which]);
            }
          }
          before = after;
        }
      },
    ),
    { numRuns: 300 },
  );
});

async function seen(
  store: MemoryStore,
  at: { partition: number; tenant: string; rollup: string; stepMs: number; group: number },
  [from, to]: readonly [number, number],
) {
  const { partition, tenant, rollup, stepMs } = at;
  const [fromMs, toMs] = [from * stepMs, to * stepMs];
  return {
    counts: {
      rows: store.rowWrites.ofRows(at)(fromMs, toMs),
      series: store.rowWrites.ofSeries(partition, tenant, rollup),
    },
    rows: {
      rows: await store.page(rollupRowRange(at, fromMs, toMs), BUCKETS),
      series: await store.page(seriesRange(partition, tenant, rollup), BUCKETS),
    },
  };
}

const AT = { partition: 0, tenant: 'a', rollup: 'r', stepMs: 1_000, group: 0 };

test('other rows are counted apart: of other times, groups and kinds', (t) => {
  const writes = new RowWrites();
  const count = (fromMs: number, toMs: number) => writes.ofRows(AT)(fromMs, toMs);
  const before = count(0, 16_000);
  const others = [
    rollupRowKey({ ...AT, bucketMs: 16_000 }),
    rollupRowKey({ ...AT, group: 1, bucketMs: 0 }),
    rollupRowKey({ ...AT, partition: 1, bucketMs: 0 }),
    seriesKey(0, 'a', 'r', 1),
    deadLetterKey({ partition: 0, tenant: 'a', offset: 0, row: 0 }),
  ];
  writes.wrote(others.map((each) => ({ key: each, value: undefined })));
  writes.cleared(verdictRange(0, 0, 1_000));
  writes.cleared(rollupRowRange({ ...AT, stepMs: 60_000 }, 0, 60_000));
  t.is(count(0, 16_000), before);
  t.is(writes.clears(), 0);
  writes.wrote([{ key: rollupRowKey({ ...AT, bucketMs: 15_999 }), value: undefined }]);
  t.not(count(0, 16_000), before);
});

test('whole rollups that are cleared are counted for whoever numbers series', (t) => {
  const writes = new RowWrites();
  writes.cleared(rollupRange(0, 'a', 'r'));
  t.is(writes.clears(), 1);
  writes.cleared(partitionRange(1));
  t.is(writes.clears(), 2);
});
