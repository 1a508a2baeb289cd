/**
 * Topics that other programs write, read as events. A member of a consumer group, so that several servers share the partitions;
 * what is read goes on only when it is durable, and a partition is given up only after that is committed. Whatever goes wrong is
 * told and tried again: a source never stops the server, and never passes over what it could not log.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaCluster, type Topic } from '../../storage/kafka/cluster.ts';
import { messageOf } from '../../storage/kafka/faults.ts';
import { GROUP_CODE, GroupError, GroupMember } from '../../storage/kafka/group-member.ts';
import { type Assignment, evenly } from '../../storage/kafka/group-sharing.ts';
import { logIdOf } from '../../storage/kafka/log-id.ts';
import { GROUP_HEARTBEAT_MS, GROUP_REBALANCE_MS } from '../../storage/limits.ts';
import type { AppendLog } from '../ingest/append-log.ts';
import { Coalescer } from '../ingest/coalescer.ts';
import { Counters, type EdgeCounts } from '../ingest/counters.ts';
import { DEFAULT_DECODE_LIMITS, type DecodeLimits } from '../ingest/decode/limits.ts';
import { BATCH_ROWS_MAX } from '../ingest/limits.ts';
import type { EdgeLimits } from '../ingest/options.ts';
import type { Producer } from '../ingest/producer.ts';
import type { Clock } from '../model/clock.ts';
import type { Logger } from '../model/logger.ts';
import type { SourceView } from '../model/source-view.ts';
import { beginnings } from './beginnings.ts';
import { CLOUD_EVENT_FIELDS } from './cloud-events.ts';
import { Feeder } from './feeder.ts';
import { SourceHealth } from './health.ts';
import {
  COMMIT_MS,
  GROUP_SILENCE_MS,
  HAND_OVER_MS,
  RETRY_MS_MAX,
  RETRY_MS_MIN,
  TOPICS_LOOK_MS,
} from './limits.ts';
import { RecordMapper } from './mapping.ts';
import type { SourceOptions } from './options.ts';
import { Partitions } from './partitions.ts';
import { type ReadTopic, TopicReader } from './topic-reader.ts';

export interface SourceNeeds {
  readonly log: AppendLog;
  /** Of a log that is a topic, which no source may read. */
  readonly logId?: string | undefined;
  readonly producer: Producer;
  readonly partitions: number;
  readonly limits: EdgeLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface SourceStatus extends SourceView {
  /** What its coalescer has counted: part of what the server takes. */
  readonly counts: EdgeCounts;
}

const JOIN_MS_MAX = GROUP_REBALANCE_MS + 10_000;

export class Source {
  readonly #options: SourceOptions;
  readonly #logId: string | undefined;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #counters = new Counters();
  readonly #feeder: Feeder;
  readonly #health: SourceHealth;
  readonly #cluster: KafkaCluster;
  /** Of its own: a request to join waits long, and others would wait behind it. */
  readonly #groupCluster: KafkaCluster;
  readonly #member: GroupMember;
  readonly #closing = new AbortController();
  readonly #ended: Promise<void>;
  /** As they were first seen: a partition beyond is read from its beginning. */
  readonly #firstCounts = new Map<string, number>();
  readonly #topicIds = new Map<string, string>();
  #partitions = new Partitions([]);
  #missed = 0;
  #heardMs = 0;
  #isJoining = false;

