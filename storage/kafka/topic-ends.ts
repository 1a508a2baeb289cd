/** What a topic holds, as its leaders say: asked when a log is opened, until they answer or it has taken too long. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../../src/model/errors.ts';
import { offset } from '../../src/model/units.ts';
import { KAFKA_APPEND_MS_MAX, KAFKA_RETRY_MS_MAX, KAFKA_RETRY_MS_MIN } from '../limits.ts';
import { type LogShared, publishEnd, publishStart } from '../log/log-shared.ts';
import { accessFault } from './access-fault.ts';
import type { KafkaCluster, Topic } from './cluster.ts';
import type { KafkaConnection, KafkaLogSource } from './connection.ts';
import { kafkaFault, kafkaPath } from './faults.ts';
import { TopicWatch } from './topic-watch.ts';

/** What a topic is held against when a log is opened. */
export interface TopicTerms {
  /** How long brokers have to say that there is no such topic until it is gone. Default `KAFKA_MISSING_MS`; 0 for who tries again anyway. */
  readonly missingMs?: number | undefined;
  /** By partition the offset up to which its committed state has the log. Whoever loads it tells `shared` only later. */
  readonly committed?: readonly number[] | undefined;
}

/** Rejects as `openKafkaWriter` does. */
export async function publishTopic(
  cluster: Pick<KafkaCluster, 'topic' | 'offsets'>,
  log: KafkaLogSource,
  shared: LogShared,
  { missingMs, committed = [] }: TopicTerms = {},
): Promise<void> {
  const { connection, topic: name, offsetBase } = log;
  const watch = new TopicWatch(cluster, log, () => undefined, missingMs);
  const publish = async () => {
    const topic = await watch.look();
    checkPartitions(topic, shared.partitions);
    if (topic.partitions.some(({ leader }) => leader < 0))
      throw new Error('a partition has no leader');
    const starts = await cluster.offsets(topic, 'earliest');
    const ends = await cluster.offsets(topic, 'latest');
    const applied = ends.map((_, p) => Math.max(shared.applied[p] as number, committed[p] ?? 0));
    checkEnds(log, applied, ends);
    for (const [partition, end] of ends.entries()) {
      const start = starts[partition] as number;
      if (end > start) shared.partitionEnds[partition] = offsetBase + end;
      publishStart(shared, partition, offset(offsetBase + start));
      publishEnd(shared, partition, offset(offsetBase + end));
    }
  };
  try {
    await answered(connection, name, publish);
  } finally {
    watch.close();
  }
}

/**
 * What each partition of the topic holds now, in the log's offsets. A server that goes on from elsewhere asks before it judges what it
 * has. Rejects as `publishTopic`.
 */
export async function topicBounds(
  cluster: Pick<KafkaCluster, 'topic' | 'offsets'>,
  { connection, topic: name, offsetBase }: KafkaLogSource,
): Promise<{ readonly start: number; readonly end: number }[]> {
  return answered(connection, name, async () => {
    const topic = await cluster.topic(name);
    if (topic === undefined) throw new Error(`no broker knows the topic ${name}`);
    const starts = await cluster.offsets(topic, 'earliest');
    const ends = await cluster.offsets(topic, 'latest');
    return ends.map((end, partition) => ({
      start: offsetBase + (starts[partition] as number),
      end: offsetBase + end,
    }));
  });
}

function checkPartitions({ name, partitions: { length: found } }: Topic, partitions: number): void {
  if (found === partitions) return;
  const message = `the topic ${name} has ${found} partitions, expected ${partitions}: a topic's partitions are those of the server, and stay`;
  throw new AppError('config_invalid', message, { path: kafkaPath(name) });
}

/** What such a topic takes next would lie at offsets that count as applied, and be left out in silence. */
function checkEnds(
  { topic, offsetBase }: KafkaLogSource,
  applied: readonly number[],
  ends: readonly number[],
): void {
  for (const [partition, end] of ends.entries()) {
    const to = applied[partition] as number;
    if (offsetBase + end >= to) continue;
    const message =
      `the topic ${topic} ends at ${offsetBase + end} in partition ${partition}, and this server has applied it up to ${to}: ` +
      'it has lost its end, as it may with one replica after a power cut. Bring back what the brokers had, or start the server again: it looks for an older checkpoint';
    throw new AppError('log_truncated', message, { path: kafkaPath(topic), partition });
  }
}

/** Brokers that have just started, and topics that have just been made, answer after a moment. */
async function answered<T>(
  connection: KafkaConnection,
  topic: string,
  ask: () => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + KAFKA_APPEND_MS_MAX;
  for (let wait = KAFKA_RETRY_MS_MIN; ; wait = Math.min(2 * wait, KAFKA_RETRY_MS_MAX)) {
    try {
      return await ask();
    } catch (cause) {
      if (cause instanceof AppError) throw cause;
      if (performance.now() + wait > deadline) {
        throw accessFault(cause, connection) ?? kafkaFault('asking for the topic', topic, cause);
      }
    }
    await sleep(wait);
  }
}
