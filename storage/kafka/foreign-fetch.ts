/** Asking a broker for records that other programs wrote: several topics at once, and only what is committed. */
import { fetchV13, listOffsetsV7, type Reader } from '@platformatic/kafka';
import { FOREIGN_FETCH_BYTES, FOREIGN_PARTITION_BYTES, KAFKA_FETCH_WAIT_MS } from '../limits.ts';
import { apiOf, byLeader, type KafkaCluster, type Topic } from './cluster.ts';
import { kafkaError } from './faults.ts';
import type { AbortedTransaction } from './foreign-records.ts';

export interface ForeignFetched {
  readonly topicId: string;
  readonly partition: number;
  readonly errorCode: number;
  /** Behind the newest record that may be read: one of an open transaction may not. Negative with an error. */
  readonly end: number;
  readonly start: number;
  readonly aborted: readonly AbortedTransaction[];
  readonly records: Buffer | undefined;
}

export interface ForeignWish {
  readonly topicId: string;
  readonly partition: number;
  readonly offset: number;
}

const FETCH = apiOf(1, 13, parseFetched);
const LIST_OFFSETS = apiOf(2, 7, listOffsetsV7.parseResponse);
const READ_COMMITTED = 1;
const NO_SESSION = { id: 0, epoch: -1 } as const;
const NO_REPLICA = -1;
const NO_EPOCH = -1;
/** Asked for by these in place of a time. */
export const OFFSET_AT = { earliest: -2, latest: -1 } as const;

/** Answered as soon as there is something, or with nothing after a moment. The first wish that has something gets the room first. */
export async function fetchForeign(
  cluster: KafkaCluster,
  node: number,
  wishes: readonly ForeignWish[],
): Promise<readonly ForeignFetched[]> {
  const topics = new Map<string, ForeignWish[]>();
  for (const wish of wishes) {
    const known = topics.get(wish.topicId);
    if (known === undefined) topics.set(wish.topicId, [wish]);
    else known.push(wish);
  }
  const wanted = [...topics].map(([topicId, partitions]) => ({
    topicId,
    partitions: partitions.map(({ partition, offset }) => ({
      partition,
      currentLeaderEpoch: NO_EPOCH,
      fetchOffset: BigInt(offset),
      lastFetchedEpoch: NO_EPOCH,
      partitionMaxBytes: FOREIGN_PARTITION_BYTES,
    })),
  }));
  const answer = await cluster.request(node, FETCH, () =>
    fetchV13.createRequest(
      KAFKA_FETCH_WAIT_MS,
      1,
      FOREIGN_FETCH_BYTES,
      READ_COMMITTED,
      NO_SESSION.id,
      NO_SESSION.epoch,
      wanted,
      [],
      '',
    ),
  );
  if (answer.errorCode !== 0) throw new Error(kafkaError(answer.errorCode));
  return answer.partitions;
}

/** Of the partitions that have a leader: the first offset at or behind that time, or -1 if there is none. */
export async function offsetsAt(
  cluster: KafkaCluster,
  topic: Topic,
  partitions: readonly number[],
  atMs: number,
): Promise<ReadonlyMap<number, number>> {
  const found = new Map<number, number>();
  for (const [node, led] of byLeader(topic, partitions)) {
    const wanted = led.map((partitionIndex) => ({
      partitionIndex,
      currentLeaderEpoch: NO_EPOCH,
      timestamp: BigInt(atMs),
    }));
    const answer = await cluster.request(node, LIST_OFFSETS, () =>
      listOffsetsV7.createRequest(NO_REPLICA, READ_COMMITTED, [
        { name: topic.name, partitions: wanted },
      ]),
    );
    for (const { partitionIndex, errorCode, offset } of answer.topics[0]?.partitions ?? []) {
      if (errorCode !== 0) throw new Error(kafkaError(errorCode));
      found.set(partitionIndex, Number(offset));
    }
  }
  return found;
}

interface Answer {
  readonly errorCode: number;
  readonly partitions: readonly ForeignFetched[];
}

function parseFetched(_id: number, _key: number, _version: number, reader: Reader): Answer {
  reader.readInt32(); // throttle time
  const errorCode = reader.readInt16();
  reader.readInt32(); // session
  const topics = reader.readArray((each) => {
    const topicId = each.readUUID();
    return each.readArray((one) => parsePartition(one, topicId));
  });
  return { errorCode, partitions: topics.flat() };
}

function parsePartition(reader: Reader, topicId: string): ForeignFetched {
  const partition = reader.readInt32();
  const errorCode = reader.readInt16();
  reader.readInt64(); // high watermark
  const end = Number(reader.readInt64());
  const start = Number(reader.readInt64());
  const aborted = reader.readNullableArray((each) => ({
    producerId: each.readInt64(),
    firstOffset: each.readInt64(),
  }));
  reader.readInt32(); // preferred replica
  const records = reader.readNullableBytes() ?? undefined;
  return { topicId, partition, errorCode, end, start, aborted: aborted ?? [], records };
}
