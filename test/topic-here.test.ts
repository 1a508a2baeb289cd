import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { AppError } from '../src/model/errors.ts';
import { topicToCome } from '../src/topic-here.ts';
import type { PreparedTopic } from '../storage/kafka/kafka-topic.ts';
import { silentLogger } from './ingest/start-edge.ts';

const prepared: PreparedTopic = {
  ...{ clusterId: 'c', id: 't', isNew: false, minInSyncReplicas: 2 },
  ...{ retentionMs: 60_000, retentionBytes: undefined, warnings: ['the topic has one replica'] },
};

function asked(outcomes: (PreparedTopic | AppError)[]) {
  const warned: string[] = [];
  const logger = { ...silentLogger, warn: (_: object, line: string) => warned.push(line) };
  const prepare = async () => {
    const outcome = outcomes.shift() ?? prepared;
    if (outcome instanceof AppError) throw outcome;
    return outcome;
  };
  return { topic: topicToCome(prepare(), prepare, 'c/t', logger, 0), warned, outcomes };
}

const away = () => new AppError('log_away', 'nobody answers');

test('a topic that was out of reach is known once brokers answer, with what should be mended', async (t) => {
  const { topic, warned } = asked([away(), away(), prepared]);
  t.is(topic.found, undefined);
  while (topic.found === undefined) await turn();
  t.is(topic.found.retentionMs, 60_000);
  t.deepEqual(warned, ['the topic has one replica']);
});

test('one that is gone is asked for until it is there, and another one is not taken for it', async (t) => {
  const gone = new AppError('log_gone', 'there is no such topic');
  const other = { ...prepared, id: 'other', retentionMs: 1 };
  const { topic, outcomes } = asked([gone, other, gone, prepared]);
  while (topic.found === undefined) await turn();
  t.is(topic.found.retentionMs, 60_000);
  t.is(outcomes.length, 0);
});

test('nobody asks for a topic that cannot be the log, or after the end', async (t) => {
  const wrong = asked([away(), new AppError('config_invalid', 'it is compacted')]);
  while (wrong.outcomes.length > 0) await turn();
  const closed = asked([away(), away()]);
  closed.topic.close();
  for (let i = 0; i < 20; i++) await turn();
  t.is(wrong.topic.found, undefined);
  t.is(closed.topic.found, undefined);
  t.is(closed.outcomes.length, 1);
});