  /** Begins at once. */
  constructor(options: SourceOptions, needs: SourceNeeds) {
    const { log, clock, limits, logger } = needs;
    this.#options = options;
    this.#logId = needs.logId;
    this.#clock = clock;
    this.#logger = logger.child({ source: options.name });
    this.#health = new SourceHealth(options, { clock, logger: this.#logger });
    const decodeLimits: DecodeLimits = {
      ...DEFAULT_DECODE_LIMITS,
      ...limits,
      batchRowsMax: BATCH_ROWS_MAX,
    };
    const own = options.format === 'cloudevents' ? CLOUD_EVENT_FIELDS : {};
    const coalescer = new Coalescer({
      ...needs,
      decodeLimits,
      counters: this.#counters,
      eventTime: limits.eventTime,
      renamed: new Map(Object.entries({ ...own, ...options.fields })),
    });
    const { tenant, stream, name } = options;
    this.#feeder = new Feeder({
      mapping: options,
      mapper: new RecordMapper(options, name, limits.valueBytesMax),
      coalescer,
      log,
      counters: this.#counters,
      clock,
      logger: this.#logger,
      deadPlace: {
        tenant: typeof tenant === 'string' ? tenant : tenant.refusedTo,
        stream: typeof stream === 'string' ? stream : name,
      },
    });
    this.#cluster = new KafkaCluster(options.connection);
    this.#groupCluster = new KafkaCluster(options.connection, JOIN_MS_MAX);
    this.#member = new GroupMember({
      ...options,
      cluster: this.#groupCluster,
      anyNode: () => this.#anyNode(),
    });
    this.#ended = this.#run();
  }

  status(): SourceStatus {
    const { name, topics, group } = this.#options;
    const counts = this.#counters.snapshot();
    return {
      name,
      topics,
      group,
      problem: this.#health.problem,
      problemSinceMs: this.#health.problemSinceMs,
      failures: this.#health.failures,
      missed: this.#missed,
      ...this.#feeder.counts,
      eventsAccepted: counts.eventsAccepted,
      eventsRejected: Object.values(counts.eventsRejected).reduce((sum, each) => sum + each, 0),
      partitions: this.#partitions.all.map(({ view }) => view),
      counts,
    };
  }

  /** What was read becomes durable and committed, within a bound, and the partitions go to others. */
  async close(): Promise<void> {
    this.#closing.abort();
    // To join may take a minute.
    if (this.#isJoining) this.#groupCluster.dropAll();
    await this.#ended;
    await this.#member.leave();
    this.#cluster.close();
    this.#groupCluster.close();
  }

  async #run(): Promise<void> {
    let waitMs = RETRY_MS_MIN;
    while (!this.#closing.signal.aborted) {
      try {
        await this.#session();
        waitMs = RETRY_MS_MIN;
      } catch (fault) {
        this.#fail(fault);
        await this.#pause(waitMs);
        waitMs = Math.min(waitMs * 2, RETRY_MS_MAX);
      }
    }
  }

  /** From joining the group until it is shared out anew. */
  async #session(): Promise<void> {
    const topics = await this.#topics();
    const assigned = await this.#join(topics);
    this.#heardMs = this.#clock.now();
    const end = new AbortController();
    const signal = AbortSignal.any([end.signal, this.#closing.signal]);
    const { start } = this.#options;
    const begun = await beginnings({
      topics,
      assigned,
      start,
      committed: await this.#member.committed(assigned),
      firstCounts: this.#firstCounts,
      cluster: this.#cluster,
    });
    this.#partitions = new Partitions(begun);
    // So that "latest" stays where it was.
    await this.#commit();
    const reader = new TopicReader({
      cluster: this.#cluster,
      feeder: this.#feeder,
      topics: () => this.#topics(),
      mayRead: () => this.#clock.now() - this.#heardMs < GROUP_SILENCE_MS,
      onMissed: (records, where) => {
        this.#missed += records;
        this.#logger.warn({ ...where, records }, 'records were deleted before they were read');
      },
      onProblem: (fault) => this.#fail(fault),
      onRead: () => this.#health.recovered(),
    });
    const keeping = Promise.all([this.#beat(end, topics), this.#commitOften(signal)]);
    try {
      this.#logger.info({ partitions: begun.length }, 'the topics are read');
      await reader.read(topics, this.#partitions, signal);
    } finally {
      end.abort();
      await keeping;
      await this.#feeder.drain(HAND_OVER_MS);
      await this.#commit();
      this.#partitions = new Partitions([]);
    }
  }

  async #join(topics: readonly Topic[]): Promise<Assignment> {
    this.#isJoining = true;
    try {
      return (await this.#member.join(evenly((topic) => countOf(topics, topic)))).partitions;
    } finally {
      this.#isJoining = false;
    }
  }

  /** Signs of life. Ends the session when the group, or the topics, are not what they were. */
  async #beat(end: AbortController, topics: readonly ReadTopic[]): Promise<void> {
    const signal = AbortSignal.any([end.signal, this.#closing.signal]);
    let lookMs = this.#clock.now() + TOPICS_LOOK_MS;
    while (await this.#pause(GROUP_HEARTBEAT_MS, signal)) {
      try {
        if (!(await this.#member.heartbeat())) return end.abort();
        this.#heardMs = this.#clock.now();
      } catch (fault) {
        this.#fail(fault);
        if (fault instanceof GroupError && LOST.has(fault.code)) return end.abort();
        continue;
      }
      if (this.#clock.now() < lookMs) continue;
      lookMs = this.#clock.now() + TOPICS_LOOK_MS;
      const now = await this.#topics().catch(() => topics);
      if (now.some(({ partitions }, i) => partitions.length !== topics[i]?.partitions.length)) {
        return end.abort();
      }
    }
  }

  async #commitOften(signal: AbortSignal): Promise<void> {
    while (await this.#pause(COMMIT_MS, signal)) await this.#commit();
  }

  /** What could not be committed is with the next; or is read again, and known by its ids. */
  async #commit(): Promise<void> {
    const moved = this.#partitions.uncommitted();
    if (moved === undefined) return;
    try {
      await this.#member.commit(moved.positions);
      moved.keep();
    } catch (fault) {
      this.#logger.debug({ reason: messageOf(fault) }, 'positions could not be committed');
    }
  }

  async #topics(): Promise<readonly ReadTopic[]> {
    return await Promise.all(
      this.#options.topics.map(async (name) => {
        const topic = await this.#cluster.topic(name);
        if (topic === undefined) {
          throw new Error(`topic "${name}" is not there, or this user may not read it`);
        }
        if (logIdOf(topic) === this.#logId) {
          throw new Error(
            `topic "${name}" is this server's own log: what is read of it would come into it again, without end`,
          );
        }
        this.#meet(topic);
        return { ...topic, mark: markOf(topic) };
      }),
    );
  }

  #meet({ name, id, partitions }: Topic): void {
    const known = this.#topicIds.get(name);
    if (known === id) return;
    this.#topicIds.set(name, id);
    // All that is in a topic that was made anew came after it was first seen.
    this.#firstCounts.set(name, known === undefined ? partitions.length : 0);
    if (known === undefined) return;
    this.#logger.warn(
      { topic: name },
      'the topic was deleted and made anew: it is read from its beginning',
    );
    // Positions in the old one mean nothing in this one.
    this.#partitions = new Partitions([]);
  }

  /** Known to the group's connections, too. */
  async #anyNode(): Promise<number> {
    const [name = ''] = this.#options.topics;
    const topic = await this.#groupCluster.topic(name);
    const led = topic?.partitions.find(({ leader }) => leader >= 0);
    if (led === undefined) throw new Error(`topic "${name}" has no broker that leads it`);
    return led.leader;
  }

  #fail(fault: unknown): void {
    if (!this.#closing.signal.aborted) this.#health.failed(fault);
  }

  /** False: it was ended. */
  #pause(ms: number, signal = this.#closing.signal): Promise<boolean> {
    return sleep(ms, true, { signal }).catch(() => false);
  }
}

/** The partitions are others' by now. */
const LOST: ReadonlySet<number> = new Set([
  GROUP_CODE.unknownMember,
  GROUP_CODE.illegalGeneration,
  GROUP_CODE.fencedInstance,
]);

const countOf = (topics: readonly Topic[], name: string): number =>
  topics.find((topic) => topic.name === name)?.partitions.length ?? 0;

/** Of this topic alone, in all clusters, also after it was deleted and made anew. 48 bits: no server reads that many topics. */
const markOf = ({ clusterId, id, name }: Topic): string =>
  createHash('sha256').update(`${clusterId}/${id}/${name}`).digest('base64url').slice(0, 8);
