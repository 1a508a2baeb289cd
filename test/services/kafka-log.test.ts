/** The log in a topic of a real broker. */
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Kafka, startKafka } from '../../deploy/local/kafka.ts';
import { isFault } from '../../src/model/errors.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import type { KafkaLogSource } from '../../storage/kafka/connection.ts';
import { refuseForeign } from '../../storage/kafka/first-records.ts';
import { openKafkaLog } from '../../storage/kafka/kafka-log.ts';
import { openKafkaReader, openKafkaReaders } from '../../storage/kafka/kafka-reader.ts';
import type { KafkaWriterOptions } from '../../storage/kafka/kafka-writer.ts';
import type { LoggedBlock, LogReader } from '../../storage/log/log.ts';
import { createLogShared, logEnd, logStart, sharedRefusal } from '../../storage/log/log-shared.ts';
import { eventLogContract } from '../contract/event-log.ts';
import { sequenceOf, testBlock } from '../storage/log/blocks.ts';
import { clientOf, deleteRecords, makeLogTopic, sendRecords } from './kafka-topics.ts';

const PARTITIONS = 3;
const START = offset(0);
const dir = mkdtempSync(join(tmpdir(), 'streamgauge-kafka-log-'));
let kafka: Kafka;

test.before(async () => {
  kafka = await startKafka({ dir });
});

test.after.always(async () => {
  await kafka?.stop();
  await rm(dir, { recursive: true, force: true });
});

const newTopic = (settings: Record<string, string> = {}): Promise<KafkaLogSource> =>
  makeLogTopic(kafka, { partitions: PARTITIONS, settings });

async function opened(
  t: ExecutionContext,
  source: KafkaLogSource,
  options: Partial<KafkaWriterOptions> = {},
) {
  const shared = createLogShared(PARTITIONS, 'kafka');
  const log = await openKafkaLog({ ...source, shared, ...options });
  t.teardown(() => log.writer.close());
  return { ...log, shared };
}

function reading(
  t: ExecutionContext,
  source: KafkaLogSource,
  from: ReadonlyMap<number, Offset> = new Map([[0, START]]),
): LogReader {
  const shared = createLogShared(PARTITIONS, 'kafka');
  const reader = openKafkaReader({ ...source, shared, from });
  t.teardown(() => reader.close());
  return reader;
}

async function take(reader: LogReader, count: number): Promise<LoggedBlock[]> {
  const found: LoggedBlock[] = [];
  while (found.length < count) found.push(...(await reader.read(1 << 20)).blocks);
  return found;
}

const sequences = (blocks: readonly LoggedBlock[]): number[] =>
  blocks.map(({ bytes }) => sequenceOf(bytes));

eventLogContract('kafka', async (t) => {
  const source = await newTopic();
  return { log: await opened(t, source), reopen: () => opened(t, source) };
});

test('offsets of a log that moved here go on behind those that it had', async (t) => {
  const source = { ...(await newTopic()), offsetBase: 1_000_000 };
  const { writer, shared } = await opened(t, source);
  const offsets = await writer.append([1, 2].map((sequence) => testBlock({ sequence })));
  t.deepEqual(offsets, [1_000_000, 1_000_001].map(offset));
  t.is(logEnd(shared, 0), offset(1_000_002));
  const second = reading(t, source, new Map([[0, offset(1_000_001)]]));
  t.deepEqual(sequences(await take(second, 1)), [2]);
  const before = reading(t, source, new Map([[0, offset(999_999)]]));
  const error = await t.throwsAsync(before.read(1000));
  t.true(isFault(error, 'log_truncated'));
});

test('whoever opens the log knows where each partition begins and ends', async (t) => {
  const source = await newTopic();
  const first = await opened(t, source);
  await first.writer.append([1, 1, 2].map((partition) => testBlock({ partition })));
  await deleteRecords(kafka, source, { partition: 1, before: 1 });
  await first.writer.close();
  const { shared, writer } = await opened(t, source);
  const all = [0, 1, 2];
  t.deepEqual(
    all.map((partition) => logEnd(shared, partition)),
    [0, 2, 1].map(offset),
  );
  t.deepEqual(
    all.map((partition) => logStart(shared, partition)),
    [0, 1, 0].map(offset),
  );
  t.deepEqual([...shared.partitionEnds], [0, 2, 1]);
  t.is(await writer.deleteBefore(offset(2)), START);
});

