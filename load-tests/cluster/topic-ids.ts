/** What another client finds in a topic that is the log: how often each id is there. */
import { Kafka, logLevel } from 'kafkajs';
import { Block } from '../../src/model/block.ts';
import { BLOCK_KIND } from '../../src/model/block-format.ts';
import { ROLE } from '../../src/model/columns.ts';

export async function idsIn(
  brokers: readonly string[],
  topic: string,
): Promise<Map<string, number>> {
  const client = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const admin = client.admin();
  await admin.connect();
  const left = new Map<number, number>();
  for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
    if (Number(high) > Number(low)) left.set(partition, Number(high));
  }
  await admin.disconnect();
  const ids = new Map<string, number>();
  if (left.size === 0) return ids;
  const all = Promise.withResolvers<void>();
  const groupId = `${topic}-${process.pid}-${performance.now()}`;
  const consumer = client.consumer({ groupId, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachBatch: async ({ batch }) => {
      for (const { value } of batch.messages) addIds(ids, value as Buffer);
      const end = left.get(batch.partition) ?? 0;
      if (Number(batch.lastOffset()) + 1 >= end) left.delete(batch.partition);
      if (left.size === 0) all.resolve();
    },
  });
  await all.promise;
  await consumer.disconnect();
  return ids;
}

function addIds(ids: Map<string, number>, value: Buffer): void {
  const block = new Block(new Uint8Array(value));
  if (block.kind !== BLOCK_KIND.events) return;
  const column = block.columns.find(({ role }) => role === ROLE.id);
  if (column === undefined) return;
  const { offsets, bytes } = block.entries(column);
  const text = Buffer.from(bytes);
  const codes = new Uint32Array(block.rows);
  block.readCodes(column, codes);
  for (const code of codes) {
    if (code === 0) continue;
    const id = text.toString('utf8', offsets[code - 1], offsets[code]);
    ids.set(id, (ids.get(id) ?? 0) + 1);
  }
}
