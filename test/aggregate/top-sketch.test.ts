import test from 'ava';
import fc from 'fast-check';
import { ByteReader, ByteWriter } from '../../src/aggregate/row-bytes.ts';
import { TopTable, type TopValues } from '../../src/aggregate/top-sketch.ts';

type Weighted = readonly [value: string, weight: number];

/** Slot 0 of a table that took in one block after the other. */
function sketch(capacity: number, blocks: readonly (readonly Weighted[])[]): TopTable {
  const table = new TopTable(capacity);
  for (const block of blocks) add(table, block);
  return table;
}

function add(table: TopTable, block: readonly Weighted[], slot = 0): void {
  const rows = Uint32Array.from(block.keys());
  const column = {
    codes: rows.map((row) => row + 1),
    text: (code: number) => block[code - 1]?.[0] ?? '',
  };
  const weights = Float64Array.from(block, ([, weight]) => weight);
  table.addRows(column, weights, rows, new Uint32Array(block.length).fill(slot), 0, rows.length);
}

function payload(table: TopTable, slot = 0): Uint8Array {
  const out = new ByteWriter();
  table.writePayload(slot, out);
  return out.take();
}

function merged(capacity: number, payloads: readonly Uint8Array[]): TopTable {
  const table = new TopTable(capacity);
  for (const bytes of payloads) {
    if (bytes.length > 0) table.mergePayload(0, new ByteReader(bytes), bytes.length);
  }
  return table;
}

/** What each value truly weighs. */
function exact(blocks: readonly (readonly Weighted[])[]): Map<string, number> {
  const truth = new Map<string, number>();
  for (const [value, weight] of blocks.flat()) truth.set(value, (truth.get(value) ?? 0) + weight);
  return truth;
}

const CAPACITY = 10;
const answerOf = (table: TopTable): TopValues =>
  table.top(0, CAPACITY) ?? { total: 0, entries: [] };

/** What the module's head promises; `slack` is for fractions. */
function holds(
  { total, entries }: TopValues,
  truth: ReadonlyMap<string, number>,
  slack = 0,
): boolean {
  const all = [...truth.values()].reduce((a, b) => a + b, 0);
  const given = new Set(entries.map(({ value }) => value));
  const least = entries.length < CAPACITY ? 0 : (entries.at(-1)?.count ?? 0);
  const areRight = entries.every(({ value, count, error }) => {
    const weight = truth.get(value) ?? 0;
    const isWithin = weight <= count + slack && weight >= count - error - slack;
    return isWithin && error <= all / CAPACITY + slack;
  });
  const areLight = [...truth].every(([value, weight]) => {
    return given.has(value) || (weight <= least + slack && weight <= all / CAPACITY + slack);
  });
  const isSorted = entries.every(({ count }, i) => count <= (entries[i - 1]?.count ?? count));
  return Math.abs(total - all) <= slack && areRight && areLight && isSorted;
}

const number = (n: number): string => `v${n}`;
const DATA: Readonly<Record<string, fc.Arbitrary<Weighted>>> = {
  uniform: fc.integer({ min: 0, max: 60 }).map((n) => [number(n), 1]),
  skewed: fc
    .double({ min: 0, max: 1, noNaN: true })
    .map((u) => [number(Math.floor(60 * u ** 6)), 1]),
  weighted: fc.tuple(fc.integer({ min: 0, max: 40 }).map(number), fc.integer({ min: 1, max: 1e6 })),
  'heavy among light': fc.oneof(
    { weight: 1, arbitrary: fc.constant<Weighted>(['heavy', 1]) },
    { weight: 9, arbitrary: fc.integer({ min: 0, max: 1e9 }).map((n): Weighted => [number(n), 1]) },
  ),
};

for (const [name, event] of Object.entries(DATA)) {
  test(`bounds hold however blocks are cut and summaries merged: ${name}`, (t) => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.array(event, { maxLength: 60 }), { maxLength: 4 }), { maxLength: 5 }),
        fc.nat(),
        (parts, seed) => {
          const truth = exact(parts.flat());
          t.true(holds(answerOf(sketch(CAPACITY, parts.flat())), truth), 'one after the other');
          const payloads = parts.map((blocks) => payload(sketch(CAPACITY, blocks)));
          const shuffled = payloads.toSorted(
            (a, b) => ((a.length * seed) % 7) - ((b.length * seed) % 7),
          );
          for (const order of [payloads, payloads.toReversed(), shuffled]) {
            t.true(holds(answerOf(merged(CAPACITY, order)), truth), 'in a row');
          }
          const half = payloads.length >> 1;
          const halves = [payloads.slice(0, half), payloads.slice(half)];
          const tree = merged(
            CAPACITY,
            halves.map((some) => payload(merged(CAPACITY, some))),
          );
          t.true(holds(answerOf(tree), truth), 'as a tree');
        },
      ),
      { numRuns: 200 },
    );
  });
}

test('weights with fractions keep the bounds up to rounding', (t) => {
  const event = fc.tuple(
    fc.integer({ min: 0, max: 40 }).map(number),
    fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
  );
  fc.assert(
    fc.property(fc.array(fc.array(event, { maxLength: 60 }), { maxLength: 5 }), (blocks) => {
      const payloads = blocks.map((block) => payload(sketch(CAPACITY, [block])));
      t.true(holds(answerOf(merged(CAPACITY, payloads)), exact(blocks), 1e-6));
    }),
    { numRuns: 200 },
  );
});

