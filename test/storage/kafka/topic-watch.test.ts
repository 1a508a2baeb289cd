import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { isFault } from '../../../src/model/errors.ts';
import type { Topic } from '../../../storage/kafka/cluster.ts';
import { TopicWatch } from '../../../storage/kafka/topic-watch.ts';

const OURS: Topic = { name: 'log', id: 'topic-1', clusterId: 'cluster', partitions: [] };
const OTHER: Topic = { ...OURS, id: 'topic-2' };
const LOG = { topic: 'log', id: 'cluster/topic-1' };

test('a topic with another id is gone at once, and one that is missing only after a while', async (t) => {
  let found: Topic | undefined = OURS;
  let changes = 0;
  const watch = new TopicWatch({ topic: async () => found }, LOG, () => {
    changes += 1;
  });
  t.teardown(() => watch.close());
  const gone = () => watch.gone;
  t.is(await watch.look(), OURS);

  found = undefined;
  await t.throwsAsync(watch.look(), { message: /does not know the topic log/ });
  t.is(gone(), undefined);
  // Nobody else has to look.
  while (gone() === undefined) await sleep(50);
  t.true(isFault(gone(), 'log_gone'));
  t.regex(gone()?.message ?? '', /the topic log was deleted: the brokers do not know it any more/);
  t.is(changes, 1);

  found = OTHER;
  await t.throwsAsync(watch.look(), {
    message: /deleted and made anew, or is of another cluster: it is cluster.topic-2/,
  });
  t.is(changes, 1);
  found = OURS;
  t.is(await watch.look(), OURS);
  t.is(gone(), undefined);
  t.is(changes, 2);
});

test('in front of a spool a topic is gone as soon as brokers do not know it', async (t) => {
  let found: Topic | undefined;
  const watch = new TopicWatch({ topic: async () => found }, LOG, () => undefined, 0);
  t.teardown(() => watch.close());
  await t.throwsAsync(watch.look(), { code: 'log_gone', message: /the topic log was deleted/ });
  t.true(isFault(watch.gone, 'log_gone'));
  found = OURS;
  t.is(await watch.look(), OURS);
  t.is(watch.gone, undefined);
});

test('brokers that do not answer say nothing about the topic', async (t) => {
  let answer = async (): Promise<Topic> => OTHER;
  const watch = new TopicWatch({ topic: () => answer() }, LOG, () => undefined);
  t.teardown(() => watch.close());
  await t.throwsAsync(watch.look(), { code: 'log_gone' });
  answer = () => Promise.reject(new Error('no broker answers'));
  await t.throwsAsync(watch.look(), { message: 'no broker answers' });
  t.true(isFault(watch.gone, 'log_gone'));
});
