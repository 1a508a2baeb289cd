/** Fetches the partitions of a session from the brokers that lead them, each broker in a loop of its own, until the session ends. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KafkaCluster, Topic } from '../../storage/kafka/cluster.ts';
import { KAFKA_CODE, kafkaError } from '../../storage/kafka/faults.ts';
import {
  type ForeignFetched,
  fetchForeign,
  OFFSET_AT,
  offsetsAt,
} from '../../storage/kafka/foreign-fetch.ts';
import { fetchedEnd } from '../../storage/kafka/foreign-records.ts';
import type { Feeder } from './feeder.ts';
import { LOG_LOOK_MS, RETRY_MS_MAX, RETRY_MS_MIN } from './limits.ts';
import type { PartitionProgress, Partitions } from './partitions.ts';

/** A topic, and what its events' ids begin with. */
export interface ReadTopic extends Topic {
  readonly mark: string;
}

export interface TopicReaderOptions {
  readonly cluster: KafkaCluster;
  readonly feeder: Feeder;
  /** As they are now. Rejects while that is not known. */
  readonly topics: () => Promise<readonly ReadTopic[]>;
  /** False while the partitions may be becoming others'. */
  readonly mayRead: () => boolean;
  readonly onMissed: (records: number, where: { topic: string; partition: number }) => void;
  readonly onProblem: (fault: unknown) => void;
  readonly onRead: () => void;
}

export class TopicReader {
  readonly #options: TopicReaderOptions;
  #turn = 0;

  constructor(options: TopicReaderOptions) {
    this.#options = options;
  }

  /**
   * Resolves when `signal` is aborted, or a topic turns out to be another one of the same name. Faults of brokers are told, and it
   * goes on with a newer view of the cluster.
   */
  async read(
    seen: readonly ReadTopic[],
    partitions: Partitions,
    signal: AbortSignal,
  ): Promise<void> {
    let topics = seen;
    let waitMs = RETRY_MS_MIN;
    while (!signal.aborted) {
      const view = new View(topics, partitions, signal);
      const look = view.isPartial ? setTimeout(() => view.end(), LEADER_LOOK_MS) : undefined;
      await Promise.all([...view.led].map(([node, led]) => this.#readNode(node, led, view)));
      clearTimeout(look);
      if (signal.aborted) return;
      if (view.hasRead) waitMs = RETRY_MS_MIN;
      await sleep(waitMs, undefined, { signal }).catch(() => {});
      waitMs = Math.min(waitMs * 2, RETRY_MS_MAX);
      topics = await this.#look(topics, partitions);
      if (topics.some(({ id }, i) => id !== seen[i]?.id)) return;
    }
  }

  async #look(known: readonly ReadTopic[], { all }: Partitions): Promise<readonly ReadTopic[]> {
    try {
      const topics = await this.#options.topics();
      // Whoever has no partition is well if the cluster answers.
      if (all.length === 0) this.#options.onRead();
      return topics;
    } catch (fault) {
      this.#options.onProblem(fault);
      return known;
    }
  }

  /** Until the view is out of date. While what was fetched is decoded the next is on its way. */
  async #readNode(node: number, led: readonly Led[], view: View): Promise<void> {
    try {
      let next: Promise<readonly ForeignFetched[]> | undefined;
      while (!view.isOver) {
        next ??= this.#hasRoom ? this.#fetch(node, led) : undefined;
        if (next === undefined) {
          await sleep(LOG_LOOK_MS);
          continue;
        }
        const fetched = await next;
        if (view.signal.aborted) return;
        const taken = await this.#take(fetched, led, view);
        next = this.#hasRoom && !view.isOver ? this.#fetch(node, led) : undefined;
        for (const add of taken) await add();
      }
    } catch (fault) {
      view.end();
      this.#options.onProblem(fault);
    }
  }

