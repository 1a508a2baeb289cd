/** Kafka: one node, or a cluster of three, each of them broker and controller. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeSettings } from './files.ts';
import { jarsOf } from './jars.ts';
import { type JavaProgram, runJava } from './java.ts';
import {
  type KafkaSecurity,
  type SecureListener,
  scramArguments,
  securityLines,
  securityProperties,
} from './kafka-security.ts';
import { Part } from './part.ts';
import { HOST, portsOf } from './ports.ts';
import { kafkaAnswers } from './probes.ts';
import { folderOf, type Service, type ServiceOptions, started, stopAll } from './service.ts';

export interface KafkaOptions extends ServiceOptions {
  /** 1, the default; or 3, of which any may be away: topics have three replicas, two of which have to be in sync. */
  readonly nodes?: 1 | 3;
  readonly security?: KafkaSecurity;
  /**
   * Ports of this machine, one of each broker: brokers say that they are reached there, to whoever comes by way of `behind`. Something has to
   * listen there and pass on to `behind`.
   */
  readonly front?: readonly number[];
}

export interface Kafka extends Service {
  /** Such as `127.0.0.1:29006`; of three nodes all, with commas between. PLAINTEXT. */
  readonly bootstrap: string;
  /** The same, one by one. */
  readonly addresses: readonly string[];
  /** The first of the brokers. */
  readonly broker: Part;
  /** In the order of their ids, which count from 1. */
  readonly brokers: readonly Part[];
  /** Where brokers listen for what comes by way of `front`; empty without it. */
  readonly behind: readonly number[];
  /** Of a listener that was asked for. */
  addressesOf(listener: SecureListener): readonly string[];
}

export const KAFKA_PORTS = 2;
const HEAP_MB = { 1: 512, 3: 256 };
const FORMAT_HEAP_MB = 128;
const FORMAT_MS_MAX = 60_000;
/** Any 16 bytes in base64: nodes with another one refuse to talk to these. */
const CLUSTER_ID = 'c3RyZWFtZ2F1Z2UtbG9jYQ';
const WITHOUT_SECURITY: KafkaSecurity = { listeners: [] };
const BEHIND = 'BEHIND';

export async function startKafka(options: KafkaOptions): Promise<Kafka> {
  return await started(openKafka(options));
}

/** Writes its settings; starts nothing. */
export async function openKafka(options: KafkaOptions): Promise<Kafka> {
  const { dir, portsFrom, nodes = 1, security = WITHOUT_SECURITY, front = [] } = options;
  const folder = folderOf(dir, 'kafka');
  const ids = Array.from({ length: nodes }, (_, i) => i + 1);
  const wanted = [
    ...ids.flatMap((id) => namesOf(id, security)),
    ...ids.slice(0, front.length).map((id) => portName(BEHIND, id)),
  ];
  const ports = await portsOf(folder, wanted, portsFrom);
  const portOf = (listener: string, id: number): number => ports[portName(listener, id)] ?? 0;
  const addressesOf = (listener: string) => ids.map((id) => `${HOST}:${portOf(listener, id)}`);
  const voters = ids.map((id) => `${id}@${HOST}:${portOf('CONTROLLER', id)}`).join(',');
  const opened = ids.map((id) =>
    openNode({ ...options, id, nodes, security, portOf: (name) => portOf(name, id), voters }),
  );
  const brokers = opened.map(({ broker }) => broker);
  const addresses = addressesOf('PLAINTEXT');
  const bootstrap = addresses.join(',');
  return {
    bootstrap,
    addresses,
    behind: ids.slice(0, front.length).map((id) => portOf(BEHIND, id)),
    addressesOf,
    broker: brokers[0] as Part,
    brokers,
    parts: brokers,
    address: bootstrap,
    start: async () => {
      // At once: a node of three is ready only when another one is there.
      await Promise.all(opened.map(({ start }) => start()));
    },
    stop: () => stopAll(brokers),
  };
}

interface NodeOptions extends KafkaOptions {
  readonly id: number;
  readonly nodes: 1 | 3;
  readonly security: KafkaSecurity;
  readonly portOf: (listener: string) => number;
  readonly voters: string;
}

function openNode(options: NodeOptions): { readonly broker: Part; start(): Promise<void> } {
  const { dir, id, nodes, security, front, portOf, voters, outlivesUs = false } = options;
  const frontPort = front?.[id - 1];
  const shared = folderOf(dir, 'kafka');
  const folder = nodes === 1 ? shared : join(shared, String(id));
  const conf = join(folder, 'conf');
  const data = join(folder, 'data');
  const behind = frontPort === undefined ? [] : [BEHIND];
  const names = ['PLAINTEXT', ...security.listeners, ...behind];
  const addressed = (port: (name: string) => number | undefined): string =>
    names.map((name) => `${name}://${HOST}:${port(name)}`).join(',');
  writeSettings('kafka', ['server.properties', 'log4j2.properties'], conf, {
    id,
    voters,
    listeners: `${addressed(portOf)},CONTROLLER://${HOST}:${portOf('CONTROLLER')}`,
    advertised: addressed((name) => (name === BEHIND ? frontPort : portOf(name))),
    protocols: [...names, 'CONTROLLER']
      .map((name) => `${name}:${isPlain(name) ? 'PLAINTEXT' : name}`)
      .join(','),
    replicas: nodes,
    insync: nodes === 1 ? 1 : 2,
    security: securityLines(security).join('\n'),
    data,
  });
  const settings = join(conf, 'server.properties');
  const program = async (main: string, args: readonly string[]): Promise<JavaProgram> => ({
    main,
    args,
    classpath: await jarsOf('kafka'),
    heapMb: HEAP_MB[nodes],
    properties: {
      'kafka.logs.dir': folder,
      'log4j2.configurationFile': `file:${join(conf, 'log4j2.properties')}`,
      ...securityProperties(security),
    },
  });
  const broker = new Part({
    name: nodes === 1 ? 'kafka' : `kafka-${id}`,
    ports: [...names, 'CONTROLLER'].map(portOf),
    folder,
    outlivesUs,
    program: () => program('kafka.Kafka', [settings]),
    isReady: () => kafkaAnswers(portOf('PLAINTEXT')),
  });
  const format = async () => {
    if (existsSync(join(data, 'meta.properties'))) return;
    const args = ['format', '-t', CLUSTER_ID, '-c', settings, '--ignore-formatted'];
    await runJava({
      ...(await program('kafka.tools.StorageTool', [...args, ...scramArguments(security)])),
      heapMb: FORMAT_HEAP_MB,
      quickStart: true,
      folder,
      timeoutMs: FORMAT_MS_MAX,
    });
  };
  const start = async () => {
    await format();
    await broker.start();
  };
  return { broker, start };
}

const isPlain = (listener: string): boolean => listener === 'CONTROLLER' || listener === BEHIND;

/** Of the first node the names that folders know from when there was only one. */
function portName(listener: string, id: number): string {
  const name = { PLAINTEXT: 'broker', CONTROLLER: 'controller' }[listener] ?? listener;
  return id === 1 ? name : `${name}-${id}`;
}

const namesOf = (id: number, { listeners }: KafkaSecurity): string[] =>
  ['PLAINTEXT', 'CONTROLLER', ...listeners].map((listener) => portName(listener, id));
