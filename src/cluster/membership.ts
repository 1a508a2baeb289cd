/**
 * This node's place in the cluster: a member of a consumer group that shares out the partitions of the log's topic. Nothing is
 * committed to the group: how far a partition has come is in its own state.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaCluster } from '../../storage/kafka/cluster.ts';
import type { KafkaConnection } from '../../storage/kafka/connection.ts';
import { GroupMember } from '../../storage/kafka/group-member.ts';
import { AppError, isFault } from '../model/errors.ts';
import type { Logger } from '../model/logger.ts';
import { Agreement, type InCommon, type OwnIdentity } from './agreement.ts';
import { isFenced, isLost, isPassing, isSharedAnew, problemIn } from './group-problems.ts';
import {
  COORDINATOR_MS_MAX,
  JOIN_RETRY_MS_MAX,
  JOIN_RETRY_MS_MIN,
  NAME_LOOK_MS,
  NODE_HEARTBEAT_MS,
  NODE_REBALANCE_MS,
  NODE_SESSION_MS,
  NODES_MAX,
} from './limits.ts';
import { decodeNodes, decodeTold, encodeTold, type NodeIdentity, viewOf } from './member-data.ts';
import { awaitName, namesakeOf, takenBy } from './node-name.ts';
import { partitionSharing } from './partition-sharing.ts';
import type { ClusterView } from './view.ts';

/** What is known at one moment. */
export interface Standing {
  /** The newest that this node was told, also after it is out; undefined: it has not been in yet. */
  readonly view: ClusterView | undefined;
  /**
   * False: others may have its partitions by now. It goes on with what it has, which harms nobody, but is not ready and does
   * nothing that only one node may do.
   */
  readonly isMember: boolean;
  /** In words for who operates it; undefined: all is well. */
  readonly problem: string | undefined;
}

export interface Membership {
  /** As of now, also right after the process was stopped for a while: nothing has to run for `isMember` to be false. */
  standing(): Standing;
  /** Told of each change, in order; not of what is already so. The answer ends it. */
  subscribe(listener: (standing: Standing) => void): () => void;
  /**
   * Resolves once, when this node can be no member any more: with nothing after `leave`, else with why. Until then it tries again
   * for as long as it takes.
   */
  readonly ended: Promise<AppError | undefined>;
  /** Its partitions go to others at once. Within some seconds, whatever the brokers do. */
  leave(): Promise<void>;
}

export interface MembershipOptions {
  readonly connection: KafkaConnection;
  /** Of the log. */
  readonly topic: string;
  /** That it has. */
  readonly partitions: number;
  readonly node: OwnIdentity;
  /** With all other nodes. */
  readonly inCommon: Omit<InCommon, 'partitions'>;
  /** Partition -> how far its rows here are, of those that there are rows of. Asked before each joining. */
  readonly positions: () => Promise<ReadonlyMap<number, number>>;
  readonly logger: Logger;
}

/** Begins at once, and goes on until it is left. */
export const joinCluster = (options: MembershipOptions): Membership => new GroupMembership(options);

/** By this name operators find the group among those of their brokers. */
export const clusterGroupOf = (topic: string): string => `streamgauge-cluster-${topic}`;

/** A coordinator may hold a joining up for as long as the others have to come, and for its first wait (`group.initial.rebalance.delay.ms`). */
const JOIN_MS_MAX = NODE_REBALANCE_MS + 10_000;
const NONE = { partitions: [], generation: -1 };

class GroupMembership implements Membership {
  readonly ended: Promise<AppError | undefined>;
  readonly #options: MembershipOptions;
  readonly #logger: Logger;
  readonly #listeners = new Set<(standing: Standing) => void>();
  readonly #leaving = new AbortController();
  readonly #cluster: KafkaCluster;
  readonly #member: GroupMember;
  readonly #agreement: Agreement;
  #view: ClusterView | undefined;
  /** What this node was given last, by its own view or by that of its process before. */
  #owned: { readonly partitions: readonly number[]; readonly generation: number } = NONE;
  /** The coordinator has not said otherwise. */
  #isIn = false;
  /** When the last sign of life was sent that the coordinator has answered, by a clock that does not jump. */
  #heardMs = Number.NEGATIVE_INFINITY;
  #problem: string | undefined;
  #told: Standing = { view: undefined, isMember: false, problem: undefined };
  #expiry: NodeJS.Timeout | undefined;
  #isJoining = false;
  #attempt = 0;