test('a value that only begins when the table is full of others is found once it is heavy', (t) => {
  const light = Array.from({ length: 5_000 }, (_, i): Weighted => [number(i), 1]);
  const blocks = [light, ...Array.from({ length: 1_000 }, (): Weighted[] => [['late', 1]])];
  const [first] = answerOf(sketch(CAPACITY, blocks)).entries;
  t.is(first?.value, 'late');
  t.true((first?.count ?? 0) >= 1_000 && (first?.count ?? 0) - (first?.error ?? 0) <= 1_000);
});

test('as long as there are no more values than the capacity all counts are exact, in any order', (t) => {
  const event = fc.tuple(fc.integer({ min: 0, max: CAPACITY - 1 }).map(number), fc.constant(1));
  fc.assert(
    fc.property(fc.array(fc.array(event, { maxLength: 30 }), { maxLength: 5 }), (blocks) => {
      const whole = payload(sketch(CAPACITY, blocks));
      const payloads = blocks.map((block) => payload(sketch(CAPACITY, [block])));
      t.deepEqual(payload(merged(CAPACITY, payloads)), whole);
      t.deepEqual(payload(merged(CAPACITY, payloads.toReversed())), whole);
      t.true(answerOf(merged(CAPACITY, payloads)).entries.every(({ error }) => error === 0));
    }),
  );
});

test('of more values than the capacity the heaviest stay, of equals those that come first, and the heaviest of the others is missed', (t) => {
  const weighted = fc.tuple(fc.nat({ max: 40 }).map(number), fc.integer({ min: 1, max: 3 }));
  fc.assert(
    fc.property(fc.array(weighted, { minLength: 1, maxLength: 90 }), (block) => {
      const expected = [...exact([block])].sort(
        ([a, of], [b, other]) => other - of || (a < b ? -1 : 1),
      );
      const table = sketch(CAPACITY, [block]);
      t.deepEqual(
        answerOf(table).entries.map(({ value, count }) => [value, count]),
        expected.slice(0, CAPACITY),
      );
      // What comes anew begins with what may have been missed.
      add(table, [['anew', 1_000]]);
      t.is(answerOf(table).entries[0]?.error, expected[CAPACITY]?.[1] ?? 0);
    }),
  );
});

test('what was put away and taken out again goes on as if it had stayed', (t) => {
  const event = DATA['uniform'] as fc.Arbitrary<Weighted>;
  fc.assert(
    fc.property(fc.array(fc.array(event, { maxLength: 40 }), { maxLength: 8 }), (blocks) => {
      const stayed = sketch(CAPACITY, blocks);
      const restored = blocks.reduce((table, block) => {
        add(table, block);
        return merged(CAPACITY, [payload(table)]);
      }, new TopTable(CAPACITY));
      t.deepEqual(payload(restored), payload(stayed));
    }),
    { numRuns: 200 },
  );
});

test('what weighs nothing, less, or no number is not counted, and slots do not touch each other', (t) => {
  const table = sketch(CAPACITY, [
    [
      ['a', 2],
      ['b', 0],
      ['c', -1],
      ['d', Number.NaN],
      ['e', Number.POSITIVE_INFINITY],
    ],
  ]);
  add(table, [['b', 3]], 2);
  t.deepEqual(table.top(0, 5), { total: 2, entries: [{ value: 'a', count: 2, error: 0 }] });
  t.deepEqual(table.top(2, 5), { total: 3, entries: [{ value: 'b', count: 3, error: 0 }] });
  t.is(table.top(1, 5), undefined);
  t.is(payload(table, 1).length, 0);
  table.reset();
  t.is(table.top(0, 5), undefined);
  t.is(table.memoryBytes, 0);
});

test('a payload has no more than the capacity, however many values there were', (t) => {
  const blocks = Array.from({ length: 20 }, (_, b) =>
    Array.from({ length: 1_000 }, (_, i): Weighted => [`${'ü'.repeat(200)}${b * 1_000 + i}`, 1]),
  );
  const table = sketch(CAPACITY, blocks);
  t.true(payload(table).length < CAPACITY * 450);
  t.true(table.memoryBytes < CAPACITY * 450);
});

test('a payload that lies is refused', (t) => {
  const bytes = payload(
    sketch(CAPACITY, [
      [
        ['a', 3],
        ['b', 2.5],
      ],
    ]),
  );
  for (let end = 0; end < bytes.length; end++) {
    t.throws(
      () =>
        merged(
          CAPACITY,
          [bytes.subarray(0, end)]
            .filter(({ length }) => length > 0)
            .concat(end === 0 ? [Uint8Array.of(2)] : []),
        ),
      { code: 'state_corrupt' },
    );
  }
  const many = payload(
    sketch(11, [Array.from({ length: 11 }, (_, i): Weighted => [number(i), 1])]),
  );
  t.throws(() => merged(CAPACITY, [many]), {
    code: 'state_corrupt',
    message: /of 10 heaviest values it has 11/,
  });
  // One value "a" with a count of 1 and an error of 2; nothing missed.
  t.throws(() => merged(CAPACITY, [Uint8Array.of(2, 1, 0, 1, 97, 1, 2)]), {
    code: 'state_corrupt',
  });
  // A value of 1,000 bytes.
  t.throws(() => merged(CAPACITY, [Uint8Array.of(2, 1, 0, 0xe8, 7)]), { code: 'state_corrupt' });
});
