/**
 * Sends batches until brokers have acknowledged them, or it is given up.
 *
 * One whose outcome is unknown is sent again as it was, with the same sequence: brokers drop what they have had. So nothing
 * is doubled meanwhile. One that was given up may still come into the topic, until the producer's next epoch gets there.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../src/model/clock.ts';
import { isFault } from '../../src/model/errors.ts';
import { KAFKA_APPEND_MS_MAX, KAFKA_RETRY_MS_MAX, KAFKA_RETRY_MS_MIN } from '../limits.ts';
import { byLeader, type KafkaCluster, type ProducerName, type Topic } from './cluster.ts';
import type { KafkaLogSource } from './connection.ts';
import { KAFKA_CODE, kafkaError, passes } from './faults.ts';
import { PRODUCE, produceRequest } from './produce.ts';
import { packBatch } from './record-batch.ts';
import type { Batch } from './round.ts';
import type { TopicWatch } from './topic-watch.ts';

export interface Acknowledged {
  readonly batch: Batch;
  /** Offset of the first record, in the topic. */
  readonly first: number;
  /** The oldest that the partition keeps. */
  readonly start: number;
}

interface Sending {
  readonly batch: Batch;
  /** As it goes over the wire, each time; made when the producer has its name. */
  bytes: Buffer | undefined;
}

/** Sent again as it is, it would be refused again. */
class Hopeless extends Error {
  readonly code: number | undefined;

  constructor(message: string, code?: number) {
    super(message);
    this.code = code;
  }
}

/** Trying again at once helps neither against that nor against a topic that is gone. */
const isHopeless = (fault: unknown): boolean =>
  fault instanceof Hopeless || isFault(fault, 'log_gone');

const EPOCH_MAX = 32_767;
/** Sequences are i32 and not negative; after the last comes 0. */
const SEQUENCES = 2 ** 31;
/** The brokers and we do not agree on what was sent before: a producer of another name has sent nothing. */
const PRODUCER_BROKEN: readonly (number | undefined)[] = [
  KAFKA_CODE.outOfOrderSequence,
  KAFKA_CODE.duplicateSequence,
  KAFKA_CODE.invalidProducerEpoch,
  KAFKA_CODE.invalidProducerMapping,
  KAFKA_CODE.unknownProducer,
  KAFKA_CODE.producerFenced,
];

export class BatchProducer {
  readonly #cluster: KafkaCluster;
  readonly #log: KafkaLogSource;
  readonly #watch: Pick<TopicWatch, 'look'>;
  readonly #clock: Clock;
  readonly #sendMsMax: number;
  #topic: Topic | undefined;
  #producer: ProducerName | undefined;
  /** Of each partition's next record. */
  readonly #sequences = new Map<number, number>();

  /** @param sendMsMax when batches are given up, whatever brokers do */
  constructor(
    cluster: KafkaCluster,
    log: KafkaLogSource,
    watch: Pick<TopicWatch, 'look'>,
    clock: Clock,
    sendMsMax = KAFKA_APPEND_MS_MAX,
  ) {
    this.#cluster = cluster;
    this.#log = log;
    this.#watch = watch;
    this.#clock = clock;
    this.#sendMsMax = sendMsMax;
  }

