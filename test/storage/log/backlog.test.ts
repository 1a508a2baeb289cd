import test from 'ava';
import { BLOCK_KIND } from '../../../src/model/block-format.ts';
import { isFault } from '../../../src/model/errors.ts';
import { type Offset, offset } from '../../../src/model/units.ts';
import { countBacklog } from '../../../storage/log/backlog.ts';
import { durableEnd } from '../../../storage/log/journal-shared.ts';
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
  t.is(through, durableEnd(shared) ?? offset(0));
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
  const end = durableEnd(shared) ?? offset(0);
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
