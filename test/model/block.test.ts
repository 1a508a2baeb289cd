import { readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { Block } from '../../src/model/block.ts';
import { AT, BLOCK_KIND, checkBlock } from '../../src/model/block-format.ts';
import { type BlockHeader, packBlock, type RowSelection } from '../../src/model/block-writer.ts';
import { BOOLEAN, COLUMN_KIND, type Column, ROLE, type Role } from '../../src/model/columns.ts';
import { isFault } from '../../src/model/errors.ts';
import { blockColumns, type Row, readRows } from '../ingest/decode/rows.ts';

const ARRIVAL_MS = 1_700_000_000_000;
const header: BlockHeader = {
  kind: BLOCK_KIND.events,
  partition: 3,
  tenant: 'acme',
  stream: 'events',
  arrivalMs: ARRIVAL_MS,
  producerId: 1,
  producerEpoch: 2,
  sequence: 2 ** 40,
  received: 9,
  rejected: 1,
};

/** A dictionary of the distinct values, in the order of their first use. */
function strings(
  name: string,
  values: readonly (string | null)[],
  role: Role = ROLE.field,
): Column {
  const distinct = [...new Set(values.filter((value) => value !== null))];
  const index = new Map(distinct.map((value, i) => [value, i + 1]));
  const encoded = distinct.map((value) => Buffer.from(value));
  const offsets = new Uint32Array(distinct.length + 1);
  encoded.forEach((bytes, i) => {
    offsets[i + 1] = offsets[i]! + bytes.length;
  });
  const codes = Uint32Array.from(values, (value) => (value === null ? 0 : index.get(value)!));
  const entries = { count: distinct.length, offsets, bytes: Buffer.concat(encoded) };
  return { kind: COLUMN_KIND.string, role, name, codes, entries };
}

function numbers(
  name: string,
  values: readonly (number | null)[],
  role: Role = ROLE.field,
): Column {
  const cells = Float64Array.from(values, (value) => value ?? Number.NaN);
  return { kind: COLUMN_KIND.number, role, name, values: cells };
}

function booleans(name: string, values: readonly (boolean | null)[]): Column {
  const cells = Uint8Array.from(values, (value) =>
    value === null ? BOOLEAN.absent : value ? BOOLEAN.true : BOOLEAN.false,
  );
  return { kind: COLUMN_KIND.boolean, role: ROLE.field, name, values: cells };
}

/** Packs, checks, reads back. */
function roundTrip(columns: readonly Column[], rows: RowSelection): Row[] {
  const bytes = packBlock(header, columns, rows);
  checkBlock(bytes);
  const block = new Block(bytes);
  return readRows(blockColumns(block), block.rows);
}

const all = (count: number): RowSelection => ({ count, index: undefined });

test('every value comes back as it was, bit by bit', (t) => {
  const columns = [
    numbers('ts', [1, 2, 3, 4], ROLE.ts),
    strings('id', ['a', 'b', 'c', 'd'], ROLE.id),
    strings('type', ['x', 'x', 'ü€😀', ''], ROLE.type),
    strings('sparse', [null, 'one', null, 'one']),
    strings('absent', [null, null, null, null]),
    numbers('zero', [0, -0, null, 0]),
    numbers('bytes', [-1, 0, null, 254]),
    numbers('words', [0, 65_535, 256, null]),
    numbers('wide', [0, 2 ** 32 - 1, null, null]),
    numbers('wider', [0, 2 ** 32, null, 1]),
    numbers('edge', [2 ** 53 - 1, 2 ** 53 - 2, 2 ** 53 - 1, null]),
    numbers('beyond', [2 ** 53, 2 ** 53 + 2, -(2 ** 53), 1]),
    numbers('low', [-(2 ** 53) + 1, -(2 ** 53) + 256, null, null]),
    numbers('real', [0.1, 5e-324, 1.7976931348623157e308, -0.5]),
    numbers('nothing', [null, null, null, null]),
    booleans('flag', [true, false, null, true]),
  ];
  const expected = readRows(columns, 4);
  const received = roundTrip(columns, all(4));
  for (const [i, row] of expected.entries()) {
    t.deepEqual([...received[i]!.keys()], [...row.keys()]);
    for (const [key, value] of row) t.true(Object.is(received[i]!.get(key), value), `${key} ${i}`);
  }
});

test('any columns and any selection of rows make the round trip', (t) => {
  const cells = <T>(value: fc.Arbitrary<T>, count: number) =>
    fc.array(fc.option(value), { minLength: count, maxLength: count });
  const number = fc.oneof(
    fc.integer({ min: -300, max: 300 }),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(0, -0, 2 ** 53, 2 ** 32, 2 ** 32 - 1, 65_536, 65_535, 256, 255),
  );
  const cases = fc.nat(40).chain((count) =>
    fc.record({
      count: fc.constant(count),
      words: cells(fc.string({ unit: 'grapheme', maxLength: 5 }), count),
      fixed: cells(fc.string({ unit: 'grapheme-ascii', minLength: 3, maxLength: 3 }), count),
      numbers: cells(number, count),
      counts: cells(fc.nat(255), count),
      flags: cells(fc.boolean(), count),
      index:
        count === 0 ? fc.constant<number[]>([]) : fc.array(fc.nat(count - 1), { maxLength: 60 }),
    }),
  );
  fc.assert(
    fc.property(cases, (given) => {
      const columns = [
        strings('words', given.words),
        strings('fixed', given.fixed),
        numbers('numbers', given.numbers),
        numbers('counts', given.counts),
        booleans('flags', given.flags),
      ];
      const rows = readRows(columns, given.count);
      t.deepEqual(roundTrip(columns, all(given.count)), rows);
      const index = Uint32Array.from(given.index);
      const selected = given.index.map((row) => rows[row]!);
      t.deepEqual(roundTrip(columns, { count: index.length, index }), selected);
    }),
    { numRuns: 300 },
  );
});

test('codes take one, two or four bytes as the used entries need, not the dictionary', (t) => {
  for (const used of [1, 255, 256, 65_535, 65_536, 70_000]) {
    const values = Array.from({ length: used * 2 }, (_, i) => `v${i % used}`);
    const column = strings('wide', values);
    const count = values.length;
    t.deepEqual(roundTrip([column], all(count)).at(-1), readRows([column], count).at(-1));
    const index = Uint32Array.from([count - 1, 0, count - 1]);
    const few = packBlock(header, [column], { count: 3, index });
    t.true(few.length < 200);
    t.deepEqual(
      readRows(blockColumns(new Block(few)), 3).map((row) => row.get('wide:1')),
      [values[count - 1], values[0], values[count - 1]],
    );
  }
});

test('the blocks of 12 partitions hold every row once', (t) => {
  const count = 5000;
  const ids = Array.from({ length: count }, (_, i) => `event-${i}`);
  const columns = [
    numbers(
      'ts',
      ids.map((_, i) => ARRIVAL_MS - i),
      ROLE.ts,
    ),
    strings('id', ids, ROLE.id),
    strings(
      'type',
      ids.map((_, i) => ['view', 'click', 'buy'][i % 3]!),
      ROLE.type,
    ),
    numbers(
      'n',
      ids.map((_, i) => (i % 7 === 0 ? null : i / 4)),
    ),
  ];
  const expected = readRows(columns, count);
  const seen = new Set<number>();
  for (let partition = 0; partition < 12; partition++) {
    const index = Uint32Array.from(
      [...ids.keys()].filter((i) => (i * 31 + (i >> 3)) % 12 === partition),
    );
    const bytes = packBlock({ ...header, partition }, columns, { count: index.length, index });
    const block = new Block(bytes);
    t.is(block.partition, partition);
    t.is(block.tsMaxMs, Math.max(...[...index].map((i) => ARRIVAL_MS - i)));
    t.is(block.tsMinMs, Math.min(...[...index].map((i) => ARRIVAL_MS - i)));
    const rows = readRows(blockColumns(block), block.rows);
    for (const [i, row] of rows.entries()) {
      t.deepEqual(row, expected[index[i]!]);
      seen.add(index[i]!);
    }
  }
  t.is(seen.size, count);
});

test('what differs from the block before in one name, kind or role is not taken for it', (t) => {
  const variants: readonly [string, string, Column][] = [
    ['acme', 'events', strings('a', ['1'])],
    ['acme', 'events', strings('b', ['1'])],
    ['acme', 'events', numbers('b', [1])],
    ['acme', 'events', strings('b', ['1'], ROLE.type)],
    ['acme', 'clicks', strings('b', ['1'], ROLE.type)],
    ['asme', 'clicks', strings('b', ['1'], ROLE.type)],
  ];
  for (const [tenant, stream, column] of [...variants, ...variants]) {
    const block = new Block(packBlock({ ...header, tenant, stream }, [column], all(1)));
    const [read] = block.columns;
    t.like(block, { tenant, stream });
    t.like(read, { name: column.name, kind: column.kind, role: column.role });
  }
});

test('names are read anew where a buffer has been filled with another block', (t) => {
  const [a, b] = ['a', 'b'].map((name) => packBlock(header, [strings(name, ['1'])], all(1)));
  const buffer = Buffer.allocUnsafeSlow(a!.length);
  for (const [bytes, name] of [[a, 'a'] as const, [b, 'b'] as const, [a, 'a'] as const]) {
    buffer.set(bytes!);
    t.is(new Block(buffer).columns[0]?.name, name);
  }
});

test('a block without rows or columns keeps its header', (t) => {
  const empty = new Block(packBlock(header, [], all(0)));
  t.like(empty, { rows: 0, partition: 3, tenant: 'acme', stream: 'events', sequence: 2 ** 40 });
  t.is(empty.tsMinMs, ARRIVAL_MS);
  const noRows = new Block(packBlock(header, [strings('s', ['x']), numbers('n', [1])], all(0)));
  t.is(noRows.columns.length, 2);
  t.deepEqual(readRows(blockColumns(noRows), 0), []);
});

test('one changed bit or a newer version is told from a good block', (t) => {
  const bytes = packBlock(header, [strings('s', ['x'])], all(1));
  for (const at of [12, 40, bytes.length - 1]) {
    const hurt = bytes.slice();
    hurt[at]! ^= 1;
    t.true(
      isFault(
        t.throws(() => checkBlock(hurt)),
        'block_corrupt',
      ),
    );
  }
  t.true(
    isFault(
      t.throws(() => checkBlock(bytes.subarray(0, -8))),
      'block_corrupt',
    ),
  );
});

/**
 * The bytes of version 1, which every later release must write or at least read. Written once by
 * `WRITE_GOLDEN=1 ava test/model/block.test.ts`; a change here is a change of the format and of its version.
 */
test('a block of version 1 has the bytes of the golden file', (t) => {
  const columns = [
    numbers('ts', [ARRIVAL_MS, ARRIVAL_MS + 1, ARRIVAL_MS + 300], ROLE.ts),
    strings('id', ['e1', 'e2', 'e3'], ROLE.id),
    strings('type', ['view', 'buy', 'view'], ROLE.type),
    strings('country', ['DE', null, 'DE']),
    numbers('duration_ms', [12, null, 70_000]),
    numbers('price', [null, 19.99, null]),
    booleans('online', [true, null, false]),
  ];
  const bytes = packBlock(header, columns, all(3));
  const path = new URL('../golden/block-v1.bin', import.meta.url);
  if (process.env['WRITE_GOLDEN'] === '1') writeFileSync(path, bytes);
  const golden = Uint8Array.from(readFileSync(path));
  t.is(Buffer.compare(bytes, golden), 0);
  const block = new Block(golden);
  checkBlock(golden);
  t.is(new DataView(golden.buffer).getUint8(AT.version), 1);
  t.deepEqual(readRows(blockColumns(block), block.rows), readRows(columns, 3));
});
