import { createRecordsBatch, Reader, readRecordsBatches } from '@platformatic/kafka';
import test from 'ava';
import fc from 'fast-check';
import { type BatchHead, packBatch, visitRecords } from '../../../storage/kafka/record-batch.ts';

const HEAD: BatchHead = { producerId: 7n, producerEpoch: 3, sequence: 41, timestampMs: 1.7e12 };
const ATTRIBUTES_AT = 21;
const MAGIC_AT = 16;
const LENGTH_AT = 8;
const HEADER_BYTES = 61;

interface Visited {
  readonly values: [offset: number, value: string | undefined][];
  end: number | undefined;
}

function visited(fetched: Buffer, from = 0): Visited {
  const found: Visited = { values: [], end: undefined };
  visitRecords(fetched, from, {
    record: (offset, bytes, at, length) => {
      const value = length < 0 ? undefined : bytes.toString('latin1', at, at + length);
      found.values.push([offset, value]);
    },
    end: (offset) => {
      found.end = offset;
    },
  });
  return found;
}

/** As a broker stores it: at its offset, with its own epoch of the leader, which the checksum does not cover. */
function stored(batch: Buffer, baseOffset: number): Buffer {
  const copy = Buffer.from(batch);
  copy.writeBigInt64BE(BigInt(baseOffset), 0);
  return copy;
}

const bytesOf = (texts: readonly string[]): Buffer[] => texts.map((text) => Buffer.from(text));

test('another implementation reads what is packed', (t) => {
  const sizes = [0, 1, 63, 64, 8_191, 8_192, 1_048_576];
  const values = sizes.map((size) => Buffer.alloc(size, size % 251));
  const batch = packBatch(values, HEAD);
  const [read] = readRecordsBatches(Reader.from(batch));
  t.deepEqual(
    read?.records.map(({ value }) => value?.length),
    sizes,
  );
  t.is(read?.producerId, 7n);
  t.is(read?.firstSequence, 41);
  t.is(read?.lastOffsetDelta, sizes.length - 1);
});

test('records are visited at their offsets, in several batches and from any offset', (t) => {
  const texts = fc.array(fc.string({ unit: 'binary-ascii' }), { minLength: 1, maxLength: 40 });
  const property = fc.property(texts, texts, fc.nat(90), (first, second, from) => {
    const fetched = Buffer.concat([
      stored(packBatch(bytesOf(first), HEAD), 10),
      stored(packBatch(bytesOf(second), HEAD), 60),
    ]);
    const all = [
      ...first.map((text, i) => [10 + i, text] as const),
      ...second.map((text, i) => [60 + i, text] as const),
    ];
    const found = visited(fetched, from);
    t.deepEqual(
      found.values,
      all.filter(([offset]) => offset >= from).map((one) => [...one]),
    );
    t.is(found.end, 60 + second.length);
  });
  fc.assert(property);
});

test('a batch that came in part ends what is visited', (t) => {
  const first = stored(packBatch(bytesOf(['one', 'two']), HEAD), 0);
  const second = stored(packBatch(bytesOf(['three']), HEAD), 2);
  for (let cut = 1; cut < second.length; cut++) {
    const found = visited(Buffer.concat([first, second.subarray(0, cut)]));
    t.is(found.values.length, 2);
    t.is(found.end, 2);
  }
});

test('records of the cluster itself are passed over', (t) => {
  const control = stored(packBatch(bytesOf(['commit']), HEAD), 5);
  control.writeInt16BE(1 << 5, ATTRIBUTES_AT);
  t.deepEqual(visited(control), { values: [], end: 6 });
});

test('a batch of an older format is an error that says at which offset', (t) => {
  const batch = stored(packBatch(bytesOf(['one']), HEAD), 5);
  batch.writeInt8(1, MAGIC_AT);
  t.throws(() => visited(batch), { message: /offset 5: expected a record batch of format 2/ });
});

test('bytes that are no records are an error, wherever they end', (t) => {
  const batch = stored(packBatch(bytesOf(['one']), HEAD), 5);
  const endless = Buffer.from(batch);
  endless.fill(0xff, HEADER_BYTES);
  t.throws(() => visited(endless), { message: /integer/ });
  const longer = Buffer.from(batch);
  // Length of the value, behind five bytes of the record's own.
  longer[HEADER_BYTES + 5] = 126;
  t.throws(() => visited(longer), { message: /end within a record/ });
  const short = Buffer.from(batch);
  short.writeInt32BE(-12, LENGTH_AT);
  t.throws(() => visited(short), { message: /offset 5: a record batch is too short/ });
});

test('a record without a value has a length of -1', (t) => {
  const messages = [{ topic: 't', key: Buffer.from('key'), value: Buffer.alloc(0) }];
  const batch = createRecordsBatch(messages, {}).buffer;
  t.deepEqual(visited(batch).values, [[0, '']]);
  const tombstone = Buffer.from(batch);
  // Length of the value, zigzag: 0 becomes -1. It stands before the count of headers.
  tombstone[tombstone.length - 2] = 1;
  t.deepEqual(visited(tombstone).values, [[0, undefined]]);
});
