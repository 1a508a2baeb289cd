import test from 'ava';
import { BLOCK_KIND } from '../../../src/model/block-format.ts';
import { AppError, FAULT, isFault } from '../../../src/model/errors.ts';
import { offset } from '../../../src/model/units.ts';
import { createHeartbeats } from '../../../storage/log/heartbeats.ts';
import { logEnd } from '../../../storage/log/log-shared.ts';
import { testBlock } from './blocks.ts';
import { PARTITIONS, scratchDir, scratchJournal, sequences } from './scratch.ts';

const block = (partition: number): Uint8Array =>
  testBlock({ partition, sequence: 100 + partition, kind: BLOCK_KIND.heartbeat });

test('only idle partitions whose watermark is wanted get a heartbeat', async (t) => {
  const { journal, shared } = await scratchJournal(t, { dir: await scratchDir(t) });
  const { writer } = journal;
  const beat = createHeartbeats({
    isPassing: (error) => isFault(error, 'log_full') || isFault(error, 'log_backpressure'),
    shared,
    writer,
    block,
  });
  Atomics.store(shared.watermarkWanted, 1, 1);
  Atomics.store(shared.watermarkWanted, 2, 1);
  await writer.append([testBlock({ partition: 2, sequence: 5 })]);
  await beat();
  const end = () => logEnd(shared, 0) ?? offset(0);
  const found = async () =>
    Promise.all(Array.from({ length: PARTITIONS }, (_, p) => sequences(journal, p, end())));
  t.deepEqual(await found(), [[], [101], [5], []]);
  await beat();
  t.deepEqual(await found(), [[], [101, 101], [5, 102], []]);
});

test('a partition that stays idle gets one each call, until nothing waits any more', async (t) => {
  const { journal, shared } = await scratchJournal(t, { dir: await scratchDir(t) });
  const beat = createHeartbeats({
    isPassing: (error) => isFault(error, 'log_full') || isFault(error, 'log_backpressure'),
    shared,
    writer: journal.writer,
    block,
  });
  Atomics.store(shared.watermarkWanted, 0, 1);
  for (const _ of [1, 2, 3]) await beat();
  Atomics.store(shared.watermarkWanted, 0, 0);
  await beat();
  t.deepEqual(await sequences(journal, 0, logEnd(shared, 0) ?? offset(0)), [100, 100, 100]);
});

test('definitions and dead letters that keep coming do not stop the time of a partition', async (t) => {
  const { journal, shared } = await scratchJournal(t, { dir: await scratchDir(t) });
  const { writer } = journal;
  const beat = createHeartbeats({
    isPassing: (error) => isFault(error, 'log_full') || isFault(error, 'log_backpressure'),
    shared,
    writer,
    block,
  });
  Atomics.store(shared.watermarkWanted, 0, 1);
  for (const kind of [BLOCK_KIND.control, BLOCK_KIND.deadLetters]) {
    await writer.append([testBlock({ partition: 0, kind, sequence: kind })]);
    await beat();
  }
  const found = await sequences(journal, 0, logEnd(shared, 0) ?? offset(0));
  t.deepEqual(found, [BLOCK_KIND.control, 100, BLOCK_KIND.deadLetters, 100]);
});

test('a full log leaves heartbeats out, a failing one is heard', async (t) => {
  const { journal, shared } = await scratchJournal(t, { dir: await scratchDir(t) });
  Atomics.store(shared.watermarkWanted, 0, 1);
  for (const code of ['log_full', 'log_backpressure', 'log_io'] as const) {
    const append = () => Promise.reject(new AppError(code, FAULT[code].meaning));
    const beat = createHeartbeats({
      isPassing: (error) => isFault(error, 'log_full') || isFault(error, 'log_backpressure'),
      shared,
      writer: { append },
      block,
    });
    if (code === 'log_io') await t.throwsAsync(beat());
    else await t.notThrowsAsync(beat());
  }
  await journal.writer.close();
});
