import { crc32c, createRecordsBatch } from '@platformatic/kafka';
import test from 'ava';
import {
  type AbortedTransaction,
  ForeignRecord,
  foreignBatches,
} from '../../../storage/kafka/foreign-records.ts';
import { batchOf } from '../../sources/records.ts';

interface Seen {
  readonly offset: number;
  readonly value: string | undefined;
}

function read(fetched: Buffer, from = 0, aborted: readonly AbortedTransaction[] = []) {
  const record = new ForeignRecord();
  const seen: Seen[] = [];
  const problems: string[] = [];
  let next = 0;
  for (const batch of foreignBatches(fetched, aborted)) {
    const each = () => seen.push({ offset: record.offset, value: record.value?.toString() });
    const problem = batch.problem ?? batch.visit(from, record, each);
    if (problem !== undefined) problems.push(problem);
    next = batch.nextOffset;
  }
  return { seen, problems, next };
}

const offsets = ({ seen }: ReturnType<typeof read>) => seen.map(({ offset }) => offset);

for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
  test(`records are read from batches that are compressed with ${compression}`, (t) => {
    const values = Array.from({ length: 300 }, (_, i) => `value ${i} ${'x'.repeat(i)}`);
    const batch = batchOf(
      values.map((value) => ({ value })),
      { baseOffset: 1_000, compression },
    );
    const { seen, problems, next } = read(batch, 1_200);
    t.deepEqual(
      seen.map(({ value }) => value),
      values.slice(200),
    );
    t.is(seen[0]?.offset, 1_200);
    t.deepEqual(problems, []);
    t.is(next, 1_300);
  });
}

test('a record has its key, its headers, the last of several of one name, and its time', (t) => {
  const record = new ForeignRecord();
  const headers = new Map([
    [Buffer.from('a'), Buffer.from('1')],
    [Buffer.from('b'), Buffer.from('2')],
    [Buffer.from('a'), Buffer.from('3')],
  ]);
  const message = { key: Buffer.from('k'), value: Buffer.from('v'), headers, timestamp: 1_700n };
  const [batch] = foreignBatches(batchOf([message, { value: 'w' }]), []);
  const seen: unknown[] = [];
  batch?.visit(0, record, () => {
    const names = [...record.headers()].map(([name]) => name.toString());
    const a = record.header(Buffer.from('a'))?.toString();
    seen.push([record.key?.toString(), record.value?.toString(), record.timestampMs, names, a]);
  });
  t.deepEqual(seen[0], ['k', 'v', 1_700, ['a', 'b', 'a'], '3']);
  t.like(seen[1], [undefined, 'w']);
});

test('a batch that the answer has only in part is left for the next answer', (t) => {
  const two = Buffer.concat([
    batchOf([{ value: 'a' }]),
    batchOf([{ value: 'b' }], { baseOffset: 1 }),
  ]);
  for (let length = two.length - 1; length > two.length - 30; length--) {
    t.deepEqual(offsets(read(two.subarray(0, length))), [0]);
  }
});

test('records of a transaction that was aborted are passed over, those around them are not', (t) => {
  const of = (producerId: bigint, baseOffset: number) =>
    batchOf([{ value: `${baseOffset}` }], { baseOffset, producerId, transactionalId: 't' });
  const marker = (producerId: bigint, baseOffset: number) =>
    endMarker(of(producerId, baseOffset), { isAbort: true });
  const fetched = Buffer.concat([
    of(7n, 0),
    of(8n, 1),
    batchOf([{ value: 'no transaction' }], { baseOffset: 2 }),
    marker(7n, 3),
    of(7n, 4),
    endMarker(of(7n, 5), { isAbort: false }),
    of(7n, 6),
  ]);
  const aborted = [
    { producerId: 7n, firstOffset: 6n },
    { producerId: 7n, firstOffset: 0n },
  ];
  const found = read(fetched, 0, aborted);
  t.deepEqual(offsets(found), [1, 2, 4]);
  t.is(found.next, 7);
});

test('a changed byte of a batch is found by its checksum', (t) => {
  const batch = batchOf([{ value: 'a' }, { value: 'b' }]);
  batch[batch.length - 3] = (batch[batch.length - 3] ?? 0) ^ 1;
  const found = read(Buffer.concat([batch, batchOf([{ value: 'c' }], { baseOffset: 2 })]));
  t.deepEqual(offsets(found), [2]);
  t.deepEqual(found.problems, ['the checksum of the record batch is wrong']);
});

test('whatever a batch claims whose checksum is right, it ends in a problem and never in a throw', (t) => {
  const whole = batchOf([{ value: 'a' }, { value: 'b', key: 'k' }]);
  for (let at = 61; at < whole.length; at++) {
    for (const byte of [0, 1, 0x7f, 0x80, 0xff]) {
      const changed = Buffer.from(whole);
      changed[at] = byte;
      t.notThrows(() => read(resealed(changed)), `${at} ${byte}`);
    }
  }
  for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
    const packed = batchOf([{ value: 'a'.repeat(1_000) }], { compression });
    packed.fill(0xff, 61);
    const { problems } = read(resealed(packed));
    t.regex(problems[0] ?? '', /^the record batch (cannot be unpacked|is broken): /, compression);
  }
});

test('a batch of an older format is a problem, not a guess', (t) => {
  const old = batchOf([{ value: 'a' }]);
  old.writeInt8(1, 16);
  t.regex(read(old).problems[0] ?? '', /expected a record batch of format 2/);
});

/** With the checksum of what it is now. */
function resealed(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}

/** As brokers write it at the end of a transaction: a record whose key says how that ended. */
function endMarker(of: Buffer, { isAbort }: { readonly isAbort: boolean }): Buffer {
  const key = Buffer.from([0, 0, 0, isAbort ? 0 : 1]);
  const control = createRecordsBatch([{ topic: 't', key, value: Buffer.alloc(6) }]).buffer;
  of.copy(control, 0, 0, 8);
  of.copy(control, 43, 43, 51);
  control.writeInt16BE(0b110000, 21);
  return resealed(control);
}
