import test from 'ava';
import fc from 'fast-check';
import { BlockColumns } from '../../src/aggregate/block-columns.ts';
import { BucketFold } from '../../src/aggregate/bucket-fold.ts';
import {
  encodeRow,
  mergeRowInto,
  mergeRows,
  restatedOf,
  visitSeries,
} from '../../src/aggregate/bucket-row.ts';
import type { RowLayout } from '../../src/aggregate/layout.ts';
import { eventBlock, type PlainEvent } from './event-blocks.ts';

const layout: RowLayout = {
  scalars: [
    { field: 'a', sum: true, min: true, max: true },
    { field: 'b', sum: true, min: false, max: false },
  ],
  sketches: [
    { op: 'quantile', field: 'a' },
    { op: 'distinct', field: 'u' },
    { op: 'top', field: 'u', by: 'b', capacity: 10 },
    { op: 'first', field: 'a' },
    { op: 'last', field: 'a' },
  ],
};
const columns = new BlockColumns();

/** Event `series` says which series it belongs to, and `at` when it counts. */
function fold(events: readonly PlainEvent[]): BucketFold {
  const made = new BucketFold(layout);
  columns.load(eventBlock(events, { arrivalMs: 0 }));
  const rows = Uint32Array.from(events.keys());
  const series = Uint32Array.from(events, (event) => Number(event['series']));
  const times = Float64Array.from(events, (event) => Number(event['at'] ?? 0));
  made.addRows(columns, times, rows, 0, rows.length, series);
  return made;
}

const row = (events: readonly PlainEvent[], group: number, restated = 0): Uint8Array => {
  const bytes = encodeRow(fold(events), group, restated);
  if (bytes === undefined) throw new Error('the row is empty');
  return bytes;
};
const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');

const golden: readonly PlainEvent[] = [
  { series: 300, at: 1_000, a: 5, b: 0.5, u: 'x' },
  { series: 2, at: 2_000, a: 256, u: 'x' },
  { series: 2, at: 1_500, a: 257, u: 'y' },
  { series: 2, at: 3_000, b: -1, a: null, u: null },
  { series: 300, at: 1_000, a: 7, b: 70_000, u: 'x' },
];

test('the bytes of rows never change without a new version', (t) => {
  const scalars = [
    '01 00 0200 02000000 09000000', // version, kind, fields, series, late events
    '01020202 01080000', // widths of n, sum, min, max of either field: b has neither min nor max
    '02 01 0200 2c01 03 02', // widths of ids and counts, ids, counts
    '02 02 0102 0c00 0001 0500 0101 0700', // a: n, sum, min, max
    '01 02 000000000000f0bf 000000000817f140', // b: n, sum
  ];
  t.is(hex(row(golden, 0, 9)), scalars.join('').replaceAll(' ', ''));
  const quantile = [
    '01 01 0000 02000000 01000000', // amended
    '02 01 0200 2c01 05 0a', // widths of ids and ends, ids, where payloads end
    '02 839002 00', // series 2: one bin, whole numbers; bin 17,409 has more than one value: 2
    '04 c28402 7e', // series 300: two bins, 5 and 7, a gap of 63 bins between
  ];
  t.is(hex(row(golden, 1, 9)), quantile.join('').replaceAll(' ', ''));
  const distinct = [
    '01 02 0000 02000000 00000000',
    '02 01 0200 2c01 07 0b',
    '02 c1fd07 c1d106', // series 2: two registers, each the gap to the one before and its rank
    '01 c1fd07', // series 300: x again
  ];
  t.is(hex(row(golden, 2)), distinct.join('').replaceAll(' ', ''));
  const top = [
    '01 03 0a00 01000000 00000000', // capacity in place of fields
    '02 01 2c01 23', // series 300 alone: nothing of series 2 weighs more than 0
    '03 000000000817f140 0000000000000000', // one value, doubles: all of them, and missed
    '01 78 000000000817f140 0000000000000000', // x: 70,000.5, without error
  ];
  t.is(hex(row(golden, 3)), top.join('').replaceAll(' ', ''));
  const whole = [{ series: 1, b: 300, u: 'y' }];
  const varints = ['01 03 0a00 01000000 00000000', '01 01 01 09', '02 ac02 00 01 79 ac02 00'];
  t.is(hex(row(whole, 3)), varints.join('').replaceAll(' ', ''));
  const ends = '02 01 0200 2c01 10 20';
  const first = [
    '01 04 0000 02000000 00000000',
    ends,
    '0000000000709740 0000000000107040', // series 2: at 1,500 ms, 257
    '0000000000408f40 0000000000001440', // series 300: at 1,000 ms, of 5 and 7 the least
  ];
  t.is(hex(row(golden, 4)), first.join('').replaceAll(' ', ''));
  const last = [
    '01 05 0000 02000000 00000000',
    ends,
    '0000000000409f40 0000000000007040', // series 2: at 2,000 ms, 256
    '0000000000408f40 0000000000001c40', // series 300: of 5 and 7 the greatest
  ];
  t.is(hex(row(golden, 5)), last.join('').replaceAll(' ', ''));
});