test('what the topic has deleted is missed, and other partitions are read on', async (t) => {
  const source = await newTopic();
  const { writer } = await opened(t, source);
  await writer.append([testBlock({ sequence: 1 }), testBlock({ partition: 1, sequence: 2 })]);
  await deleteRecords(kafka, source, { partition: 0, before: 1 });
  const both = new Map([
    [0, START],
    [1, START],
  ]);
  const reader = reading(t, source, both);
  const found: LoggedBlock[] = [];
  const faults: unknown[] = [];
  while (found.length < 1 || faults.length < 1) {
    await reader.read(1000).then(
      ({ blocks }) => found.push(...blocks),
      (error) => faults.push(error),
    );
  }
  t.deepEqual(sequences(found), [2]);
  t.true(isFault(faults[0], 'log_truncated'));
  reader.seek(0, offset(1));
  await writer.append([testBlock({ sequence: 3 })]);
  t.deepEqual(sequences(await take(reader, 1)), [3]);
});

for (const codec of ['gzip', 'snappy', 'lz4', 'zstd']) {
  test(`blocks that the topic compresses with ${codec} come back byte for byte`, async (t) => {
    const source = await newTopic({ 'compression.type': codec });
    const { writer, openReader } = await opened(t, source);
    const blocks = [1, 2, 3].map((sequence) => testBlock({ sequence, bodyBytes: 9_999 }));
    await writer.append(blocks);
    const reader = openReader(new Map([[0, START]]));
    t.teardown(() => reader.close());
    const found = await take(reader, 3);
    t.deepEqual(
      found.map(({ bytes }) => Buffer.from(bytes)),
      blocks.map((block) => Buffer.from(block)),
    );
    for (const { bytes } of found) t.is(bytes.byteOffset % 8, 0);
  });
}

/** A record with something and one without anything, by another program. */
const stray = (source: KafkaLogSource, partition: number) =>
  sendRecords(kafka, source, [
    { value: 'garbage', partition },
    { value: null, partition },
  ]);

test('a record that is no block holds up its partition alone, says where it is, and is not passed over', async (t) => {
  const source = await newTopic();
  const { writer } = await opened(t, source);
  await writer.append([testBlock({ sequence: 1 })]);
  await stray(source, 0);
  await writer.append([testBlock({ sequence: 2 })]);
  const both = new Map([0, 1].map((partition) => [partition, START] as const));
  const reader = reading(t, source, both);
  t.deepEqual(sequences(await take(reader, 1)), [1]);
  for (let sequence = 3; sequence < 5; sequence++) {
    const error = await t.throwsAsync(reader.read(1000));
    t.true(isFault(error, 'block_corrupt'));
    if (isFault(error, 'block_corrupt')) {
      t.deepEqual(error.location, { path: `kafka:${source.topic}`, partition: 0, byteOffset: 1 });
    }
    await writer.append([testBlock({ partition: 1, sequence })]);
    t.deepEqual(sequences(await take(reader, 1)), [sequence]);
  }
});

test('records that are no blocks are not missed once the topic has deleted them; blocks are', async (t) => {
  const source = await newTopic();
  const { writer, shared } = await opened(t, source);
  await writer.append([testBlock({ sequence: 1 })]);
  await stray(source, 0);
  await writer.append([2, 3].map((sequence) => testBlock({ sequence })));
  const open = openKafkaReaders(source, shared);
  const reader = open(new Map([[0, START]]));
  const late = open(new Map([[0, offset(1)]]));
  t.teardown(() => reader.close());
  t.teardown(() => late.close());
  await take(reader, 1);
  await t.throwsAsync(reader.read(1000), { message: /^record 1 of partition 0 .* up to 2: / });
  await deleteRecords(kafka, source, { partition: 0, before: 3 });
  t.deepEqual(sequences(await take(reader, 2)), [2, 3]);
  t.is(logStart(shared, 0), offset(3));
  t.deepEqual(sequences(await take(late, 2)), [2, 3], 'what one has found all know');
  await deleteRecords(kafka, source, { partition: 0, before: 4 });
  reader.seek(0, offset(1));
  const error = await t.throwsAsync(reader.read(1000));
  t.true(isFault(error, 'log_truncated'));
  t.regex(error?.message ?? '', /no longer has offset 1 of partition 0; it begins with 4/);
});

