/** The log in a topic while brokers are killed, hang and come back: what is acknowledged stays, and is there once. */
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type Kafka, startKafka } from '../../deploy/local/kafka.ts';
import type { Part } from '../../deploy/local/part.ts';
import { isFault } from '../../src/model/errors.ts';
import { offset } from '../../src/model/units.ts';
import type { KafkaLogSource } from '../../storage/kafka/connection.ts';
import { type KafkaLog, openKafkaLog } from '../../storage/kafka/kafka-log.ts';
import { openKafkaReader } from '../../storage/kafka/kafka-reader.ts';
import type { LoggedBlock, LogRead, LogReader } from '../../storage/log/log.ts';
import { createLogShared, sharedRefusal } from '../../storage/log/log-shared.ts';
import { sequenceOf, testBlock } from '../storage/log/blocks.ts';
import { clientOf, makeLogTopic } from './kafka-topics.ts';

const PARTITIONS = 3;
/** Behind each fault so many blocks are written and read, to see that all goes on. */
const BLOCKS_BEHIND = 200;
const POLL_MS = 10;

async function startedKafka(t: ExecutionContext, nodes: 1 | 3): Promise<Kafka> {
  const dir = mkdtempSync(join(tmpdir(), 'streamgauge-kafka-faults-'));
  const kafka = await startKafka({ dir, nodes });
  t.teardown(async () => {
    await kafka.stop();
    await rm(dir, { recursive: true, force: true });
  });
  return kafka;
}

async function openedLog(t: ExecutionContext, source: KafkaLogSource, inSyncMin = 1) {
  const shared = createLogShared(PARTITIONS, 'kafka');
  const log = await openKafkaLog({ ...source, shared, inSyncMin });
  t.teardown(() => log.writer.close());
  return { ...log, shared };
}

const fromStart = () =>
  new Map(Array.from({ length: PARTITIONS }, (_, partition) => [partition, offset(0)]));

/**
 * One who appends a block after the other to each partition, several at a time. Whoever hears `log_away` waits until the log takes
 * appends and sends the block again, as senders do.
 */
class Senders {
  readonly acknowledged = new Map<number, string>();
  /** Of blocks that may be in the log though their append was rejected. */
  readonly unknown = new Set<number>();
  readonly #log: KafkaLog;
  readonly #done: Promise<unknown>;
  #next = 0;
  #leftAfterStop = Number.POSITIVE_INFINITY;

  constructor(log: KafkaLog, count = 8) {
    this.#log = log;
    this.#done = Promise.all(Array.from({ length: count }, () => this.#run()));
  }

  /** Sends some more and ends. */
  async stop(): Promise<void> {
    this.#leftAfterStop = BLOCKS_BEHIND;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (this.#leftAfterStop > 0) {
      this.#leftAfterStop -= 1;
      const sequence = this.#next;
      this.#next += 1;
      await this.#send(sequence, sequence % PARTITIONS);
    }
  }

  async #send(sequence: number, partition: number): Promise<void> {
    const { writer } = this.#log;
    for (;;) {
      const isRefused = writer.refusal !== undefined;
      try {
        const [at] = await writer.append([testBlock({ sequence, partition, bodyBytes: 2_000 })]);
        this.acknowledged.set(sequence, `${partition}/${at}`);
        return;
      } catch (error) {
        if (!isFault(error, 'log_away')) throw error;
        if (!isRefused) this.unknown.add(sequence);
        await writer.whenWritable;
      }
    }
  }
}

/** Follows the log from its start; what it finds is kept. */
class Follower {
  readonly found: LoggedBlock[] = [];
  readonly #reader: LogReader;

  constructor(reader: LogReader) {
    this.#reader = reader;
  }

  async readUntil(places: ReadonlySet<string>): Promise<void> {
    const missing = new Set(places);
    for (const block of this.found) missing.delete(placeOf(block));
    while (missing.size > 0) {
      const { blocks } = await this.#readSome();
      this.found.push(...blocks);
      for (const block of blocks) missing.delete(placeOf(block));
    }
  }

  /** Brokers of a busy machine take their time to come back. */
  async #readSome(): Promise<Pick<LogRead, 'blocks'>> {
    try {
      return await this.#reader.read(1 << 20);
    } catch (error) {
      if (!isFault(error, 'log_away')) throw error;
      return { blocks: [] };
    }
  }
}

const placeOf = (block: LoggedBlock): string => `${block.partition}/${block.offset}`;

function follower(t: ExecutionContext, source: KafkaLogSource): Follower {
  const shared = createLogShared(PARTITIONS, 'kafka');
  const reader = openKafkaReader({ ...source, shared, from: fromStart() });
  t.teardown(() => reader.close());
  return new Follower(reader);
}

