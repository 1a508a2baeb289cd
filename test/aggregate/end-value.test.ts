import test from 'ava';
import fc from 'fast-check';
import { EndTable } from '../../src/aggregate/end-value.ts';
import { ByteReader, ByteWriter } from '../../src/aggregate/row-bytes.ts';

type Timed = readonly [timeMs: number, value: number];
type Op = EndTable['op'];
const OPS = ['first', 'last'] as const;

function table(op: Op, events: readonly Timed[], slot = 0): EndTable {
  const made = new EndTable(op);
  add(made, events, slot);
  return made;
}

function add(to: EndTable, events: readonly Timed[], slot = 0): void {
  const rows = Uint32Array.from(events.keys());
  const values = Float64Array.from(events, ([, value]) => value);
  const times = Float64Array.from(events, ([timeMs]) => timeMs);
  const slots = new Uint32Array(events.length).fill(slot);
  to.addRows(values, times, rows, slots, 0, rows.length, slot + 1);
}

function payload(of: EndTable, slot = 0): Uint8Array {
  const out = new ByteWriter();
  of.writePayload(slot, out);
  return out.take();
}

function merged(op: Op, payloads: readonly Uint8Array[]): EndTable {
  const made = new EndTable(op);
  for (const bytes of payloads) {
    if (bytes.length > 0) made.mergePayload(0, new ByteReader(bytes), bytes.length);
  }
  return made;
}

/** All events that have a number, in order; one of them is asked for. */
function exact(op: Op, events: readonly Timed[]): number | undefined {
  const inOrder = events
    .filter(([, value]) => !Number.isNaN(value))
    .toSorted(([a, x], [b, y]) => a - b || x - y);
  return (op === 'first' ? inOrder[0] : inOrder.at(-1))?.[1];
}

/** Few times, so that many are the same; before 1970, too. */
const event = fc.tuple(
  fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -1e12, max: 2e12 })),
  fc.oneof(fc.integer({ min: -5, max: 5 }), fc.double({ noNaN: true }), fc.constant(Number.NaN)),
);
const parts = fc.array(fc.array(event, { maxLength: 20 }), { maxLength: 6 });

for (const op of OPS) {
  test(`${op} is that of all events, however they are cut into blocks and merged`, (t) => {
    fc.assert(
      fc.property(parts, (blocks) => {
        const wanted = exact(op, blocks.flat());
        const inBlocks = new EndTable(op);
        for (const block of blocks) add(inBlocks, block);
        const payloads = blocks.map((block) => payload(table(op, block)));
        const half = payloads.length >> 1;
        const halves = [payloads.slice(half), payloads.slice(0, half)];
        const ways = [
          inBlocks,
          merged(op, payloads),
          merged(op, payloads.toReversed()),
          merged(op, [...payloads, ...payloads]),
          merged(
            op,
            halves.map((some) => payload(merged(op, some))),
          ),
        ];
        const bytes = payload(table(op, blocks.flat()));
        for (const way of ways) {
          // 0 and -0 are one value.
          t.is(way.value(0), wanted === undefined ? undefined : wanted + 0);
          t.deepEqual(payload(way), bytes);
        }
      }),
      { numRuns: 500 },
    );
  });
}

test('of one millisecond the least value is first and the greatest last', (t) => {
  const events: readonly Timed[] = [
    [5, 3],
    [5, 1],
    [5, 2],
  ];
  t.is(table('first', events).value(0), 1);
  t.is(table('last', events).value(0), 3);
});

test('slots do not touch each other, and one that is cleared has no value', (t) => {
  for (const op of OPS) {
    const made = table(op, [[10, 7]], 40);
    add(made, [[1, 8]], 2);
    t.deepEqual(
      [1, 2, 40, 41, 10_000].map((slot) => made.value(slot)),
      [undefined, 8, 7, undefined, undefined],
    );
    t.is(payload(made, 3).length, 0);
    made.reset();
    add(made, [[op === 'first' ? 1e12 : -1e12, 9]], 40);
    t.deepEqual(
      [2, 40].map((slot) => made.value(slot)),
      [undefined, 9],
    );
  }
});

test('a payload that lies is refused', (t) => {
  const good = payload(table('last', [[10, 7]]));
  const cases = {
    'without a value': new Float64Array([10, Number.NaN]),
    'at no time': new Float64Array([Number.POSITIVE_INFINITY, 7]),
    'too long': new Float64Array([10, 7, 7]),
  };
  for (const [name, numbers] of Object.entries(cases)) {
    const bytes = new Uint8Array(numbers.buffer);
    t.throws(() => merged('last', [bytes]), { code: 'state_corrupt' }, name);
  }
  t.throws(() => merged('last', [good.subarray(0, 15)]), { code: 'state_corrupt' });
  t.is(merged('last', [good]).value(0), 7);
});
