import test from 'ava';
import fc from 'fast-check';
import { Block } from '../../src/model/block.ts';
import { eraseRows, rowsWith } from '../../src/model/block-eraser.ts';
import { AT, BLOCK_KIND, type BlockKind, checkBlock } from '../../src/model/block-format.ts';
import { packBlock } from '../../src/model/block-writer.ts';
import { BOOLEAN, COLUMN_KIND, type Column, ROLE, type Role } from '../../src/model/columns.ts';
import { blockColumns, type Row, readRows } from '../ingest/decode/rows.ts';

interface Field {
  readonly name: string;
  readonly role: Role;
  readonly values: readonly (string | number | boolean | null)[];
}

function columnOf({ name, role, values }: Field): Column {
  const sample = values.find((value) => value !== null);
  if (typeof sample === 'number') {
    const cells = Float64Array.from(values, (value) =>
      value === null ? Number.NaN : Number(value),
    );
    return { kind: COLUMN_KIND.number, role, name, values: cells };
  }
  if (typeof sample === 'boolean') {
    const cells = Uint8Array.from(values, (value) =>
      value === null ? BOOLEAN.absent : value ? BOOLEAN.true : BOOLEAN.false,
    );
    return { kind: COLUMN_KIND.boolean, role, name, values: cells };
  }
  const distinct = [...new Set(values.filter((value) => value !== null))].map(String);
  const offsets = new Uint32Array(distinct.length + 1);
  distinct.forEach((text, i) => {
    offsets[i + 1] = offsets[i]! + Buffer.byteLength(text);
  });
  return {
    kind: COLUMN_KIND.string,
    role,
    name,
    codes: Uint32Array.from(values, (v) => (v === null ? 0 : distinct.indexOf(String(v)) + 1)),
    entries: { count: distinct.length, offsets, bytes: Buffer.from(distinct.join('')) },
  };
}

function pack(fields: readonly Field[], rows: number, kind: BlockKind = BLOCK_KIND.events) {
  const header = {
    kind,
    partition: 0,
    tenant: 't',
    stream: 's',
    arrivalMs: 1_700_000_000_000,
    producerId: 1,
    producerEpoch: 1,
    sequence: 1,
    received: rows,
    rejected: 0,
  };
  return packBlock(header, fields.map(columnOf), { count: rows, index: undefined });
}

const rowsOf = (bytes: Uint8Array): Row[] => {
  const block = new Block(bytes);
  return readRows(blockColumns(block), block.rows);
};

const erasedOf = (bytes: Uint8Array): number[] => [...(new Block(bytes).erasedRows() ?? [])];

/** Of `rows` rows each; every text and number is in one row only, so that its bytes can be looked for. */
const event = fc.record({
  isErased: fc.boolean(),
  type: fc.constantFrom('view', 'buy'),
  ownType: fc.boolean(),
  user: fc.option(fc.constantFrom('x', 'y')),
  email: fc.option(fc.integer({ min: 0, max: 3 })),
  amount: fc.option(fc.integer({ min: -100, max: 300 })),
  wide: fc.option(fc.integer({ min: 0, max: 2 ** 32 - 1 })),
  ratio: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
  vip: fc.option(fc.boolean()),
});

test('rows that are not erased read exactly as before, and nothing has moved', (t) => {
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 300 }), (events) => {
      const at = (i: number, text: string) => `${text}-of-row-${i}-`;
      const bytes = pack(
        [
          { name: 'ts', role: ROLE.ts, values: events.map((_, i) => 1_700_000_000_000 + i) },
          { name: 'id', role: ROLE.id, values: events.map((_, i) => at(i, 'id')) },
          {
            name: 'type',
            role: ROLE.type,
            values: events.map(({ type, ownType }, i) => (ownType ? at(i, 'type') : type)),
          },
          { name: 'user', role: ROLE.field, values: events.map(({ user }) => user) },
          {
            name: 'email',
            role: ROLE.field,
            values: events.map(({ email }, i) =>
              email === null ? null : at(i, 'mail'.repeat(email)),
            ),
          },
          { name: 'amount', role: ROLE.field, values: events.map(({ amount }) => amount) },
          { name: 'wide', role: ROLE.field, values: events.map(({ wide }) => wide) },
          { name: 'ratio', role: ROLE.field, values: events.map(({ ratio }) => ratio) },
          { name: 'vip', role: ROLE.field, values: events.map(({ vip }) => vip) },
        ],
        events.length,
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
        const bytes = pack(
          [
            { name: 'type', role: ROLE.type, values: ['a', 'b', 'a'] },
            { name: 'salary', role: ROLE.field, values: [other, own, null] },
          ],
          3,
        );
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
  const bytes = pack(
    [
      { name: 'type', role: ROLE.type, values: ['a', 'b', 'c', 'd'] },
      { name: 'id', role: ROLE.id, values: ['42', null, null, null] },
      { name: 'user', role: ROLE.field, values: ['42', null, '42.0', null] },
      { name: 'user', role: ROLE.field, values: [null, 42, null, 4] },
      { name: 'vip', role: ROLE.field, values: [true, null, false, null] },
    ],
    4,
  );
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
      { name: 'code', role: ROLE.field, values: ['bad_ts', 'bad_id'] },
      { name: 'raw', role: ROLE.field, values: ['{"user":"ann"}', '{"user":"bob"}'] },
    ],
    2,
    BLOCK_KIND.deadLetters,
  );
  const erased = eraseRows(bytes, new Uint8Array([1, 0]));
  t.deepEqual(erasedOf(erased), [1, 0]);
  t.false(Buffer.from(erased).includes('ann'));
  t.true(Buffer.from(erased).includes('{"user":"bob"}'));
  t.true(Buffer.from(erased).includes('bad_id'));
});

test('a block without erased rows says so without being read', (t) => {
  const bytes = pack([{ name: 'type', role: ROLE.type, values: ['a'] }], 1);
  t.is(new Block(bytes).erasedRows(), undefined);
  t.is(new DataView(bytes.buffer).getUint8(AT.version), 1);
});
