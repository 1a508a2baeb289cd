/**
 * The partitions that other nodes have, as this node's threads know those of its own: they are asked, and how far they are stands in
 * the shared arrays.
 */
import type { MessagePort } from 'node:worker_threads';
import { type LogShared, publishEnd } from '../../storage/log/log-shared.ts';
import { undefinedIfFault } from '../model/errors.ts';
import type { Logger } from '../model/logger.ts';
import { offset } from '../model/units.ts';
import {
  type PartitionLink,
  partitionElsewhere,
  servePartitions,
} from '../threads/partition-links.ts';
import { isOwned, type Progress, publishApplied } from '../threads/progress.ts';
import type { AboutPartition, PartitionQuestions } from '../threads/protocol.ts';
import type { NodeAt, NodeDirectory } from './directory.ts';
import { ANSWER_MS_MAX, type NodePatience } from './limits.ts';
import { NodeClient } from './node-client.ts';
import type { ToldProgress } from './questions.ts';

export interface RemotePartitionsOptions {
  readonly directory: NodeDirectory;
  readonly key: string;
  readonly shared: LogShared;
  readonly progress: Progress;
  readonly logger: Logger;
  readonly patience?: NodePatience;
}

/** What a node has said for itself; `answer` is undefined of one that did not. */
export interface NodeAnswer {
  readonly node: string;
  readonly partitions: readonly number[];
  readonly answer: unknown;
}

export interface PeerView extends NodeAt {
  /** Why it is away; undefined: it is there. */
  readonly problem: string | undefined;
  /** What keeps its partitions from being counted, as it says. */
  readonly problems: readonly string[];
}

interface Peer {
  readonly client: NodeClient;
  /** With the partitions that it has now. */
  node: NodeAt;
  problems: readonly string[];
  /** As `Progress.readingSince`; as long as it is a member, whether it answers or not. */
  readingSinceMs: number;
}

export class RemotePartitions implements PartitionLink {
  readonly #options: RemotePartitionsOptions;
  /** By name. */
  readonly #peers = new Map<string, Peer>();
  /** Per partition who has it, as `name life`, this node too. */
  readonly #owners: (string | undefined)[];
  /** Per partition: greater with each other owner. */
  readonly #epochs: number[];
  readonly #clients: (NodeClient | undefined)[];
  /** Per partition whether its present owner has told of it: how far it is for the one before says nothing about this one. */
  readonly #isTold: boolean[];
  readonly #stop: () => void;

  constructor(options: RemotePartitionsOptions) {
    this.#options = options;
    const { partitions } = options.shared;
    this.#owners = new Array<undefined>(partitions).fill(undefined);
    this.#epochs = new Array<number>(partitions).fill(0);
    this.#clients = new Array<undefined>(partitions).fill(undefined);
    this.#isTold = new Array<boolean>(partitions).fill(false);
    this.#stop = options.directory.listen(() => this.#follow());
    this.#follow();
  }

