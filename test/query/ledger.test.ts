import test from 'ava';
import { sumLedger, unbalancedLines } from '../../src/query/system.ts';
import { MemoryPartitions, TENANT } from './partitions.ts';
import { BY_TYPE } from './rollups.ts';

const LINE = {
  tenant: TENANT,
  stream: 'events',
  arrivalHourMs: 0,
  received: 10,
  applied: 7,
  duplicate: 2,
  rejected: 1,
  clamped: 0,
  expired: 0,
  erased: 0,
};

function setUp(lines: readonly (typeof LINE)[], pending = { events: 3, isComplete: true }) {
  const memory = new MemoryPartitions([BY_TYPE]);
  lines.forEach((line, partition) => {
    memory.ledgers[partition] = { entries: [line], appliedOffset: 0, appliedEnd: 0 };
  });
  const system = {
    actors: async () => [],
    partitions: async () => [],
    deadLetters: async () => ({ letters: [] }),
    pendingEvents: async () => pending,
  };
  return sumLedger({ tenant: TENANT, stream: 'events' }, memory, system, 5);
}

test('a ledger balances when what was announced is what became of it', async (t) => {
  t.like(await setUp([LINE, LINE]), { received: 23, applied: 14, pending: 3, balanced: true });
});

test('a partition that has lost or invented an event unbalances the ledger, though another errs the other way', async (t) => {
  const lost = { ...LINE, applied: 6 };
  const invented = { ...LINE, applied: 8 };
  t.false((await setUp([LINE, lost])).balanced);
  t.false((await setUp([lost, invented])).balanced);
});

test('a ledger does not balance while not all that is pending could be counted', async (t) => {
  t.like(await setUp([LINE, LINE], { events: 9, isComplete: false }), {
    pending: 9,
    balanced: false,
  });
});

test('lines that do not add up are counted, each for itself', async (t) => {
  const memory = new MemoryPartitions([BY_TYPE]);
  const entries = [LINE, { ...LINE, applied: 6 }, { ...LINE, stream: 'other', rejected: 2 }];
  memory.ledgers[0] = { entries, appliedOffset: 0, appliedEnd: 0 };
  t.is(await unbalancedLines(TENANT, 5, memory), 2);
});
