/**
 * Reads a log that is a topic, without a group: positions are the partitions' own. One fetch is under way to each broker that
 * leads a wanted partition, also while what the last one brought is worked on; so a reader holds two fetches of each at most.
 *
 * Brokers that go and leaders that change are ridden out: reads wait meanwhile. One that has waited for long tells why, and the next
 * waits again. A partition that cannot be read on rejects a read, and is looked at again after a while; the others go on. Records
 * that are no blocks are never passed over, but what the topic has deleted of them is not missed.
 */
import { ok as assert } from 'node:assert';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AppError } from '../../src/model/errors.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import {
  KAFKA_APPEND_MS_MAX,
  KAFKA_FAULT_RETRY_MS,
  KAFKA_READ_BYTES,
  KAFKA_RETRY_MS_MAX,
  KAFKA_RETRY_MS_MIN,
} from '../limits.ts';
import type { LoggedBlock, LogRead, LogReader, OpenReader } from '../log/log.ts';
import {
  isStray,
  type LogShared,
  publishEnd,
  publishRecords,
  publishStart,
  publishStray,
} from '../log/log-shared.ts';
import { byLeader, KafkaCluster, type Topic } from './cluster.ts';
import type { KafkaLogSource } from './connection.ts';
import { KAFKA_CODE, kafkaError, kafkaFault } from './faults.ts';
import { FETCH, type FetchedPartition, fetchRequest, freePieces } from './fetch.ts';
import { fetchedBlocks } from './fetched-blocks.ts';
import { logIdOf } from './log-id.ts';
import { anewFault, deniedFault, goneFault } from './reader-faults.ts';
import { unknownTopic } from './topic-watch.ts';

export interface KafkaReaderOptions extends KafkaLogSource {
  readonly shared: LogShared;
  /** First wanted offset of each partition to read; at least one partition. */
  readonly from: ReadonlyMap<number, Offset>;
  /** How long a read waits while no fetch succeeds. Default `KAFKA_APPEND_MS_MAX`, as appends do. */
  readonly patienceMs?: number;
}

/** Readers for one thread. */
export const openKafkaReaders =
  (log: KafkaLogSource, shared: LogShared): OpenReader =>
  (from) =>
    openKafkaReader({ ...log, shared, from });

/** May be opened before the writer, and while no broker is there. Connects with its first read. */
export const openKafkaReader = (options: KafkaReaderOptions): LogReader => new KafkaReader(options);

/** A partition that is read. Offsets here are the topic's own. */
interface Wanted {
  /** Where the next fetch begins. */
  next: number;
  /** Fetched and not delivered, in their order. */
  ready: LoggedBlock[];
  /** What a read rejects with once all that is ready is delivered. Until then nothing more is fetched. */
  fault: AppError | undefined;
  /** Its fault was told: nothing is fetched for a while. */
  rests: boolean;
  /** A fault was told, and nothing sound has come since. */
  isDoubtful: boolean;
}

/** `gone`: what is wanted is not there. `elsewhere`: the cluster has to be looked at anew. */
type Answer = 'taken' | 'gone' | 'elsewhere';

class KafkaReader implements LogReader {
  readonly #log: KafkaLogSource;
  readonly #shared: LogShared;
  readonly #cluster: KafkaCluster;
  readonly #wanted = new Map<number, Wanted>();
  /** Nodes to which a fetch is under way, each with its mark: the answer to one that was abandoned is ignored. */
  readonly #fetches = new Map<number, symbol>();
  readonly #closing = new AbortController();
  readonly #patienceMs: number;
  #topic: Topic | undefined;
  /** The wanted partitions by leader, made anew when either changes. Each list turns: the first has the room first. */
  #groups: Map<number, number[]> | undefined;
  #isLooking = false;
  /** Before the cluster is looked at; 0 the first time only: while one broker answers, another may refuse at once, again and again. */
  #backoffMs = 0;
  #bytesMax = KAFKA_READ_BYTES;
  /** A partition has come further without a block, or is sound again. */
  #hasMoved = false;
  #news = Promise.withResolvers<void>();
  #isReading = false;
  /** Why no fetch has succeeded since then, as `performance.now` counts; counted while a read waits. */
  #outage: { readonly sinceMs: number; readonly fault: unknown } | undefined;

  constructor({ shared, from, patienceMs, ...log }: KafkaReaderOptions) {
    assert(from.size > 0, 'a reader needs at least one partition to read');
    this.#patienceMs = patienceMs ?? KAFKA_APPEND_MS_MAX;
    this.#log = log;
    this.#shared = shared;
    this.#cluster = new KafkaCluster(log.connection);
    for (const [partition, first] of from) this.#want(partition, first);
  }

