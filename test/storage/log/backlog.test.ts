import test from 'ava';
import { BLOCK_KIND } from '../../../src/model/block-format.ts';
import { AppError, isFault } from '../../../src/model/errors.ts';
import { type Offset, offset } from '../../../src/model/units.ts';
import { countBacklog, countTopicBacklog } from '../../../storage/log/backlog.ts';
import type { LoggedBlock, LogReader } from '../../../storage/log/log.ts';
import { createLogShared, logEnd, publishEnd } from '../../../storage/log/log-shared.ts';
import { testBlock } from './blocks.ts';
import { PARTITIONS, scratchDir, scratchJournal } from './scratch.ts';

const all = (at: Offset): Map<number, Offset> =>
  new Map(Array.from({ length: PARTITIONS }, (_, partition) => [partition, at]));

test('the backlog sums headers by partition, tenant and stream, across files', async (t) => {
  const dir = await scratchDir(t);
  const { journal, shared } = await scratchJournal(t, { dir, fileBytes: 4096 });
  const blocks = [
    testBlock({ partition: 0, tenant: 'a', stream: 'x', rows: 10, received: 12, rejected: 2 }),
    testBlock({ partition: 1, tenant: 'a', stream: 'x', rows: 5, received: 5, bodyBytes: 3000 }),
    testBlock({ partition: 0, tenant: 'b', stream: 'x', rows: 1, received: 1 }),
    testBlock({
      partition: 0,
      tenant: 'a',
      stream: 'x',
      rows: 20,
      received: 20,
      bodyBytes: 600_000,
    }),
    testBlock({ partition: 0, tenant: 'a', stream: 'x', rows: 3, kind: BLOCK_KIND.deadLetters }),
  ];
  const offsets: Offset[] = [];
  for (const block of blocks) offsets.push(...(await journal.writer.append([block])));
  const { entries, through, complete } = await countBacklog(dir, shared, all(offset(0)));
  t.true(complete);
  t.is(through, logEnd(shared, 0) ?? offset(0));
  const bytesOf = (...indices: number[]) =>
    indices.reduce((sum, index) => sum + (blocks[index] as Uint8Array).length, 0);
  const a = { tenant: 'a', stream: 'x' };
  t.deepEqual(entries, [
    {
      ...a,
      partition: 0,
      blocks: 3,
      bytes: bytesOf(0, 3, 4),
      events: 30,
      received: 32,
      rejected: 2,
    },
    { ...a, partition: 1, blocks: 1, bytes: bytesOf(1), events: 5, received: 5, rejected: 0 },
    {
      ...a,
      tenant: 'b',
      partition: 0,
      blocks: 1,
      bytes: bytesOf(2),
      events: 1,
      received: 1,
      rejected: 0,
    },
  ]);

  const applied = all(offset(0)).set(0, offsets[3] as Offset);
  const rest = await countBacklog(dir, shared, applied);
  t.deepEqual(
    rest.entries.map((entry) => [entry.partition, entry.tenant, entry.events]),
    [
      [1, 'a', 5],
      [0, 'a', 20],
    ],
  );
});

test('names of the greatest length are counted', async (t) => {
  const dir = await scratchDir(t);
  const { journal, shared } = await scratchJournal(t, { dir });
  const name = 'n'.repeat(65_535);
  await journal.writer.append([
    testBlock({ rows: 1 }),
    testBlock({ tenant: name, stream: name, rows: 2 }),
  ]);
  const { entries } = await countBacklog(dir, shared, all(offset(0)));
  t.deepEqual(
    entries.map((entry) => [entry.tenant.length, entry.events]),
    [
      [1, 1],
      [65_535, 2],
    ],
  );
});

test('nothing is pending at the end, or before a writer has opened the journal', async (t) => {
  const dir = await scratchDir(t);
  const { journal, shared } = await scratchJournal(t, { dir });
  t.deepEqual((await countBacklog(dir, shared, all(offset(0)))).entries, []);
  await journal.writer.append([testBlock({ rows: 4 })]);
  const end = logEnd(shared, 0) ?? offset(0);
  t.deepEqual(await countBacklog(dir, shared, all(end)), {
    entries: [],
    through: end,
    complete: true,
  });
});

