import test from 'ava';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/units.ts';
import { Queries } from '../../src/query/queries.ts';
import type { TimeseriesRequest } from '../../src/query/request.ts';
import { MemoryPartitions, TENANT } from './partitions.ts';
import { BY_TYPE } from './rollups.ts';

const NOW = Date.parse('2026-05-01T12:00:00Z');
const ENOUGH = 16 * 2 ** 20;

/** Two hours with an event a minute, all of it stored. */
function setUp(keptBytesMax: number) {
  const resolutions = [{ stepMs: MINUTE_MS, retentionMs: DAY_MS }];
  const memory = new MemoryPartitions([{ ...BY_TYPE, resolutions }], 1);
  const events = Array.from({ length: 120 }, (_, i) => ({
    ts: NOW - 2 * HOUR_MS + i * MINUTE_MS,
    type: `t${i % 3}`,
  }));
  memory.apply(0, events, NOW);
  memory.commit(0);
  const clock = { now: () => NOW };
  const queries = new Queries({
    ...{ partitions: memory, stored: memory, catalog: memory, clock, keptBytesMax },
  });
  const ask = (parts: Partial<TimeseriesRequest>) => {
    const request = { tenant: TENANT, stream: 'events', measures: [{ op: 'count' as const }] };
    const range = { fromMs: NOW - 2 * HOUR_MS, toMs: NOW - HOUR_MS, stepMs: MINUTE_MS };
    return queries.timeseries({ ...request, groupBy: [], ...range, ...parts });
  };
  /** How many rows it reads. */
  const rowsOf = async (parts: Partial<TimeseriesRequest> = {}): Promise<number> => {
    const before = memory.scannedRows;
    await ask(parts);
    return memory.scannedRows - before;
  };
  return { memory, ask, rowsOf };
}

test('who asks the same again reads nothing; of another range, order or limit only what is new', async (t) => {
  const { rowsOf } = setUp(ENOUGH);
  t.is(await rowsOf(), 60);
  t.is(await rowsOf(), 0);
  t.is(await rowsOf({ toMs: NOW - HOUR_MS + 10 * MINUTE_MS }), 10);
  t.is(await rowsOf({ fromMs: NOW - 90 * MINUTE_MS, limit: 1 }), 0);
  t.is(await rowsOf({ orderBy: { measure: 0, descending: false } }), 0);
});

test('what decides what a step holds makes another question', async (t) => {
  const { rowsOf } = setUp(ENOUGH);
  const others: Partial<TimeseriesRequest>[] = [
    {},
    { groupBy: ['type'] },
    { where: { field: 'type', eq: 't0' } },
    { measures: [{ op: 'rate' }] },
    { stepMs: 2 * MINUTE_MS },
    { windowMs: 2 * MINUTE_MS },
  ];
  for (const each of others) t.true((await rowsOf(each)) >= 60);
  for (const each of others) t.is(await rowsOf(each), 0);
});

test('a late event has its step read again, once it is stored, and no other', async (t) => {
  const { memory, rowsOf } = setUp(ENOUGH);
  await rowsOf();
  memory.apply(0, [{ ts: NOW - 100 * MINUTE_MS, type: 't0' }], NOW);
  t.is(await rowsOf(), 1);
  memory.commit(0);
  t.is(await rowsOf(), 1);
  t.is(await rowsOf(), 0);
});

test('of a long step its beginning is kept, and is not taken for a step that ends there', async (t) => {
  const { memory, rowsOf, ask } = setUp(ENOUGH);
  const step = { stepMs: 3 * HOUR_MS, toMs: NOW + HOUR_MS };
  t.is(await rowsOf(step), 120);
  memory.apply(0, [{ ts: NOW, type: 't0' }], NOW);
  const again = await rowsOf(step);
  t.true(again > 0 && again <= 32, `${again} rows`);
  t.is((await ask(step)).series[0]?.points[0]?.values[0]?.value, 121);
  for (let minutes = 0; minutes <= 48; minutes++) {
    const { series } = await ask({ ...step, toMs: NOW - minutes * MINUTE_MS });
    t.is(series[0]?.points[0]?.values[0]?.value, 120 - minutes);
  }
});

test('past the bound the least recently asked goes, and without room nothing is kept', async (t) => {
  const one = 60 * 500;
  const { rowsOf } = setUp(4 * one);
  const steps = [1, 2, 3, 4, 5, 6].map((minutes) => minutes * MINUTE_MS);
  for (const stepMs of steps) await rowsOf({ stepMs });
  t.is(await rowsOf({ stepMs: 6 * MINUTE_MS }), 0);
  for (let i = 0; i < 20; i++) await rowsOf({ measures: [{ op: 'count', as: `n${i}` }] });
  t.is(await rowsOf({ stepMs: 6 * MINUTE_MS }), 60);
  const without = setUp(0);
  await without.rowsOf();
  t.is(await without.rowsOf(), 60);
});
