import test from 'ava';
import type { Topic } from '../../../storage/kafka/cluster.ts';
import { publishTopic } from '../../../storage/kafka/topic-ends.ts';
import { createLogShared, logEnd, logStart } from '../../../storage/log/log-shared.ts';

const led = { leader: 1, inSync: 1 };
const topic: Topic = { name: 'events', id: 't', clusterId: 'c', partitions: [led, led] };
const log = {
  connection: { brokers: ['127.0.0.1:1'] },
  ...{ topic: 'events', id: 'c/t', offsetBase: 1_000 },
};

const clusterWith = (offsets: { earliest: number[]; latest: number[] }) => ({
  topic: async () => topic,
  offsets: async (_: Topic, which: keyof typeof offsets) => offsets[which],
});

test('what a topic holds is known by the offsets of the log', async (t) => {
  const shared = createLogShared(2, 'kafka');
  shared.applied.set([1_030, 1_000]);
  await publishTopic(clusterWith({ earliest: [10, 0], latest: [30, 0] }), log, shared);
  t.deepEqual([logStart(shared, 0), logEnd(shared, 0)].map(Number), [1_010, 1_030]);
  t.deepEqual([logStart(shared, 1), logEnd(shared, 1)].map(Number), [1_000, 1_000]);
  t.deepEqual([...shared.partitionEnds], [1_030, 0]);
});

test('a topic that ends before what is applied is refused, and another try does not help', async (t) => {
  const shared = createLogShared(2, 'kafka');
  shared.applied.set([1_030, 1_005]);
  const publishing = publishTopic(clusterWith({ earliest: [0, 0], latest: [30, 4] }), log, shared);
  await t.throwsAsync(publishing, {
    code: 'log_truncated',
    message: /ends at 1004 in partition 1, .* applied it up to 1005/,
  });
  t.is(logEnd(shared, 0), undefined);
});

test('nor is one that ends before what is committed, though that is not loaded yet', async (t) => {
  const shared = createLogShared(2, 'kafka');
  const cluster = clusterWith({ earliest: [0, 0], latest: [30, 4] });
  await t.throwsAsync(publishTopic(cluster, log, shared, { committed: [1_030, 1_005] }), {
    code: 'log_truncated',
    message: /ends at 1004 in partition 1, .* applied it up to 1005/,
  });
  await publishTopic(cluster, log, shared, { committed: [1_030, 1_004] });
  t.is(Number(logEnd(shared, 1)), 1_004);
});

test('who tries again anyway is told at once that brokers know no such topic', async (t) => {
  const cluster = { ...clusterWith({ earliest: [], latest: [] }), topic: async () => undefined };
  const publishing = publishTopic(cluster, log, createLogShared(2, 'kafka'), { missingMs: 0 });
  await t.throwsAsync(publishing, { code: 'log_gone' });
});
