/**
 * A cluster of Kafka as a log needs it: who leads which partition of a topic, and one connection to each broker that is
 * asked something. Retries nothing: what is to be done about a fault, and for how long, its users know.
 */
import {
  type Broker,
  Connection,
  initProducerIdV4,
  listOffsetsV7,
  metadataV12,
  parseBroker,
  type Reader,
  ResponseError,
  type Writer,
} from '@platformatic/kafka';
import { KAFKA_CONNECT_MS_MAX, KAFKA_REQUEST_MS_MAX } from '../limits.ts';
import { clientOptions, type KafkaConnection } from './connection.ts';
import { KAFKA_CODE, kafkaError, messageOf } from './faults.ts';
import type { TopicIdentity } from './log-id.ts';

/** A request of the protocol in one version, and how its answer is read. */
export interface KafkaApi<Answer> {
  readonly key: number;
  readonly version: number;
  readonly parse: (id: number, key: number, version: number, reader: Reader) => Answer;
}

export interface Topic extends TopicIdentity {
  readonly name: string;
  readonly partitions: readonly TopicPartition[];
}

export interface TopicPartition {
  /** The node that leads it; negative while there is none. */
  readonly leader: number;
  /** Replicas that have all of it. */
  readonly inSync: number;
}

/** By which brokers know what a producer has sent; one of a newer epoch ends what an older one still sends. */
export interface ProducerName {
  readonly id: bigint;
  readonly epoch: number;
}

const PORT = 9092;
const READ_UNCOMMITTED = 0;
const NO_REPLICA = -1;
const NO_EPOCH = -1;
const TIMES = { earliest: -2n, latest: -1n } as const;

const METADATA = apiOf(3, 12, metadataV12.parseResponse);
const LIST_OFFSETS = apiOf(2, 7, listOffsetsV7.parseResponse);
const INIT_PRODUCER_ID = apiOf(22, 4, initProducerIdV4.parseResponse);

export class KafkaCluster {
  readonly #settings: KafkaConnection;
  readonly #requestMsMax: number;
  readonly #connections = new Map<number, Promise<Connection>>();
  #brokers: ReadonlyMap<number, Broker> = new Map();
  /** Which broker is asked first next time: one with an old view must not be the only one that is asked. */
  #turn = 0;
  #closed = false;

  /** A broker whose answer takes longer hangs: its connection is ended. */
  constructor(settings: KafkaConnection, requestMsMax = KAFKA_REQUEST_MS_MAX) {
    this.#settings = settings;
    this.#requestMsMax = requestMsMax;
  }

  /**
   * The topic as the first broker says that knows it, undefined if none that answers knows one of this name. On a connection of
   * its own, since in the others a request may wait behind one that takes long.
   *
   * @param signal here and below: rejects as soon as it is aborted, and says its reason
   */
  async topic(name: string, signal?: AbortSignal): Promise<Topic | undefined> {
    const faults: unknown[] = [];
    let isUnknown = false;
    for (const broker of this.#brokersInTurn()) {
      if (signal?.aborted) break;
      try {
        const found = this.#learn(name, await this.#metadata(broker, name, signal));
        if (found !== undefined) return found;
        // It may have just started.
        isUnknown = true;
      } catch (fault) {
        faults.push(fault);
      }
    }
    if (isUnknown) return undefined;
    const asked = this.#settings.brokers.join(', ');
    throw new AggregateError(faults, `no broker answers, of ${asked}: ${faults.map(messageOf)}`);
  }