  constructor(options: MembershipOptions) {
    this.#options = options;
    const { node, topic, inCommon, partitions } = options;
    this.#agreement = new Agreement(node, topic, { ...inCommon, partitions });
    this.#logger = options.logger.child({ node: node.name });
    this.#cluster = new KafkaCluster(options.connection, JOIN_MS_MAX);
    this.#member = new GroupMember({
      cluster: this.#cluster,
      anyNode: () => this.#anyNode(),
      group: clusterGroupOf(topic),
      instance: node.name,
      topics: [topic],
      sessionMs: NODE_SESSION_MS,
      rebalanceMs: NODE_REBALANCE_MS,
      requestMsMax: COORDINATOR_MS_MAX,
    });
    this.ended = this.#run();
  }

  standing(): Standing {
    const isMember = this.#isIn && performance.now() - this.#heardMs < NODE_SESSION_MS;
    return { view: this.#view, isMember, problem: this.#problem };
  }

  subscribe(listener: (standing: Standing) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async leave(): Promise<void> {
    this.#leaving.abort();
    // To be let in may take long.
    if (this.#isJoining) this.#cluster.dropAll();
    await this.ended;
  }

  async #run(): Promise<AppError | undefined> {
    let end: AppError | undefined;
    let waitMs = JOIN_RETRY_MS_MIN;
    while (end === undefined && !this.#leaving.signal.aborted) {
      try {
        await this.#generation();
        waitMs = JOIN_RETRY_MS_MIN;
      } catch (fault) {
        end = await this.#failed(fault);
        if (end === undefined) await this.#pause(waitMs);
        waitMs = Math.min(waitMs * 2, JOIN_RETRY_MS_MAX);
      }
    }
    await this.#member.leave();
    this.#cluster.close();
    clearTimeout(this.#expiry);
    this.#isIn = false;
    this.#tell();
    return end;
  }

  /** From joining the group until it is shared out anew. */
  async #generation(): Promise<void> {
    if (!this.#member.isKnown) {
      await awaitName(this.#agreement.self, this.#member, {
        signal: this.#leaving.signal,
        onWait: (why) => this.#troubled(new Error(why)),
      });
      await this.#lookAround();
    }
    const view = await this.#join();
    this.#agree(view.nodes.filter((each) => this.#agreement.isBefore(each)));
    do {
      const sentMs = performance.now();
      const isStill = await this.#isStill();
      if (isStill === undefined) continue;
      this.#heard(sentMs);
      // Only now: what was given while this process stood still may be others' again.
      if (isStill) this.#enter(view);
      this.#tell();
      if (!isStill) return;
    } while (await this.#pause(NODE_HEARTBEAT_MS));
  }

  /** Who is there already is not disturbed by a node that does not belong to them. */
  async #lookAround(): Promise<void> {
    // It was one of them: who has come while it was out has to give way.
    if (this.#view !== undefined) return;
    const members = (await this.#member.members()) ?? [];
    this.#agree(members.flatMap(({ userData }) => decodeTold(userData)?.node ?? []));
  }

  /** Throws `config_invalid`. */
  #agree(nodes: readonly NodeIdentity[]): void {
    const refusal = this.#agreement.refusal(nodes);
    if (refusal !== undefined) throw refusal;
  }

  /** A sign of life. False: the group is shared out anew; undefined: nobody has answered. */
  async #isStill(): Promise<boolean | undefined> {
    try {
      return await this.#member.heartbeat();
    } catch (fault) {
      if (isLost(fault)) throw fault;
      this.#troubled(fault);
      return undefined;
    }
  }

  async #join(): Promise<ClusterView> {
    const { positions, topic, partitions } = this.#options;
    const node = this.#agreement.self;
    const rows = await positions();
    // The second time only where it was given what its process before had, and the others still know that one.
    for (let times = 0; times < 2; times++) {
      this.#attempt += 1;
      const { partitions: owned, generation } = this.#owned;
      const told = { node, owned, generation, positions: rows };
      const userData = encodeTold(told, this.#attempt);
      const given = await this.#letIn(() =>
        this.#member.join(partitionSharing({ topic, partitions, userData })),
      );
      const nodes = decodeNodes(given.userData) ?? [];
      const view = viewOf(nodes, node, given.generation);
      if (view !== undefined) return view;
      const before = nodes.find(({ name }) => name === node.name);
      if (before === undefined && nodes.length >= NODES_MAX) throw fullOf(nodes.length);
      const kept = before?.partitions.filter((each) => rows.has(each)) ?? [];
      this.#owned = { partitions: kept, generation: given.generation };
    }
    throw new Error('the group does not know this node yet');
  }

  async #letIn<T>(ask: () => Promise<T>): Promise<T> {
    this.#isJoining = true;
    try {
      return await ask();
    } finally {
      this.#isJoining = false;
    }
  }

  /** Answers with why this node can be no member any more, if so. */
  async #failed(fault: unknown): Promise<AppError | undefined> {
    if (isLost(fault)) this.#isIn = false;
    this.#troubled(fault);
    if (isFault(fault, 'config_invalid')) return fault;
    if (!isFenced(fault)) return undefined;
    const end = await this.#successor();
    if (end !== undefined) this.#troubled(end);
    return end;
  }

  /** Who took this node's place in the group: another process, or itself by a request that was taken for lost. */
  async #successor(): Promise<AppError | undefined> {
    do {
      const other = await namesakeOf(this.#agreement.self, this.#member).catch(
        () => 'unknown' as const,
      );
      if (other === 'unknown') continue;
      this.#member.forget();
      return other === 'nobody' ? undefined : takenBy(other);
    } while (await this.#pause(NAME_LOOK_MS));
    return undefined;
  }

  async #anyNode(): Promise<number> {
    const { topic: name } = this.#options;
    const topic = await this.#cluster.topic(name, this.#leaving.signal);
    const led = topic?.partitions.find(({ leader }) => leader >= 0);
    if (led === undefined) throw new Error(`topic "${name}" has no broker that leads it`);
    return led.leader;
  }

  #heard(sentMs: number): void {
    this.#heardMs = sentMs;
    clearTimeout(this.#expiry);
    const leftMs = sentMs + NODE_SESSION_MS - performance.now();
    // A timer may be early by less than a millisecond.
    this.#expiry = setTimeout(() => this.#tell(), leftMs + 1);
    if (this.#problem !== undefined) this.#logger.info({}, 'the cluster answers this node');
    this.#problem = undefined;
  }

  #enter(view: ClusterView): void {
    if (this.#view === view) return;
    const { generation, nodes, mine, leader } = view;
    const names = nodes.map(({ name }) => name);
    const fields = { generation, nodes: names, partitions: mine, leader: leader.name };
    this.#logger.info(fields, 'the partitions are shared out');
    for (const other of nodes) {
      const difference = this.#agreement.difference(other);
      if (difference === undefined) continue;
      const which = { other: other.name, url: other.url, difference };
      this.#logger.warn(
        which,
        'a node has joined that does not belong to this cluster: it has to end',
      );
    }
    this.#view = view;
    this.#owned = { partitions: mine, generation };
    this.#isIn = true;
  }

  #troubled(fault: unknown): void {
    if (this.#leaving.signal.aborted || isSharedAnew(fault)) return;
    const problem = problemIn(fault, clusterGroupOf(this.#options.topic));
    if (problem !== this.#problem) {
      const level = isPassing(fault) ? 'debug' : 'warn';
      this.#logger[level]({ problem }, 'this node is not heard in its cluster');
    }
    this.#problem = problem;
    this.#tell();
  }

  #tell(): void {
    const now = this.standing();
    const { view, isMember, problem } = this.#told;
    if (now.view === view && now.isMember === isMember && now.problem === problem) return;
    this.#told = now;
    for (const listener of this.#listeners) listener(now);
  }

  /** False: it was left. */
  #pause(ms: number): Promise<boolean> {
    return sleep(ms, true, { signal: this.#leaving.signal }).catch(() => false);
  }
}

const fullOf = (nodes: number): AppError =>
  new AppError('config_invalid', `the cluster has ${nodes} nodes, as many as there can be`);
