/** Whether a topic that is there already is the log of a server: asked before a new data folder is bound to it, and anything written. */
import { AppError, isFault } from '../../src/model/errors.ts';
import { within } from '../../src/model/within.ts';
import { KAFKA_APPEND_MS_MAX, KAFKA_READ_BYTES } from '../limits.ts';
import { createLogShared, logEnd, logStart } from '../log/log-shared.ts';
import { KafkaCluster } from './cluster.ts';
import type { KafkaLogSource } from './connection.ts';
import { kafkaFault } from './faults.ts';
import { openKafkaReader } from './kafka-reader.ts';
import { publishTopic } from './topic-ends.ts';

/**
 * The first record of each partition that is not empty must be a block of it. Rejects with `config_invalid` that says which is not,
 * `block_version`, and as `publishTopic` does, also if the brokers take too long.
 */
export async function refuseForeign(
  topic: Omit<KafkaLogSource, 'offsetBase'>,
  partitions: number,
): Promise<void> {
  const source = { ...topic, offsetBase: 0 };
  const shared = createLogShared(partitions, 'kafka');
  const cluster = new KafkaCluster(source.connection);
  try {
    await publishTopic(cluster, source, shared);
  } finally {
    cluster.close();
  }
  const left = new Map(
    Array.from({ length: partitions }, (_, p) => [p, logStart(shared, p)] as const).filter(
      ([partition, start]) => (logEnd(shared, partition) ?? 0) > start,
    ),
  );
  if (left.size === 0) return;
  const reader = openKafkaReader({ ...source, shared, from: new Map(left) });
  const looking = async (): Promise<true> => {
    while (left.size > 0) {
      const { readTo } = await reader.read(KAFKA_READ_BYTES);
      for (const [partition, start] of left) {
        if (readTo(partition) <= start) continue;
        left.delete(partition);
        reader.release(partition);
      }
    }
    return true;
  };
  try {
    if ((await within(looking(), KAFKA_APPEND_MS_MAX)) !== undefined) return;
  } catch (error) {
    if (!isFault(error, 'block_corrupt')) throw error;
    const { partition, byteOffset } = error.location;
    throw new AppError(
      'config_invalid',
      `the topic ${topic.topic} is not the log of a server: its record ${byteOffset} of partition ${partition} is no block of events. ` +
        'Nothing was written to it: set log.kafka.topic to one that only this server writes to, such as one that is not there yet',
      error.location,
      error,
    );
  } finally {
    reader.close();
  }
  const late = new Error(`no answer within ${KAFKA_APPEND_MS_MAX} ms`);
  throw kafkaFault('reading the first records', topic.topic, late);
}
