/** Several nodes over one real topic and one archive, each a process of its own; one of them reaches the brokers by a cable that can be cut. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Kafka, startKafka } from '../../deploy/local/kafka.ts';
import { Server } from '../server.ts';
import { CutProxy } from './cut-proxy.ts';

export interface ClusterSceneOptions {
  readonly folder: string;
  readonly names: readonly string[];
  readonly partitions: number;
  readonly brokers?: 1 | 3;
  readonly topic?: string;
  /** Keys of the configuration of all nodes that differ. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface ClusterNode {
  readonly name: string;
  readonly server: Server;
}

export class ClusterScene {
  readonly kafka: Kafka;
  readonly topic: string;
  readonly archiveDir: string;
  readonly nodes: readonly ClusterNode[];
  /** Between the last of the nodes and each of the brokers. */
  readonly cables: readonly CutProxy[];

  /** The brokers run, the nodes do not. */
  static async open(options: ClusterSceneOptions): Promise<ClusterScene> {
    const { folder, names, partitions, brokers = 1, topic = 'log', config = {} } = options;
    mkdirSync(folder, { recursive: true });
    const cables: CutProxy[] = [];
    for (let broker = 0; broker < brokers; broker++) cables.push(await CutProxy.open());
    const front = cables.map(({ port }) => port);
    const kafka = await startKafka({ dir: folder, nodes: brokers, front });
    for (const [i, cable] of cables.entries()) cable.target = kafka.behind[i] ?? 0;
    const secretFile = join(folder, 'cluster.secret');
    writeFileSync(secretFile, randomBytes(32).toString('hex'));
    const archiveDir = join(folder, `${topic}-archive`);
    const nodes: ClusterNode[] = [];
    for (const [i, name] of names.entries()) {
      const isLast = i === names.length - 1;
      const addresses = isLast ? front.map((port) => `127.0.0.1:${port}`) : kafka.addresses;
      const server = await Server.prepare({
        folder: join(folder, `${topic}-${name}`),
        partitions,
        config: (queryPort) => ({
          log: { type: 'kafka', kafka: { brokers: [...addresses], topic } },
          archive: { local: { dir: archiveDir }, cut: { ageMaxMs: '2s' } },
          checkpoints: { intervalMs: '10s' },
          commit: { intervalMs: 200 },
          cluster: { enabled: true, node: name, url: `http://127.0.0.1:${queryPort}`, secretFile },
          rollups: [{ name: 'by_type', dimensions: ['type'], measures: ['count'] }],
          ...config,
        }),
      });
      nodes.push({ name, server });
    }
    return new ClusterScene(kafka, { topic, archiveDir, nodes, cables });
  }

  private constructor(
    kafka: Kafka,
    parts: Pick<ClusterScene, 'topic' | 'archiveDir' | 'nodes' | 'cables'>,
  ) {
    this.kafka = kafka;
    this.topic = parts.topic;
    this.archiveDir = parts.archiveDir;
    this.nodes = parts.nodes;
    this.cables = parts.cables;
  }

  node(name: string): Server {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new RangeError(`there is no node ${name}`);
    return found.server;
  }

  /** Those that were started and have not ended, paused ones among them. */
  get running(): readonly ClusterNode[] {
    return this.nodes.filter(({ server }) => !server.hasEnded);
  }

  async close(): Promise<void> {
    await Promise.all(
      this.running.map(async ({ server }) => {
        server.resume();
        await server.kill();
      }),
    );
    await this.kafka.stop();
    for (const cable of this.cables) cable.close();
  }
}
