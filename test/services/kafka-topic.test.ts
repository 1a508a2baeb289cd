/** The topic that is our log, as real brokers make it, describe it and refuse it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import kafkajs, { type Admin } from 'kafkajs';
import { type Kafka, startKafka } from '../../deploy/local/kafka.ts';
import { prepareTopic } from '../../storage/kafka/kafka-topic.ts';
import { RECORD_BYTES_MAX, type WantedTopic } from '../../storage/kafka/wanted-topic.ts';

const {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  Kafka: KafkaClient,
  logLevel,
  ResourcePatternTypes,
} = kafkajs;
const dir = mkdtempSync(join(tmpdir(), 'streamgauge-kafka-topic-'));
const USERS = { reader: 'aaa', gauge: 'bbb' };
let kafka: Kafka;
let admin: Admin;

test.before(async () => {
  kafka = await startKafka({
    dir,
    security: { listeners: ['SASL_PLAINTEXT'], users: USERS, authorizes: true },
  });
  const client = new KafkaClient({ brokers: [...kafka.addresses], logLevel: logLevel.NOTHING });
  admin = client.admin();
  await admin.connect();
});

test.after.always(async () => {
  await admin?.disconnect();
  await kafka?.stop();
  rmSync(dir, { recursive: true });
});

const plain = () => ({ brokers: kafka.addresses });
const by = (username: keyof typeof USERS) => ({
  brokers: kafka.addressesOf('SASL_PLAINTEXT'),
  sasl: { mechanism: 'SCRAM-SHA-256', username, password: USERS[username] } as const,
});
const wanted = (topic: string, more: Partial<WantedTopic> = {}): WantedTopic => ({
  topic,
  partitions: 3,
  create: true,
  ...more,
});

async function settingsOf(topic: string): Promise<Record<string, string>> {
  const resources = [{ type: 2, name: topic }];
  const described = await admin.describeConfigs({ resources, includeSynonyms: false });
  const entries = described.resources[0]?.configEntries ?? [];
  return Object.fromEntries(
    entries.map(({ configName, configValue }) => [configName, configValue]),
  );
}

async function make(topic: string, settings: Record<string, string>, numPartitions = 3) {
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  const topics = [{ topic, numPartitions, configEntries }];
  await admin.createTopics({ topics, waitForLeaders: false });
}

test('a topic is made with settings that lose nothing, and is the same topic afterwards', async (t) => {
  const made = await prepareTopic(plain(), wanted('made', { retentionMs: 7_200_000 }));
  t.true(made.isNew);
  t.is(made.retentionMs, 7_200_000);
  t.is(made.retentionBytes, undefined);
  t.deepEqual(made.warnings, []);
  const settings = await settingsOf('made');
  t.is(settings['cleanup.policy'], 'delete');
  t.is(settings['max.message.bytes'], String(RECORD_BYTES_MAX));
  t.is(settings['message.timestamp.type'], 'LogAppendTime');
  t.is(settings['retention.ms'], '7200000');
  t.is(settings['segment.ms'], '900000');
  t.is(settings['unclean.leader.election.enable'], 'false');
  const metadata = await admin.fetchTopicMetadata({ topics: ['made'] });
  t.is(metadata.topics[0]?.partitions.length, 3);

  const again = await prepareTopic(plain(), wanted('made'));
  t.deepEqual({ ...again, isNew: true }, made);
  t.regex(made.id, /^[\w-]{8,}/);
});

test('a topic with another number of partitions is refused with what mends it', async (t) => {
  await make('four', { 'max.message.bytes': String(RECORD_BYTES_MAX) }, 4);
  await t.throwsAsync(prepareTopic(plain(), wanted('four')), {
    code: 'config_invalid',
    message: /the topic four has 4 partitions, and the server has 3: set "partitions: 4"/,
  });
  await t.throwsAsync(prepareTopic(plain(), wanted('four', { partitions: 6 })), {
    message:
      /has 4 partitions.*kafka-topics.sh --bootstrap-server \S+ --alter --topic four --partitions 6/,
  });
});

test('a topic that throws blocks away, or takes no large ones, is refused', async (t) => {
  await make('compacted', { 'cleanup.policy': 'compact' });
  await t.throwsAsync(prepareTopic(plain(), wanted('compacted')), {
    code: 'config_invalid',
    message: /cleanup\.policy=compact.*--add-config cleanup\.policy=delete/,
  });
  await make('small', { 'max.message.bytes': '1000000' });
  await t.throwsAsync(prepareTopic(plain(), wanted('small')), {
    code: 'config_invalid',
    message: new RegExp(`max\\.message\\.bytes=1000000.*=${RECORD_BYTES_MAX}$`),
  });
  const unmakable = prepareTopic(plain(), wanted('wide', { replication: 3 }));
  await t.throwsAsync(unmakable, { code: 'config_invalid', message: /cannot be made: .*replic/i });
  await t.throwsAsync(prepareTopic(plain(), wanted('absent', { create: false })), {
    code: 'config_invalid',
    message:
      /log\.kafka\.create is false: kafka-topics\.sh .*--create --topic absent --partitions 3/,
  });
});

test('of a log that was deleted no other is made in its place', async (t) => {
  await t.throwsAsync(prepareTopic(plain(), wanted('lost', { id: 'cluster/topic' })), {
    code: 'log_gone',
    message: /there is no topic lost: the data folder belongs to the log cluster\/topic/,
  });
  t.true((await prepareTopic(plain(), wanted('lost'))).isNew);
});

test('what works and should be mended is a warning with its command', async (t) => {
  await make('odd', {
    'max.message.bytes': String(RECORD_BYTES_MAX),
    'retention.ms': '3600000',
    'unclean.leader.election.enable': 'true',
  });
  const { warnings } = await prepareTopic(plain(), wanted('odd', { retentionMs: 7_200_000 }));
  t.is(warnings.length, 3, warnings.join('\n'));
  t.regex(warnings[0] ?? '', /unclean\.leader\.election\.enable=true.*enable=false$/);
  t.regex(warnings[1] ?? '', /retention\.ms=3600000.*7200000.*--add-config retention\.ms=7200000$/);
  t.regex(warnings[2] ?? '', /CreateTime.*LogAppendTime$/);
});

test('who may not use the topic is told which permission is missing', async (t) => {
  await prepareTopic(plain(), wanted('guarded'));
  await answers(t, 'reader', 'guarded', [
    /^log_denied the topic guarded may not be looked at: kafka-acls\.sh .*User:reader --operation Read --operation Write/,
  ]);
  await allow('reader', 'guarded', ['READ']);
  await answers(t, 'reader', 'guarded', [
    /^log_denied .* \(Write\): kafka-acls\.sh .* User:reader --operation Write --topic guarded$/,
  ]);
  await allow('reader', 'guarded', ['WRITE']);
  await answers(t, 'reader', 'guarded', [/^ready$/, /not checked: .*--operation DescribeConfigs/]);

  await answers(t, 'gauge', 'unmade', [/^log_denied/]);
  await allow('gauge', 'unmade', ['DESCRIBE', 'READ']);
  await answers(t, 'gauge', 'unmade', [
    /^log_denied there is no topic unmade, and we may not make it: .*--operation Create.*; or kafka-topics\.sh/,
  ]);
  await allow('gauge', 'unmade', ['CREATE', 'WRITE', 'DESCRIBE_CONFIGS']);
  await answers(t, 'gauge', 'unmade', [/^ready$/]);
});

test('in a cluster of three each block has three replicas, whichever broker is away', async (t) => {
  const three = await startKafka({ dir: join(dir, 'three'), nodes: 3 });
  t.teardown(() => three.stop());
  const connection = { brokers: three.addresses };
  const made = await prepareTopic(connection, wanted('spread'));
  t.is(made.minInSyncReplicas, 2);
  t.deepEqual(made.warnings, []);
  const client = new KafkaClient({ brokers: [...three.addresses], logLevel: logLevel.NOTHING });
  const clusterAdmin = client.admin();
  await clusterAdmin.connect();
  const { topics } = await clusterAdmin.fetchTopicMetadata({ topics: ['spread'] });
  t.deepEqual(new Set(topics[0]?.partitions.map(({ replicas }) => replicas.length)), new Set([3]));
  const configEntries = [
    { name: 'max.message.bytes', value: String(RECORD_BYTES_MAX) },
    { name: 'min.insync.replicas', value: '1' },
  ];
  const weak = { topic: 'weak', numPartitions: 3, replicationFactor: 3, configEntries };
  await clusterAdmin.createTopics({ topics: [weak], waitForLeaders: false });
  await clusterAdmin.disconnect();
  const { warnings } = await prepareTopic(connection, wanted('weak'));
  t.regex(warnings[0] ?? '', /min\.insync\.replicas=1 with 3 replicas.*=2$/);

  const [first, second] = three.brokers;
  first?.pause();
  t.is((await prepareTopic(connection, wanted('spread'))).id, made.id, 'one hangs');
  first?.resume();
  await second?.kill();
  t.is((await prepareTopic(connection, wanted('spread'))).id, made.id, 'one is dead');
});

/** Brokers learn of a permission a moment after it was given. */
async function answers(
  t: ExecutionContext,
  who: keyof typeof USERS,
  topic: string,
  expected: readonly RegExp[],
): Promise<void> {
  let lines: readonly string[] = [];
  for (let tries = 0; tries < 100; tries++) {
    lines = await prepareTopic(by(who), wanted(topic)).then(
      ({ warnings }) => ['ready', ...warnings],
      ({ code, message }) => [`${code} ${message}`],
    );
    if (lines.length === expected.length && expected.every((line, i) => line.test(lines[i] ?? '')))
      break;
    await sleep(100);
  }
  t.is(lines.length, expected.length, lines.join('; '));
  for (const [i, line] of lines.entries()) t.regex(line, expected[i] as RegExp);
}

async function allow(
  who: string,
  topic: string,
  operations: readonly (keyof typeof AclOperationTypes)[],
) {
  const acl = operations.map((operation) => ({
    resourceType: AclResourceTypes.TOPIC,
    resourceName: topic,
    resourcePatternType: ResourcePatternTypes.LITERAL,
    principal: `User:${who}`,
    host: '*',
    operation: AclOperationTypes[operation],
    permissionType: AclPermissionTypes.ALLOW,
  }));
  await admin.createAcls({ acl });
}
