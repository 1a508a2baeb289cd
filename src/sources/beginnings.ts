/** Where partitions are read on, or begin. */
import type { KafkaCluster, Topic } from '../../storage/kafka/cluster.ts';
import { OFFSET_AT, offsetsAt } from '../../storage/kafka/foreign-fetch.ts';
import type { Assignment } from '../../storage/kafka/group-sharing.ts';
import type { SourceOptions } from './options.ts';
import { PartitionProgress, type Positions } from './partitions.ts';

export interface Beginning {
  readonly topics: readonly Topic[];
  readonly assigned: Assignment;
  readonly committed: Positions;
  readonly start: SourceOptions['start'];
  /** How many partitions topics had at first: later ones are read from their beginning, whatever `start` says. */
  readonly firstCounts: ReadonlyMap<string, number>;
  readonly cluster: KafkaCluster;
}

/** Rejects while a partition that has to be looked at has no leader. */
export async function beginnings(wish: Beginning): Promise<PartitionProgress[]> {
  const found: PartitionProgress[] = [];
  for (const topic of wish.topics) {
    const known = wish.committed.get(topic.name);
    const unknown: number[] = [];
    for (const partition of wish.assigned.get(topic.name) ?? []) {
      const at = known?.get(partition);
      if (at === undefined) unknown.push(partition);
      else found.push(new PartitionProgress(topic.name, partition, at));
    }
    for (const [partition, at] of await firstOffsets(topic, unknown, wish)) {
      const progress = new PartitionProgress(topic.name, partition, at);
      // So that the group remembers where "latest" was.
      progress.committed = -1;
      found.push(progress);
    }
  }
  return found;
}

async function firstOffsets(
  topic: Topic,
  partitions: readonly number[],
  { start, firstCounts, cluster }: Beginning,
): Promise<ReadonlyMap<number, number>> {
  const first = firstCounts.get(topic.name) ?? topic.partitions.length;
  const later = partitions.filter((partition) => partition >= first);
  const present = partitions.filter((partition) => partition < first);
  const atMs = typeof start === 'number' ? start : OFFSET_AT[start];
  const found = new Map([
    ...(await offsetsAt(cluster, topic, present, atMs)),
    ...(await offsetsAt(cluster, topic, later, OFFSET_AT.earliest)),
  ]);
  // Nothing is as new as the time that is asked for.
  const none = partitions.filter((partition) => found.get(partition) === NO_OFFSET);
  const ends = await offsetsAt(cluster, topic, none, OFFSET_AT.latest);
  const missing = partitions.find((partition) => !found.has(partition));
  if (missing === undefined) return new Map([...found, ...ends]);
  throw new Error(`partition ${missing} of topic "${topic.name}" has no broker that leads it`);
}

const NO_OFFSET = -1;
