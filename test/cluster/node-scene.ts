/** Query sides of several nodes in one process: real partitions over real RocksDB states, and real HTTP between them. */
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import type { ExecutionContext } from 'ava';
import { openExchange } from '../../graphql/http.ts';
import { ListeningSocket } from '../../graphql/socket.ts';
import type { NodeAt, NodeDirectory } from '../../src/cluster/directory.ts';
import type { NodePatience } from '../../src/cluster/limits.ts';
import { NodeServer } from '../../src/cluster/node-server.ts';
import { RemotePartitions } from '../../src/cluster/remote-partitions.ts';
import { RoutedState } from '../../src/cluster/routed-state.ts';
import { AppError } from '../../src/model/errors.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import { AppliedSignal } from '../../src/query/applied-signal.ts';
import { systemScheduler } from '../../src/query/live-query.ts';
import type { PartialsClient, PartitionClient } from '../../src/query/ports.ts';
import { Queries } from '../../src/query/queries.ts';
import { storedRollups } from '../../src/query/stored-rollups.ts';
import { answerOf, type Question } from '../../src/threads/asker.ts';
import { PartitionLinks } from '../../src/threads/partition-links.ts';
import {
  createProgress,
  movesOf,
  type Progress,
  progressMovedFrom,
  progressTicks,
  setOwned,
} from '../../src/threads/progress.ts';
import type { PartitionQuestions } from '../../src/threads/protocol.ts';
import { newestEnd } from '../../storage/log/log-shared.ts';
import type { StateReader } from '../../storage/state/state.ts';
import { GroupScene, NOW_MS, scratchDir, TENANT } from '../actors/partition/group-scene.ts';
import { silent } from '../actors/scripted-clock.ts';
import type { PlainEvent } from '../aggregate/event-blocks.ts';

export const KEY = 'a secret of the nodes';

/** Beyond all that a busy machine takes: what is not about silence must not end by it. */
export const PATIENT_MS = 60_000;
export const PATIENT: NodePatience = {
  silenceMs: PATIENT_MS,
  connectMs: PATIENT_MS,
  answerMs: PATIENT_MS,
};

export class TestDirectory implements NodeDirectory {
  readonly self: string;
  readonly #all: AllNodes;
  constructor(self: string, all: AllNodes) {
    this.self = self;
    this.#all = all;
  }
  get nodes(): readonly NodeAt[] {
    return this.#all.nodes;
  }
  listen(changed: () => void): () => void {
    this.#all.listeners.add(changed);
    return () => this.#all.listeners.delete(changed);
  }
}

export class AllNodes {
  nodes: readonly NodeAt[] = [];
  readonly listeners = new Set<() => void>();

  set(nodes: readonly NodeAt[]): void {
    this.nodes = nodes;
    for (const listener of this.listeners) listener();
  }
}

export interface NodeOptions {
  readonly name: string;
  readonly dir: string;
  readonly partitions: number;
  readonly all: AllNodes;
  readonly rollups: readonly RollupDefinition[];
  readonly key?: string;
  readonly life?: number;
  /** Wraps what the node reads rows of other nodes' questions from. */
  readonly served?: (state: GroupScene['state']) => GroupScene['state'];
  /** Called before a question of a partition is answered. */
  readonly beforeAnswer?: (name: string, partition: number) => Promise<void>;
}

/** Its partitions take in all events, as if it had read all of the log; which of them it has is what `progress.owned` says. */
export class TestNode {
  readonly name: string;
  readonly life: number;
  readonly scene: GroupScene;
  readonly progress: Progress;
  readonly remote: RemotePartitions;
  readonly server: NodeServer;
  readonly client: PartitionClient & PartialsClient;
  readonly state: StateReader;
  readonly queries: Queries;
  readonly links: PartitionLinks;
  readonly #socket: ListeningSocket;
  readonly #ports: readonly { close(): void }[];

