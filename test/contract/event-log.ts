/** What every `EventLog` must do. A log's own test file calls this with a factory; see log.ts for the promises. */
import test, { type ExecutionContext } from 'ava';
import { isFault } from '../../src/model/errors.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import type { EventLog, LoggedBlock, LogReader } from '../../storage/log/log.ts';
import { sequenceOf, testBlock } from '../storage/log/blocks.ts';

/** A fresh, empty log of at least three partitions, and the same one after its writer was closed. */
export interface LogUnderTest {
  readonly log: EventLog;
  reopen(): Promise<EventLog>;
}

const START = offset(0);

export function eventLogContract(
  name: string,
  create: (t: ExecutionContext) => Promise<LogUnderTest>,
): void {
  const fact = (title: string, check: (t: ExecutionContext, log: LogUnderTest) => Promise<void>) =>
    test(`${name}: ${title}`, async (t) => check(t, await create(t)));

  fact('blocks of a partition come back in order, byte for byte', async (t, { log }) => {
    const blocks = [1, 2, 3, 4].map((sequence) => testBlock({ partition: 1, sequence }));
    const sent = blocks.map((block) => Buffer.from(block));
    const first = await log.writer.append(blocks.slice(0, 2));
    const second = await log.writer.append(blocks.slice(2));
    const found = await take(t, log, new Map([[1, START]]), 4);
    t.deepEqual(
      found.map((block) => Buffer.from(block.bytes)),
      sent,
    );
    t.deepEqual(
      found.map((block) => block.offset),
      [...first, ...second],
    );
  });

  fact('offsets rise within a partition, and next offsets lie between them', async (t, { log }) => {
    await Promise.all(
      [1, 2, 3].map((sequence) => log.writer.append([testBlock({ partition: 2, sequence })])),
    );
    const found = await take(t, log, new Map([[2, START]]), 3);
    for (const [index, block] of found.entries()) {
      t.true(block.offset < block.nextOffset);
      const next = found[index + 1];
      if (next !== undefined) t.true(block.nextOffset <= next.offset);
    }
  });

  fact('concurrent appends keep the order of their calls', async (t, { log }) => {
    const sequences = Array.from({ length: 200 }, (_, index) => index);
    await Promise.all(sequences.map((sequence) => log.writer.append([testBlock({ sequence })])));
    const found = await take(t, log, new Map([[0, START]]), sequences.length);
    t.deepEqual(found.map(seq), sequences);
    t.is(log.writer.pendingBytes, 0);
  });

  fact('an append of no blocks succeeds', async (t, { log }) => {
    t.deepEqual(await log.writer.append([]), []);
  });

  fact('a reader sees its own partitions alone', async (t, { log }) => {
    await log.writer.append(
      [0, 1, 2, 0, 1, 2].map((p, i) => testBlock({ partition: p, sequence: i })),
    );
    const found = await take(
      t,
      log,
      new Map([
        [0, START],
        [2, START],
      ]),
      4,
    );
    t.deepEqual(found.filter((block) => block.partition === 0).map(seq), [0, 3]);
    t.deepEqual(found.filter((block) => block.partition === 2).map(seq), [2, 5]);
  });

  fact('blocks are 8-byte aligned', async (t, { log }) => {
    const sizes = [1, 9, 40, 1000];
    await log.writer.append(sizes.map((bodyBytes) => testBlock({ bodyBytes })));
    for (const block of await take(t, log, new Map([[0, START]]), sizes.length)) {
      t.is(block.bytes.byteOffset % 8, 0);
    }
  });

  fact('a reader starts at the offset that it is given', async (t, { log }) => {
    const offsets = await log.writer.append([1, 2, 3].map((sequence) => testBlock({ sequence })));
    const found = await take(t, log, new Map([[0, offsets[1] as Offset]]), 2);
    t.deepEqual(found.map(seq), [2, 3]);
  });

  fact('a next offset is where reading goes on', async (t, { log }) => {
    await log.writer.append([1, 2].map((sequence) => testBlock({ sequence })));
    const [first] = await take(t, log, new Map([[0, START]]), 2);
    const found = await take(t, log, new Map([[0, first?.nextOffset ?? START]]), 1);
    t.deepEqual(found.map(seq), [2]);
  });

  fact('one block is delivered even where it is larger than asked for', async (t, { log }) => {
    await log.writer.append([1, 2].map((sequence) => testBlock({ sequence, bodyBytes: 50_000 })));
    const reader = opened(t, log, new Map([[0, START]]));
    const { blocks } = await reader.read(1000);
    t.deepEqual(blocks.map(seq), [1]);
  });

  fact('a read says how far it got, also for a partition without blocks', async (t, { log }) => {
    await log.writer.append([testBlock({ partition: 0 }), testBlock({ partition: 1 })]);
    const reader = opened(t, log, new Map([0, 1, 2].map((partition) => [partition, START])));
    const read = await reader.read(1 << 20);
    for (const block of read.blocks) t.true(read.readTo(block.partition) >= block.nextOffset);
    t.true(read.readTo(2) >= START);
  });

  fact('a waiting reader is woken by an append', async (t, { log }) => {
    const reader = opened(t, log, new Map([[0, START]]));
    const waiting = collect(reader, 1);
    await log.writer.append([testBlock({ sequence: 7 })]);
    t.deepEqual((await waiting).map(seq), [7]);
  });

  fact('a waiting reader is woken by its close, with nothing', async (t, { log }) => {
    const reader = log.openReader(new Map([[0, START]]));
    const waiting = reader.read(1000);
    reader.close();
    t.deepEqual((await waiting).blocks, []);
  });

  fact('seek delivers a partition again', async (t, { log }) => {
    const offsets = await log.writer.append([1, 2, 3].map((sequence) => testBlock({ sequence })));
    const reader = opened(t, log, new Map([[0, START]]));
    await collect(reader, 3);
    reader.seek(0, offsets[1] as Offset);
    t.deepEqual((await collect(reader, 2)).map(seq), [2, 3]);
  });

  fact('seek wakes a waiting reader', async (t, { log }) => {
    const offsets = await log.writer.append([1, 2].map((sequence) => testBlock({ sequence })));
    const reader = opened(t, log, new Map([[0, START]]));
    await collect(reader, 2);
    const waiting = collect(reader, 1);
    reader.seek(0, offsets[1] as Offset);
    t.deepEqual((await waiting).map(seq), [2]);
  });

  fact('after a seek no block is missing, whatever read was on its way', async (t, { log }) => {
    const offsets = await log.writer.append(
      [1, 2, 3, 4].map((sequence) => testBlock({ sequence, bodyBytes: 3000 })),
    );
    const reader = opened(t, log, new Map([[0, START]]));
    await collect(reader, 2, 1000);
    const onItsWay = reader.read(1000);
    reader.seek(0, offsets[0] as Offset);
    const found = [...(await onItsWay).blocks];
    while (found.length < 4) found.push(...(await reader.read(1000)).blocks);
    t.deepEqual(found.map(seq), [1, 2, 3, 4]);
  });

  fact('a partition that is released comes no more until its next seek', async (t, { log }) => {
    const send = (sequence: number) =>
      log.writer.append([0, 1].map((partition) => testBlock({ partition, sequence })));
    const reader = opened(
      t,
      log,
      new Map([
        [0, START],
        [1, START],
      ]),
    );
    await send(1);
    await collect(reader, 2);
    reader.release(0);
    const [released] = await send(2);
    t.deepEqual((await collect(reader, 1)).map(placeOf), ['1/2']);
    reader.seek(0, released as Offset);
    t.deepEqual((await collectOf(reader, 0, 1)).map(placeOf), ['0/2']);
  });

  fact('seek adds a partition to a reader, which may wait for others', async (t, { log }) => {
    await log.writer.append([0, 1].map((partition) => testBlock({ partition, sequence: 1 })));
    const reader = opened(t, log, new Map([[0, START]]));
    await collect(reader, 1);
    const waiting = collectOf(reader, 2, 1);
    await log.writer.append([testBlock({ partition: 2, sequence: 1 })]);
    reader.seek(2, START);
    t.deepEqual((await waiting).map(placeOf), ['2/1']);
    reader.seek(1, START);
    t.deepEqual((await collectOf(reader, 1, 1)).map(placeOf), ['1/1']);
    await log.writer.append([0, 1, 2].map((partition) => testBlock({ partition, sequence: 2 })));
    const found = [];
    while (found.length < 3) {
      const { blocks } = await reader.read(1 << 20);
      found.push(...blocks.map(placeOf).filter((place) => place.endsWith('/2')));
    }
    t.deepEqual(found.sort(), ['0/2', '1/2', '2/2']);
  });

  fact('a reader of which all is released reads for the next that joins', async (t, { log }) => {
    await log.writer.append([1, 2, 3].map((sequence) => testBlock({ sequence })));
    const reader = opened(t, log, new Map([[0, START]]));
    await collect(reader, 3);
    const waiting = collectOf(reader, 1, 2);
    reader.release(0);
    await log.writer.append([
      testBlock({ partition: 0, sequence: 4 }),
      testBlock({ partition: 1, sequence: 1 }),
    ]);
    reader.seek(1, START);
    await log.writer.append([
      testBlock({ partition: 0, sequence: 5 }),
      testBlock({ partition: 1, sequence: 2 }),
    ]);
    t.deepEqual((await waiting).map(placeOf), ['1/1', '1/2']);
  });

  fact(
    'what was appended is there after reopening, and offsets go on',
    async (t, { log, reopen }) => {
      const before = await log.writer.append([testBlock({ sequence: 1 })]);
      await log.writer.close();
      const again = await reopen();
      const after = await again.writer.append([testBlock({ sequence: 2 })]);
      t.true((after[0] as Offset) > (before[0] as Offset));
      t.deepEqual((await take(t, again, new Map([[0, START]]), 2)).map(seq), [1, 2]);
    },
  );

  fact('close completes the appends that were accepted', async (t, { log, reopen }) => {
    const pending = [1, 2, 3].map((sequence) => log.writer.append([testBlock({ sequence })]));
    await log.writer.close();
    await Promise.all(pending);
    t.deepEqual((await take(t, await reopen(), new Map([[0, START]]), 3)).map(seq), [1, 2, 3]);
  });

  fact('a closed log refuses appends', async (t, { log }) => {
    await log.writer.close();
    t.is(log.writer.refusal, 'log_closed');
    const error = await t.throwsAsync(log.writer.append([testBlock()]));
    t.true(isFault(error, 'log_closed'));
  });

  fact('deletion answers an oldest offset that can be read', async (t, { log }) => {
    const offsets = await log.writer.append([1, 2].map((sequence) => testBlock({ sequence })));
    const kept = await log.writer.deleteBefore(offsets[1] as Offset);
    t.true(kept <= (offsets[1] as Offset));
    const found = await take(t, log, new Map([[0, offsets[1] as Offset]]), 1);
    t.deepEqual(found.map(seq), [2]);
  });
}

