/** What a partition makes of blocks from which rows were erased: it reads them after a crash, or from the beginning. */
import test from 'ava';
import { writeCommit } from '../../../actors/partition/commit.ts';
import { PartitionMachine } from '../../../actors/partition/machine.ts';
import { loadSnapshot } from '../../../actors/partition/snapshot.ts';
import { BlockColumns } from '../../../src/aggregate/block-columns.ts';
import { Block } from '../../../src/model/block.ts';
import { eraseRows } from '../../../src/model/block-eraser.ts';
import { BLOCK_KIND } from '../../../src/model/block-format.ts';
import { offset } from '../../../src/model/units.ts';
import type { LoggedBlock } from '../../../storage/log/log.ts';
import { deadLetterRange } from '../../../storage/state/keys.ts';
import { decodeVerdict, encodeVerdict } from '../../../storage/state/rows.ts';
import { type BlockPlace, eventBlock, type PlainEvent } from '../../aggregate/event-blocks.ts';
import { MemoryStore } from '../../simulation/memory-store.ts';

const columns = new BlockColumns();
const OPTIONS = {
  partition: 0,
  dedup: { idsMax: 1e6, bytesMax: 1e9, offsetsMax: 1e9 },
  dedupSeed: [1, 2] as const,
  deadLettersMax: 10,
  columns,
};

async function machineOf(store = new MemoryStore()) {
  return new PartitionMachine(OPTIONS, await loadSnapshot(store, 0));
}

function logged(
  at: number,
  events: readonly PlainEvent[],
  erased: readonly number[] = [],
  place: Partial<BlockPlace> = {},
): LoggedBlock {
  const { bytes } = eventBlock(events, { arrivalMs: 1_790_000_000_000, sequence: at, ...place });
  const rows = Uint8Array.from(erased);
  return {
    partition: 0,
    offset: offset(at),
    nextOffset: offset(at + 1_000),
    bytes: erased.length === 0 ? bytes : eraseRows(bytes, rows),
  };
}

const view = (id: string): PlainEvent => ({ type: 'view', id });

test('erased events are not applied again, and the ledger counts them as it did', async (t) => {
  const store = new MemoryStore();
  const machine = await machineOf(store);
  machine.apply(logged(0, [view('a'), view('b'), view('a')], [1, 0, 0]));
  const [line] = machine.ledgerChanges();
  t.like(line, { received: 3, applied: 3, duplicate: 0, rejected: 0 });
  const verdict = decodeVerdict(machine.recentVerdict(0) as Uint8Array);
  t.deepEqual([0, 1, 2].map(verdict.isDropped), [true, false, false]);
  const { letters } = await writeCommit(store, machine.takeCommit());
  machine.committed(letters);
  // The id that was erased is not known any more, the other one is.
  machine.apply(logged(1_000, [view('a'), view('b')]));
  t.like(machine.ledgerChanges()[0], { received: 5, applied: 3, duplicate: 2 });
});

test('a block of which all is erased is passed over', async (t) => {
  const machine = await machineOf();
  machine.apply(logged(0, [view('a'), view('b')], [1, 1]));
  t.is(machine.position, 1_000);
  t.like(machine.ledgerChanges()[0], { received: 2, applied: 2 });
  t.is(decodeVerdict(machine.recentVerdict(0) as Uint8Array).dropped, 2);
});

test('ids that were erased are not learned anew, with or without a verdict', async (t) => {
  for (const verdict of [undefined, decodeVerdict(encodeVerdict(Uint8Array.from([1, 0]), 2))]) {
    const store = new MemoryStore();
    const first = await machineOf(store);
    first.apply(logged(0, [view('a'), view('b')]));
    await writeCommit(store, first.takeCommit());
    const again = await machineOf(store);
    again.relearn(logged(0, [view('a'), view('b')], [0, 1]), verdict);
    again.apply(logged(1_000, [view('a'), view('b')]));
    t.like(again.ledgerChanges()[0], { received: 4, applied: 3, duplicate: 1 });
  }
});

test('a dead letter that was erased does not come back', async (t) => {
  const store = new MemoryStore();
  const machine = await machineOf(store);
  const letters = ['one', 'two'].map((raw) => ({ code: 'bad_ts', message: 'm', raw }));
  machine.apply(logged(0, letters, [1, 0], { kind: BLOCK_KIND.deadLetters, rejected: 2 }));
  t.like(machine.ledgerChanges()[0], { received: 2, rejected: 2 });
  await writeCommit(store, machine.takeCommit());
  const rows = await store.page(deadLetterRange(0, 'default'), 10);
  t.is(rows.length, 1);
  t.true(Buffer.from(rows[0]?.value ?? []).includes('two'));
  t.true(new Block(logged(0, letters).bytes).erasedRows() === undefined);
});
