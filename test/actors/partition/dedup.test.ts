import test from 'ava';
import fc from 'fast-check';
import { Dedup, type DedupBounds } from '../../../actors/partition/dedup.ts';
import { BlockColumns, type LabelColumn } from '../../../src/aggregate/block-columns.ts';
import { eventBlock } from '../../aggregate/event-blocks.ts';

const SEED = [1, 2] as const;
const WIDE: DedupBounds = { idsMax: 1_000_000, bytesMax: 1e9, offsetsMax: 1e12 };

/** Null is a row without an id. */
type Ids = readonly (string | null)[];

function idsOf(ids: Ids): LabelColumn | undefined {
  const events = ids.map((id) => ({ type: 'a', id }));
  return new BlockColumns().load(eventBlock(events, { arrivalMs: 0 })).ids();
}

/** Row numbers that are dropped. */
function judge(dedup: Dedup, ids: Ids, offset: number, scope = 's'): number[] {
  const keep = new Uint8Array(ids.length).fill(1);
  dedup.moveTo(offset);
  const column = idsOf(ids);
  const count = column === undefined ? 0 : dedup.judge(scope, column, ids.length, keep, offset, 0);
  const dropped = [...keep].flatMap((kept, row) => (kept === 0 ? [row] : []));
  if (count !== dropped.length) throw new Error('the count is not the number of dropped rows');
  return dropped;
}

const numbered = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `id-${from + i}`);

test('the first of equal ids counts, in a block and across blocks; rows without an id always do', (t) => {
  const dedup = new Dedup(WIDE, SEED);
  t.deepEqual(judge(dedup, ['a', null, 'b', 'a', null], 0), [3]);
  t.deepEqual(judge(dedup, ['c', 'b', 'a'], 8), [1, 2]);
  t.deepEqual(judge(dedup, [null, null], 16), []);
});

test('ids are a tenant`s and a stream`s own', (t) => {
  const dedup = new Dedup(WIDE, SEED);
  judge(dedup, ['a'], 0, 'one');
  t.deepEqual(judge(dedup, ['a'], 8, 'two'), []);
  t.deepEqual(judge(dedup, ['a'], 16, 'one'), [0]);
});

test('what another judge left out is neither looked at nor learned', (t) => {
  const dedup = new Dedup(WIDE, SEED);
  const keep = new Uint8Array([0, 1]);
  t.is(dedup.judge('s', idsOf(['a', 'b']) as LabelColumn, 2, keep, 0, 0), 0);
  t.deepEqual(judge(dedup, ['a', 'b'], 8), [1]);
});

test('a hundred thousand ids make no false duplicate and miss none', (t) => {
  const dedup = new Dedup(WIDE, SEED);
  for (let i = 0; i < 100; i++) t.deepEqual(judge(dedup, numbered(i * 1_000, 1_000), i * 8), []);
  for (let i = 0; i < 100; i++) {
    t.is(judge(dedup, numbered(i * 1_000, 1_000), 800 + i * 8).length, 1_000);
  }
  t.is(dedup.window().ids, 100_000);
});

test('an id is known at least until the window`s number of others has come', (t) => {
  const idsMax = 1_000;
  const dedup = new Dedup({ ...WIDE, idsMax }, SEED);
  for (let i = 0; i < 100; i++) judge(dedup, numbered(i * 100, 100), i * 8);
  t.deepEqual(
    judge(dedup, numbered(9_000, 1_000), 800),
    numbered(0, 1_000).map((_, i) => i),
  );
  const { ids } = dedup.window();
  t.true(ids >= idsMax && ids <= idsMax * 1.5, `${ids} are remembered`);
});

test('memory ends the window sooner, and never grows past its bound', (t) => {
  const bytesMax = 64 * 1024;
  const dedup = new Dedup({ ...WIDE, bytesMax }, SEED);
  for (let i = 0; i < 400; i++) {
    judge(dedup, numbered(i * 100, 100), i * 8);
    t.true(dedup.window().bytes <= bytesMax);
  }
  t.true(dedup.window().ids > 2_000);
});

test('a window that spans too much of the log is moved on by any block, also of an idle partition', (t) => {
  const dedup = new Dedup({ ...WIDE, offsetsMax: 1_000 }, SEED);
  judge(dedup, ['a'], 0);
  t.deepEqual(judge(dedup, ['a'], 990), [0]);
  t.false(dedup.isOverdueAt(999));
  t.true(dedup.isOverdueAt(1_000));
  dedup.moveTo(2_000);
  t.is(dedup.from, undefined);
  t.deepEqual(judge(dedup, ['a'], 2_000), []);
});

const history = fc.array(
  fc.record({
    ids: fc.array(fc.option(fc.nat(60).map(String)), { minLength: 1, maxLength: 12 }),
    gap: fc.nat(200),
  }),
  { minLength: 1, maxLength: 60 },
);
const bounds = fc.record({
  idsMax: fc.integer({ min: 4, max: 80 }),
  bytesMax: fc.integer({ min: 200, max: 4_000 }),
  offsetsMax: fc.integer({ min: 100, max: 5_000 }),
});

test('a window that is rebuilt from the log gives the verdicts of one that never went away', (t) => {
  fc.assert(
    fc.property(history, bounds, fc.nat(), (blocks, limits, cut) => {
      const committed = cut % blocks.length;
      const live = new Dedup(limits, SEED);
      let offset = 0;
      const log = blocks.map(({ ids, gap }) => {
        offset += 8 + gap;
        return { ids, offset, dropped: [] as number[] };
      });
      for (const block of log.slice(0, committed)) {
        block.dropped = judge(live, block.ids, block.offset);
      }
      const marks = live.marks();
      const rebuilt = new Dedup(limits, SEED, marks);
      const from = rebuilt.from ?? Number.POSITIVE_INFINITY;
      for (const block of log.slice(0, committed)) {
        if (block.offset < from) continue;
        const keep = new Uint8Array(block.ids.length).fill(1);
        for (const row of block.dropped) keep[row] = 0;
        const column = idsOf(block.ids);
        if (column !== undefined) rebuilt.relearn('s', column, keep.length, keep, block.offset);
      }
      rebuilt.rebuilt(log[committed]?.offset ?? 0);
      t.deepEqual(rebuilt.marks(), marks);
      const { bytes: _live, ...window } = live.window();
      // Not the memory: a table that has grown and was emptied again stays as large as it was.
      const { bytes: _rebuilt, ...again } = rebuilt.window();
      t.deepEqual(again, window);
      for (const block of log.slice(committed)) {
        const expected = judge(live, block.ids, block.offset);
        t.deepEqual(judge(rebuilt, block.ids, block.offset), expected);
      }
    }),
  );
});
