/**
 * One node of several over one topic, put together: which partitions it has, how the nodes ask each other, who leads. Everything else
 * works as in a server that is alone, on the partitions that are here just now.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { rulesInEffect } from '../actors/alarm-board/declarations.ts';
import { loadDeclared } from '../actors/alarm-board/rows.ts';
import { loadHead } from '../actors/partition/snapshot.ts';
import type { Mounted } from '../graphql/server.ts';
import manifest from '../package.json' with { type: 'json' };
import { KafkaCluster } from '../storage/kafka/cluster.ts';
import { topicBounds } from '../storage/kafka/topic-ends.ts';
import type { KafkaSource } from '../storage/log/source.ts';
import type { AlarmSide } from './alarm-side.ts';
import type { ArchiveSide } from './archive-side.ts';
import type { CheckpointSide } from './checkpoint-side.ts';
import { configDigest } from './cluster/config-digest.ts';
import type { NodeAt, NodeDirectory } from './cluster/directory.ts';
import { Leadership } from './cluster/leadership.ts';
import { joinCluster, type Membership, type Standing } from './cluster/membership.ts';
import type { NodeResponder } from './cluster/node-answers.ts';
import { NodeServer } from './cluster/node-server.ts';
import { RemotePartitions } from './cluster/remote-partitions.ts';
import { clusterSecret } from './cluster/secret.ts';
import { clusterStatus } from './cluster/status.ts';
import { Turnover } from './cluster/turnover.ts';
import type { NodeSettings } from './config/cluster.ts';
import type { Foundation } from './foundation.ts';
import { undefinedIfFault } from './model/errors.ts';
import { within } from './model/within.ts';
import type { NodeRows } from './node-rows.ts';
import type { ClusterPort, ClusterStatus } from './query/cluster-port.ts';
import type { LeaderPort } from './query/leader-port.ts';
import type { RollupSide } from './rollup-side.ts';
import type { SavedDashboards } from './saved-dashboards.ts';
import type { PartitionLink } from './threads/partition-links.ts';
import type { PartitionWorker } from './threads/partition-worker.ts';
import { isOwned } from './threads/progress.ts';

/** How long the last checkpoints may take: without them the next owners read more of the log. */
const LAST_CHECKPOINT_MS = 5_000;
/** A partition that is just being restored is not waited for longer: it is another node's by then. */
const GIVE_MS_MAX = 10_000;
/** How often a new node looks whether rollups are declared: it is the least that a new cluster waits. */
const DECLARED_LOOK_MS = 250;

export interface ClusterSideOptions {
  readonly base: Foundation;
  readonly settings: NodeSettings;
  /** Told whenever `problems` may have changed. */
  readonly changed: () => void;
}

/** What it has to do with once all of it is there. */
export interface NodeParts {
  readonly workers: readonly PartitionWorker[];
  /** The configuration was checked: there is one. */
  readonly archive: ArchiveSide | undefined;
  readonly alarms: AlarmSide;
  readonly rollups: RollupSide;
  readonly dashboards: SavedDashboards;
}

export class ClusterSide implements ClusterPort, NodeDirectory {
  readonly self: string;
  /** For questions about partitions of other nodes. */
  readonly remote: RemotePartitions;
  readonly leader: LeaderPort;
  readonly #base: Foundation;
  readonly #settings: NodeSettings;
  readonly #key: string;
  readonly #checkpoints: CheckpointSide;
  readonly #rows: NodeRows;
  readonly #source: KafkaSource;
  readonly #kafka: KafkaCluster;
  readonly #listeners = new Set<() => void>();
  readonly #changed: () => void;
  readonly #turnover: Turnover;
  #parts: NodeParts | undefined;
  #server: NodeServer | undefined;
  #membership: Membership | undefined;
  #leadership: Leadership | undefined;
  #isWantedToLead = false;
  /** The last that listeners were told of, and the last whose partitions are wanted. */
  #told: Standing['view'];
  #followed: Standing['view'];
  readonly #closing = new AbortController();
  #leaving: Promise<void> | undefined;
  /** Over a new topic events would come before anybody has said what is to be kept of them. */
  #isDeclared = false;
  #looking: NodeJS.Timeout | undefined;

  /** Rejects with `config_invalid` if the secret cannot be read. Nobody is joined yet. */
  static async open(options: ClusterSideOptions): Promise<ClusterSide> {
    return new ClusterSide(options, await clusterSecret(options.settings));
  }

