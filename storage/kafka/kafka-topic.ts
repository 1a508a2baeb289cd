/**
 * The topic that is our log: made as it has to be, or checked, before anything is written to it. A setting that is wrong shows
 * itself only when it is too late, as with a topic that is compacted, or takes no large block.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Connection,
  createTopicsV7,
  describeConfigsV4,
  metadataV12,
  parseBroker,
  ResponseError,
} from '@platformatic/kafka';
import { AppError, isFault } from '../../src/model/errors.ts';
import { KAFKA_MISSING_MS } from '../limits.ts';
import { accessFault, brokerFault, faultsIn } from './access-fault.ts';
import { clientOptions, type KafkaConnection } from './connection.ts';
import { KAFKA_CODE, kafkaError, kafkaPath } from './faults.ts';
import type { TopicIdentity } from './log-id.ts';
import { aclCommand, type FoundTopic, judgeTopic } from './topic-judgement.ts';
import { replicasOf, settingsOf, type WantedTopic } from './wanted-topic.ts';

/** What the topic really has, whatever was wanted. */
export interface PreparedTopic extends TopicIdentity {
  readonly isNew: boolean;
  readonly minInSyncReplicas: number;
  /** Undefined: for ever, or nobody tells us. */
  readonly retentionMs: number | undefined;
  /** Of each partition. Undefined as `retentionMs`. */
  readonly retentionBytes: number | undefined;
  /** What should be mended, though it works. */
  readonly warnings: readonly string[];
}

const PORT = 9092;
/** A broker that hangs takes connections, and answers nothing: another one is asked then. */
const TIMES_MAX = { connectTimeout: 3_000, requestTimeout: 5_000 };
/** Of making a topic, before the broker answers that it could not. */
const CREATE_MS_MAX = 4_000;
/** Brokers that have just started do not know each other yet. */
const PATIENCE_MS = 10_000;
const RETRY_MS = 250;
/** Until the brokers know a topic that was just made. */
const APPEARS_MS_MAX = 15_000;
const POLL_MS = 100;
const TOPIC = 2;
/** Brokers that do not tell. */
const UNTOLD = -(2 ** 31);

/**
 * Rejects with `config_invalid` if the topic cannot be our log, `log_denied` if we are not let in or may not use it, `log_gone`
 * if there is none though it has an id, and `log_away` while brokers are out of reach; each says what mends it.
 *
 * @param onMissing told each time that a broker answers, and knows no such topic though it has an id: it may have just started
 */
export async function prepareTopic(
  connection: KafkaConnection,
  wanted: WantedTopic,
  onMissing: () => void = () => undefined,
): Promise<PreparedTopic> {
  const startedAt = performance.now();
  let missingSince: number | undefined;
  const faults = new Map<string, unknown>();
  for (;;) {
    for (const broker of connection.brokers) {
      try {
        return await prepareBy(broker, connection, wanted);
      } catch (error) {
        const known = error instanceof AppError ? error : accessFault(error, connection);
        faults.set(broker, error);
        if (isFault(known, 'log_gone')) onMissing();
        else if (known !== undefined) throw known;
      }
    }
    const now = performance.now();
    const gone = [...faults.values()].find((fault) => isFault(fault, 'log_gone'));
    missingSince = gone && (missingSince ?? now);
    if (missingSince !== undefined && now - missingSince >= KAFKA_MISSING_MS) throw gone;
    if (now - startedAt > PATIENCE_MS) {
      const all = new AggregateError(faults.values());
      throw gone ?? brokerFault('looking at the topic', wanted.topic, all, connection);
    }
    await sleep(RETRY_MS);
  }
}

/** All by one broker: where it cannot do something itself it knows who can. */
async function prepareBy(
  address: string,
  connection: KafkaConnection,
  wanted: WantedTopic,
): Promise<PreparedTopic> {
  const { clientId, bootstrapBrokers: _, ...secure } = await clientOptions(connection);
  const broker = new Connection(clientId, { ...TIMES_MAX, ...secure });
  // Whoever waits for an answer is told as well; without a listener the fault would end the process.
  broker.on('error', () => undefined);
  const { host, port } = parseBroker(address, PORT);
  try {
    await broker.connect(host, port);
    const there = await describe(broker, connection, wanted.topic);
    if (there === undefined) await create(broker, connection, wanted);
    const found = there ?? (await appeared(broker, connection, wanted.topic));
    const { refusal, warnings } = judgeTopic(found, wanted, connection);
    if (refusal !== undefined) throw refusal;
    return {
      clusterId: found.clusterId,
      id: found.id,
      isNew: there === undefined,
      minInSyncReplicas: Number(found.settings?.get('min.insync.replicas') ?? 1),
      retentionMs: bound(found.settings?.get('retention.ms')),
      retentionBytes: bound(found.settings?.get('retention.bytes')),
      warnings,
    };
  } finally {
    await broker.close();
  }
}

