import test from 'ava';
import { AppError, isFault } from '../../../src/model/errors.ts';
import { Appends, type Batch } from '../../../storage/kafka/round.ts';
import { KAFKA_BATCH_BYTES, KAFKA_ROUND_BYTES_MAX } from '../../../storage/limits.ts';
import { sequenceOf, testBlock } from '../log/blocks.ts';

const shape = (round: readonly Batch[]): [number, number[]][] =>
  round.map(({ partition, blocks }) => [partition, blocks.map(sequenceOf)]);

test('a round has one batch a partition, each in the order of the appends', async (t) => {
  const appends = new Appends();
  const blocks = [1, 0, 1, 2, 0].map((partition, sequence) => testBlock({ partition, sequence }));
  const first = appends.push(blocks.slice(0, 3));
  const second = appends.push(blocks.slice(3));
  const round = appends.nextRound();
  t.deepEqual(shape(round), [
    [1, [0, 2]],
    [0, [1, 4]],
    [2, [3]],
  ]);
  t.true(appends.isEmpty);
  for (const batch of round) batch.complete(100);
  t.deepEqual(
    (await first).map(Number),
    [100, 100, 101],
    'each offset is in the place of its block',
  );
  t.deepEqual((await second).map(Number), [100, 101]);
});

test('a batch that is full ends the round, and what is left is the next, in its order', (t) => {
  const appends = new Appends();
  const bodyBytes = Math.floor(KAFKA_BATCH_BYTES / 3);
  const blocks = [0, 0, 0, 1, 0].map((partition, sequence) =>
    testBlock({ partition, sequence, bodyBytes }),
  );
  void appends.push(blocks);
  t.deepEqual(shape(appends.nextRound()), [[0, [0, 1]]]);
  t.deepEqual(shape(appends.nextRound()), [
    [0, [2, 4]],
    [1, [3]],
  ]);
  t.true(appends.isEmpty);
});

test('a block that is larger than any bound goes alone', (t) => {
  const appends = new Appends();
  const large = testBlock({ sequence: 1, bodyBytes: KAFKA_ROUND_BYTES_MAX - 200 });
  void appends.push([testBlock({ sequence: 0, partition: 1 }), large, testBlock({ sequence: 2 })]);
  t.deepEqual(shape(appends.nextRound()), [[1, [0]]]);
  t.deepEqual(shape(appends.nextRound()), [[0, [1]]]);
  t.deepEqual(shape(appends.nextRound()), [[0, [2]]]);
});

test('what is rejected is what has not been acknowledged as a whole', async (t) => {
  const appends = new Appends();
  const done = appends.push([testBlock({ partition: 0 })]);
  const half = appends.push([testBlock({ partition: 0 }), testBlock({ partition: 1 })]);
  const [first] = appends.nextRound();
  const waiting = appends.push([testBlock({ partition: 2 })]);
  first?.complete(0);
  appends.rejectAll(new AppError('log_away', 'gone'));
  t.deepEqual((await done).map(Number), [0]);
  for (const rejected of [half, waiting]) {
    t.true(isFault(await t.throwsAsync(rejected), 'log_away'));
  }
  t.true(appends.isEmpty);
});