/** All that was acknowledged is where it was said to be; only what nobody could know of is there more than once. */
function checkHeld(t: ExecutionContext, senders: Senders, found: readonly LoggedBlock[]): void {
  const at = new Map(found.map((block) => [placeOf(block), sequenceOf(block.bytes)]));
  t.is(at.size, found.length, 'no place is read twice');
  for (const [sequence, place] of senders.acknowledged) {
    if (at.get(place) !== sequence) t.fail(`block ${sequence} is not at ${place}`);
  }
  const times = Map.groupBy(found, ({ bytes }) => sequenceOf(bytes));
  for (const [sequence, copies] of times) {
    if (copies.length > 1 && !senders.unknown.has(sequence)) {
      t.fail(`block ${sequence} is there ${copies.length} times, though no append of it failed`);
    }
  }
  t.is(times.size, senders.acknowledged.size);
}

async function held(t: ExecutionContext, source: KafkaLogSource, senders: Senders, live: Follower) {
  const places = new Set(senders.acknowledged.values());
  await live.readUntil(places);
  checkHeld(t, senders, live.found);
  const late = follower(t, source);
  await late.readUntil(places);
  checkHeld(t, senders, late.found);
}

/** Resolves when so many appends more have been answered. */
async function progressOf(senders: Senders, count: number): Promise<void> {
  const wanted = senders.acknowledged.size + count;
  while (senders.acknowledged.size < wanted) await sleep(POLL_MS);
}

async function refused({ writer }: KafkaLog): Promise<void> {
  while (writer.refusal !== 'log_away') await sleep(POLL_MS);
}

/** A topic that is written and read from the beginning on. */
async function begun(t: ExecutionContext, kafka: Kafka, inSyncMin = 1) {
  const settings = { 'min.insync.replicas': String(inSyncMin) };
  const source = await makeLogTopic(kafka, { partitions: PARTITIONS, settings });
  const log = await openedLog(t, source, inSyncMin);
  return { source, log, senders: new Senders(log), live: follower(t, source) };
}

test.serial(
  'a broker that is killed and comes back loses nothing and doubles nothing',
  async (t) => {
    const kafka = await startedKafka(t, 1);
    const { source, log, senders, live } = await begun(t, kafka);
    const reading = live.readUntil(new Set(['0/150']));
    for (let i = 0; i < 2; i++) {
      await progressOf(senders, 300);
      await kafka.broker.kill();
      if (i === 0) {
        await refused(log);
        t.is(sharedRefusal(log.shared), 'log_away');
      }
      await kafka.broker.start();
      await log.writer.whenWritable;
    }
    await senders.stop();
    await reading;
    await held(t, source, senders, live);
    t.is(log.writer.pendingBytes, 0);
  },
);

test.serial(
  'while a broker hangs, appends are answered and refused, and go on behind it',
  async (t) => {
    const kafka = await startedKafka(t, 1);
    const { source, log, senders, live } = await begun(t, kafka);
    await progressOf(senders, 100);
    kafka.broker.pause();
    await refused(log);
    const error = await t.throwsAsync(log.writer.append([testBlock()]));
    t.true(isFault(error, 'log_away'));
    while (log.writer.pendingBytes > 0) await sleep(POLL_MS);
    t.true(senders.unknown.size > 0);
    kafka.broker.resume();
    await log.writer.whenWritable;
    await senders.stop();
    await held(t, source, senders, live);
  },
);

test.serial(
  'partitions go on with other leaders when one of three brokers is killed',
  async (t) => {
    const kafka = await startedKafka(t, 3);
    const { source, senders, live } = await begun(t, kafka, 2);
    await progressOf(senders, 100);
    const leader = await leaderOf(kafka, source.topic);
    await leader.kill();
    await progressOf(senders, 300);
    t.not(await leaderOf(kafka, source.topic), leader);
    await leader.start();
    await progressOf(senders, 300);
    await senders.stop();
    await held(t, source, senders, live);
  },
);

test.serial(
  'with too few replicas in sync nothing is acknowledged until there are enough',
  async (t) => {
    const kafka = await startedKafka(t, 3);
    const { source, log, senders, live } = await begun(t, kafka, 3);
    await progressOf(senders, 100);
    const last = kafka.brokers.at(-1) as Part;
    await last.kill();
    await refused(log);
    await last.start();
    await progressOf(senders, 100);
    await senders.stop();
    await held(t, source, senders, live);
  },
);

async function leaderOf(kafka: Kafka, topic: string): Promise<Part> {
  const admin = clientOf(kafka).admin();
  await admin.connect();
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  await admin.disconnect();
  const id = topics[0]?.partitions.find(({ partitionId }) => partitionId === 0)?.leader ?? 0;
  return kafka.brokers[id - 1] as Part;
}