test('a backlog that starts inside a block is an error', async (t) => {
  const dir = await scratchDir(t);
  const { journal, shared } = await scratchJournal(t, { dir });
  await journal.writer.append([testBlock()]);
  const error = await t.throwsAsync(countBacklog(dir, shared, all(offset(8))));
  t.true(isFault(error, 'block_corrupt'));
});

const place = (partition: number, at: number, bytes: Uint8Array): LoggedBlock => ({
  ...{ partition, bytes },
  offset: offset(at),
  nextOffset: offset(at + 1),
});

/** Answers `reads`, then waits until it is closed. */
function readerOf(reads: readonly (readonly LoggedBlock[])[]): LogReader {
  const left = [...reads];
  const ends = new Map<number, Offset>();
  const closed = Promise.withResolvers<void>();
  return {
    async read() {
      const blocks = left.shift() ?? [];
      if (blocks.length === 0) await closed.promise;
      for (const { partition, nextOffset } of blocks) ends.set(partition, nextOffset);
      return { blocks, readTo: (partition) => ends.get(partition) ?? offset(0) };
    },
    seek: () => undefined,
    release: () => undefined,
    close: () => closed.resolve(),
  };
}

test('the backlog of a topic is of each partition what it has not applied', async (t) => {
  const shared = createLogShared(3, 'kafka');
  publishEnd(shared, 0, offset(12));
  publishEnd(shared, 1, offset(5));
  publishEnd(shared, 2, offset(90));
  const block = (partition: number, received: number) =>
    testBlock({ partition, tenant: 'a', stream: 'x', rows: received, received });
  const reader = readerOf([
    [place(0, 10, block(0, 3)), place(1, 4, block(1, 7))],
    [place(0, 11, block(0, 4)), place(0, 12, block(0, 100))],
  ]);
  const applied = new Map([
    [0, offset(10)],
    [1, offset(4)],
    [2, offset(90)],
  ]);
  const opened: number[][] = [];
  const { entries, complete } = await countTopicBacklog(
    (from) => {
      opened.push(...[...from].map(([partition, at]) => [partition, at]));
      return reader;
    },
    shared,
    applied,
  );
  t.true(complete);
  t.deepEqual(opened, [
    [0, 10],
    [1, 4],
  ]);
  t.deepEqual(
    entries.map(({ partition, received }) => [partition, received]),
    [
      [0, 7],
      [1, 7],
    ],
  );
});

test('a backlog that brokers do not give is incomplete, and does not wait for them', async (t) => {
  const shared = createLogShared(1, 'kafka');
  publishEnd(shared, 0, offset(3));
  const counted = await countTopicBacklog(() => readerOf([]), shared, new Map([[0, offset(1)]]));
  t.deepEqual(counted, { entries: [], complete: false });
});

test('a partition of a topic that cannot be read on makes a backlog incomplete, and hides no other', async (t) => {
  const shared = createLogShared(2, 'kafka');
  publishEnd(shared, 0, offset(3));
  publishEnd(shared, 1, offset(3));
  const block = testBlock({ partition: 1, tenant: 'a', stream: 'x', rows: 5, received: 5 });
  const sound = readerOf([[place(1, 2, block)]]);
  let isTold = false;
  const read = (bytesMax: number) => {
    if (isTold) return sound.read(bytesMax);
    isTold = true;
    throw new AppError('block_corrupt', 'no block', { partition: 0 });
  };
  const applied = new Map([0, 1].map((partition) => [partition, offset(2)] as const));
  const counted = await countTopicBacklog(
    () => ({ ...sound, read: async (bytesMax) => read(bytesMax) }),
    shared,
    applied,
  );
  t.false(counted.complete);
  t.like(counted.entries[0], { partition: 1, received: 5 });
});
