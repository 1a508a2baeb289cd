/** Partitions stand still for one at a time, and none of them longer than the others. */
import { MessageChannel } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { AppError } from '../../src/model/errors.ts';
import { answerOf, type Question } from '../../src/threads/asker.ts';
import { PartitionHold } from '../../src/threads/partition-hold.ts';
import { PartitionLinks } from '../../src/threads/partition-links.ts';
import type { PartitionQuestions } from '../../src/threads/protocol.ts';

const PARTITIONS = 3;

/** A thread whose partition `failing` cannot be held. */
function scene(t: ExecutionContext, failing?: number) {
  const heard: string[] = [];
  const { port1, port2 } = new MessageChannel();
  port2.on('message', (question: Question<PartitionQuestions>) => {
    const { id, name, ask } = question;
    if (name !== 'hold' && name !== 'release') return;
    heard.push(`${name} ${ask.partition}`);
    const answered = answerOf(id, async () => {
      if (name === 'release') return undefined;
      if (ask.partition === failing) throw new AppError('actor_stopped', 'it is restarting');
      return { position: ask.partition * 10, watermarkMs: Number.NEGATIVE_INFINITY };
    });
    void answered.then((answer) => port2.postMessage(answer));
  });
  t.teardown(() => port1.close());
  const links = new PartitionLinks([{ port: port1, partitions: [0, 1, 2] }]);
  return { hold: new PartitionHold(links, PARTITIONS), heard };
}

test('all partitions say where they stand, and go on when they are released', async (t) => {
  const { hold, heard } = scene(t);
  const [mine, other] = [{}, {}];
  const held = await hold.begin(mine);
  t.deepEqual(
    held.map(({ position }) => position),
    [0, 10, 20],
  );
  await t.throwsAsync(hold.begin(other), { message: /held already/ });
  t.false(hold.keep(other));
  await hold.release(other);
  t.true(hold.keep(mine));
  await hold.release(mine);
  t.deepEqual(heard.slice(3), ['release 0', 'release 1', 'release 2']);
  t.false(hold.keep(mine));
  t.is((await hold.begin(other)).length, PARTITIONS);
  await hold.release(other);
});

test('if one cannot be held, all go on', async (t) => {
  const { hold, heard } = scene(t, 1);
  const mine = {};
  await t.throwsAsync(hold.begin(mine), { message: /restarting/ });
  t.deepEqual(heard.slice(3), ['release 0', 'release 1', 'release 2']);
  t.false(hold.keep(mine));
});