  static async open(options: NodeOptions): Promise<TestNode> {
    const { dir, partitions, rollups } = options;
    const scene = await GroupScene.open({ dir, partitions });
    await scene.declare(rollups);
    await scene.applied();
    let node: TestNode | undefined;
    const socket = await ListeningSocket.open({ host: '127.0.0.1', port: 0 }, (app) => {
      app.any('/*', (res, req) => {
        const exchange = openExchange(res, req);
        const route = node?.server.routes[exchange.head.path];
        void route?.(exchange).catch((error: unknown) => {
          if (!exchange.signal.aborted) throw error;
        });
      });
    });
    node = new TestNode(options, scene, socket);
    return node;
  }

  private constructor(options: NodeOptions, scene: GroupScene, socket: ListeningSocket) {
    const { name, partitions, all, rollups, key = KEY, life = 1 } = options;
    this.name = name;
    this.life = life;
    this.scene = scene;
    this.#socket = socket;
    this.progress = createProgress(partitions);
    this.progress.owned.fill(0);
    const { shared, state } = scene;
    const { port1, port2 } = new MessageChannel();
    this.#ports = [port1, port2];
    port2.on('message', (question: Question<PartitionQuestions>) => {
      void answerOf(question.id, async () => {
        if (question.name === 'actors' || question.name === 'metrics') return [];
        await options.beforeAnswer?.(question.name, question.ask.partition);
        return answer(scene, question);
      }).then((said) => port2.postMessage(said));
    });
    const directory = new TestDirectory(name, all);
    const { progress } = this;
    this.remote = new RemotePartitions({
      ...{ directory, key, shared, progress },
      patience: PATIENT,
      logger: silent,
    });
    const threads = [{ port: port1, partitions: [...shared.applied.keys()] }];
    this.links = new PartitionLinks(threads, { progress, remote: this.remote });
    this.server = new NodeServer({
      ...{ key, shared, progress, logger: silent },
      links: this.links,
      state: options.served?.(state) ?? state,
      self: { name, life },
      responder: {
        answer: async (asked, ask) => {
          if (asked !== 'who') throw new AppError('query_invalid', `there is no "${asked}"`);
          return { name, ask };
        },
      },
      problems: () => [],
      patience: PATIENT,
    });
    this.state = new RoutedState(state, progress, this.remote);
    this.client = clientOf(this);
    this.queries = new Queries({
      partitions: this.client,
      stored: storedRollups(this.state),
      catalog: { rollups: () => rollups, sinceMs: () => Number.NEGATIVE_INFINITY },
      clock: { now: () => NOW_MS + 3_600_000 },
      afterTimeoutMs: PATIENT_MS,
    });
  }

  get at(): Omit<NodeAt, 'partitions'> {
    return { name: this.name, url: `http://127.0.0.1:${this.#socket.port}`, life: this.life };
  }

  /** Stops listening, as a process that was killed does. */
  kill(): void {
    this.server.close();
    this.#socket.close();
  }

