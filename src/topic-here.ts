/** What brokers say of the topic that is the log. With a spool a server starts without them, and asks until they answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PreparedTopic } from '../storage/kafka/kafka-topic.ts';
import { logIdOf } from '../storage/kafka/log-id.ts';
import { KAFKA_RETRY_MS_MAX } from '../storage/limits.ts';
import { isFault } from './model/errors.ts';
import type { Logger } from './model/logger.ts';

export interface TopicHere {
  /** Undefined until brokers have answered. */
  readonly found: PreparedTopic | undefined;
  close(): void;
}

/** With what should be mended. */
export function topicFound(found: PreparedTopic, logger: Logger): TopicHere {
  for (const warning of found.warnings) logger.warn({ topicId: found.id }, warning);
  return { found, close: () => undefined };
}

/**
 * Waits for the topic of the log `id`, and for no other. While that is gone the log's writer says so.
 *
 * @param asked under way; rejects with `log_away` if brokers do not answer, and with `log_gone` if they know no such topic
 * @param again asks then
 */
export function topicToCome(
  asked: Promise<PreparedTopic>,
  again: () => Promise<PreparedTopic>,
  id: string,
  logger: Logger,
  retryMs = KAFKA_RETRY_MS_MAX,
): TopicHere {
  const closing = new AbortController();
  const { signal } = closing;
  let topic: TopicHere | undefined;
  const ask = async () => {
    for (let next = asked; ; next = again()) {
      try {
        const found = await next;
        if (signal.aborted) return;
        if (logIdOf(found) === id) {
          topic = topicFound(found, logger);
          return;
        }
      } catch (error) {
        // The log's writer does not take such a topic either, and says so.
        if (!isFault(error, 'log_away') && !isFault(error, 'log_gone')) return;
      }
      await sleep(retryMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
    }
  };
  void ask();
  return {
    get found() {
      return topic?.found;
    },
    close: () => closing.abort(),
  };
}