  get peers(): PeerView[] {
    return Array.from(this.#peers.values(), ({ client, node, problems }) => ({
      ...node,
      problem: client.problem,
      problems,
    }));
  }

  /** Another number means that the partition has come to another node, or its node was started again, since. */
  ownerEpoch(partition: number): number {
    return this.#epochs[partition] as number;
  }

  /** Which node has it, this one too. */
  nodeOf(partition: number): string | undefined {
    const { nodes } = this.#options.directory;
    return nodes.find(({ partitions }) => partitions.includes(partition))?.name;
  }

  /** How old what is known of its end may be, of a partition of another node; infinite until that one has told of it. */
  knownMsAgo(partition: number): number {
    const toldAtMs = this.#clients[partition]?.toldAtMs;
    if (toldAtMs === undefined || this.#isTold[partition] !== true) return Number.POSITIVE_INFINITY;
    return performance.now() - toldAtMs;
  }

  /** Whether another node has it, as far as is known here. */
  has(partition: number): boolean {
    return this.#clients[partition] !== undefined;
  }

  /** Throws `partition_elsewhere` of a partition that no other node has, as far as is known here. */
  clientOf(partition: number): NodeClient {
    const client = this.#clients[partition];
    if (client === undefined) throw partitionElsewhere(partition);
    return client;
  }

  /** Rejects as the partition would here, or with `partition_elsewhere` or `node_away`. */
  async ask<Name extends AboutPartition>(
    name: Name,
    ask: PartitionQuestions[Name]['ask'],
    timeoutMs: number,
  ): Promise<PartitionQuestions[Name]['answer']> {
    return this.clientOf(ask.partition).askPartition(name, ask, timeoutMs);
  }

  /** Each other node for itself, all at once. */
  askAll(name: string, ask: unknown, timeoutMs: number): Promise<NodeAnswer[]> {
    return Promise.all(
      Array.from(this.#peers.values(), async ({ client, node }) => {
        const asked = client.ask('node', { name, ask }, timeoutMs).catch(undefinedIfFault);
        return { node: node.name, partitions: node.partitions, answer: await asked };
      }),
    );
  }

  /** Answers a thread of this node that asks over `port` (`remoteLink`). */
  serve(port: MessagePort): void {
    servePartitions(port, this, ANSWER_MS_MAX);
  }

  close(): void {
    this.#stop();
    for (const { client } of this.#peers.values()) client.close();
    this.#peers.clear();
    this.#clients.fill(undefined);
  }

  #follow(): void {
    const { directory, shared, progress } = this.#options;
    const others = directory.nodes.filter(({ name }) => name !== directory.self);
    for (const [name, peer] of this.#peers) {
      const node = others.find((other) => other.name === name);
      if (node !== undefined && isSame(node, peer.node)) {
        peer.node = node;
        continue;
      }
      peer.client.close();
      this.#peers.delete(name);
    }
    for (const node of others) if (!this.#peers.has(node.name)) this.#connect(node);
    this.#publishReading();
    this.#clients.fill(undefined);
    const owners = new Array<string | undefined>(this.#owners.length).fill(undefined);
    for (const { name, life, partitions } of directory.nodes) {
      for (const partition of partitions) {
        owners[partition] = `${name} ${life}`;
        this.#clients[partition] = this.#peers.get(name)?.client;
      }
    }
    for (const [partition, owner] of owners.entries()) {
      if (this.#owners[partition] === owner) continue;
      this.#owners[partition] = owner;
      this.#epochs[partition] = this.ownerEpoch(partition) + 1;
      this.#isTold[partition] = false;
      // All threads wait for what is applied here: nothing is, as far as is known of the new owner.
      if (!isOwned(progress, partition)) shared.applied[partition] = 0;
    }
  }

  #connect(node: NodeAt): void {
    const { key, logger, patience } = this.#options;
    const client = new NodeClient(node, {
      ...{ key, patience },
      onProgress: (told) => this.#hear(client, told),
      onChange: () => {
        const { problem } = client;
        const fields = { node: node.name, url: node.url };
        if (problem === undefined) logger.info(fields, 'another node answers');
        else logger.warn({ ...fields, problem }, 'another node is away');
      },
    });
    const readingSinceMs = Number.POSITIVE_INFINITY;
    this.#peers.set(node.name, { client, node, problems: [], readingSinceMs });
  }

  /** Whoever deletes files of the archive keeps what an export of another node may still read. */
  #publishReading(): void {
    const all = Array.from(this.#peers.values(), ({ readingSinceMs }) => readingSinceMs);
    this.#options.progress.readingElsewhere[0] = Math.min(...all);
  }

  /** Of a partition that is no longer the node's, or not yet by what this node knows, another one tells. */
  #hear(client: NodeClient, told: ToldProgress): void {
    const { shared, progress } = this.#options;
    const peer = this.#peers.get(client.node.name);
    if (peer?.client !== client) return;
    peer.problems = told.problems;
    peer.readingSinceMs = told.readingSince;
    this.#publishReading();
    for (const each of told.partitions) {
      const { partition } = each;
      if (this.#clients[partition] !== client || isOwned(progress, partition)) continue;
      // The ends are facts about the log, whoever says them; what is behind them must not be known before.
      raise(shared.partitionEnds, partition, each.partitionEnd);
      raise(shared.eventEnds, partition, each.eventEnd);
      if (each.end > 0) publishEnd(shared, partition, offset(each.end));
      progress.committed[partition] = each.committed;
      // Who waits until it is known looks again, also where the number is the same.
      const isFirst = this.#isTold[partition] !== true;
      this.#isTold[partition] = true;
      if (isFirst || shared.applied[partition] !== each.applied) {
        publishApplied(shared, progress, partition, each.applied);
      }
    }
  }
}

/** Which partitions it has may change: the connection is to the process. */
const isSame = (a: NodeAt, b: NodeAt): boolean => a.url === b.url && a.life === b.life;

function raise(numbers: Float64Array, at: number, value: number): void {
  if (value > (numbers[at] as number)) numbers[at] = value;
}