/** Undefined if there is none, as far as we may know. */
async function describe(
  broker: Connection,
  connection: KafkaConnection,
  name: string,
): Promise<FoundTopic | undefined> {
  const { brokers, clusterId, topics } = await metadataOf(broker, name);
  const topic = topics.find((each) => each.name === name);
  if (topic === undefined || topic.errorCode === KAFKA_CODE.unknownTopic) return undefined;
  if (topic.errorCode === KAFKA_CODE.topicAuthorizationFailed) {
    const command = aclCommand(['Read', 'Write', 'Describe'], connection, name);
    throw denied(name, `the topic ${name} may not be looked at: ${command}`);
  }
  if (topic.errorCode !== 0) throw new Error(kafkaError(topic.errorCode));
  const operations = topic.topicAuthorizedOperations;
  return {
    id: topic.topicId,
    clusterId: clusterId ?? '',
    partitions: topic.partitions.length,
    replicas: Math.min(...topic.partitions.map(({ replicaNodes }) => replicaNodes.length)),
    brokers: brokers.length,
    operations: operations === UNTOLD ? undefined : operations,
    settings: await settingsThere(broker, name),
  };
}

type Metadata = Awaited<ReturnType<typeof metadataV12.api.async>>;

/** Errors of the topic are part of the answer. Without a name: of the brokers alone. */
async function metadataOf(broker: Connection, name?: string): Promise<Metadata> {
  try {
    return await metadataV12.api.async(broker, name === undefined ? [] : [name], false, true);
  } catch (error) {
    if (error instanceof ResponseError) return error['response'];
    throw error;
  }
}

async function settingsThere(
  broker: Connection,
  name: string,
): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    const resources = [{ resourceType: TOPIC, resourceName: name } as const];
    const { results } = await describeConfigsV4.api.async(broker, resources, false, false);
    return new Map(
      results[0]?.configs.flatMap((config) =>
        typeof config.value === 'string' ? [[config.name, config.value] as const] : [],
      ),
    );
  } catch (error) {
    if (codesIn(error).has(KAFKA_CODE.topicAuthorizationFailed)) return undefined;
    throw error;
  }
}

async function create(
  broker: Connection,
  connection: KafkaConnection,
  wanted: WantedTopic,
): Promise<void> {
  const { topic: name, partitions, id } = wanted;
  if (id !== undefined) {
    throw new AppError(
      'log_gone',
      `there is no topic ${name}: the data folder belongs to the log ${id}, and another topic would not be that. ` +
        'Bring back the topic, or begin with an empty data folder',
      { path: kafkaPath(name) },
    );
  }
  const { brokers } = await metadataOf(broker);
  const replicas = replicasOf(wanted, brokers.length);
  const settings = settingsOf(wanted, replicas);
  const configs = Object.entries(settings).map(([name, value]) => ({ name, value }));
  const options = configs.map((config) => `--config ${config.name}=${config.value}`).join(' ');
  const byHand = `kafka-topics.sh --bootstrap-server ${connection.brokers[0]} --create --topic ${name} --partitions ${partitions} --replication-factor ${replicas} ${options}`;
  if (!wanted.create) {
    throw new AppError(
      'config_invalid',
      `there is no topic ${name}, and log.kafka.create is false: ${byHand}`,
      { path: kafkaPath(name) },
    );
  }
  try {
    const topic = { name, numPartitions: partitions, replicationFactor: replicas, configs };
    await createTopicsV7.api.async(broker, [{ ...topic, assignments: [] }], CREATE_MS_MAX, false);
  } catch (error) {
    const codes = codesIn(error);
    // Somebody else was faster: that one is checked.
    if (codes.has(KAFKA_CODE.topicExists)) return;
    const isDenied =
      codes.has(KAFKA_CODE.topicAuthorizationFailed) ||
      codes.has(KAFKA_CODE.clusterAuthorizationFailed);
    if (!isDenied) throw refusedOf(error, name);
    throw denied(
      name,
      `there is no topic ${name}, and we may not make it: ${aclCommand(['Create'], connection, name)}; or ${byHand}`,
    );
  }
}

/** Of settings that the brokers do not take, such as more replicas than there are brokers. */
function refusedOf(error: unknown, name: string): unknown {
  for (const fault of faultsIn(error)) {
    if (!('apiCode' in fault) || ('canRetry' in fault && fault.canRetry === true)) continue;
    const said = 'serverErrorMessage' in fault ? fault.serverErrorMessage : undefined;
    const why = typeof said === 'string' ? said : fault.message;
    return new AppError(
      'config_invalid',
      `the topic ${name} cannot be made: ${why}`,
      { path: kafkaPath(name) },
      error,
    );
  }
  return error;
}

async function appeared(
  broker: Connection,
  connection: KafkaConnection,
  name: string,
): Promise<FoundTopic> {
  const deadline = performance.now() + APPEARS_MS_MAX;
  for (;;) {
    const found = await describe(broker, connection, name).catch((error: unknown) => {
      if (performance.now() > deadline || error instanceof AppError) throw error;
    });
    if (found !== undefined) return found;
    if (performance.now() > deadline) {
      throw new Error(`the brokers do not know the topic that they have made`);
    }
    await sleep(POLL_MS);
  }
}

/** Of a setting in which -1 is none. */
function bound(value: string | undefined): number | undefined {
  const number = Number(value ?? -1);
  return number < 0 ? undefined : number;
}

const codesIn = (error: unknown): ReadonlySet<unknown> =>
  new Set([...faultsIn(error)].map((fault) => ('apiCode' in fault ? fault.apiCode : undefined)));

const denied = (name: string, why: string): AppError =>
  new AppError('log_denied', why, { path: kafkaPath(name) });
