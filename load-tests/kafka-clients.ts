/**
 * Clients of Kafka as a log of blocks: ours, and what two libraries offer. Each gets the same job: blocks in, all that waits in the
 * next request, idempotently and acknowledged by all; blocks out, 8-byte aligned.
 */
import { randomUUID } from 'node:crypto';
import { Consumer, Producer } from '@platformatic/kafka';
import { type EachBatchPayload, Kafka as KafkaJs, logLevel } from 'kafkajs';
import { AT } from '../src/model/block-format.ts';
import { offset } from '../src/model/units.ts';
import type { KafkaLogSource } from '../storage/kafka/connection.ts';
import { openKafkaLog } from '../storage/kafka/kafka-log.ts';
import { createLogShared } from '../storage/log/log-shared.ts';

export interface KafkaClient {
  append(block: Uint8Array): Promise<unknown>;
  /** From the start of all partitions; resolves when `take` has said that it has enough. */
  read(take: (block: Uint8Array) => boolean): Promise<void>;
  close(): Promise<void>;
}

export type OpenClient = (source: KafkaLogSource, partitions: number) => Promise<KafkaClient>;

const READ_BYTES = 1 << 20;
const CLIENT = 'bench';

export const KAFKA_CLIENTS: Readonly<Record<string, OpenClient>> = {
  streamgauge: openOurs,
  '@platformatic/kafka': openPlatformatic,
  kafkajs: openKafkaJs,
};

async function openOurs(source: KafkaLogSource, partitions: number): Promise<KafkaClient> {
  const log = await openKafkaLog({ ...source, shared: createLogShared(partitions, 'kafka') });
  const all = Array.from({ length: partitions }, (_, each) => [each, offset(0)] as const);
  return {
    append: (block) => log.writer.append([block]),
    read: async (take) => {
      const reader = log.openReader(new Map(all));
      for (let isEnough = false; !isEnough; ) {
        const { blocks } = await reader.read(READ_BYTES);
        for (const { bytes } of blocks) isEnough = take(bytes);
      }
      reader.close();
    },
    close: () => log.writer.close(),
  };
}

async function openPlatformatic({ connection, topic }: KafkaLogSource): Promise<KafkaClient> {
  const options = { clientId: CLIENT, bootstrapBrokers: [...connection.brokers] };
  const producer = new Producer({ ...options, idempotent: true });
  return {
    append: grouped(async (blocks) => {
      const messages = blocks.map((value) => ({ topic, partition: partitionOf(value), value }));
      await producer.send({ messages });
    }),
    read: async (take) => {
      const consumer = new Consumer({ ...options, groupId: randomUUID(), maxBytes: READ_BYTES });
      const stream = await consumer.consume({ topics: [topic], mode: 'earliest' });
      for await (const { value } of stream) if (take(Uint8Array.from(value))) break;
      await consumer.close(true);
    },
    close: () => producer.close(),
  };
}

async function openKafkaJs({ connection, topic }: KafkaLogSource): Promise<KafkaClient> {
  const client = new KafkaJs({
    clientId: CLIENT,
    brokers: [...connection.brokers],
    logLevel: logLevel.NOTHING,
  });
  const producer = client.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  return {
    append: grouped(async (blocks) => {
      const messages = blocks.map((value) => ({ partition: partitionOf(value), value }));
      await producer.send({ topic, messages });
    }),
    read: async (take) => {
      const consumer = client.consumer({ groupId: randomUUID(), maxBytes: READ_BYTES });
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      const enough = Promise.withResolvers<void>();
      const eachBatch = async ({ batch }: EachBatchPayload) => {
        for (const { value } of batch.messages) {
          if (value !== null && take(Uint8Array.from(value))) enough.resolve();
        }
      };
      await consumer.run({ eachBatchAutoResolve: true, eachBatch });
      await enough.promise;
      await consumer.disconnect();
    },
    close: () => producer.disconnect(),
  };
}

/** Group commit around a client that has none: one request under way, all that waits in the next. */
function grouped(
  send: (blocks: Buffer[]) => Promise<void>,
): (block: Uint8Array) => Promise<unknown> {
  let waiting: Buffer[] = [];
  let round: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  return (block) => {
    waiting.push(Buffer.from(block.buffer, block.byteOffset, block.length));
    next ??= (round ?? Promise.resolve()).then(() => {
      const blocks = waiting;
      waiting = [];
      next = undefined;
      round = send(blocks);
      return round;
    });
    return next;
  };
}

const partitionOf = (block: Uint8Array): number =>
  new DataView(block.buffer, block.byteOffset).getUint16(AT.partition, true);
