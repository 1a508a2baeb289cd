/** Whether a topic can be our log: pure, with what was expected, what is there and the command that mends it. */
import { AppError } from '../../src/model/errors.ts';
import type { KafkaConnection } from './connection.ts';
import { kafkaPath } from './faults.ts';
import type { TopicIdentity } from './log-id.ts';
import { RECORD_BYTES_MAX, type WantedTopic } from './wanted-topic.ts';

/** A topic as brokers describe it. */
export interface FoundTopic extends TopicIdentity {
  readonly partitions: number;
  /** Of the partition that has the fewest. */
  readonly replicas: number;
  /** That are alive. */
  readonly brokers: number;
  /** Bits of what we may do with it; undefined if the brokers do not tell. */
  readonly operations: number | undefined;
  /** By name; undefined if we may not read them. */
  readonly settings: ReadonlyMap<string, string> | undefined;
}

export interface TopicJudgement {
  readonly refusal: AppError | undefined;
  readonly warnings: readonly string[];
}

/** Bits of the protocol. */
const OPERATIONS = { Read: 3, Write: 4, Describe: 8 } as const;
const FOR_EVER = -1;

export function judgeTopic(
  found: FoundTopic,
  wanted: WantedTopic,
  connection: KafkaConnection,
): TopicJudgement {
  const { topic } = wanted;
  const denied = deniedOf(found, wanted, connection);
  const wrong = [
    ...denied,
    ...wrongPartitions(found, wanted, connection),
    ...wrongSettings(found, wanted, connection),
  ];
  if (wrong.length > 0) {
    const code = denied.length > 0 ? 'log_denied' : 'config_invalid';
    const message = `the topic ${topic} ${wrong.join('; and it ')}`;
    return { refusal: new AppError(code, message, { path: kafkaPath(topic) }), warnings: [] };
  }
  const warnings = warningsOf(found, wanted, connection);
  return {
    refusal: undefined,
    warnings: warnings.map((warning) => `the topic ${topic} ${warning}`),
  };
}

/** Sets what is given, as an operator would. */
export const configCommand = (
  { brokers }: KafkaConnection,
  topic: string,
  settings: Readonly<Record<string, string | number>>,
): string =>
  `kafka-configs.sh --bootstrap-server ${brokers[0]} --entity-type topics --entity-name ${topic} --alter --add-config ${Object.entries(
    settings,
  )
    .map(([name, value]) => `${name}=${value}`)
    .join(',')}`;

export function aclCommand(
  operations: readonly string[],
  { brokers, sasl }: KafkaConnection,
  topic: string,
): string {
  const who = sasl?.username ?? '…';
  const wanted = operations.map((operation) => `--operation ${operation}`).join(' ');
  return `kafka-acls.sh --bootstrap-server ${brokers[0]} --add --allow-principal User:${who} ${wanted} --topic ${topic}`;
}

function deniedOf(
  { operations }: FoundTopic,
  { topic }: WantedTopic,
  connection: KafkaConnection,
): string[] {
  if (operations === undefined) return [];
  const missing = Object.entries(OPERATIONS).flatMap(([name, bit]) =>
    (operations & (1 << bit)) === 0 ? [name] : [],
  );
  if (missing.length === 0) return [];
  const command = aclCommand(missing, connection, topic);
  return [`may not be used as it has to be (${missing.join(', ')}): ${command}`];
}

function wrongPartitions(
  { partitions }: FoundTopic,
  wanted: WantedTopic,
  { brokers }: KafkaConnection,
): string[] {
  if (partitions === wanted.partitions) return [];
  const is = `has ${partitions} partitions, and the server has ${wanted.partitions}`;
  const set = `${is}: set "partitions: ${partitions}" for a data folder that is new, or choose another topic; a cluster keeps the number that it began with`;
  if (partitions > wanted.partitions) return [set];
  // Partitions cannot be taken away again, and servers that use the topic would not start any more.
  return [
    `${set}; if no server has used this one yet, kafka-topics.sh --bootstrap-server ${brokers[0]} --alter --topic ${wanted.topic} --partitions ${wanted.partitions}`,
  ];
}

