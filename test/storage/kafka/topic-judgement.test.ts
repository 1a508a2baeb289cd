import test from 'ava';
import { type FoundTopic, judgeTopic } from '../../../storage/kafka/topic-judgement.ts';
import { RECORD_BYTES_MAX, settingsOf } from '../../../storage/kafka/wanted-topic.ts';

const WANTED = { topic: 'log', partitions: 4, create: true };
const CONNECTION = { brokers: ['kafka:9092'] };
const MADE = settingsOf(WANTED, 3);
const FOUND: FoundTopic = {
  id: 'id',
  clusterId: 'cluster',
  partitions: 4,
  replicas: 3,
  brokers: 3,
  operations: undefined,
  settings: new Map(Object.entries(MADE)),
};
const withSettings = (settings: Record<string, string>): FoundTopic => ({
  ...FOUND,
  settings: new Map(Object.entries({ ...MADE, ...settings })),
});
const warningsOf = (found: FoundTopic, wanted: object = {}) =>
  judgeTopic(found, { ...WANTED, ...wanted }, CONNECTION).warnings;

test('a topic as we make it is right, whatever it keeps', (t) => {
  t.deepEqual(judgeTopic(FOUND, WANTED, CONNECTION), { refusal: undefined, warnings: [] });
  t.is(MADE['min.insync.replicas'], '2');
  t.is(MADE['max.message.bytes'], String(RECORD_BYTES_MAX));
  t.is(settingsOf(WANTED, 1)['min.insync.replicas'], '1');
  t.is(settingsOf({ ...WANTED, minInSyncReplicas: 1 }, 3)['min.insync.replicas'], '1');
});

test('segments are an eighth of what is kept, within bounds that brokers bear', (t) => {
  const segmentOf = (retentionMs: number) =>
    settingsOf({ ...WANTED, retentionMs }, 1)['segment.ms'];
  t.is(segmentOf(8 * 3_600_000), '3600000');
  t.is(segmentOf(3_600_000), '600000');
  t.is(segmentOf(100 * 86_400_000), String(7 * 86_400_000));
  t.is(segmentOf(-1), String(7 * 86_400_000));
});

test('one replica in sync of three is a warning, unless it was wanted', (t) => {
  const weak = withSettings({ 'min.insync.replicas': '1' });
  t.regex(warningsOf(weak).join(), /on one broker alone; expected are 2: kafka-configs\.sh/);
  t.deepEqual(warningsOf(weak, { minInSyncReplicas: 1 }), []);
});

test('fewer replicas than there should be are a warning', (t) => {
  const single = { ...withSettings({ 'min.insync.replicas': '1' }), replicas: 1 };
  t.regex(warningsOf(single).join(), /has 1 replicas of each partition, of 3 brokers/);
  t.deepEqual(warningsOf({ ...single, brokers: 1 }), []);
  t.regex(warningsOf({ ...single, brokers: 1 }, { replication: 3 }).join(), /has 1 replicas/);
});

test('all that is wrong with a topic is told at once, and each warning names it', (t) => {
  const wrong = withSettings({ 'cleanup.policy': 'compact', 'max.message.bytes': '1000012' });
  const { refusal } = judgeTopic({ ...wrong, partitions: 2, operations: 0 }, WANTED, CONNECTION);
  t.is(refusal?.code, 'log_denied');
  t.regex(
    refusal?.message ?? '',
    /^the topic log may not .*; and it has 2 partitions.*; and it has cleanup.*; and it has max\.message/,
  );
  const timed = withSettings({ 'message.timestamp.type': 'CreateTime' });
  t.regex(warningsOf(timed)[0] ?? '', /^the topic log has message\.timestamp\.type=CreateTime: /);
});

test('a topic that can take nothing is refused', (t) => {
  const stuck = { ...withSettings({ 'min.insync.replicas': '3' }), replicas: 2 };
  const { refusal } = judgeTopic(stuck, WANTED, CONNECTION);
  t.is(refusal?.code, 'config_invalid');
  t.regex(
    refusal?.message ?? '',
    /min\.insync\.replicas=3 and 2 replicas.*min\.insync\.replicas=1$/,
  );
});

test('what is compacted and deleted is compacted', (t) => {
  const both = withSettings({ 'cleanup.policy': 'compact,delete' });
  t.regex(
    judgeTopic(both, WANTED, CONNECTION).refusal?.message ?? '',
    /cleanup\.policy=compact,delete/,
  );
});