const event = fc.record({
  series: fc.constantFrom(0, 1, 7, 255, 256, 70_000),
  at: fc.integer({ min: -2, max: 2 }),
  a: fc.oneof(
    fc.constant(null),
    fc.integer({ min: -64_000, max: 64_000 }).map((n) => n / 64),
  ),
  b: fc.oneof(fc.constant(null), fc.constantFrom(0, 1, 255, 256, 2 ** 32, 2 ** 33, -1)),
  u: fc.oneof(fc.constant(null), fc.constantFrom('x', 'y', 'z')),
});
const events = fc.array(event, { minLength: 1, maxLength: 30 });
const groups = [0, 1, 2, 3, 4, 5] as const;

test('merging the rows of parts, in any order, gives the row of the whole', (t) => {
  fc.assert(
    fc.property(fc.array(events, { minLength: 1, maxLength: 5 }), (parts) => {
      for (const group of groups) {
        const rows = parts.flatMap((part) => encodeRow(fold(part), group) ?? []);
        const [first, ...others] = rows;
        if (first === undefined) continue;
        const whole = hex(encodeRow(fold(parts.flat()), group));
        t.is(hex(mergeRows(first, ...others)), whole);
        const [last, ...reversed] = rows.toReversed();
        if (last === undefined) continue;
        t.is(hex(reversed.reduce<Uint8Array>((a, b) => mergeRows(a, b), last)), whole);
      }
    }),
    { numRuns: 300 },
  );
});

test('a fold that takes in its own rows encodes to the same bytes', (t) => {
  fc.assert(
    fc.property(events, (plain) => {
      const original = fold(plain);
      const copy = new BucketFold(layout);
      // Sketches first: the order in which series get their slots is not in the bytes.
      for (const group of groups.toReversed()) {
        const bytes = encodeRow(original, group);
        if (bytes !== undefined) mergeRowInto(copy, group, bytes);
      }
      for (const group of groups) {
        t.is(hex(encodeRow(copy, group)), hex(encodeRow(original, group)));
      }
    }),
    { numRuns: 200 },
  );
});

test('only wanted series are merged, under the ids that the reader gives them', (t) => {
  const plain = [1, 2, 3, 4].flatMap((series) => [{ series, a: series, b: 1, u: `${series}` }]);
  const wanted = new Int32Array(4).fill(-1);
  wanted[1] = 9;
  wanted[3] = 9;
  const merged = new BucketFold(layout);
  for (const group of groups) mergeRowInto(merged, group, row(plain, group), wanted);
  const expected = fold([
    { series: 9, a: 1, b: 1, u: '1' },
    { series: 9, a: 3, b: 1, u: '3' },
  ]);
  for (const group of groups) t.is(hex(encodeRow(merged, group)), hex(encodeRow(expected, group)));
});

