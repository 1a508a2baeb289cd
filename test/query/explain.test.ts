/** What is said of an answer before there is one. */
import test from 'ava';
import { isFault } from '../../src/model/errors.ts';
import { Queries } from '../../src/query/queries.ts';
import type { TimeseriesRequest } from '../../src/query/request.ts';
import { MemoryPartitions, TENANT } from './partitions.ts';
import { BY_TYPE, BY_TYPE_AND_COUNTRY, PURCHASES } from './rollups.ts';

const START = Date.parse('2026-05-01T12:00:00Z');
const [SECOND, MINUTE] = [1_000, 60_000] as const;
const RANGE = { fromMs: START, toMs: START + 10 * MINUTE, stepMs: MINUTE };

function setUp(sinceMs: (name: string) => number = () => Number.NEGATIVE_INFINITY) {
  const clock = { nowMs: START, now: () => clock.nowMs };
  const memory = new MemoryPartitions([BY_TYPE_AND_COUNTRY, PURCHASES, BY_TYPE], 2);
  const catalog = {
    rollups: () => memory.rollups(),
    sinceMs: (_: string, { name }: { readonly name: string }) => sinceMs(name),
  };
  const queries = new Queries({ partitions: memory, stored: memory, catalog, clock });
  for (let second = 0; second < 600; second += 2) {
    clock.nowMs = START + second * SECOND;
    const event = { ts: clock.nowMs, type: 'view', duration_ms: second };
    memory.apply((second / 2) % 2, [event], clock.nowMs);
    if (second === 450) memory.commit(0);
  }
  const asked = (parts: Partial<TimeseriesRequest>): TimeseriesRequest => ({
    ...{ tenant: TENANT, stream: 'events', measures: [{ op: 'count' }], groupBy: [] },
    ...RANGE,
    ...parts,
  });
  return {
    memory,
    explain: (parts: Partial<TimeseriesRequest> = {}) => queries.explain(asked(parts)),
    answer: (parts: Partial<TimeseriesRequest> = {}) => queries.timeseries(asked(parts)),
  };
}

test('it says what the answer says of itself, and reads no stored row', async (t) => {
  const { memory, explain, answer } = setUp();
  for (const parts of [
    {},
    { groupBy: ['country'], stepMs: 30 * SECOND },
    { measures: [{ op: 'quantile', field: 'duration_ms', q: 0.5 }] },
    { fromMs: START + 90 * SECOND, toMs: START + 331 * SECOND, stepMs: 10 * MINUTE },
    { windowMs: 2 * MINUTE },
  ] as const) {
    memory.scannedRows = 0;
    const { plan, problem } = await explain(parts);
    t.is(memory.scannedRows, 0);
    t.is(problem, null);
    const { source, rollup, resolutionMs, fromMs, toMs, stepMs, series } = await answer(parts);
    t.like(plan, { source, resolutionMs, fromMs, toMs, stepMs });
    t.is(plan?.rollup?.name ?? null, rollup);
    t.true((series[0]?.points.length ?? 0) <= (plan?.points ?? 0));
    t.true((plan?.points ?? 0) <= 20);
  }
});

test('what partitions have closed is read in long buckets, and what is open in short ones', async (t) => {
  const { memory, explain } = setUp();
  const { plan } = await explain();
  const [first, second] = plan?.partitions ?? [];
  t.deepEqual(
    first?.spans.map(({ stepMs, fromMs, toMs }) => [
      stepMs,
      (fromMs - START) / SECOND,
      (toMs - START) / SECOND,
    ]),
    [
      [MINUTE, 0, 540],
      [SECOND, 540, 600],
    ],
  );
  t.deepEqual(
    first?.spans.map(({ rowsMax }) => rowsMax),
    [9, 60],
  );
  // The minutes from 7:00 that closed since its commit, and an event every four seconds from 9:00.
  t.is(first?.changedRows, 2 + 15);
  t.is(second?.changedRows, 9 + 15, 'it has committed nothing');
  t.deepEqual(plan?.rows, { readMax: 2 * 69, mergedMax: 2 * 69, mergedAllowed: 200_000 });
  t.true(first?.answered);
  memory.stop(1);
  const [, stopped] = (await explain()).plan?.partitions ?? [];
  t.like(stopped, { answered: false, isReadable: true, changedRows: 0, node: undefined });
});

