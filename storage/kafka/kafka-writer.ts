/**
 * The writing side of a log that is a topic. Group commit: what waits goes into the next round, one batch a partition and
 * one request to each broker, answered when all replicas in sync have it; what arrives meanwhile is the next round.
 *
 * An append is answered within a bound. Once brokers do not answer (`log_away`) or the topic is gone (`log_gone`), appends are
 * refused before they are taken, until a probe finds the topic as it should be.
 */

import { ok as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import { blockLengthAt } from '../../src/model/block-format.ts';
import { type Clock, systemClock } from '../../src/model/clock.ts';
import { AppError, FAULT, isFault } from '../../src/model/errors.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { viewOf } from '../../src/model/view-of.ts';
import {
  KAFKA_PENDING_BYTES_MAX,
  KAFKA_RETRY_MS_MAX,
  KAFKA_RETRY_MS_MIN,
  KAFKA_STALL_MS,
} from '../limits.ts';
import type { LogRefusal, LogWriter } from '../log/log.ts';
import {
  type LogShared,
  logStart,
  publishEnd,
  publishEvents,
  publishRecords,
  publishRefusal,
  publishStart,
} from '../log/log-shared.ts';
import { KafkaCluster } from './cluster.ts';
import type { KafkaLogSource } from './connection.ts';
import { kafkaFault, kafkaPath } from './faults.ts';
import { type Acknowledged, BatchProducer } from './producer.ts';
import { Appends, partitionOf } from './round.ts';
import { publishTopic, type TopicTerms } from './topic-ends.ts';
import { TopicWatch } from './topic-watch.ts';

export interface KafkaWriterOptions extends KafkaLogSource, TopicTerms {
  readonly shared: LogShared;
  readonly pendingBytesMax?: number;
  /** Replicas in sync without which the topic takes nothing, as it is set. Default 1. */
  readonly inSyncMin?: number;
  readonly clock?: Clock;
}

/**
 * Tells `shared` what the topic holds, and takes appends from then on. Rejects with `log_away` if the brokers do not answer in
 * time, `log_denied` if they do not let us in, `log_gone` if there is no such topic or it is not the log of `id`, `log_truncated`
 * if it ends before what is applied, `config_invalid` if it has other partitions than `shared`.
 */
export async function openKafkaWriter(options: KafkaWriterOptions): Promise<KafkaWriter> {
  const cluster = new KafkaCluster(options.connection);
  try {
    await publishTopic(cluster, options, options.shared, options);
    return new KafkaWriter(cluster, options);
  } catch (error) {
    cluster.close();
    throw error;
  }
}

export class KafkaWriter implements LogWriter {
  readonly #log: KafkaLogSource;
  readonly #shared: LogShared;
  readonly #cluster: KafkaCluster;
  readonly #watch: TopicWatch;
  readonly #producer: BatchProducer;
  readonly #pendingBytesMax: number;
  readonly #inSyncMin: number;
  readonly #appends = new Appends();
  readonly #closing = new AbortController();
  #pendingBytes = 0;
  #committing: Promise<void> | undefined;
  /** A round has been under way for too long. */
  #isStalled = false;
  /** Why a round was given up; cleared by a probe. */
  #fault: AppError | undefined;
  #writable: PromiseWithResolvers<void> | undefined;
  #closed: Promise<void> | undefined;

  /** Part of `openKafkaWriter`; the cluster is the writer's from now on. */
  constructor(cluster: KafkaCluster, options: KafkaWriterOptions) {
    this.#log = options;
    this.#shared = options.shared;
    this.#cluster = cluster;
    const { clock = systemClock, missingMs } = options;
    this.#watch = new TopicWatch(cluster, options, () => this.#publishRefusal(), missingMs);
    this.#producer = new BatchProducer(cluster, options, this.#watch, clock);
    this.#pendingBytesMax = options.pendingBytesMax ?? KAFKA_PENDING_BYTES_MAX;
    this.#inSyncMin = options.inSyncMin ?? 1;
    this.#publishRefusal();
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get refusal(): LogRefusal | undefined {
    return this.#refusalOf(1);
  }

  /** Resolves when brokers are not known to be out of reach: at once, unless `refusal` is `log_away` or `log_gone`. Never rejects. */
  get whenWritable(): Promise<void> {
    if (!this.#isAway) return Promise.resolve();
    this.#writable ??= Promise.withResolvers();
    return this.#writable.promise;
  }

  append(blocks: readonly Uint8Array[]): Promise<readonly Offset[]> {
    const bytes = blocks.reduce((sum, block) => sum + block.length, 0);
    const refusal = this.#refusalOf(bytes);
    if (refusal !== undefined) return Promise.reject(this.#refusalError(refusal));
    for (const block of blocks) assertSealed(block, this.#shared.partitions);
    if (blocks.length === 0) return Promise.resolve([]);
    this.#pendingBytes += bytes;
    const durable = this.#appends.push(blocks);
    this.#publishRefusal();
    this.#committing ??= this.#commitRounds();
    return durable;
  }

  /** Deletes nothing: what is kept is the topic's affair. Answers the oldest offset that any partition has. */
  async deleteBefore(_before: Offset): Promise<Offset> {
    const starts = Array.from({ length: this.#shared.partitions }, (_, partition) =>
      logStart(this.#shared, partition),
    );
    return offset(Math.min(...starts));
  }

  /** Refuses appends from now on, resolves when those accepted are answered. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#committing;
    this.#watch.close();
    this.#closing.abort();
    this.#publishRefusal();
    this.#cluster.close();
  }

  get #isAway(): boolean {
    return this.#isStalled || this.#fault !== undefined || this.#watch.gone !== undefined;
  }

  #refusalOf(bytes: number): LogRefusal | undefined {
    if (this.#closed !== undefined) return 'log_closed';
    if (this.#watch.gone !== undefined) return 'log_gone';
    if (this.#isAway) return 'log_away';
    // One that is too large by itself is taken when nothing else waits: its bytes are in memory already.
    const isFull = this.#pendingBytes > 0 && this.#pendingBytes + bytes > this.#pendingBytesMax;
    return isFull ? 'log_backpressure' : undefined;
  }

  #refusalError(refusal: LogRefusal): AppError {
    const fault = this.#watch.gone ?? this.#fault;
    if (fault?.code === refusal) return fault;
    const what = refusal === 'log_away' ? 'the brokers do not answer' : FAULT[refusal].meaning;
    const waits = `${this.#pendingBytes} of ${this.#pendingBytesMax} bytes wait`;
    return new AppError(refusal, `${what}; ${waits}`, { path: kafkaPath(this.#log.topic) });
  }

  #publishRefusal(): void {
    publishRefusal(this.#shared, this.refusal);
    if (this.#isAway && this.#closed === undefined) return;
    this.#writable?.resolve();
    this.#writable = undefined;
  }

  /** Runs until nothing waits; never rejects. */
  async #commitRounds(): Promise<void> {
    while (!this.#appends.isEmpty) {
      const stall = setTimeout(() => this.#setStalled(true), KAFKA_STALL_MS);
      try {
        await this.#producer.send(this.#appends.nextRound(), (done) => {
          stall.refresh();
          this.#setStalled(false);
          this.#complete(done);
        });
      } catch (cause) {
        this.#fail(cause);
      }
      clearTimeout(stall);
      this.#setStalled(false);
    }
    this.#committing = undefined;
  }

  #setStalled(isStalled: boolean): void {
    if (isStalled === this.#isStalled) return;
    this.#isStalled = isStalled;
    this.#publishRefusal();
  }

  #complete({ batch, first, start }: Acknowledged): void {
    const { partition, blocks, blockBytes } = batch;
    const { offsetBase } = this.#log;
    const end = offset(offsetBase + first + blocks.length);
    this.#pendingBytes -= blockBytes;
    const { partitionEnds } = this.#shared;
    partitionEnds[partition] = Math.max(partitionEnds[partition] as number, end);
    if (batch.hasEvents) publishEvents(this.#shared, partition, end);
    publishRecords(this.#shared, blocks.length, blockBytes);
    if (start >= 0) publishStart(this.#shared, partition, offset(offsetBase + start));
    publishEnd(this.#shared, partition, end);
    this.#publishRefusal();
    batch.complete(offsetBase + first);
  }

  #fail(cause: unknown): void {
    const fault = this.#faultOf(cause);
    this.#fault = fault;
    this.#pendingBytes = 0;
    this.#publishRefusal();
    this.#appends.rejectAll(fault);
    void this.#probe();
  }

  #faultOf(cause: unknown): AppError {
    if (isFault(cause, 'log_gone')) return cause;
    return kafkaFault('writing to the topic', this.#log.topic, cause);
  }

  /** Until the topic is as it should be; meanwhile `#fault` is the newest reason why it is not. Never rejects. */
  async #probe(): Promise<void> {
    const { signal } = this.#closing;
    for (let wait = KAFKA_RETRY_MS_MIN; ; wait = Math.min(2 * wait, KAFKA_RETRY_MS_MAX)) {
      await sleep(wait, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.#producer.check(this.#inSyncMin);
        break;
      } catch (cause) {
        this.#fault = this.#faultOf(cause);
      }
    }
    this.#fault = undefined;
    this.#publishRefusal();
  }
}

/** A block that no reader could read must not get between those that one can. */
function assertSealed(block: Uint8Array, partitions: number): void {
  const length = blockLengthAt(viewOf(block), 0);
  assert(
    length === block.length,
    `expected a sealed block of ${block.length} bytes, its header says ${length}`,
  );
  const partition = partitionOf(block);
  assert(partition < partitions, `expected a partition below ${partitions}, received ${partition}`);
}