  /**
   * Tells of each batch when all its replicas in sync have it. Rejects with what was wrong last, after `sendMsMax` or at
   * once if waiting does not help; what has not been told of by then may be in the topic or not. Never called before it has answered.
   */
  async send(batches: readonly Batch[], tell: (done: Acknowledged) => void): Promise<void> {
    const left = new Map<number, Sending>();
    for (const batch of batches) left.set(batch.partition, { batch, bytes: undefined });
    const deadline = performance.now() + this.#sendMsMax;
    const giveUp = new AbortController();
    const timer = setTimeout(() => {
      giveUp.abort(new Error(`no answer within ${this.#sendMsMax} ms`));
      // What hangs would hold up what is sent next.
      this.#cluster.dropAll();
    }, this.#sendMsMax);
    try {
      for (let wait = KAFKA_RETRY_MS_MIN; ; wait = Math.min(2 * wait, KAFKA_RETRY_MS_MAX)) {
        const fault = await this.#attempt(left, tell, giveUp.signal);
        if (left.size === 0) return;
        this.#topic = undefined;
        if (isHopeless(fault) || performance.now() + wait > deadline) throw fault;
        await sleep(wait);
      }
    } catch (fault) {
      this.#beginAnew(fault);
      throw fault;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Rejects with the reason unless each of the topic's partitions takes batches, as far as one can see. */
  async check(inSyncMin: number): Promise<void> {
    const { partitions } = await this.#watch.look();
    for (const [index, { leader, inSync }] of partitions.entries()) {
      if (leader < 0) throw new Error(`partition ${index} has no leader`);
      if (inSync < inSyncMin) {
        throw new Error(`partition ${index} has ${inSync} of ${inSyncMin} replicas in sync`);
      }
    }
  }

  /** Takes out of `left` what is acknowledged; answers why not the rest. */
  async #attempt(
    left: Map<number, Sending>,
    tell: (done: Acknowledged) => void,
    signal: AbortSignal,
  ): Promise<unknown> {
    try {
      this.#topic ??= await this.#watch.look(signal);
      const groups = byLeader(this.#topic, left.keys());
      const [someNode] = groups.keys();
      if (someNode === undefined) return new Error('no partition has a leader');
      this.#producer ??= await this.#cluster.producer(someNode, signal);
      const asked = [...groups].map(([node, led]) => this.#ask(node, led, left, tell, signal));
      const faults = (await Promise.allSettled(asked)).flatMap((one) =>
        one.status === 'rejected' ? [one.reason] : [],
      );
      const hopeless = faults.find(isHopeless);
      return hopeless ?? faults[0] ?? new Error('a partition has no leader');
    } catch (fault) {
      return fault;
    }
  }

  async #ask(
    node: number,
    partitions: readonly number[],
    left: Map<number, Sending>,
    tell: (done: Acknowledged) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const batches = new Map<number, Buffer>();
    for (const partition of partitions) {
      const sending = left.get(partition) as Sending;
      sending.bytes ??= this.#pack(sending.batch);
      batches.set(partition, sending.bytes);
    }
    const { topic } = this.#log;
    const payload = () => produceRequest(topic, batches);
    const answer = await this.#cluster.request(node, PRODUCE, payload, signal);
    let fault: Error | undefined;
    for (const { index, errorCode, ...at } of answer.responses[0]?.partitionResponses ?? []) {
      const batch = left.get(index)?.batch;
      if (batch === undefined) continue;
      if (errorCode === 0) {
        left.delete(index);
        this.#sequences.set(index, (this.#sequenceOf(index) + batch.blocks.length) % SEQUENCES);
        tell({ batch, first: Number(at.baseOffset), start: Number(at.logStartOffset) });
      } else {
        const message = `partition ${index}: ${kafkaError(errorCode)}`;
        fault = passes(errorCode) ? new Error(message) : new Hopeless(message, errorCode);
      }
    }
    if (fault !== undefined) throw fault;
  }

  #pack({ partition, blocks }: Batch): Buffer {
    const { id, epoch } = this.#producer as ProducerName;
    return packBatch(blocks, {
      producerId: id,
      producerEpoch: epoch,
      sequence: this.#sequenceOf(partition),
      timestampMs: this.#clock.now(),
    });
  }

  #sequenceOf(partition: number): number {
    return this.#sequences.get(partition) ?? 0;
  }

  /** What was given up must not be taken for the next batch, nor come into the topic behind it: brokers refuse an older epoch. */
  #beginAnew(fault: unknown): void {
    const isBroken = fault instanceof Hopeless && PRODUCER_BROKEN.includes(fault.code);
    const old = this.#producer;
    const canGoOn = old !== undefined && old.epoch < EPOCH_MAX && !isBroken;
    this.#producer = canGoOn ? { id: old.id, epoch: old.epoch + 1 } : undefined;
    this.#sequences.clear();
  }
}