  private constructor({ base, settings, changed }: ClusterSideOptions, key: string) {
    const { checkpoints, source, shared, progress, logger } = base;
    if (source.type === 'journal' || checkpoints?.node === undefined) {
      throw new RangeError('the configuration was not checked');
    }
    this.self = settings.node;
    this.#base = base;
    this.#settings = settings;
    this.#key = key;
    this.#checkpoints = checkpoints;
    this.#rows = checkpoints.node;
    this.#source = source;
    this.#changed = changed;
    this.#kafka = new KafkaCluster(source.connection);
    const log = logger.child({ component: 'cluster' });
    this.remote = new RemotePartitions({ directory: this, key, shared, progress, logger: log });
    const side = this;
    this.leader = {
      key,
      get isLeader() {
        return side.mayTell();
      },
      get leaderUrl() {
        const leader = side.#standing?.view?.leader;
        return leader?.name === side.self ? undefined : leader?.url;
      },
    };
    this.#turnover = new Turnover({
      give: async (partition) => {
        await Promise.all(side.#threads.map((worker) => worker.give([partition])));
      },
      take: (partition, say, signal) => this.#take(partition, say, signal),
      changed: () => this.#follow(),
      sleep: rest,
      logger: log,
    });
  }

  get nodes(): readonly NodeAt[] {
    return this.#standing?.view?.nodes ?? [];
  }

  listen(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  /** For a thread that asks about partitions of other nodes. */
  port(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.remote.serve(port1);
    return port2;
  }

  /** What other nodes ask of this one. */
  serve(links: PartitionLink, responder: NodeResponder): Mounted {
    const { state, shared, progress, logger } = this.#base;
    this.#server = new NodeServer({
      ...{ links, responder, state, shared, progress },
      key: this.#key,
      self: { name: this.self, life: state.server.starts },
      problems: () => this.problems(),
      logger: logger.child({ component: 'cluster' }),
    });
    return this.#server.routes;
  }

  /** Nobody is told of anything while it is false. */
  mayTell(): boolean {
    return this.#leadership?.isLeading === true && this.#standing?.isMember === true;
  }

  /** Joins, once the others can reach this node: what it is given it takes from then on. */
  begin(parts: NodeParts): void {
    const { config, state, shared, declarations, logger, onFailed } = this.#base;
    const { node: name, url } = this.#settings;
    this.#parts = parts;
    this.#leadership = new Leadership({
      rows: this.#rows,
      sleep: rest,
      log: logger,
      duties: {
        begin: async (term) => {
          const { rules } = await loadDeclared(state);
          declarations.lead(term);
          await parts.rollups.start();
          await parts.dashboards.start();
          parts.alarms.start(url);
          // Whoever led before may have been told of other ones.
          parts.alarms.declare(rulesInEffect(config.alarms.rules, rules));
        },
        end: () => {
          parts.rollups.stop();
          parts.dashboards.stop();
          return parts.alarms.stop();
        },
      },
    });
    this.#membership = joinCluster({
      connection: this.#source.connection,
      topic: this.#source.topic,
      partitions: shared.partitions,
      node: {
        ...{ name, url, life: state.server.starts },
        version: manifest.version,
        configDigest: configDigest(config),
      },
      inCommon: { archive: this.#rows.archive, secret: this.#key },
      positions: () => this.#positions(),
      logger: logger.child({ component: 'cluster' }),
    });
    this.#membership.subscribe(() => this.#follow());
    this.#looking = setInterval(() => void this.#lookForRollups(), DECLARED_LOOK_MS);
    void this.#membership.ended.then((fault) => fault && onFailed(fault));
    this.#follow();
  }

  /** What keeps this node from doing its part, in words. */
  problems(): readonly string[] {
    const standing = this.#standing;
    if (standing?.isMember !== true || standing.view === undefined) {
      if (this.#leaving !== undefined) return ['this node has left the cluster'];
      return [standing?.problem ?? 'this node is not in the cluster yet'];
    }
    const { mine } = standing.view;
    return [
      ...(standing.problem === undefined ? [] : [standing.problem]),
      ...(this.#isDeclared ? [] : ['the leader has not declared rollups yet']),
      ...mine.flatMap((partition) => {
        const problem = this.#turnover.problem(partition);
        return problem === undefined ? [] : [`partition ${partition}: ${problem}`];
      }),
    ];
  }

  status(): ClusterStatus {
    return clusterStatus({
      self: this.self,
      standing: this.#standing,
      isLeading: this.mayTell(),
      leadProblem: this.#leadership?.standing().problem,
      problems: this.problems(),
      problemOf: (partition) => this.#turnover.problem(partition),
      peers: this.remote.peers,
      shared: this.#base.shared,
    });
  }

  /**
   * The others know at once that it goes, and go on from checkpoints of this moment. For good; what is sent to this node goes to the log as
   * before.
   */
  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  async close(): Promise<void> {
    await this.leave();
    this.#server?.close();
    this.remote.close();
    this.#kafka.close();
  }

  async #leave(): Promise<void> {
    this.#closing.abort();
    this.#turnover.takeNoMore();
    clearInterval(this.#looking);
    // The archive's duties end with the lead: the next leader begins them before this one's archive is closed.
    this.#follow();
    const membership = this.#membership;
    await this.#leadership?.lose();
    await atMost(LAST_CHECKPOINT_MS, this.#checkpoints.take());
    await membership?.leave();
    this.#membership = undefined;
    this.#turnover.want([]);
    await atMost(GIVE_MS_MAX, this.#turnover.settled());
  }

  get #standing(): Standing | undefined {
    return this.#membership?.standing();
  }

  get #threads(): readonly PartitionWorker[] {
    return this.#parts?.workers ?? [];
  }

  async #take(partition: number, say: (doing: string) => void, signal: AbortSignal): Promise<void> {
    say('its state is looked for');
    const bounds = (await topicBounds(this.#kafka, this.#source))[partition];
    if (bounds === undefined) throw new RangeError(`the topic has no partition ${partition}`);
    const doing = (text: string | undefined) => say(text ?? 'its state is loaded');
    await this.#rows.restore(partition, bounds, doing, signal);
    signal.throwIfAborted();
    this.#checkpoints.took(partition);
    await Promise.all(this.#threads.map((worker) => worker.take([partition])));
  }

  /** After anything has changed: of the members, of what is here, of who leads. */
  #follow(): void {
    const { view, isMember = false } = this.#standing ?? {};
    if (view !== undefined && view !== this.#told) {
      this.#told = view;
      for (const listener of this.#listeners) listener();
    }
    const isGoing = this.#closing.signal.aborted;
    // A node that is out goes on with what it has.
    if (isMember && view !== undefined && view !== this.#followed && !isGoing) {
      this.#followed = view;
      this.#turnover.want(view.mine);
    }
    const isFirst = view?.mine.includes(0) === true && this.#turnover.here.has(0);
    const mayLead = isMember && isFirst && !isGoing;
    if (mayLead !== this.#isWantedToLead) {
      this.#isWantedToLead = mayLead;
      void (mayLead ? this.#leadership?.take() : this.#leadership?.lose());
    }
    if (view !== undefined) {
      const lives = view.nodes.map(({ life }) => life);
      this.#parts?.archive?.guide({ isLeader: mayLead, lives });
    }
    this.#changed();
  }

  /** How far the rows are that are here, also those of partitions that others have: who is given them back has less to read. */
  async #positions(): Promise<ReadonlyMap<number, number>> {
    const { state, shared, progress } = this.#base;
    const positions = new Map<number, number>();
    for (let partition = 0; partition < shared.partitions; partition++) {
      const position = isOwned(progress, partition)
        ? shared.applied[partition]
        : (await loadHead(state, partition).catch(undefinedIfFault))?.state.position;
      if (position !== undefined) positions.set(partition, position);
    }
    return positions;
  }

  /** Once some partition of this node has them, all partitions have, or will before the next event. */
  async #lookForRollups(): Promise<void> {
    const here = [...this.#turnover.here];
    const heads = await Promise.all(
      here.map((each) => loadHead(this.#base.state, each).catch(undefinedIfFault)),
    );
    const isWithoutShare = this.#told !== undefined && this.#told.mine.length === 0;
    if (!isWithoutShare && heads.every((head) => head?.definitions === undefined)) return;
    this.#isDeclared = true;
    clearInterval(this.#looking);
    this.#changed();
  }
}

/** Whatever comes of it. */
const atMost = (ms: number, work: Promise<unknown>): Promise<unknown> =>
  within(work.catch(undefinedIfFault), ms);

/** Ends early when `signal` is aborted. */
async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
}