const placeOf = ({ partition, bytes }: LoggedBlock): string => `${partition}/${sequenceOf(bytes)}`;

const seq = (block: LoggedBlock): number => sequenceOf(block.bytes);

function opened(t: ExecutionContext, log: EventLog, from: ReadonlyMap<number, Offset>): LogReader {
  const reader = log.openReader(from);
  t.teardown(() => reader.close());
  return reader;
}

/** Exactly `count` blocks: more in the same read are a failure of whoever compares them. */
async function collect(
  reader: LogReader,
  count: number,
  bytesMax = 1 << 20,
): Promise<LoggedBlock[]> {
  const found: LoggedBlock[] = [];
  while (found.length < count) found.push(...(await reader.read(bytesMax)).blocks);
  return found;
}

/** The next blocks of the partition; what comes of others with them is left out. */
async function collectOf(
  reader: LogReader,
  partition: number,
  count: number,
): Promise<LoggedBlock[]> {
  const found: LoggedBlock[] = [];
  while (found.length < count) {
    const { blocks } = await reader.read(1 << 20);
    found.push(...blocks.filter((block) => block.partition === partition));
  }
  return found;
}

const take = (
  t: ExecutionContext,
  log: EventLog,
  from: ReadonlyMap<number, Offset>,
  count: number,
): Promise<LoggedBlock[]> => collect(opened(t, log, from), count);
