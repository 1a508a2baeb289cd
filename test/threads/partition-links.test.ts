/** Where questions about partitions go: to a thread of this server, or to the node that has the partition. */
import { MessageChannel } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { AppError, isFault } from '../../src/model/errors.ts';
import { offset } from '../../src/model/units.ts';
import { answerOf, type Question } from '../../src/threads/asker.ts';
import {
  type PartitionLink,
  PartitionLinks,
  partitionElsewhere,
  remoteLink,
  servePartitions,
} from '../../src/threads/partition-links.ts';
import { createProgress, publishApplied, setOwned } from '../../src/threads/progress.ts';
import type { PartitionQuestions } from '../../src/threads/protocol.ts';
import { createWhenApplied } from '../../src/threads/when-applied.ts';
import { createLogShared } from '../../storage/log/log-shared.ts';

const TIMEOUT_MS = 10_000;
const VERDICT = { offset: offset(4), rowFrom: 0, rowTo: 3 };

/** A thread that has partitions 0 and 1, and drops one row of each verdict. */
function localThread(t: ExecutionContext) {
  const { port1, port2 } = new MessageChannel();
  port2.on('message', ({ id }: Question<PartitionQuestions>) => {
    void answerOf(id, async () => 1).then((answer) => port2.postMessage(answer));
  });
  t.teardown(() => port1.close());
  return { port: port1, partitions: [0, 1] };
}

/** Other nodes, as the main thread asks them: two rows of each verdict are dropped. */
function otherNodes(answer: () => number = () => 2) {
  const asked: string[] = [];
  const link: PartitionLink = {
    async ask(name, { partition }) {
      asked.push(`${name} ${partition}`);
      return JSON.parse(String(answer()));
    },
  };
  return { link, asked };
}

/** The same, as a thread asks them through the main thread. */
function throughMain(t: ExecutionContext, link: PartitionLink): PartitionLink {
  const { port1, port2 } = new MessageChannel();
  servePartitions(port1, link, TIMEOUT_MS);
  t.teardown(() => port1.close());
  return remoteLink(port2);
}

test('a question goes to the thread that has its partition, and out of the server once another node has it', async (t) => {
  const progress = createProgress(2);
  const { link, asked } = otherNodes();
  const links = new PartitionLinks([localThread(t)], { progress, remote: throughMain(t, link) });
  const dropped = (partition: number) =>
    links.ask('verdict', { partition, request: VERDICT }, TIMEOUT_MS);
  t.is(await dropped(1), 1);
  setOwned(progress, [1], false);
  t.deepEqual([await dropped(0), await dropped(1)], [1, 2]);
  setOwned(progress, [1], true);
  t.is(await dropped(1), 1);
  t.deepEqual(asked, ['verdict 1']);
});

test('faults of another node are those of the answer', async (t) => {
  const progress = createProgress(2);
  progress.owned.fill(0);
  const { link } = otherNodes(() => {
    throw partitionElsewhere(1);
  });
  const links = new PartitionLinks([localThread(t)], { progress, remote: throughMain(t, link) });
  const asked = links.ask('verdict', { partition: 1, request: VERDICT }, TIMEOUT_MS);
  t.true(isFault(await t.throwsAsync(asked), 'partition_elsewhere'));
});

test('without a way to other nodes their partitions are elsewhere; one that there is not is a bug', async (t) => {
  const progress = createProgress(2);
  setOwned(progress, [1], false);
  const links = new PartitionLinks([localThread(t)], { progress, remote: undefined });
  const ask = (partition: number) =>
    links.ask('verdict', { partition, request: VERDICT }, TIMEOUT_MS);
  const fault = await t.throwsAsync(ask(1), { instanceOf: AppError });
  t.like(fault, { code: 'partition_elsewhere', retryable: true, location: { partition: 1 } });
  await t.throwsAsync(ask(2), { instanceOf: RangeError });
});

test('ack=applied waits for other nodes as for threads, and has their verdicts', async (t) => {
  const shared = createLogShared(2);
  const progress = createProgress(2);
  setOwned(progress, [1], false);
  const { link } = otherNodes();
  const partitions = new PartitionLinks([localThread(t)], {
    progress,
    remote: throughMain(t, link),
  });
  const whenApplied = createWhenApplied({ shared, progress, partitions });
  const rows = [0, 1].map((partition) => ({ partition, nextOffset: offset(8), ...VERDICT }));
  const duplicates = whenApplied(rows, TIMEOUT_MS);
  publishApplied(shared, progress, 0, 8);
  publishApplied(shared, progress, 1, 8);
  t.is(await duplicates, 3);
});
