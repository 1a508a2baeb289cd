import test from 'ava';
import fc from 'fast-check';
import { build, Int32Histogram } from 'hdr-histogram-js';
import {
  BIN_OF_ZERO,
  packBins,
  QuantileTable,
  representative,
} from '../../src/aggregate/quantile-sketch.ts';
import { ByteReader, ByteWriter } from '../../src/aggregate/row-bytes.ts';

/** Slot 0 of a table that holds the values. */
function sketch(values: readonly number[]): QuantileTable {
  const table = new QuantileTable();
  add(table, values);
  return table;
}

function add(table: QuantileTable, values: readonly number[], slot = 0): void {
  const packed = new Uint32Array(values.length);
  packBins(Float64Array.from(values), values.length, packed);
  const rows = Uint32Array.from(values.keys());
  table.addRows(packed, rows, new Uint32Array(values.length).fill(slot), 0, rows.length, slot + 1);
}

function payload(table: QuantileTable, slot = 0): Uint8Array {
  const out = new ByteWriter();
  table.writePayload(slot, out);
  return out.take();
}

function merged(...payloads: readonly Uint8Array[]): QuantileTable {
  const table = new QuantileTable();
  for (const bytes of payloads) table.mergePayload(0, new ByteReader(bytes), bytes.length);
  return table;
}

const binOf = (value: number): number => {
  const packed = new Uint32Array(1);
  packBins(Float64Array.of(value), 1, packed);
  return ((packed[0] as number) & 0xffff) - 1;
};

/** The exact quantile of the same definition: the value at rank ceil(q * n). */
function exact(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const rank = Math.max(1, Math.ceil(q * sorted.length * (1 - 2 ** -50)));
  return sorted[rank - 1] as number;
}

const QS = [0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1];
const finite = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.double({ min: -1e6, max: 1e6, noNaN: true }),
  fc.integer({ min: -300, max: 1_000_000 }),
);

test('bins ascend with their values, and answer within half of their width', (t) => {
  fc.assert(
    fc.property(finite, finite, (a, b) => {
      const [low, high] = a < b ? [a, b] : [b, a];
      t.true(binOf(low) <= binOf(high));
      const { value, errorBound } = representative(binOf(a), true);
      t.true(Math.abs(a - value) <= errorBound, `${a} -> ${value} ± ${errorBound}`);
      const inRange = Math.abs(a) >= 2 ** -32 && Math.abs(a) < 2 ** 64 - 2 ** 56;
      if (inRange) t.true(errorBound <= Math.abs(a) * 2 ** -8);
    }),
    { numRuns: 2_000 },
  );
});

test('the edges of the range have bins of their own', (t) => {
  t.is(binOf(0), BIN_OF_ZERO);
  t.is(binOf(-0), BIN_OF_ZERO);
  t.is(binOf(2 ** -33), BIN_OF_ZERO);
  t.is(binOf(2 ** -32), BIN_OF_ZERO + 1);
  t.is(binOf(-(2 ** -32)), BIN_OF_ZERO - 1);
  t.is(binOf(Number.MAX_VALUE), 2 * BIN_OF_ZERO);
  t.is(binOf(-Number.MAX_VALUE), 0);
  t.is(binOf(2 ** 64 - 2 ** 56), 2 * BIN_OF_ZERO);
  t.is(binOf(2 ** 64 - 2 ** 56 - 2 ** 12), 2 * BIN_OF_ZERO - 1);
  t.deepEqual(sketch([1e300]).quantile(0, 0.5)?.errorBound, Number.MAX_VALUE);
});

test('quantiles of uniform, skewed and adversarial data lie within their bound', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(finite, { minLength: 1, maxLength: 200 }),
        fc.array(fc.double({ min: 0, max: 20, noNaN: true }).map(Math.exp), { minLength: 1 }),
        // Values that crowd both sides of bin edges.
        fc.array(
          fc
            .tuple(fc.integer({ min: 128, max: 100_000 }), fc.constantFrom(-1, 0, 1))
            .map(([n, d]) => 2 ** Math.floor(Math.log2(n)) * (1 + (n % 128) / 128) + d),
          { minLength: 1 },
        ),
      ),
      fc.constantFrom(...QS),
      (values, q) => {
        const answer = sketch(values).quantile(0, q);
        const truth = exact(values, q);
        t.truthy(answer);
        if (answer !== undefined) t.true(Math.abs(answer.value - truth) <= answer.errorBound);
      },
    ),
    { numRuns: 500 },
  );
});

