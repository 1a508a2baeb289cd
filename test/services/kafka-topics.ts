/** Topics for tests, made by a client that is not the one under test. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Admin } from '@platformatic/kafka';
import { Kafka as KafkaClient, logLevel, type Message } from 'kafkajs';
import type { Kafka } from '../../deploy/local/kafka.ts';
import { KafkaCluster } from '../../storage/kafka/cluster.ts';
import type { KafkaConnection, KafkaLogSource } from '../../storage/kafka/connection.ts';
import { logIdOf } from '../../storage/kafka/log-id.ts';

export interface TopicWish {
  /** By default a name that no other has. */
  readonly topic?: string;
  readonly partitions: number;
  readonly settings?: Readonly<Record<string, string>>;
}

const LARGEST_BLOCK = String(17 * 1024 * 1024);
let made = 0;

export const clientOf = ({ addresses }: Kafka): KafkaClient =>
  new KafkaClient({ brokers: [...addresses], logLevel: logLevel.NOTHING });

/** A new topic that takes the largest blocks, as the log that it is. Its partitions may have no leader yet. */
export async function makeLogTopic(kafka: Kafka, wish: TopicWish): Promise<KafkaLogSource> {
  made += 1;
  const topic = wish.topic ?? `log-${process.pid}-${made}`;
  const settings = { 'max.message.bytes': LARGEST_BLOCK, ...wish.settings };
  const admin = clientOf(kafka).admin();
  await admin.connect();
  await admin.createTopics({
    waitForLeaders: false,
    topics: [
      {
        topic,
        numPartitions: wish.partitions,
        replicationFactor: kafka.brokers.length,
        configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
      },
    ],
  });
  await admin.disconnect();
  const connection = { brokers: kafka.addresses };
  return { connection, topic, id: await logIdOn(connection, topic), offsetBase: 0 };
}

export async function deleteTopic(kafka: Kafka, topic: string): Promise<void> {
  const admin = clientOf(kafka).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
}

export async function growTopic(kafka: Kafka, topic: string, partitions: number): Promise<void> {
  const admin = clientOf(kafka).admin();
  await admin.connect();
  await admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] });
  await admin.disconnect();
}

/** Brokers know a topic a moment after it was made. */
async function logIdOn(connection: KafkaConnection, topic: string): Promise<string> {
  const cluster = new KafkaCluster(connection);
  try {
    for (;;) {
      const found = await cluster.topic(topic);
      if (found !== undefined) return logIdOf(found);
      await sleep(50);
    }
  } finally {
    cluster.close();
  }
}

/** As a program does that takes the topic for its own. Answers the first one's offset, of one partition's records. */
export async function sendRecords(
  kafka: Kafka,
  { topic }: Pick<KafkaLogSource, 'topic'>,
  messages: Message[],
): Promise<number> {
  const producer = clientOf(kafka).producer();
  await producer.connect();
  const [first] = await producer.send({ topic, messages });
  await producer.disconnect();
  return Number(first?.baseOffset);
}

/** As retention does, only at once. */
export async function deleteRecords(
  { addresses }: Kafka,
  { topic }: Pick<KafkaLogSource, 'topic'>,
  { partition, before }: { readonly partition: number; readonly before: number },
): Promise<void> {
  const admin = new Admin({ clientId: 'tests', bootstrapBrokers: [...addresses] });
  const partitions = [{ partition, offset: BigInt(before) }];
  await admin.deleteRecords({ topics: [{ name: topic, partitions }] });
  await admin.close();
}
