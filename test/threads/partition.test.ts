import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { packControl } from '../../src/model/block.ts';
import { identityOf } from '../../src/model/rollup.ts';
import { PartitionLinks } from '../../src/threads/partition-links.ts';
import { PartitionWorker } from '../../src/threads/partition-worker.ts';
import {
  createProgress,
  neededFrom,
  type Progress,
  progressMovedFrom,
  progressTicks,
} from '../../src/threads/progress.ts';
import { openJournal } from '../../storage/log/journal.ts';
import { createLogShared } from '../../storage/log/log-shared.ts';
import { partitionStateKey } from '../../storage/state/keys.ts';
import { type OpenState, openState } from '../../storage/state/rocksdb.ts';
import { BY_TYPE, NOW_MS, scratchDir, TENANT } from '../actors/partition/group-scene.ts';
import { eventBlock } from '../aggregate/event-blocks.ts';

const PARTITIONS = 3;
const TIMEOUT_MS = 20_000;

/** A thread with partitions 0 and 2, and what a main thread has around it. */
async function openThread(
  t: ExecutionContext,
  dir: string,
  prepare: (state: OpenState, progress: Progress) => Promise<void> = async () => {},
) {
  const shared = createLogShared(PARTITIONS);
  const progress = createProgress(PARTITIONS);
  const state = await openState({ dir: join(dir, 'state'), partitions: PARTITIONS });
  await prepare(state, progress);
  const changed = new EventEmitter();
  const journalDir = join(dir, 'journal');
  const worker = new PartitionWorker(
    {
      thread: 0,
      partitions: [0, 2],
      source: { type: 'journal', dir: journalDir },
      shared: shared.buffer,
      progress: progress.buffer,
      state: state.handle,
      commitIntervalMs: 20,
      bounds: {
        dedupIdsMax: 10_000,
        dedupBytesMax: 1e7,
        dedupOffsetsMax: 1e9,
        deadLettersMax: 10,
      },
      logging: { level: 'silent', format: 'json' },
    },
    1,
    (fault) => t.fail(String(fault)),
    () => changed.emit('problems'),
  );
  const links = new PartitionLinks([
    { port: worker.ports[0] as (typeof worker.ports)[0], partitions: worker.partitions },
  ]);
  const journal = await openJournal({ dir: journalDir, shared, diskReserveBytes: 0 });
  const reached = async (at: ArrayLike<number>, partition: number, offset: number) => {
    for (;;) {
      const ticks = progressTicks(progress);
      if ((at[partition] as number) >= offset) return;
      await progressMovedFrom(progress, ticks);
    }
  };
  const close = async () => {
    await worker.close();
    await journal.writer.close();
    await state.close();
  };
  return { shared, progress, state, worker, links, journal, reached, changed, close };
}

const control = (partition: number) =>
  packControl(
    { partition, arrivalMs: NOW_MS, producerId: 0, producerEpoch: 1, sequence: 1 },
    { type: 'setRollups', version: 1, rollups: [BY_TYPE] },
  );
const block = (partition: number, sequence: number, rows: number) =>
  eventBlock(
    Array.from({ length: rows }, (_, i) => ({ id: `e${i}`, ts: NOW_MS, type: 'view' })),
    { arrivalMs: NOW_MS, partition, sequence, tenant: TENANT },
  ).bytes;

const LEDGER = { tenant: TENANT, fromMs: 0, toMs: NOW_MS * 2 };
const EVERYTHING = {
  tenant: TENANT,
  rollup: BY_TYPE.name,
  identity: identityOf(BY_TYPE),
  fromMs: 0,
  toMs: NOW_MS * 2,
  steps: [1_000],
  groups: [0],
};

test('a thread applies its partitions, answers over its port, and commits when it closes', async (t) => {
  const dir = await scratchDir(t);
  const first = await openThread(t, dir);
  await first.worker.ready;
  await first.journal.writer.append([control(0), control(2), block(0, 1, 5), block(1, 1, 9)]);
  const [again] = await first.journal.writer.append([block(0, 2, 6)]);
  const end = first.shared.partitionEnds[0] as number;
  await first.reached(first.shared.applied, 0, end);

  const reply = await first.links.ask('collect', { partition: 0, request: EVERYTHING }, TIMEOUT_MS);
  t.true(reply.appliedOffset >= end);
  t.is(reply.watermarkMs, NOW_MS - BY_TYPE.latenessMs);
  t.is(reply.rows.length, 1);
  const verdict = { offset: again as number, rowFrom: 0, rowTo: 6 };
  const dropped = await first.links.ask('verdict', { partition: 0, request: verdict }, TIMEOUT_MS);
  t.is(dropped, 5);
  const [actors] = await first.links.askAll('actors', TIMEOUT_MS);
  t.deepEqual(
    actors?.map(({ path, state }) => [path, state]),
    [
      ['partition/0', 'running'],
      ['partition/2', 'running'],
    ],
  );
  const [metrics] = await first.links.askAll('metrics', TIMEOUT_MS);
  t.like(metrics?.[0], { partition: 0, eventsApplied: 6, eventsDuplicate: 5, lagBytes: 0 });
  await first.close();
  t.true((first.progress.committed[0] as number) >= end);
  t.true(neededFrom(first.progress) === 0, 'partition 1 is of no thread and has loaded nothing');

  const second = await openThread(t, dir);
  await second.worker.ready;
  t.true((second.shared.applied[0] as number) >= end);
  const { entries } = await second.links.ask(
    'ledger',
    { partition: 0, request: LEDGER },
    TIMEOUT_MS,
  );
  t.like(entries[0], { received: 11, applied: 6, duplicate: 5 });
  await second.close();
});

