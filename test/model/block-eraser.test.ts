import { readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { Block } from '../../src/model/block.ts';
import { eraseRows, rowsWith } from '../../src/model/block-eraser.ts';
import { AT, BLOCK_KIND, type BlockKind, checkBlock } from '../../src/model/block-format.ts';
import { eventBlock, type PlainEvent } from '../aggregate/event-blocks.ts';
import { blockColumns, type Row, readRows } from '../ingest/decode/rows.ts';

const pack = (events: readonly PlainEvent[], kind: BlockKind = BLOCK_KIND.events): Uint8Array =>
  eventBlock(events, { arrivalMs: 1_700_000_000_000, kind }).bytes;

const rowsOf = (bytes: Uint8Array): Row[] => {
  const block = new Block(bytes);
  return readRows(blockColumns(block), block.rows);
};

const erasedOf = (bytes: Uint8Array): number[] => [...(new Block(bytes).erasedRows() ?? [])];

/** Texts of `own` are in one row only, so that their bytes can be looked for. */
const event = fc.record({
  isErased: fc.boolean(),
  own: fc.record({ type: fc.boolean(), mail: fc.option(fc.integer({ min: 0, max: 3 })) }),
  shared: fc.record({
    type: fc.constantFrom('view', 'buy'),
    user: fc.option(fc.constantFrom('x', 'y')),
    amount: fc.option(fc.integer({ min: -100, max: 300 })),
    wide: fc.option(fc.integer({ min: 0, max: 2 ** 32 - 1 })),
    ratio: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
    vip: fc.option(fc.boolean()),
  }),
});

test('rows that are not erased read exactly as before, and nothing has moved', (t) => {
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 300 }), (events) => {
      const bytes = pack(
        events.map(({ own, shared }, i) => ({
          ts: 1_700_000_000_000 + i,
          id: `id-of-row-${i}-`,
          ...shared,
          ...(own.type && { type: `type-of-row-${i}-` }),
          mail: own.mail === null ? null : `${'mail'.repeat(own.mail)}-of-row-${i}-`,
        })),
      );
      const before = rowsOf(bytes);
      const mask = Uint8Array.from(events, ({ isErased }) => (isErased ? 1 : 0));
      const erased = eraseRows(bytes, mask);
      checkBlock(erased);
      t.is(erased.length, bytes.length);
      t.deepEqual(erasedOf(erased), [...mask]);
      const after = rowsOf(erased);
      for (const [i, row] of before.entries()) if (mask[i] === 0) t.deepEqual(after[i], row);
      const text = Buffer.from(erased).toString('latin1');
      for (let i = 0; i < events.length; i++) {
        t.is(text.includes(`-of-row-${i}-`), mask[i] === 0, `row ${i}`);
      }
      // Again, with the others: what was erased stays so.
      const all = eraseRows(erased, new Uint8Array(events.length).fill(1));
      t.false(Buffer.from(all).toString('latin1').includes('-of-row-'));
      t.deepEqual(
        erasedOf(all),
        events.map(() => 1),
      );
    }),
    { numRuns: 200 },
  );
});

test('a number that only an erased row has is in no value and in no base', (t) => {
  fc.assert(
    fc.property(
      // Odd and large, so that its eight bytes are nowhere by chance.
      fc.integer({ min: 2 ** 45, max: 2 ** 51 }).map((n) => 2 * n + 1),
      fc.constantFrom(200, 60_000, 2 ** 32 - 1, 2 ** 40),
      fc.boolean(),
      (own, span, isLeast) => {
        const other = isLeast ? own + span : own - span;
        fc.pre(Number.isSafeInteger(other) && other !== 0);
        const bytes = pack([
          { type: 'a', salary: other },
          { type: 'b', salary: own },
          { type: 'a' },
        ]);
        const erased = eraseRows(bytes, new Uint8Array([0, 1, 0]));
        const held = Buffer.alloc(8);
        held.writeDoubleLE(own);
        t.is(Buffer.from(erased).indexOf(held), -1);
        t.deepEqual(
          rowsOf(erased).map((row) => row.get('salary:2')),
          [other, undefined, undefined],
        );
      },
    ),
  );
});

test('a value is found as a text, as a number that is written so, and as a boolean', (t) => {
  const bytes = pack([
    { type: 'a', id: '42', user: '42', vip: true },
    { type: 'b', user: 42 },
    { type: 'c', user: '42.0', vip: false },
    { type: 'd', user: 4 },
  ]);
  const found = (field: string, value: string) => [
    ...(rowsWith(new Block(bytes), { field, value }) ?? []),
  ];
  t.deepEqual(found('user', '42'), [1, 1, 0, 0]);
  t.deepEqual(found('user', '42.0'), [0, 0, 1, 0]);
  t.deepEqual(found('user', '4'), [0, 0, 0, 1]);
  t.deepEqual(found('user', 'nobody'), []);
  t.deepEqual(found('id', '42'), [1, 0, 0, 0]);
  t.deepEqual(found('type', 'd'), [0, 0, 0, 1]);
  t.deepEqual(found('vip', 'false'), [0, 0, 1, 0]);
  const again = new Block(eraseRows(bytes, new Uint8Array([1, 1, 1, 1])));
  for (const field of ['user', 'id', 'type', 'vip']) {
    for (const value of ['42', '0', 'a', 'false'])
      t.is(rowsWith(again, { field, value }), undefined);
  }
});

test('a dead letter that is erased is known by its code', (t) => {
  const bytes = pack(
    [
      { code: 'bad_ts', raw: '{"user":"ann"}' },
      { code: 'bad_id', raw: '{"user":"bob"}' },
    ],
    BLOCK_KIND.deadLetters,
  );
  const erased = eraseRows(bytes, new Uint8Array([1, 0]));
  t.deepEqual(erasedOf(erased), [1, 0]);
  t.false(Buffer.from(erased).includes('ann'));
  t.true(Buffer.from(erased).includes('{"user":"bob"}'));
  t.true(Buffer.from(erased).includes('bad_id'));
});

test('a block without erased rows says so without being read', (t) => {
  const bytes = pack([{ type: 'a' }]);
  t.is(new Block(bytes).erasedRows(), undefined);
  t.is(bytes[AT.version], 1);
});

/** The bytes of version 2: the golden block of version 1 without its first row. Written as that one is. */
test('a block with an erased row has the bytes of the golden file', (t) => {
  const golden = (name: string) => new URL(`../golden/${name}.bin`, import.meta.url);
  const whole = Uint8Array.from(readFileSync(golden('block-v1')));
  const bytes = eraseRows(whole, new Uint8Array([1, 0, 0]));
  if (process.env['WRITE_GOLDEN'] === '1') writeFileSync(golden('block-v2'), bytes);
  const erased = Uint8Array.from(readFileSync(golden('block-v2')));
  t.is(Buffer.compare(bytes, erased), 0);
  checkBlock(erased);
  t.is(erased[AT.version], 2);
  t.deepEqual(erasedOf(erased), [1, 0, 0]);
});