test('of the future there are no rows to be read', async (t) => {
  const { explain } = setUp();
  const { plan } = await explain({ fromMs: START + 540 * SECOND, toMs: START + 60 * MINUTE });
  // Up to a minute ahead of 9:58.
  t.deepEqual(
    plan?.partitions.map(({ spans }) => spans.map(({ rowsMax }) => rowsMax)),
    [[119], [119]],
  );
});

test('rows are merged for each condition that needs them', async (t) => {
  const { explain } = setUp();
  const measures = [
    { op: 'count' },
    { op: 'last', field: 'duration_ms', where: { field: 'type', eq: 'view' } },
    { op: 'count', where: { field: 'country', eq: 'DE' } },
  ] as const;
  const { plan } = await explain({ measures });
  t.like(plan?.rows, { readMax: 2 * 2 * 69, mergedMax: 3 * 2 * 69 });
});

test('of each rollup of the stream it says why it is not taken', async (t) => {
  const { explain } = setUp();
  const said = async (parts: Partial<TimeseriesRequest>) =>
    (await explain(parts)).rollups.map(({ rollup, isTaken, lacks, reason }) =>
      isTaken ? `${rollup.name} answers` : `${rollup.name}: ${reason ?? lacks.join(', ')}`,
    );
  const purchasesLack = 'purchases: events other than type in (purchase, refund)';
  t.deepEqual(await said({}), [
    purchasesLack,
    'by_type answers',
    'by_type_and_country: "by_type" has fewer dimensions',
  ]);
  t.deepEqual(await said({ groupBy: ['country'] }), [
    `${purchasesLack}, dimension "country"`,
    'by_type: dimension "country"',
    'by_type_and_country answers',
  ]);
  const old = { fromMs: START - 1_000 * 86_400_000 };
  for (const each of (await said(old)).slice(1)) t.regex(each, /data from so far back/);
});

test('of rollups that have not seen the whole range it says since when they count', async (t) => {
  const began = { by_type: START + MINUTE, by_type_and_country: Number.POSITIVE_INFINITY };
  const { explain } = setUp((name) =>
    name === 'by_type' ? began.by_type : Number.POSITIVE_INFINITY,
  );
  const { rollups } = await explain();
  t.deepEqual(
    rollups.slice(1).map(({ isTaken, reason }) => [isTaken, reason]),
    [
      [true, null],
      [false, 'it does not count yet'],
    ],
  );
  const both = setUp((name) => START + (name === 'by_type' ? 2 : 1) * MINUTE);
  t.deepEqual(
    (await both.explain()).rollups.slice(1).map(({ isTaken, reason }) => [isTaken, reason]),
    [
      [false, 'it counts since 2026-05-01T12:02:00.000Z, and the range begins before'],
      [true, null],
    ],
  );
});

test('what would be refused has the refusal as its problem; arguments that are none are refused', async (t) => {
  const { explain, answer } = setUp();
  const unknown = { groupBy: ['shoe'] };
  const refused = await t.throwsAsync<Error>(answer(unknown));
  const { plan, problem, rollups } = await explain(unknown);
  t.is(plan, null);
  t.is(problem, refused?.message);
  t.deepEqual(
    rollups.map(({ lacks }) => lacks.includes('dimension "shoe"')),
    [true, true, true],
  );
  const wrong = await t.throwsAsync(explain({ measures: [{ op: 'sum' }] }));
  t.true(isFault(wrong, 'query_invalid'));
});

test('a comparison is explained like two questions', async (t) => {
  const { explain, answer } = setUp();
  const range = { fromMs: START + 5 * MINUTE, compare: 'PERIOD_BEFORE' } as const;
  const { plan, compared } = await explain(range);
  t.like(plan, { fromMs: START + 5 * MINUTE, toMs: START + 10 * MINUTE });
  const earlier = (await answer(range)).compared;
  t.like(compared?.plan, {
    ...{ fromMs: START, toMs: START + 5 * MINUTE, stepMs: MINUTE },
    resolutionMs: earlier?.resolutionMs,
  });
});