test('a thread says which partition cannot load, and that it could after all', async (t) => {
  const torn = { key: partitionStateKey(2), value: Buffer.from('{') };
  const { worker, state, changed, close } = await openThread(t, await scratchDir(t), (store) =>
    store.commit([torn]),
  );
  await worker.ready;
  t.is(worker.problems.length, 1);
  t.regex(worker.problems[0] ?? '', /^partition 2 cannot load its state: .*JSON/);
  const mended = once(changed, 'problems');
  await state.commit([{ ...torn, value: undefined }]);
  await mended;
  t.deepEqual(worker.problems, []);
  await close();
});

test('a thread that does not answer is left out where that is asked for', async (t) => {
  const { worker, links, close } = await openThread(t, await scratchDir(t));
  await worker.ready;
  const mute = new MessageChannel();
  t.teardown(() => mute.port1.close());
  const [port] = worker.ports;
  const both = new PartitionLinks([
    { port: port as MessagePort, partitions: worker.partitions },
    { port: mute.port2, partitions: [1] },
  ]);
  await t.throwsAsync(both.askAll('metrics', 500));
  // A slow machine may leave out the other one now and then.
  const responsive = async () => {
    for (;;) {
      const answers = await both.askResponsive('metrics', 500);
      if (answers.length > 0) return answers;
    }
  };
  const [metrics, ...rest] = await responsive();
  t.deepEqual(
    metrics?.map(({ partition }) => partition),
    [0, 2],
  );
  t.deepEqual(rest, []);
  t.is((await links.askResponsive('actors', TIMEOUT_MS)).length, 1);
  await close();
});

test('a question about a partition that the thread does not have is answered so, and the thread goes on', async (t) => {
  const { worker, links, close } = await openThread(t, await scratchDir(t));
  await worker.ready;
  const port = worker.ports[0] as (typeof worker.ports)[0];
  port.postMessage({
    id: 999,
    name: 'ledger',
    ask: { partition: 1, request: LEDGER },
  });
  const [answer] = await once(port, 'message');
  t.like(answer, { id: 999, ok: false, code: 'partition_elsewhere' });
  const { entries } = await links.ask('ledger', { partition: 2, request: LEDGER }, TIMEOUT_MS);
  t.deepEqual(entries, []);
  await close();
});

test('partitions come to a thread and leave it: what is given is committed, and taken again from there', async (t) => {
  const { shared, progress, worker, links, journal, reached, close } = await openThread(
    t,
    await scratchDir(t),
    async (_, { owned }) => void owned.fill(0),
  );
  await worker.ready;
  await journal.writer.append([control(0), control(2), block(0, 1, 5), block(2, 1, 7)]);
  const [none] = await links.askAll('metrics', TIMEOUT_MS);
  t.deepEqual(none, [], 'a thread may have no partition');

  await worker.take([0, 1, 2]);
  t.deepEqual([...progress.owned], [1, 0, 1], 'partition 1 comes to another thread');
  await reached(shared.applied, 0, shared.partitionEnds[0] as number);
  await worker.give([0]);
  t.deepEqual([...progress.owned], [0, 0, 1]);
  // Past its own end, if it had come by blocks of others behind it.
  t.true((progress.committed[0] as number) >= (shared.partitionEnds[0] as number));
  t.is(shared.applied[0], 0, 'how far it was here does not count for who has it now');
  t.is(shared.watermarkWanted[0], 0);
  shared.applied[0] = 1e9;
  const asked = links.ask('ledger', { partition: 0, request: LEDGER }, TIMEOUT_MS);
  await t.throwsAsync(asked, { code: 'partition_elsewhere' });
  t.deepEqual(worker.problems, []);

  await journal.writer.append([block(0, 2, 6)]);
  const leaving = worker.give([2]);
  const taken = worker.take([0, 2]);
  t.is(shared.applied[0], 0, 'what another node has told does not count here');
  await Promise.all([leaving, taken]);
  await reached(shared.applied, 0, shared.partitionEnds[0] as number);
  await reached(shared.applied, 2, shared.partitionEnds[2] as number);
  const ledgerOf = async (partition: number) =>
    (await links.ask('ledger', { partition, request: LEDGER }, TIMEOUT_MS)).entries[0];
  t.like(await ledgerOf(0), { received: 11, applied: 6, duplicate: 5 });
  t.like(await ledgerOf(2), { received: 7, applied: 7, duplicate: 0 });
  t.deepEqual([...progress.owned], [1, 0, 1]);
  await close();
});
