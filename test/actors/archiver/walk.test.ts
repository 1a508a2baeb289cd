import test from 'ava';
import { walk } from '../../../actors/archiver/walk.ts';
import { type Offset, offset } from '../../../src/model/units.ts';
import type { LoggedBlock, LogReader } from '../../../storage/log/log.ts';
import { eventBlock } from '../../aggregate/event-blocks.ts';

const at = (entries: readonly (readonly [number, number])[]): Map<number, Offset> =>
  new Map(entries.map(([partition, position]) => [partition, offset(position)]));

const blockAt = (partition: number, position: number): LoggedBlock => ({
  partition,
  offset: offset(position),
  nextOffset: offset(position + 1),
  bytes: eventBlock([{ type: 'view' }], { partition, sequence: position, arrivalMs: 0 }).bytes,
});

/** One read each. What it says of itself is how far it was read. */
function readerOf(reads: readonly (readonly LoggedBlock[])[]): LogReader {
  const reached = new Map<number, Offset>();
  const left = [...reads];
  return {
    read: async () => {
      const blocks = left.shift() ?? [];
      for (const { partition, nextOffset } of blocks) reached.set(partition, nextOffset);
      const now = new Map(reached);
      return { blocks, readTo: (partition) => now.get(partition) ?? offset(0) };
    },
    seek: () => undefined,
    release: (partition) => reached.delete(partition),
    close: () => undefined,
  };
}

test('a walk that ends early has come to the first block of each partition that was not taken', async (t) => {
  const reader = readerOf([
    [blockAt(0, 1_000), blockAt(1, 3)],
    [blockAt(1, 4), blockAt(0, 1_001), blockAt(1, 5), blockAt(0, 1_002), blockAt(0, 1_003)],
  ]);
  const taken: string[] = [];
  const from = at([
    [0, 1_000],
    [1, 3],
    [2, 50],
  ]);
  const to = at([
    [0, 1_003],
    [1, 6],
    [2, 50],
  ]);
  const reached = await walk(
    () => reader,
    { from, to },
    async (portion) => {
      for (const [i, { block, offset: position }] of portion.entries()) {
        if (taken.length === 4) return i;
        taken.push(`${block.partition}:${position}`);
      }
      return undefined;
    },
  );
  t.deepEqual(taken, ['0:1000', '1:3', '1:4', '0:1001']);
  t.deepEqual(
    [...reached],
    [
      [0, offset(1_002)],
      [1, offset(5)],
      [2, offset(50)],
    ],
  );
});

test('a partition that is read to the end of its stretch is read no further, while others are', async (t) => {
  const reader = readerOf([[blockAt(0, 7)], [blockAt(1, 3)], [blockAt(1, 4)]]);
  const released: number[] = [];
  const release = (partition: number) => {
    released.push(partition);
    reader.release(partition);
  };
  const from = at([
    [0, 7],
    [1, 3],
  ]);
  const to = at([
    [0, 8],
    [1, 5],
  ]);
  const reached = await walk(
    () => ({ ...reader, release }),
    { from, to },
    async () => undefined,
  );
  t.deepEqual(released, [0, 1]);
  t.deepEqual([...reached], [...to]);
});
