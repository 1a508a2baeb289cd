import test from 'ava';
import fc from 'fast-check';
import { bucketsBetween, histogramOf } from '../../src/aggregate/histogram.ts';
import { packBins, QuantileTable } from '../../src/aggregate/quantile-sketch.ts';
import { ByteReader, ByteWriter } from '../../src/aggregate/row-bytes.ts';

function sketch(values: readonly number[]): QuantileTable {
  const table = new QuantileTable();
  const packed = new Uint32Array(values.length);
  packBins(Float64Array.from(values), values.length, packed);
  const rows = Uint32Array.from(values.keys());
  table.addRows(packed, rows, new Uint32Array(values.length), 0, rows.length, 1);
  return table;
}

function merged(parts: readonly (readonly number[])[]): QuantileTable {
  const table = new QuantileTable();
  for (const part of parts) {
    const out = new ByteWriter();
    sketch(part).writePayload(0, out);
    const bytes = out.take();
    if (bytes.length > 0) table.mergePayload(0, new ByteReader(bytes), bytes.length);
  }
  return table;
}

const exact = (values: readonly number[], edges: readonly number[]) =>
  bucketsBetween(
    edges,
    Array.from(
      { length: edges.length + 1 },
      (_, i) =>
        values.filter(
          (value) =>
            value >= (edges[i - 1] ?? Number.NEGATIVE_INFINITY) &&
            value < (edges[i] ?? Number.POSITIVE_INFINITY),
        ).length,
    ),
  );

const anyNumber = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.double({ min: -1e4, max: 1e4, noNaN: true }),
  fc.integer({ min: -1_000, max: 1_000 }),
  fc.double({ min: 0, max: 20, noNaN: true }).map(Math.exp),
  // Both ends of the range, where bins have no width of their own.
  fc.constantFrom(0, -0, 2 ** -33, -(2 ** -33), 1e300, -1e300, 2 ** 64, Number.MAX_VALUE),
);
const edgesOf = (value: fc.Arbitrary<number>) =>
  fc
    .uniqueArray(value, { minLength: 1, maxLength: 12 })
    .map((edges) => [...new Set(edges.map((edge) => edge + 0))].sort((a, b) => a - b));

test('each count lies within its bound, and all values are in some bucket', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.tuple(fc.array(anyNumber, { minLength: 1, maxLength: 100 }), edgesOf(anyNumber)),
        // Edges that are values themselves.
        fc
          .array(anyNumber, { minLength: 12, maxLength: 60 })
          .map((values): [number[], number[]] => [
            values,
            [...new Set(values.slice(0, 12).map((value) => value + 0))].sort((a, b) => a - b),
          ]),
      ),
      ([values, edges]) => {
        const buckets = histogramOf(sketch(values), 0, edges) ?? [];
        t.is(
          buckets.reduce((sum, { count }) => sum + count, 0),
          values.length,
        );
        for (const [i, truth] of exact(values, edges).entries()) {
          const { from, to, count, errorBound } = buckets[i] ?? truth;
          t.deepEqual([from, to], [truth.from, truth.to]);
          t.true(Math.abs(count - truth.count) <= errorBound, `${values} between ${edges}`);
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

test('a bound is only what lies within 0.8 % of an edge', (t) => {
  const values = Array.from({ length: 10_000 }, (_, i) => i / 10);
  for (const { from, to, errorBound } of histogramOf(sketch(values), 0, [7.3, 99.9, 500]) ?? []) {
    const near = values.filter((value) =>
      [from, to].some((edge) => edge !== null && Math.abs(value - edge) <= edge * 2 ** -7),
    );
    t.true(errorBound <= near.length);
  }
});

test('powers of two are exact edges, and every whole number up to 256 among whole numbers', (t) => {
  const powers = Array.from({ length: 40 }, (_, i) => 2 ** (i - 20));
  const whole = [-255, -7, 0, 1, 100, 255, 256];
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 }),
      fc.array(fc.integer({ min: -300, max: 1e6 }), { minLength: 1 }),
      (numbers, integers) => {
        t.deepEqual(histogramOf(sketch(numbers), 0, powers), exact(numbers, powers));
        t.deepEqual(histogramOf(sketch(integers), 0, whole), exact(integers, whole));
      },
    ),
    { numRuns: 200 },
  );
});

test('however a sketch was merged, its histogram is the same', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.array(anyNumber, { maxLength: 30 }), { minLength: 1, maxLength: 5 }),
      edgesOf(anyNumber),
      (parts, edges) => {
        const whole = histogramOf(sketch(parts.flat()), 0, edges);
        t.deepEqual(histogramOf(merged(parts), 0, edges), whole);
        t.deepEqual(histogramOf(merged(parts.toReversed()), 0, edges), whole);
      },
    ),
    { numRuns: 300 },
  );
});

test('a series without a value has no histogram', (t) => {
  t.is(histogramOf(sketch([]), 0, [1]), undefined);
  t.is(histogramOf(sketch([1]), 3, [1]), undefined);
});