  /** Rejects when the connection fails or the answer takes too long. A broker answers the requests of one connection in order. */
  async request<Answer>(
    node: number,
    api: KafkaApi<Answer>,
    payload: () => Writer,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const connection = await unlessAborted(this.#connectionTo(node), signal);
    return unlessAborted(ask(connection, api, payload), signal);
  }

  /** The offset of the oldest record of each partition, or the one behind its newest. */
  async offsets(topic: Topic, which: keyof typeof TIMES): Promise<number[]> {
    const found: number[] = [];
    for (const [node, partitions] of byLeader(topic, topic.partitions.keys())) {
      const wanted = partitions.map((partitionIndex) => ({
        partitionIndex,
        currentLeaderEpoch: NO_EPOCH,
        timestamp: TIMES[which],
      }));
      const answer = await this.request(node, LIST_OFFSETS, () =>
        listOffsetsV7.createRequest(NO_REPLICA, READ_UNCOMMITTED, [
          { name: topic.name, partitions: wanted },
        ]),
      );
      for (const { partitionIndex, errorCode, offset } of answer.topics[0]?.partitions ?? []) {
        if (errorCode !== 0) throw new Error(kafkaError(errorCode));
        found[partitionIndex] = Number(offset);
      }
    }
    return found;
  }

  /** One that nobody had. */
  async producer(node: number, signal?: AbortSignal): Promise<ProducerName> {
    const payload = () => initProducerIdV4.createRequest(null, KAFKA_REQUEST_MS_MAX);
    const { errorCode, producerId, producerEpoch } = await this.request(
      node,
      INIT_PRODUCER_ID,
      payload,
      signal,
    );
    if (errorCode !== 0) throw new Error(kafkaError(errorCode));
    return { id: producerId, epoch: producerEpoch };
  }

  /** Ends the connection to a node at once: what waits in it rejects, and the next request makes another. */
  drop(node: number): void {
    const connection = this.#connections.get(node);
    this.#connections.delete(node);
    void connection?.then(end).catch(() => undefined);
  }

  dropAll(): void {
    for (const node of [...this.#connections.keys()]) this.drop(node);
  }

  close(): void {
    this.#closed = true;
    this.dropAll();
  }

  *#brokersInTurn(): Generator<Broker> {
    const given = this.#settings.brokers.map((broker) => parseBroker(broker, PORT));
    const named = [...given, ...this.#brokers.values()].map(
      (broker) => [`${broker.host}:${broker.port}`, broker] as const,
    );
    const all = [...new Map(named).values()];
    this.#turn += 1;
    for (let i = 0; i < all.length; i++) yield all[(this.#turn + i) % all.length] as Broker;
  }

  async #metadata(
    broker: Broker,
    name: string,
    signal: AbortSignal | undefined,
  ): Promise<metadataV12.MetadataResponse> {
    const connecting = this.#connect(broker, KAFKA_CONNECT_MS_MAX);
    try {
      const connection = await unlessAborted(connecting, signal);
      const payload = () => metadataV12.createRequest([name], false, false);
      return await unlessAborted(ask(connection, METADATA, payload), signal);
    } finally {
      void connecting.then(end).catch(() => undefined);
    }
  }

  #learn(
    name: string,
    { brokers, clusterId, topics }: metadataV12.MetadataResponse,
  ): Topic | undefined {
    if (brokers.length > 0) this.#brokers = new Map(brokers.map((each) => [each.nodeId, each]));
    const found = topics.find((topic) => topic.name === name);
    // A topic that may not be looked at is none of its own accord, but not deleted.
    if (found?.errorCode === KAFKA_CODE.topicAuthorizationFailed) {
      throw new Error(kafkaError(found.errorCode));
    }
    if (found === undefined || found.partitions.length === 0) return undefined;
    const partitions: TopicPartition[] = [];
    for (const { partitionIndex, leaderId, isrNodes } of found.partitions) {
      partitions[partitionIndex] = { leader: leaderId, inSync: isrNodes.length };
    }
    return { name, id: found.topicId, clusterId: clusterId ?? '', partitions };
  }

  #connectionTo(node: number): Promise<Connection> {
    const made = this.#connections.get(node);
    if (made !== undefined) return made;
    const making = this.#connectToNode(node);
    const forget = () => {
      if (this.#connections.get(node) === making) this.#connections.delete(node);
    };
    this.#connections.set(node, making);
    making.then((connection) => connection.once('close', forget), forget);
    return making;
  }

  async #connectToNode(node: number): Promise<Connection> {
    const broker = this.#brokers.get(node);
    if (broker === undefined) throw new Error(`the cluster has no broker ${node}`);
    return await this.#connect(broker);
  }

  async #connect({ host, port }: Broker, requestMsMax = this.#requestMsMax): Promise<Connection> {
    const { clientId, bootstrapBrokers: _, ...secure } = await clientOptions(this.#settings);
    const connection = new Connection(clientId, {
      connectTimeout: KAFKA_CONNECT_MS_MAX,
      requestTimeout: requestMsMax,
      ...secure,
    });
    // Whoever waits for an answer is told as well; without a listener the fault would end the process.
    connection.on('error', () => undefined);
    await connection.connect(host, port);
    if (!this.#closed) return connection;
    end(connection);
    throw new Error('closed');
  }
}

/** The partitions by the node that leads them; those without a leader are left out. */
export function byLeader(topic: Topic, partitions: Iterable<number>): Map<number, number[]> {
  const found = new Map<number, number[]>();
  for (const partition of partitions) {
    const leader = topic.partitions[partition]?.leader ?? -1;
    if (leader < 0) continue;
    const led = found.get(leader);
    if (led === undefined) found.set(leader, [partition]);
    else led.push(partition);
  }
  return found;
}

/** The client's parsers throw when some part of an answer is an error; here the answer is given, with its error codes. */
export function apiOf<Answer>(
  key: number,
  version: number,
  parse: KafkaApi<Answer>['parse'],
): KafkaApi<Answer> {
  const tolerant: KafkaApi<Answer>['parse'] = (...given) => {
    try {
      return parse(...given);
    } catch (error) {
      if (error instanceof ResponseError) return error['response'];
      throw error;
    }
  };
  return { key, version, parse: tolerant };
}

function ask<Answer>(
  connection: Connection,
  { key, version, parse }: KafkaApi<Answer>,
  payload: () => Writer,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    connection.send<Answer>(key, version, payload, parse, true, true, (error, answer) => {
      if (error) reject(error);
      else resolve(answer as Answer);
    });
  });
}

/** As `promise`; what becomes of that later is nobody's affair. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** At once, whatever is on its way; and it is not authenticated anew any more. */
function end(connection: Connection): void {
  void connection.close();
  connection.socket.destroy();
}
