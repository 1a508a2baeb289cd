import test from 'ava';
import fc from 'fast-check';
import { groupByBucket } from '../../src/aggregate/bucket-groups.ts';

test('rows are grouped by bucket, buckets ascend, rows keep their order', (t) => {
  const time = fc.oneof(
    fc.integer({ min: 0, max: 10_000 }),
    fc.integer({ min: 0, max: 253_402_300_799_999 }),
    fc.double({ min: 0, max: 5_000, noNaN: true }),
  );
  const times = fc.oneof(
    fc.array(time, { minLength: 1, maxLength: 100 }),
    fc.array(fc.integer({ min: 1_000, max: 8_000 }), { minLength: 1, maxLength: 100 }),
    fc.array(time, { minLength: 1, maxLength: 100 }).map((all) => all.sort((a, b) => a - b)),
  );
  fc.assert(
    fc.property(times, fc.constantFrom(1, 1_000, 60_000), (values, stepMs) => {
      const picked = [...values.keys()].filter((row) => row % 3 !== 1);
      const rows = Uint32Array.from(picked);
      const groups = groupByBucket(Float64Array.from(values), rows, picked.length, stepMs);
      const expected = new Map<number, number[]>();
      for (const row of picked) {
        const bucket = Math.floor((values[row] as number) / stepMs) * stepMs;
        expected.set(bucket, [...(expected.get(bucket) ?? []), row]);
      }
      const actual = groups.buckets.map((bucket, i) => {
        const from = i === 0 ? 0 : (groups.ends[i - 1] as number);
        return [bucket, [...groups.rows.subarray(from, groups.ends[i])]];
      });
      t.deepEqual(
        actual,
        [...expected].sort(([a], [b]) => a - b),
      );
    }),
    { numRuns: 500 },
  );
});