test('a topic that holds what others wrote is not taken for a log', async (t) => {
  const source = await newTopic();
  await t.notThrowsAsync(refuseForeign(source, PARTITIONS), 'an empty one is a new log');
  const { writer } = await opened(t, source);
  await writer.append([testBlock({ partition: 1 })]);
  await t.notThrowsAsync(refuseForeign(source, PARTITIONS), 'one with blocks is a log');
  await sendRecords(kafka, source, [{ value: '{"type":"order"}', partition: 2 }]);
  await t.throwsAsync(refuseForeign(source, PARTITIONS), {
    code: 'config_invalid',
    message: /its record 0 of partition 2 is no block of events.*set log\.kafka\.topic/,
  });
});

test('blocks of the largest size go through, and many at once', async (t) => {
  const { writer, openReader } = await opened(t, await newTopic());
  const sizes = [16 * 1024 * 1024 - 200, 100, 3_000_000, ...Array<number>(300).fill(20_000)];
  const blocks = sizes.map((bodyBytes, sequence) => testBlock({ sequence, bodyBytes }));
  await Promise.all(blocks.map((block) => writer.append([block])));
  const reader = openReader(new Map([[0, START]]));
  t.teardown(() => reader.close());
  const found = await take(reader, blocks.length);
  t.deepEqual(
    sequences(found),
    blocks.map((_, index) => index),
  );
  t.is(writer.pendingBytes, 0);
});

test('what is written with one producer after another is read by other programs as it is', async (t) => {
  const source = await newTopic();
  const block = testBlock({ sequence: 5 });
  const { writer } = await opened(t, source);
  await writer.append([block, testBlock({ partition: 1, sequence: 6 })]);
  const consumer = clientOf(kafka).consumer({ groupId: source.topic });
  t.teardown(() => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topic: source.topic, fromBeginning: true });
  const values = new Map<number, Buffer | null>();
  const both = Promise.withResolvers<void>();
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      values.set(partition, message.value);
      if (values.size === 2) both.resolve();
    },
  });
  await both.promise;
  t.deepEqual(values.get(0), Buffer.from(block));
});

test('the log is not opened on a topic of other partitions, or on one that was made anew', async (t) => {
  const source = await newTopic();
  const shared = createLogShared(PARTITIONS + 1, 'kafka');
  const other = await t.throwsAsync(openKafkaLog({ ...source, shared }));
  t.true(isFault(other, 'config_invalid'));
  t.regex(other?.message ?? '', /has 3 partitions, expected 4/);
  const anew = await t.throwsAsync(opened(t, { ...source, id: 'another/topic' }));
  t.true(isFault(anew, 'log_gone'));
  const reader = reading(t, { ...source, id: 'another/topic' });
  t.true(isFault(await t.throwsAsync(reader.read(1000)), 'log_truncated'));
});

test('more than the bound of waiting bytes is refused, and taken a moment later', async (t) => {
  const { writer, shared } = await opened(t, await newTopic(), { pendingBytesMax: 1_000 });
  const first = writer.append([testBlock({ sequence: 1, bodyBytes: 5_000 })]);
  t.is(writer.refusal, 'log_backpressure');
  t.is(sharedRefusal(shared), 'log_backpressure');
  const refused = await t.throwsAsync(writer.append([testBlock({ sequence: 2 })]));
  t.true(isFault(refused, 'log_backpressure'));
  await first;
  t.is(sharedRefusal(shared), undefined);
  await writer.append([testBlock({ sequence: 2 })]);
});
