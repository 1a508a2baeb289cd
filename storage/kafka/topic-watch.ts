/**
 * Looks whether the topic of a log is still there, also while nothing is written: what is taken for one that was deleted can
 * never come into it.
 */
import { performance } from 'node:perf_hooks';
import { AppError } from '../../src/model/errors.ts';
import { KAFKA_LOOK_MS, KAFKA_MISSING_MS } from '../limits.ts';
import type { KafkaCluster, Topic } from './cluster.ts';
import type { KafkaLogSource } from './connection.ts';
import { kafkaPath } from './faults.ts';
import { logIdOf } from './log-id.ts';

export class TopicWatch {
  readonly #cluster: Pick<KafkaCluster, 'topic'>;
  readonly #log: Pick<KafkaLogSource, 'topic' | 'id'>;
  readonly #onChange: () => void;
  readonly #missingMs: number;
  readonly #looks: NodeJS.Timeout;
  #isLooking = false;
  /** As `performance.now` counts: since then brokers have said, each time, that there is no such topic. */
  #missingSince: number | undefined;
  #gone: AppError | undefined;

  /** @param missingMs how long brokers have to say that there is no such topic until it is gone; 0: once */
  constructor(
    cluster: Pick<KafkaCluster, 'topic'>,
    log: Pick<KafkaLogSource, 'topic' | 'id'>,
    onChange: () => void,
    missingMs = KAFKA_MISSING_MS,
  ) {
    this.#cluster = cluster;
    this.#log = log;
    this.#onChange = onChange;
    this.#missingMs = missingMs;
    this.#looks = setInterval(() => void this.#lookAgain(), KAFKA_LOOK_MS);
    this.#looks.unref();
  }

  /** A `log_gone`, until a later look finds the topic. Brokers that do not answer change nothing. */
  get gone(): AppError | undefined {
    return this.#gone;
  }

  /**
   * Rejects with `gone` if it is, and otherwise with what may pass: no broker answers, or not before `signal` is aborted, or one
   * knows no such topic yet.
   */
  async look(signal?: AbortSignal): Promise<Topic> {
    const found = await this.#cluster.topic(this.#log.topic, signal);
    const gone = this.#judge(found);
    const isNews = (gone === undefined) !== (this.#gone === undefined);
    this.#gone = gone;
    if (isNews) this.#onChange();
    if (gone !== undefined) throw gone;
    if (found === undefined) throw unknownTopic(this.#log.topic);
    return found;
  }

  close(): void {
    clearInterval(this.#looks);
  }

  #judge(found: Topic | undefined): AppError | undefined {
    const { topic, id } = this.#log;
    if (found !== undefined) {
      this.#missingSince = undefined;
      return logIdOf(found) === id ? undefined : otherTopic(found, id);
    }
    const now = performance.now();
    this.#missingSince ??= now;
    // Metadata of brokers that have just started may lack it.
    return now - this.#missingSince < this.#missingMs ? this.#gone : missingTopic(topic);
  }

  /** Never rejects. */
  async #lookAgain(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    await this.look().catch(() => undefined);
    this.#isLooking = false;
  }
}

/** It may be that it was just made. */
export const unknownTopic = (topic: string): Error =>
  new Error(`the cluster does not know the topic ${topic}`);

const missingTopic = (topic: string): AppError =>
  gone(topic, `the topic ${topic} was deleted: the brokers do not know it any more`);

const otherTopic = (found: Topic, id: string): AppError =>
  gone(
    found.name,
    `the topic ${found.name} was deleted and made anew, or is of another cluster: it is ${logIdOf(found)}, and the log is ${id}`,
  );

const gone = (topic: string, message: string): AppError =>
  new AppError('log_gone', message, { path: kafkaPath(topic) });
