import test from 'ava';
import { AT } from '../../../src/model/block-format.ts';
import { fetchedBlocks } from '../../../storage/kafka/fetched-blocks.ts';
import { packBatch } from '../../../storage/kafka/record-batch.ts';
import { sequenceOf, testBlock } from '../log/blocks.ts';

const LOG = {
  connection: { brokers: ['kafka-1:9092'] },
  topic: 'events',
  id: 'c/t',
  offsetBase: 1_000,
};
const HEAD = { producerId: 7n, producerEpoch: 0, sequence: 0, timestampMs: 0 };
const GARBAGE = Buffer.from('garbage');

/** From offset 0; those before `from` were read already. */
const found = (values: readonly Uint8Array[], from = 0) =>
  fetchedBlocks(LOG, { partition: 0, from, records: packBatch(values, HEAD) });

const block = (sequence: number) => testBlock({ sequence });

test('blocks come with the offsets of the log, and what was read already is left out', (t) => {
  const { blocks, next, fault, stray } = found([1, 2, 3].map(block), 1);
  t.deepEqual(
    blocks.map(({ offset, bytes }) => [offset as number, sequenceOf(bytes)]),
    [
      [1_001, 2],
      [1_002, 3],
    ],
  );
  t.is(next, 3);
  t.deepEqual([fault, stray], [undefined, undefined]);
});

test('blocks before a record that is none are sound, and the fault says where it is and what to do', (t) => {
  const { blocks, next, fault, stray } = found([block(1), GARBAGE, block(2)]);
  t.deepEqual(
    blocks.map(({ bytes }) => sequenceOf(bytes)),
    [1],
  );
  t.is(next, 1);
  t.deepEqual(stray, { from: 1_001, to: 1_002 });
  t.is(fault?.code, 'block_corrupt');
  t.deepEqual(fault?.location, { path: 'kafka:events', partition: 0, byteOffset: 1_001 });
  t.regex(fault?.message ?? '', /^record 1 of partition 0 of the topic events is no block/);
  t.regex(
    fault?.message ?? '',
    /"topic":"events","partition":0,"offset":2\}.*kafka-delete-records/,
  );
});

test('records that follow each other and are all none are one run', (t) => {
  const elsewhere = testBlock({ partition: 1 });
  const damaged = Uint8Array.from(block(5));
  damaged[AT.sequence] = 77;
  const values = [block(1), GARBAGE, new Uint8Array(0), elsewhere, damaged, block(2), GARBAGE];
  const { stray, fault, blocks } = found(values);
  t.deepEqual(stray, { from: 1_001, to: 1_005 });
  t.regex(fault?.message ?? '', /those up to 4: .*"offset":5\}/);
  t.is(blocks.length, 1);
  t.deepEqual(found(values, 1).stray, stray, 'whoever reads it again finds the same');
  t.deepEqual(found([GARBAGE, GARBAGE]).stray, { from: 1_000, to: 1_002 });
});

test('a batch that cannot be read is no run that may be passed over', (t) => {
  const records = packBatch([block(1)], HEAD);
  records.writeInt8(1, 16);
  const { blocks, next, fault, stray } = fetchedBlocks(LOG, { partition: 0, from: 0, records });
  t.deepEqual([blocks.length, next, stray], [0, 0, undefined]);
  t.is(fault?.code, 'block_corrupt');
});
