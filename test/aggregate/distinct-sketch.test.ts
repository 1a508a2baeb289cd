import test from 'ava';
import fc from 'fast-check';
import {
  DISTINCT_RELATIVE_BOUND,
  DistinctTable,
  distinctBound,
  packRegister,
} from '../../src/aggregate/distinct-sketch.ts';
import { hashEntries, LABEL_SEED } from '../../src/aggregate/hash.ts';
import { ByteReader, ByteWriter } from '../../src/aggregate/row-bytes.ts';

function registers(texts: readonly string[]): Uint32Array {
  const bytes = new Uint8Array(Buffer.from(texts.join('')));
  const offsets = new Uint32Array(texts.length + 1);
  texts.forEach((text, i) => {
    offsets[i + 1] = (offsets[i] as number) + Buffer.byteLength(text);
  });
  const low = new Uint32Array(texts.length);
  const high = new Uint32Array(texts.length);
  hashEntries({ count: texts.length, offsets, bytes }, LABEL_SEED.low, LABEL_SEED.high, low, high);
  return low.map((_, i) => packRegister(low[i] as number, high[i] as number));
}

function add(table: DistinctTable, packed: Uint32Array, slot = 0): void {
  const rows = Uint32Array.from(packed.keys());
  table.addRows(packed, rows, new Uint32Array(packed.length).fill(slot), 0, rows.length, slot + 1);
}

function sketch(packed: Uint32Array): DistinctTable {
  const table = new DistinctTable();
  add(table, packed);
  return table;
}

function payload(table: DistinctTable, slot = 0): Uint8Array {
  const out = new ByteWriter();
  table.writePayload(slot, out);
  return out.take();
}

function merged(...payloads: readonly Uint8Array[]): DistinctTable {
  const table = new DistinctTable();
  for (const bytes of payloads) table.mergePayload(0, new ByteReader(bytes), bytes.length);
  return table;
}

const names = (count: number, prefix: string) =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

test('the register is the first 12 bits of the hash, the rank the place of the next set bit', (t) => {
  t.is(packRegister(0xfff80000 | 0, 0), (0xfff << 6) | 1);
  t.is(packRegister(0x00100001, 0), (1 << 6) | 20);
  t.is(packRegister(0x00200000, 0x80000000), (2 << 6) | 21);
  t.is(packRegister(0x00200000, 1), (2 << 6) | 52);
  t.is(packRegister(0, 0), 53);
});

test('few values are counted exactly', (t) => {
  t.is(Math.round(new DistinctTable().estimate(0)), 0);
  for (const count of [1, 2, 3, 5, 10, 20]) {
    t.is(Math.round(sketch(registers(names(count, 'user-'))).estimate(0)), count);
  }
});

test('the standard error is 1.6 %, and the stated bound holds for 95 % of answers', (t) => {
  const trials = 120;
  let answers = 0;
  let within = 0;
  for (const count of [300, 2_500, 6_000, 12_000, 40_000]) {
    let squares = 0;
    let bias = 0;
    for (let trial = 0; trial < trials; trial++) {
      const estimate = sketch(registers(names(count, `${trial}/`))).estimate(0);
      const error = (estimate - count) / count;
      if (Math.abs(error) <= DISTINCT_RELATIVE_BOUND) within++;
      squares += error ** 2;
      bias += error;
    }
    const standardError = Math.sqrt(squares / trials);
    t.true(standardError < 0.0163 * 1.2, `${count}: ${standardError}`);
    t.true(Math.abs(bias / trials) < 0.005, `${count}: bias ${bias / trials}`);
    answers += trials;
  }
  t.true(within >= 0.95 * answers, `${within} of ${answers}`);
});

test('of few values, too, 95 % of answers are within the stated bound', (t) => {
  for (const count of [18, 19, 21, 24, 27, 30, 31, 40]) {
    let within = 0;
    for (let trial = 0; trial < 400; trial++) {
      const estimate = sketch(registers(names(count, `${count}/${trial}/`))).estimate(0);
      if (Math.abs(Math.round(estimate) - count) <= distinctBound(estimate)) within++;
    }
    t.true(within >= 0.95 * 400, `${count}: ${within} of 400`);
  }
});

test('a million values are within the bound, as the sum of merged parts', (t) => {
  const parts = Array.from({ length: 10 }, (_, i) =>
    payload(sketch(registers(names(100_000, `${i}.`)))),
  );
  const estimate = merged(...parts).estimate(0);
  t.true(Math.abs(estimate - 1e6) <= 1e6 * DISTINCT_RELATIVE_BOUND);
});

test('merging parts in any order, also twice, gives the bytes of the whole', (t) => {
  const part = fc
    .tuple(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 3 }))
    .map(([count, prefix]) => registers(names(count, `${prefix}-`)));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
      const table = new DistinctTable();
      for (const each of parts) add(table, each);
      const whole = payload(table);
      const payloads = parts.map((each) => payload(sketch(each))).filter((p) => p.length > 0);
      t.deepEqual(payload(merged(...payloads)), whole);
      t.deepEqual(payload(merged(...payloads.toReversed(), ...payloads)), whole);
      if (whole.length > 0) t.is(merged(whole).estimate(0), table.estimate(0));
    }),
    { numRuns: 100 },
  );
});

test('a stored sketch takes two bytes a register while sparse and 3,073 at most', (t) => {
  const sparse = payload(sketch(registers(names(1_000, 'a'))));
  t.true(sparse.length < 2_000);
  const dense = payload(sketch(registers(names(50_000, 'a'))));
  t.is(dense.length, 3_073);
  t.is(dense[0], 0);
});

test('slots do not touch each other, dense ones neither', (t) => {
  const table = new DistinctTable();
  const sizes = [10, 5_000, 0, 700, 800, 1_600, 1];
  sizes.forEach((size, slot) => {
    add(table, registers(names(size, `${slot}:`)), slot);
  });
  add(table, registers(names(100, '1:')), 1);
  sizes.forEach((size, slot) => {
    t.deepEqual(payload(table, slot), payload(sketch(registers(names(size, `${slot}:`)))));
  });
  table.reset();
  t.is(Math.round(table.estimate(1)), 0);
  t.is(payload(table, 1).length, 0);
});

test('a payload that lies is refused', (t) => {
  const sparse = payload(sketch(registers(['a', 'b', 'c'])));
  for (let end = 1; end < sparse.length; end++) {
    t.throws(() => merged(sparse.subarray(0, end)), { code: 'state_corrupt' });
  }
  t.throws(() => merged(new Uint8Array(3_000)), { code: 'state_corrupt' });
  // Register 4096, rank 0, rank 54.
  t.throws(() => merged(Uint8Array.of(1, 0x81, 0x80, 0x10)), { code: 'state_corrupt' });
  t.throws(() => merged(Uint8Array.of(1, 0x40)), { code: 'state_corrupt' });
  t.throws(() => merged(Uint8Array.of(1, 54)), { code: 'state_corrupt' });
});