  async read(bytesMax: number): Promise<LogRead> {
    assert(!this.#isReading, 'read was called again before it had answered');
    this.#isReading = true;
    this.#bytesMax = Math.min(bytesMax, KAFKA_READ_BYTES);
    this.#outage = undefined;
    // A seek of the same moment counts already.
    await undefined;
    try {
      while (!this.#closing.signal.aborted) {
        const news = this.#news.promise;
        this.#throwFault();
        const blocks = this.#take(bytesMax);
        this.#fetchAll();
        if (blocks.length > 0 || this.#hasMoved) {
          this.#hasMoved = false;
          return { blocks, readTo: this.#readTo() };
        }
        this.#throwOutage();
        await news;
      }
      return { blocks: [], readTo: this.#readTo() };
    } finally {
      this.#isReading = false;
    }
  }

  seek(partition: number, to: Offset): void {
    this.#want(partition, to);
    this.#groups = undefined;
    // A broker may hold it back for long, for the place that was left.
    const leader = this.#topic?.partitions[partition]?.leader ?? -1;
    if (this.#fetches.delete(leader)) this.#cluster.drop(leader);
    this.#tell();
  }

  release(partition: number): void {
    this.#wanted.delete(partition);
    this.#groups = undefined;
  }

  close(): void {
    this.#closing.abort();
    this.#cluster.close();
    this.#tell();
  }

  #want(partition: number, first: Offset): void {
    const next = first - this.#log.offsetBase;
    const sound = { fault: undefined, rests: false, isDoubtful: false };
    this.#wanted.set(partition, { next, ready: [], ...sound });
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  #throwOutage(): void {
    if (this.#outage === undefined) return;
    const { sinceMs, fault } = this.#outage;
    if (performance.now() - sinceMs < this.#patienceMs) return;
    throw kafkaFault('reading the topic', this.#log.topic, fault);
  }

  #throwFault(): void {
    for (const wanted of this.#wanted.values()) {
      const { fault, ready } = wanted;
      if (fault === undefined || ready.length > 0) continue;
      this.#rest(wanted);
      throw fault;
    }
  }

  #rest(wanted: Wanted): void {
    wanted.fault = undefined;
    wanted.rests = true;
    wanted.isDoubtful = true;
    const wake = () => {
      wanted.rests = false;
      this.#groups = undefined;
      this.#tell();
    };
    const { signal } = this.#closing;
    void sleep(KAFKA_FAULT_RETRY_MS, undefined, { signal }).then(wake, () => undefined);
  }

  #take(bytesMax: number): LoggedBlock[] {
    const taken: LoggedBlock[] = [];
    let room = bytesMax;
    for (const wanted of this.#wanted.values()) {
      const { ready } = wanted;
      let count = 0;
      for (const block of ready) {
        if (taken.length > 0 && (block.bytes.length > room || room <= 0)) break;
        taken.push(block);
        room -= block.bytes.length;
        count += 1;
      }
      wanted.ready = count === ready.length ? [] : ready.slice(count);
    }
    return taken;
  }

  /** As of now, though the answer may be asked later. */
  #readTo(): LogRead['readTo'] {
    const { offsetBase } = this.#log;
    const delivered = new Map<number, Offset>();
    for (const [partition, { ready, next }] of this.#wanted) {
      delivered.set(partition, ready[0]?.offset ?? offset(offsetBase + next));
    }
    return (partition) => delivered.get(partition) ?? offset(0);
  }

  /** Of each leader from which all that came is delivered. */
  #fetchAll(): void {
    if (this.#topic === undefined) {
      this.#look();
      return;
    }
    const awake = [...this.#wanted].filter(([, { rests, fault }]) => !rests && fault === undefined);
    this.#groups ??= byLeader(
      this.#topic,
      awake.map(([partition]) => partition),
    );
    let led = 0;
    for (const [node, partitions] of this.#groups) {
      led += partitions.length;
      const isReady = partitions.some((partition) => this.#wanted.get(partition)?.ready.length);
      if (!isReady && !this.#fetches.has(node)) void this.#fetch(node, partitions, this.#topic);
    }
    if (led < awake.length) this.#lookFor(new Error('a partition has no leader'));
  }

  /** Never rejects. */
  async #fetch(node: number, partitions: number[], topic: Topic): Promise<void> {
    const mark = Symbol();
    this.#fetches.set(node, mark);
    const from = partitions.map((each) => [each, this.#wanted.get(each)?.next ?? 0] as const);
    partitions.push(partitions.shift() as number);
    const wish = { topicId: topic.id, from, bytesMax: this.#bytesMax };
    try {
      const answer = await this.#cluster.request(node, FETCH, () => fetchRequest(wish));
      freePieces(answer);
      if (this.#fetches.get(node) !== mark) return;
      if (answer.errorCode !== 0) throw new Error(kafkaError(answer.errorCode));
      const asked = new Map(from);
      const gone = new Map<number, number>();
      for (const fetched of answer.partitions) {
        const { partition, errorCode } = fetched;
        const found = this.#accept(fetched, asked);
        if (found === 'elsewhere') throw new Error(kafkaError(errorCode));
        if (found === 'gone') gone.set(partition, asked.get(partition) as number);
      }
      if (gone.size > 0) await this.#passGone(topic, gone);
      this.#backoffMs = KAFKA_RETRY_MS_MIN;
      this.#outage = undefined;
    } catch (fault) {
      if (this.#fetches.get(node) !== mark) return;
      this.#lookFor(fault);
    }
    this.#fetches.delete(node);
    this.#tell();
  }

  #accept(fetched: FetchedPartition, asked: ReadonlyMap<number, number>): Answer {
    const { partition, errorCode, start, end, records } = fetched;
    const wanted = this.#wanted.get(partition);
    if (wanted === undefined || wanted.next !== asked.get(partition)) return 'taken';
    switch (errorCode) {
      case 0:
        break;
      case KAFKA_CODE.offsetOutOfRange:
        return 'gone';
      case KAFKA_CODE.topicAuthorizationFailed:
        this.#fail(wanted, deniedFault(this.#log, partition));
        return 'taken';
      default:
        return 'elsewhere';
    }
    const { offsetBase } = this.#log;
    publishStart(this.#shared, partition, offset(offsetBase + start));
    publishEnd(this.#shared, partition, offset(offsetBase + end));
    if (records !== undefined && records.length > 0) this.#keep(partition, wanted, records);
    if (wanted.isDoubtful && wanted.fault === undefined) {
      wanted.isDoubtful = false;
      this.#hasMoved = true;
    }
    return 'taken';
  }

  /** Whoever deletes records that hold no block deletes nothing that was wanted. */
  async #passGone(topic: Topic, asked: ReadonlyMap<number, number>): Promise<void> {
    const starts = await this.#cluster.offsets(topic, 'earliest');
    const { offsetBase } = this.#log;
    for (const [partition, next] of asked) {
      const wanted = this.#wanted.get(partition);
      const start = starts[partition];
      if (wanted?.next !== next || start === undefined) continue;
      publishStart(this.#shared, partition, offset(offsetBase + start));
      const run = { from: offsetBase + next, to: offsetBase + start };
      if (start > next && isStray(this.#shared, partition, run)) {
        wanted.next = start;
        this.#hasMoved = true;
      } else {
        this.#fail(wanted, goneFault(this.#log, { partition, at: next, start }));
      }
    }
  }

  #fail(wanted: Wanted, fault: AppError): void {
    wanted.fault = fault;
    this.#groups = undefined;
  }

  #keep(partition: number, wanted: Wanted, records: Buffer): void {
    const from = wanted.next;
    const found = fetchedBlocks(this.#log, { partition, from, records });
    wanted.ready = found.blocks;
    wanted.next = found.next;
    if (found.next > from) this.#hasMoved = true;
    if (found.stray !== undefined) publishStray(this.#shared, partition, found.stray);
    if (found.fault !== undefined) this.#fail(wanted, found.fault);
    const bytes = found.blocks.reduce((sum, block) => sum + block.bytes.length, 0);
    publishRecords(this.#shared, found.blocks.length, bytes);
  }

  #lookFor(fault: unknown): void {
    this.#failed(fault);
    this.#look();
  }

  #failed(fault: unknown): void {
    this.#outage = { sinceMs: this.#outage?.sinceMs ?? performance.now(), fault };
    this.#tell();
  }

  /** Finds out who leads what, once it answers; meanwhile nothing is fetched. */
  #look(): void {
    this.#topic = undefined;
    this.#groups = undefined;
    if (this.#isLooking) return;
    this.#isLooking = true;
    void this.#lookUntilFound().finally(() => {
      this.#isLooking = false;
      this.#tell();
    });
  }

  /** Never rejects. */
  async #lookUntilFound(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await sleep(this.#backoffMs, undefined, { signal }).catch(() => undefined);
      this.#backoffMs = Math.min(
        Math.max(KAFKA_RETRY_MS_MIN, 2 * this.#backoffMs),
        KAFKA_RETRY_MS_MAX,
      );
      const found = await this.#topicNow();
      if (found === undefined) continue;
      if (logIdOf(found) === this.#log.id) {
        this.#topic = found;
        return;
      }
      for (const [partition, wanted] of this.#wanted) {
        if (!wanted.rests) this.#fail(wanted, anewFault(this.#log, partition));
      }
      return;
    }
  }

  async #topicNow(): Promise<Topic | undefined> {
    const { topic: name } = this.#log;
    try {
      const found = await this.#cluster.topic(name);
      if (found === undefined) this.#failed(unknownTopic(name));
      return found;
    } catch (fault) {
      this.#failed(fault);
      return undefined;
    }
  }
}