test('rows know their series and how often they were amended', (t) => {
  const seen: [number, number][] = [];
  visitSeries(row(golden, 0), (series, count) => seen.push([series, count]));
  t.deepEqual(seen, [
    [2, 3],
    [300, 2],
  ]);
  const ids: number[] = [];
  visitSeries(row(golden, 2), (series) => ids.push(series));
  t.deepEqual(ids, [2, 300]);
  t.is(restatedOf(row(golden, 0)), 0);
  t.is(restatedOf(mergeRows(row(golden, 0), row(golden, 0, 3), row(golden, 0, 4))), 7);
  t.is(restatedOf(mergeRows(row(golden, 1), row(golden, 1, 3), row(golden, 1, 4))), 1);
});

test('a row of another capacity is refused', (t) => {
  const sketches = layout.sketches.map((each) =>
    each.op === 'top' ? { ...each, capacity: 11 } : each,
  );
  const other = new BucketFold({ ...layout, sketches });
  t.throws(() => mergeRowInto(other, 3, row(golden, 3)), { code: 'state_corrupt' });
});

test('a cut, foreign or newer row is refused', (t) => {
  for (const group of groups) {
    const bytes = row(golden, group);
    for (let end = 0; end < bytes.length; end++) {
      const cut = bytes.subarray(0, end);
      t.throws(() => mergeRowInto(new BucketFold(layout), group, cut), { code: 'state_corrupt' });
    }
    const newer = bytes.with(0, 2);
    t.throws(() => mergeRows(newer, bytes), {
      code: 'state_corrupt',
      message: /expected version 1, received 2/,
    });
    t.throws(() => mergeRowInto(new BucketFold(layout), (group + 1) % groups.length, bytes), {
      code: 'state_corrupt',
    });
  }
});

test('series without a value for a sketch are not in its row', (t) => {
  const plain = [{ series: 1, a: 1 }, { series: 2 }];
  t.is(encodeRow(fold(plain), 2), undefined);
  const ids: number[] = [];
  visitSeries(row(plain, 1), (series) => ids.push(series));
  t.deepEqual(ids, [1]);
});

test('a row is right however far the buffer that it is written to has to grow', (t) => {
  for (let series = 100; series <= 12_800; series *= 2) {
    const events = Array.from({ length: series }, (_, i) => ({
      series: i,
      a: i + 0.5,
      b: i + 1,
      u: `${i}`,
    }));
    const restored = new BucketFold(layout);
    for (const group of groups) mergeRowInto(restored, group, row(events, group));
    const direct = fold(events);
    for (let i = 0; i < series; i++) {
      const [now, then] = [restored.slotOf(i), direct.slotOf(i)];
      t.is(restored.counts[now], direct.counts[then]);
      restored.scalars.forEach((scalars, f) => {
        const wanted = direct.scalars[f];
        t.is(scalars.sum[now], wanted?.sum[then]);
        if (scalars.field.max) t.is(scalars.max[now], wanted?.max[then]);
      });
    }
    for (const group of groups) t.is(hex(encodeRow(restored, group, 0)), hex(row(events, group)));
  }
});

test('a slot that is looked for beside any other is the one of its series', (t) => {
  const asked = fc.tuple(fc.integer({ min: -1, max: 12 }), fc.integer({ min: 0, max: 9 }));
  fc.assert(
    fc.property(fc.array(asked, { maxLength: 60 }), (all) => {
      const near = new BucketFold({ scalars: [], sketches: [] });
      const plain = new BucketFold({ scalars: [], sketches: [] });
      // What was forgotten must not be found again.
      for (const series of [3, 1, 7]) near.slotOf(series);
      near.reset();
      return all.every(([slot, series]) => near.slotNear(slot, series) === plain.slotOf(series));
    }),
  );
  t.pass();
});