test('integers below 256 are exact', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -255, max: 255 }), { minLength: 1 }), (values) => {
      for (const q of QS) {
        t.deepEqual(sketch(values).quantile(0, q), { value: exact(values, q) + 0, errorBound: 0 });
      }
    }),
    { numRuns: 200 },
  );
});

test('positive integers fall into the buckets of an HdrHistogram of two digits', (t) => {
  const reference = new Int32Histogram(1, 2 ** 50, 2);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 47 }), (value) => {
      const low = reference.lowestEquivalentValue(value);
      const next = reference.nextNonEquivalentValue(value);
      // The same bucket: its first value shares our bin or starts it, and the next bucket's does not.
      t.true(binOf(low) === binOf(value) && binOf(next - 1) === binOf(value));
      t.true(binOf(next) > binOf(value));
      t.true(low === 0 || binOf(low - 1) < binOf(value));
    }),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 2 ** 40 }), { minLength: 1 }), (values) => {
      const histogram = build({
        numberOfSignificantValueDigits: 2,
        highestTrackableValue: 2 ** 50,
      });
      for (const value of values) histogram.recordValue(value);
      const table = sketch(values);
      for (let rank = 1; rank <= values.length; rank++) {
        const q = rank / values.length;
        const theirs = histogram.getValueAtPercentile(q * 100);
        const ours = table.quantile(0, q)?.value ?? Number.NaN;
        t.is(binOf(ours), binOf(theirs), `rank ${rank}: ${ours}, ${theirs}`);
      }
    }),
    { numRuns: 100 },
  );
});

test('merging parts in any order gives the bytes of the whole', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.array(finite, { maxLength: 50 }), { minLength: 1, maxLength: 6 }),
      (parts) => {
        const whole = payload(sketch(parts.flat()));
        const payloads = parts.map((part) => payload(sketch(part))).filter((p) => p.length > 0);
        t.deepEqual(payload(merged(...payloads)), whole);
        t.deepEqual(payload(merged(...payloads.toReversed())), whole);
      },
    ),
    { numRuns: 300 },
  );
});

test('slots do not touch each other, and absent values are not counted', (t) => {
  const table = new QuantileTable();
  for (let slot = 0; slot < 500; slot++) {
    add(table, [slot, Number.NaN, slot + 1, slot + 1, -slot], slot);
  }
  for (let slot = 0; slot < 500; slot++) {
    t.deepEqual(payload(table, slot), payload(sketch([slot, slot + 1, slot + 1, -slot])));
  }
  add(table, [Number.NaN], 500);
  t.is(table.quantile(500, 0.5), undefined);
  t.is(table.quantile(501, 0.5), undefined);
  table.reset();
  t.is(table.quantile(3, 0.5), undefined);
});

test('counts stay exact beyond what an entry holds', (t) => {
  const bytes = payload(sketch([5, 5, 9]));
  const table = new QuantileTable();
  // Doubling 42 times: 2^43 fives and 2^42 nines.
  let doubled = bytes;
  for (let i = 0; i < 42; i++) doubled = payload(merged(doubled, doubled));
  table.mergePayload(0, new ByteReader(doubled), doubled.length);
  add(table, [9, 9]);
  t.is(table.quantile(0, 2 / 3 - 1e-12)?.value, 5);
  t.is(table.quantile(0, 2 / 3 + 1e-12)?.value, 9);
  const entries = new ByteReader(payload(table));
  t.is(entries.varint(), 2 << 1);
  entries.varint();
  t.is(entries.varint() + 2, 2 ** 43);
  entries.varint();
  t.is(entries.varint() + 2, 2 ** 42 + 2);
});

test('a payload that lies is refused', (t) => {
  const bytes = payload(sketch([1, 2, 3, 1000]));
  for (let end = 0; end < bytes.length; end++) {
    t.throws(() => merged(bytes.subarray(0, end)), { code: 'state_corrupt' });
  }
  t.throws(() => merged(Uint8Array.of(2, 0xff, 0xff, 0x7f)), { code: 'state_corrupt' });
});
