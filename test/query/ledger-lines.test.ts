import test from 'ava';
import { isFault } from '../../src/model/errors.ts';
import { decodePositions } from '../../src/model/positions.ts';
import { ledgerLines } from '../../src/query/ledger-lines.ts';
import { MemoryPartitions, TENANT } from './partitions.ts';
import { BY_TYPE } from './rollups.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW = 100 * DAY_MS + HOUR_MS / 2;

const line = (stream: string, arrivalHourMs: number, applied: number) => ({
  tenant: TENANT,
  stream,
  arrivalHourMs,
  received: applied + 3,
  applied,
  duplicate: 2,
  rejected: 1,
  clamped: 0,
  expired: 0,
  erased: 1,
});

test('lines of all partitions are added up by hour and stream, and end with a position that is soon committed', async (t) => {
  const memory = new MemoryPartitions([BY_TYPE]);
  const today = 100 * DAY_MS;
  memory.ledgers[0] = {
    entries: [line('b', today, 5), line('a', today, 1)],
    appliedOffset: 85,
    appliedEnd: 70,
  };
  memory.ledgers[1] = { entries: [line('b', today, 6)], appliedOffset: 90, appliedEnd: 90 };
  const page = await ledgerLines({ tenant: TENANT, fromMs: NOW }, memory, NOW);
  t.deepEqual(
    page.lines.map(({ stream, applied, received, erased }) => [stream, applied, received, erased]),
    [
      ['a', 1, 4, 1],
      ['b', 11, 17, 2],
    ],
  );
  t.is(page.nextFromMs, undefined);
  t.deepEqual([...(decodePositions(page.position) ?? [])].slice(0, 2), [
    [0, 70],
    [1, 90],
  ]);
  const some = await ledgerLines({ tenant: TENANT, stream: 'a', fromMs: NOW }, memory, NOW);
  t.deepEqual(
    some.lines.map(({ stream }) => stream),
    ['a'],
  );
});

test('a page is a day from a whole hour on, the last one reaches the present hour', async (t) => {
  const memory = new MemoryPartitions([BY_TYPE]);
  const pages: number[] = [];
  for (let from: number | undefined = NOW - 3 * DAY_MS; from !== undefined; ) {
    pages.push(from);
    const page = await ledgerLines({ tenant: TENANT, fromMs: from }, memory, NOW);
    from = page.nextFromMs;
  }
  t.deepEqual(
    pages.slice(1).map((from) => from / HOUR_MS),
    [98 * 24, 99 * 24, 100 * 24],
  );
});

test('without one of its partitions the ledger is not told in part', async (t) => {
  const memory = new MemoryPartitions([BY_TYPE]);
  memory.stop(0);
  const error = await t.throwsAsync(ledgerLines({ tenant: TENANT, fromMs: NOW }, memory, NOW));
  t.true(isFault(error, 'actor_stopped'));
});