  async close(): Promise<void> {
    this.queries.close();
    this.remote.close();
    this.kill();
    for (const port of this.#ports) port.close();
    await this.scene.close();
  }
}

function clientOf({ scene, links, progress, remote }: TestNode): PartitionClient & PartialsClient {
  const { shared } = scene;
  const moved = () => progressMovedFrom(progress, progressTicks(progress));
  const applied = new AppliedSignal(moved, systemScheduler);
  return {
    partitions: shared.partitions,
    collect: (partition, request) => links.ask('collect', { partition, request }, PATIENT_MS),
    partials: (partition, request) => links.ask('partials', { partition, request }, PATIENT_MS),
    ledger: (partition, request) => links.ask('ledger', { partition, request }, PATIENT_MS),
    overflows: (partition, request) => links.ask('overflows', { partition, request }, PATIENT_MS),
    appliedOffset: (partition) => shared.applied[partition] ?? 0,
    endOffset: (partition) => newestEnd(shared, partition),
    onApplied: (listener) => applied.listen(listener),
    nodes: {
      ownerEpoch: (p) => remote.ownerEpoch(p) + movesOf(progress, p),
      nodeOf: (p) => remote.nodeOf(p),
      endAgeMs: () => 0,
    },
  };
}

/** As the partition's thread does it. */
function answer(scene: GroupScene, question: Question<PartitionQuestions>): Promise<unknown> {
  switch (question.name) {
    case 'collect': {
      const { partition, request } = question.ask;
      return scene.ask(partition, (replyTo) => ({ type: 'collect', request, replyTo }));
    }
    case 'partials': {
      const { partition, request } = question.ask;
      return scene.ask(partition, (replyTo) => ({ type: 'partials', request, replyTo }));
    }
    case 'overflows': {
      const { partition, request } = question.ask;
      return scene.ask(partition, (replyTo) => ({ type: 'overflows', request, replyTo }));
    }
    case 'ledger': {
      const { partition, request } = question.ask;
      return scene.ask(partition, (replyTo) => ({ type: 'ledger', request, replyTo }));
    }
    case 'verdict': {
      const { partition, request } = question.ask;
      return scene.ask(partition, (replyTo) => ({ type: 'verdict', request, replyTo }));
    }
    default:
      return Promise.reject(new RangeError(`${question.name} is not asked here`));
  }
}

export interface ClusterSceneOptions {
  readonly partitions?: number;
  readonly rollups: readonly RollupDefinition[];
  readonly nodes: readonly (Pick<NodeOptions, 'name'> & Partial<NodeOptions>)[];
}

export class ClusterScene {
  readonly all = new AllNodes();
  readonly partitions: number;
  readonly nodes = new Map<string, TestNode>();

  static async open(
    t: ExecutionContext,
    { partitions = 4, rollups, nodes }: ClusterSceneOptions,
  ): Promise<ClusterScene> {
    const scene = new ClusterScene(partitions);
    const dir = await scratchDir(t);
    for (const options of nodes) {
      const { all } = scene;
      const own = { partitions, rollups, all, dir: join(dir, options.name), ...options };
      scene.nodes.set(options.name, await TestNode.open(own));
    }
    t.teardown(async () => {
      for (const node of scene.nodes.values()) await node.close();
    });
    return scene;
  }

  private constructor(partitions: number) {
    this.partitions = partitions;
  }

  node(name: string): TestNode {
    return this.nodes.get(name) as TestNode;
  }

  /** By name, which partitions each member has; who is not named is no member. */
  assign(partitions: Readonly<Record<string, readonly number[]>>): void {
    for (const [name, node] of this.nodes) {
      node.progress.owned.fill(0);
      setOwned(node.progress, partitions[name] ?? [], true);
    }
    this.all.set(
      Object.entries(partitions).map(([name, mine]) => ({
        ...this.node(name).at,
        partitions: mine,
      })),
    );
  }

  /**
   * All nodes read the same log: `behind` are those that have not come to this yet. With `applied` before anything is assigned: from
   * then on what is known of a partition is what its node tells, and not how far this one is.
   */
  async send(partition: number, events: readonly PlainEvent[], behind: readonly string[] = []) {
    const offsets = new Map<string, number>();
    for (const [name, { scene }] of this.nodes) {
      if (!behind.includes(name)) offsets.set(name, await scene.send(partition, events));
    }
    return offsets;
  }

  async applied(): Promise<void> {
    for (const { scene } of this.nodes.values()) await scene.applied();
  }

  /** Of these nodes. */
  async commit(names: readonly string[], ...partitions: readonly number[]): Promise<void> {
    for (const name of names) await this.node(name).scene.commit(...partitions);
  }

  /** Until each node has heard of each other one. */
  async met(): Promise<void> {
    const all = [...this.nodes.values()];
    const isMet = () =>
      all.every(({ remote }) =>
        remote.peers.every(({ partitions }) =>
          partitions.every((p) => Number.isFinite(remote.knownMsAgo(p))),
        ),
      );
    while (!isMet()) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export { NOW_MS, TENANT };