  get #hasRoom(): boolean {
    return this.#options.feeder.hasRoom && this.#options.mayRead();
  }

  #fetch(node: number, led: readonly Led[]): Promise<readonly ForeignFetched[]> {
    // The broker fills its answer in the order of the wishes: each partition is the first in its turn.
    const first = led[this.#turn++ % led.length];
    const inTurn = led.toSorted((a, b) => Number(b === first) - Number(a === first));
    const fetching = fetchForeign(
      this.#options.cluster,
      node,
      inTurn.map(({ topic, progress }) => ({
        topicId: topic.id,
        partition: progress.partition,
        offset: progress.fetched,
      })),
    );
    // Whoever awaits it is told; at the end of a session nobody does.
    fetching.catch(() => {});
    return fetching;
  }

  /** Moves on behind what was fetched; answers what brings it to the log, to be called one after the other. */
  async #take(
    fetched: readonly ForeignFetched[],
    led: readonly Led[],
    view: View,
  ): Promise<(() => Promise<void>)[]> {
    const adds: (() => Promise<void>)[] = [];
    for (const part of fetched) {
      const of = led.find(
        ({ topic, progress }) => topic.id === part.topicId && progress.partition === part.partition,
      );
      if (of === undefined) continue;
      if (part.errorCode !== 0) {
        // What was taken of others has to be added, whatever becomes of this one.
        await this.#mend(part, of, view).catch((fault) => {
          view.end();
          this.#options.onProblem(fault);
        });
      } else {
        of.progress.end = part.end;
        const add = this.#added(part, of);
        if (add !== undefined) adds.push(add);
      }
    }
    if (!view.isOver) {
      view.hasRead = true;
      this.#options.onRead();
    }
    return adds;
  }

  #added({ records, aborted }: ForeignFetched, { topic, progress }: Led) {
    if (records === undefined || records.length === 0) return undefined;
    const from = progress.fetched;
    const end = fetchedEnd(records, from);
    if (end === from) return undefined;
    const durable = progress.took(end);
    const { partition } = progress;
    const chunk = {
      topic: topic.name,
      topicMark: topic.mark,
      partition,
      from,
      records,
      aborted,
      poison: new Set<number>(),
    };
    return () => this.#options.feeder.add(chunk, durable);
  }

  /** What is not there any more is passed over and counted; anything else ends the view. */
  async #mend({ errorCode }: ForeignFetched, { topic, progress }: Led, view: View): Promise<void> {
    const { partition } = progress;
    const tell = (what: string) =>
      this.#options.onProblem(new Error(`topic "${topic.name}", partition ${partition}: ${what}`));
    if (errorCode !== KAFKA_CODE.offsetOutOfRange) {
      view.end();
      tell(kafkaError(errorCode));
      return;
    }
    const lookUp = (at: number) => offsetsAt(this.#options.cluster, topic, [partition], at);
    const start = (await lookUp(OFFSET_AT.earliest)).get(partition) ?? 0;
    const isBehind = progress.fetched < start;
    const to = isBehind ? start : ((await lookUp(OFFSET_AT.latest)).get(partition) ?? start);
    if (isBehind) this.#options.onMissed(to - progress.fetched, { topic: topic.name, partition });
    else tell(`its brokers have lost what was read behind offset ${to}`);
    progress.jump(to);
  }
}

/** Partitions without a leader are looked at again after so long. */
const LEADER_LOOK_MS = 2_000;

/** A partition, and its topic as it is seen now. */
interface Led {
  readonly topic: ReadTopic;
  readonly progress: PartitionProgress;
}

/** Who leads what, as long as that holds. */
class View {
  readonly signal: AbortSignal;
  hasRead = false;
  /** By the broker that leads them. */
  readonly led = new Map<number, Led[]>();
  /** Some have no leader just now. */
  readonly isPartial: boolean;
  #hasEnded = false;

  constructor(topics: readonly ReadTopic[], { all }: Partitions, signal: AbortSignal) {
    this.signal = signal;
    let count = 0;
    for (const progress of all) {
      const topic = topics.find(({ name }) => name === progress.topic);
      const leader = topic?.partitions[progress.partition]?.leader ?? -1;
      if (topic === undefined || leader < 0) continue;
      count += 1;
      const known = this.led.get(leader);
      if (known === undefined) this.led.set(leader, [{ topic, progress }]);
      else known.push({ topic, progress });
    }
    this.isPartial = count < all.length;
  }

  get isOver(): boolean {
    return this.#hasEnded || this.signal.aborted;
  }

  end(): void {
    this.#hasEnded = true;
  }
}
