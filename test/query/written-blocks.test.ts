/** Columns as text, of which an earlier answer may have written most, against what the columns of the same answer are. */
import test from 'ava';
import fc from 'fast-check';
import type { TimeseriesAnswer } from '../../src/query/answer.ts';
import { Queries } from '../../src/query/queries.ts';
import type { TimeseriesRequest } from '../../src/query/request.ts';
import { MemoryPartitions, TENANT } from './partitions.ts';
import { BY_TYPE_AND_COUNTRY } from './rollups.ts';

const START = Date.parse('2026-05-01T12:00:00Z');
const ENOUGH = 16 * 2 ** 20;
/** More than two blocks. */
const RANGE_MS = 80_000;

/** As many as it takes for what is written to be kept. */
const TYPES = ['view', 'buy', 'sell', 'ask', 'bid'];

const REQUEST: TimeseriesRequest = {
  tenant: TENANT,
  stream: 'events',
  lastMs: RANGE_MS,
  stepMs: 1_000,
  measures: [
    { op: 'count', as: 'all' },
    { op: 'avg', field: 'duration_ms' },
    { op: 'rate' },
    { expression: '1 / (all - 2)' },
  ],
  groupBy: ['type'],
};

function setUp(keptBytesMax = ENOUGH) {
  const memory = new MemoryPartitions([BY_TYPE_AND_COUNTRY]);
  const clock = { nowMs: START, now: () => clock.nowMs };
  const sources = { partitions: memory, stored: memory, catalog: memory, clock };
  const queries = new Queries({ ...sources, keptBytesMax });
  const send = (partition: number, type: string, agoMs: number, more = {}) =>
    memory.apply(partition, [{ ts: clock.nowMs - agoMs, type, ...more }], clock.nowMs);
  const ask = (more: Partial<TimeseriesRequest> = {}) =>
    queries.timeseries({ ...REQUEST, ...more });
  return { memory, clock, send, ask };
}

/** As a client gets them, once each. */
const writtenIn = ({ series }: TimeseriesAnswer): unknown[] =>
  series.map(({ columnTexts }) => {
    if (columnTexts === undefined) throw new Error('expected columns as texts');
    const { t, end, values, errorBounds } = columnTexts;
    return { t, end, values, errorBounds };
  });

const columnsIn = ({ series }: TimeseriesAnswer): unknown[] =>
  series.map(({ columns }) => ({
    t: JSON.stringify(columns?.t),
    end: JSON.stringify(columns?.end),
    values: JSON.stringify(columns?.values),
    errorBounds: JSON.stringify(columns?.errorBounds),
  }));

test('columns are written as JSON.stringify writes them, whatever happened since they were written before', async (t) => {
  const happening = fc.oneof(
    fc.record({
      what: fc.constant('event' as const),
      partition: fc.nat({ max: 1 }),
      type: fc.constantFrom(...TYPES),
      agoMs: fc.nat({ max: RANGE_MS }),
      more: fc.constantFrom({}, { duration_ms: 0 }, { duration_ms: 0.1 }, { duration_ms: 7e20 }),
    }),
    fc.record({ what: fc.constant('commit' as const), partition: fc.nat({ max: 1 }) }),
    fc.record({ what: fc.constant('time' as const), ms: fc.nat({ max: 40_000 }) }),
    fc.record({ what: fc.constant('answer' as const), limit: fc.constantFrom(4, 100) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { maxLength: 60 }), async (happenings) => {
      const { memory, clock, send, ask } = setUp();
      for (const each of happenings) {
        if (each.what === 'event') send(each.partition, each.type, each.agoMs, each.more);
        if (each.what === 'commit') memory.commit(each.partition);
        if (each.what === 'time') clock.nowMs += each.ms;
        if (each.what === 'answer') {
          const answer = await ask({ limit: each.limit });
          t.deepEqual(writtenIn(answer), columnsIn(answer));
        }
      }
      const last = await ask();
      t.deepEqual(writtenIn(last), columnsIn(last));
      const again = await ask();
      t.deepEqual(writtenIn(again), columnsIn(again));
    }),
    { numRuns: 60 },
  );
});

test('an answer that is written after the next one was made is written as it was', async (t) => {
  const { memory, clock, send, ask } = setUp();
  for (let ago = RANGE_MS; ago > 0; ago -= 1_000) {
    for (const type of TYPES) send(0, type, ago);
  }
  memory.commit(0);
  const first = await ask();
  const expected = columnsIn(first);
  send(0, 'view', 70_000);
  clock.nowMs += 1_000;
  memory.commit(0);
  const second = await ask();
  t.deepEqual(writtenIn(second), columnsIn(second));
  t.deepEqual(writtenIn(first), expected);
  t.notDeepEqual(writtenIn(second), expected);
});

/** Whether the first of so many questions is still kept once all have been asked. */
async function isFirstKept(questions: number, areWritten: boolean): Promise<boolean> {
  const { memory, clock, send, ask } = setUp(600_000);
  for (let ago = RANGE_MS; ago > 0; ago -= 1_000) {
    for (const type of TYPES) send(0, type, ago);
  }
  // All but the newest is closed then.
  clock.nowMs += 20_000;
  for (const partition of [0, 1]) {
    send(partition, 'view', 0);
    memory.commit(partition);
  }
  const question = (i: number) => ({ where: { field: 'type', ne: `t${i}` } });
  for (let i = 0; i < questions; i++) {
    const answer = await ask(question(i));
    if (areWritten) writtenIn(answer);
  }
  const before = memory.scannedRows;
  await ask(question(0));
  return memory.scannedRows - before < 10;
}

test('what is written counts: of questions whose answers are written fewer are kept', async (t) => {
  let most = 1;
  while (most < 30 && (await isFirstKept(most + 1, false))) most++;
  t.true(most > 4 && most < 30, `${most} are kept`);
  t.false(await isFirstKept(most, true));
});
