import test from 'ava';
import fc from 'fast-check';
import type { TimeseriesAnswer } from '../../src/query/answer.ts';
import { KeptStretches } from '../../src/query/kept-stretches.ts';
import { changesBetween } from '../../src/query/live-changes.ts';
import { planTimeseries } from '../../src/query/plan.ts';
import type { TimeseriesRequest } from '../../src/query/request.ts';
import { SeriesGroups } from '../../src/query/series-groups.ts';
import { SeriesTables } from '../../src/query/series-tables.ts';
import { answerTimeseries } from '../../src/query/timeseries.ts';
import { MemoryPartitions, TENANT } from './partitions.ts';
import { BY_TYPE, BY_TYPE_AND_COUNTRY } from './rollups.ts';

const START = Date.parse('2026-05-01T12:00:00Z');
const STEPS = 8;

/** A live query that keeps its steps, and the same question asked anew. */
function setUp(byType = BY_TYPE) {
  const memory = new MemoryPartitions([byType, BY_TYPE_AND_COUNTRY]);
  const clock = { nowMs: START + 7_000, now: () => clock.nowMs };
  const sources = { partitions: memory, stored: memory, tables: new SeriesTables(memory), clock };
  const request: TimeseriesRequest = {
    tenant: TENANT,
    stream: 'events',
    lastMs: STEPS * 1_000,
    stepMs: 1_000,
    measures: [{ op: 'count' }, { op: 'rate' }],
    groupBy: ['type'],
  };
  const planNow = () => planTimeseries(request, memory.rollups(), clock.now());
  const kept = {
    groups: new SeriesGroups(planNow()),
    stretches: new KeptStretches(1_000_000),
    isLive: true,
  };
  const live = async () => (await answerTimeseries(planNow(), kept, sources)).answer;
  const anew = async () =>
    (await answerTimeseries(planNow(), { groups: new SeriesGroups(planNow()) }, sources)).answer;
  return { memory, clock, live, anew };
}

test('steps that have not changed are the same objects in the next answer', async (t) => {
  const { memory, live } = setUp({ ...BY_TYPE, latenessMs: 1_000 });
  const events = [0, 1_000, 2_000, 3_000].map((after) => ({ ts: START + after, type: 'view' }));
  memory.apply(0, events, START + 3_000);
  memory.commit(0);
  const [before] = (await live()).series;
  memory.apply(1, [{ ts: START + 3_000, type: 'view' }], START + 3_000);
  const [known] = (await live()).series;
  memory.apply(1, [{ ts: START + 3_000, type: 'view' }], START + 3_000);
  const [after] = (await live()).series;
  t.deepEqual(
    after?.points.map(({ values }) => values[0]?.value),
    [1, 1, 1, 3],
  );
  t.is(after?.packed?.stepAt(0), known?.packed?.stepAt(0));
  t.is(after?.packed?.stepAt(1), known?.packed?.stepAt(1));
  t.not(after?.packed?.stepAt(3), known?.packed?.stepAt(3));
  t.deepEqual(before?.points[0], after?.points[0]);
});

/** With all its points made, and nothing else. */
const plain = (answer: TimeseriesAnswer): TimeseriesAnswer => ({
  ...answer,
  series: answer.series.map(({ labels, points }) => ({ labels, points })),
});

test('an answer that keeps its steps is the one that is made anew, and its changes are those of its points, whatever happens in between', async (t) => {
  const partition = fc.nat({ max: 1 });
  const happening = fc.oneof(
    fc.record({
      what: fc.constant('event' as const),
      partition,
      type: fc.constantFrom('view', 'buy', 'sell'),
      agoMs: fc.nat({ max: 9_000 }),
    }),
    fc.record({ what: fc.constant('commit' as const), partition }),
    fc.record({ what: fc.constant('time' as const), ms: fc.nat({ max: 2_500 }) }),
    fc.record({ what: fc.constant('answer' as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { maxLength: 25 }), async (happenings) => {
      const { memory, clock, live, anew } = setUp();
      let before = await live();
      const answer = async () => {
        const now = await live();
        t.deepEqual(now, await anew());
        t.deepEqual(changesBetween(before, now), changesBetween(plain(before), plain(now)));
        before = now;
      };
      for (const each of happenings) {
        if (each.what === 'event') {
          const { type, agoMs } = each;
          memory.apply(each.partition, [{ ts: clock.nowMs - agoMs, type }], clock.nowMs);
        }
        if (each.what === 'commit') memory.commit(each.partition);
        if (each.what === 'time') clock.nowMs += each.ms;
        if (each.what === 'answer') await answer();
      }
      await answer();
    }),
    { numRuns: 60 },
  );
});