function wrongSettings(
  { settings, replicas }: FoundTopic,
  { topic }: WantedTopic,
  connection: KafkaConnection,
): string[] {
  const wrong: string[] = [];
  const policy = settings?.get('cleanup.policy') ?? 'delete';
  if (policy !== 'delete') {
    const command = configCommand(connection, topic, { 'cleanup.policy': 'delete' });
    wrong.push(
      `has cleanup.policy=${policy}, which takes no blocks without a key and throws others away; expected is delete: ${command}`,
    );
  }
  const bytesMax = Number(settings?.get('max.message.bytes') ?? RECORD_BYTES_MAX);
  if (bytesMax < RECORD_BYTES_MAX) {
    const command = configCommand(connection, topic, { 'max.message.bytes': RECORD_BYTES_MAX });
    wrong.push(
      `has max.message.bytes=${bytesMax}, and our largest block is a record of up to ${RECORD_BYTES_MAX}: ${command}`,
    );
  }
  const inSync = Number(settings?.get('min.insync.replicas') ?? 1);
  if (inSync > replicas) {
    const command = configCommand(connection, topic, {
      'min.insync.replicas': Math.max(1, replicas - 1),
    });
    wrong.push(
      `has min.insync.replicas=${inSync} and ${replicas} replicas, so that it takes nothing: ${command}`,
    );
  }
  return wrong;
}

function warningsOf(
  { settings, replicas, brokers }: FoundTopic,
  wanted: WantedTopic,
  connection: KafkaConnection,
): string[] {
  const { topic, replication, minInSyncReplicas, retentionMs, retentionBytes } = wanted;
  const warnings: string[] = [];
  if (replicas < (replication ?? Math.min(2, brokers))) {
    warnings.push(
      `has ${replicas} replicas of each partition, of ${brokers} brokers: with a broker's disk acknowledged events may be lost; more are made with kafka-reassign-partitions.sh`,
    );
  }
  if (settings === undefined) {
    warnings.push(
      `does not show us its settings, so they are not checked: ${aclCommand(['DescribeConfigs'], connection, topic)}`,
    );
    return warnings;
  }
  const set = (values: Readonly<Record<string, string | number>>) =>
    configCommand(connection, topic, values);
  const inSync = Number(settings.get('min.insync.replicas') ?? 1);
  const inSyncWanted = minInSyncReplicas ?? Math.max(1, replicas - 1);
  if (inSync < inSyncWanted) {
    warnings.push(
      `has min.insync.replicas=${inSync} with ${replicas} replicas: an event may be acknowledged that is on ${inSync === 1 ? 'one broker' : `${inSync} brokers`} alone; expected are ${inSyncWanted}: ${set({ 'min.insync.replicas': inSyncWanted })}`,
    );
  }
  if (settings.get('unclean.leader.election.enable') === 'true') {
    warnings.push(
      `has unclean.leader.election.enable=true: a broker that lacks acknowledged events may become leader, and they are lost; ${set({ 'unclean.leader.election.enable': 'false' })}`,
    );
  }
  const kept = [
    ['retention.ms', retentionMs],
    ['retention.bytes', retentionBytes],
  ] as const;
  for (const [setting, value] of kept) {
    const is = Number(settings.get(setting) ?? FOR_EVER);
    if (value === undefined || is === value) continue;
    warnings.push(
      `has ${setting}=${is}, and the configuration says ${value}, which is for topics that the server makes: ${set({ [setting]: value })}`,
    );
  }
  const isForEver = Number(settings.get('retention.ms') ?? FOR_EVER) === FOR_EVER;
  if (!isForEver && settings.get('message.timestamp.type') === 'CreateTime') {
    warnings.push(
      `has message.timestamp.type=CreateTime: if the clock of this machine is behind, brokers delete what is not old; ${set({ 'message.timestamp.type': 'LogAppendTime' })}`,
    );
  }
  return warnings;
}
