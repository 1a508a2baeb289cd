import test from 'ava';
import { isFault } from '../../src/model/errors.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import { type Plan, planTimeseries } from '../../src/query/plan.ts';
import type { TimeseriesRequest } from '../../src/query/request.ts';
import { BY_TYPE, BY_TYPE_AND_COUNTRY, PURCHASES, rollup } from './rollups.ts';

const NOW = Date.parse('2026-05-01T12:00:00Z');
const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000] as const;
const ROLLUPS = [BY_TYPE_AND_COUNTRY, BY_TYPE, PURCHASES];

const request = (parts: Partial<TimeseriesRequest> = {}): TimeseriesRequest => ({
  tenant: 'default',
  stream: 'events',
  measures: [{ op: 'count' }],
  groupBy: [],
  ...parts,
});

const plan = (parts: Partial<TimeseriesRequest>): Plan =>
  planTimeseries(request(parts), ROLLUPS, NOW);

const refusal = (parts: Partial<TimeseriesRequest>, rollups = ROLLUPS): string => {
  try {
    planTimeseries(request(parts), rollups, NOW);
  } catch (error) {
    if (isFault(error, 'query_invalid')) return error.message;
    throw error;
  }
  return 'planned';
};

test('the rollup with the fewest dimensions that has all that is asked answers', (t) => {
  const chosen = (parts: Partial<TimeseriesRequest>) => plan(parts).rollup.name;
  t.is(chosen({}), 'by_type');
  t.is(chosen({ groupBy: ['type'] }), 'by_type');
  t.is(chosen({ groupBy: ['country'] }), 'by_type_and_country');
  t.is(chosen({ where: { field: 'country', eq: 'DE' } }), 'by_type_and_country');
  t.is(chosen({ measures: [{ op: 'distinct', field: 'user' }] }), 'by_type_and_country');
  t.is(chosen({ measures: [{ op: 'avg', field: 'duration_ms' }] }), 'by_type_and_country');
});

test('a filtered rollup answers only what its filter keeps', (t) => {
  const byShop = { groupBy: ['shop'] };
  t.is(plan({ ...byShop, where: { field: 'type', in: ['refund', 'purchase'] } }).rollup, PURCHASES);
  t.regex(refusal(byShop), /"purchases" lacks events other than type in \(purchase, refund\)/);
  // One of its types cannot be told from the other, for the rollup has no dimension "type".
  t.regex(refusal({ ...byShop, where: { field: 'type', eq: 'refund' } }), /lacks dimension "type"/);
});

test('the condition that the filter guarantees does not judge labels again', (t) => {
  const where = {
    and: [
      { field: 'type', in: ['purchase', 'refund'] },
      { field: 'shop', eq: 'a' },
    ],
  };
  const [condition] = plan({ groupBy: ['shop'], where }).conditions;
  t.true(condition?.keeps(['a']));
  t.false(condition?.keeps(['b']));
});

test('the coarsest resolution that divides the step and fits the range answers', (t) => {
  const cases: [step: number, from: number, to: number, tiers: number[]][] = [
    [SECOND, NOW - MINUTE, NOW, [SECOND]],
    [MINUTE, NOW - HOUR, NOW, [MINUTE, SECOND]],
    [15 * MINUTE, NOW - DAY, NOW, [15 * MINUTE, MINUTE, SECOND]],
    [30 * MINUTE, NOW - 14 * DAY, NOW, [15 * MINUTE, MINUTE, SECOND]],
    [DAY, NOW - 30 * DAY, NOW, [15 * MINUTE, MINUTE, SECOND]],
    [90 * SECOND, NOW - HOUR, NOW, [SECOND]],
    [10 * MINUTE, NOW - HOUR, NOW, [MINUTE, SECOND]],
    // The range does not begin with a minute: the finer tier answers it exactly.
    [MINUTE, NOW - HOUR + 30 * SECOND, NOW + 30 * SECOND, [SECOND]],
    // So far back there are no seconds any more: the range is rounded outward.
    [MINUTE, NOW - DAY + 30 * SECOND, NOW, [MINUTE, SECOND]],
  ];
  for (const [stepMs, fromMs, toMs, tiersMs] of cases) {
    const planned = plan({ stepMs, fromMs, toMs });
    t.deepEqual(planned.tiersMs, tiersMs, `${stepMs} from ${NOW - fromMs} ms ago`);
    t.true(planned.fromMs <= fromMs && planned.toMs >= toMs);
    t.is(planned.fromMs % (tiersMs[0] as number), 0);
    t.is(planned.toMs % (tiersMs[0] as number), 0);
    t.is(planned.points, Math.ceil((planned.toMs - planned.fromMs) / stepMs));
  }
});

test('a range that no kept resolution fits is rounded outward to its buckets', (t) => {
  const planned = plan({ stepMs: MINUTE, fromMs: NOW - DAY + 1, toMs: NOW - 1 });
  t.is(planned.fromMs, NOW - DAY);
  t.is(planned.toMs, NOW);
});

test('the last so many milliseconds end with the present step', (t) => {
  const { fromMs, toMs, points } = plan({ lastMs: 5 * MINUTE, stepMs: 10 * SECOND });
  t.is(toMs, NOW + 10 * SECOND);
  t.is(fromMs, toMs - 5 * MINUTE);
  t.is(points, 30);
});

test('the points of a repeated query with an open end do not shift with the clock', (t) => {
  const first = plan({ lastMs: HOUR });
  const later = planTimeseries(request({ lastMs: HOUR }), ROLLUPS, NOW + 17_123);
  t.is((later.fromMs - first.fromMs) % first.stepMs, 0);
});

test('a step longer than the range covers what has been, not what is to come', (t) => {
  const { fromMs, toMs } = plan({ lastMs: 15 * MINUTE, stepMs: HOUR });
  t.is(toMs - fromMs, HOUR);
  t.true(fromMs <= NOW && NOW < toMs);
});

test('without a range it is the last hour, without a step about 240 points', (t) => {
  const hour = plan({});
  t.is(hour.toMs - hour.fromMs, HOUR);
  t.is(hour.stepMs, 15 * SECOND);
  t.is(plan({ lastMs: 14 * DAY }).stepMs, 3 * HOUR);
  t.is(plan({ lastMs: DAY }).stepMs, 15 * MINUTE);
});

test('what no rollup can answer is refused with what each one lacks', (t) => {
  const asked = {
    groupBy: ['browser'],
    measures: [{ op: 'quantile', field: 'size', q: 0.5 } as const],
  };
  t.is(
    refusal(asked, [BY_TYPE, BY_TYPE_AND_COUNTRY]),
    'no rollup of stream "events" can answer: ' +
      '"by_type" lacks dimension "browser", measure quantile(size); ' +
      '"by_type_and_country" lacks dimension "browser", measure quantile(size)',
  );
  t.regex(refusal({ stream: 'other' }), /stream "other".*there are some for events/);
  t.regex(refusal({}, []), /there is none at all/);
});

test('a range beyond the retention is refused with what is kept', (t) => {
  const old = { fromMs: NOW - 15 * DAY, toMs: NOW };
  t.regex(
    refusal({ ...old, stepMs: MINUTE }),
    /divides a step of 1m \(so far back it keeps 15m for 730d\)/,
  );
  t.is(plan({ ...old, stepMs: 15 * MINUTE }).tiersMs[0], 15 * MINUTE);
  t.regex(
    refusal({ fromMs: NOW - 800 * DAY, toMs: NOW }),
    /lacks data from so far back \(it keeps 1s for 2h/,
  );
});

test('a step that no resolution divides is refused', (t) => {
  t.regex(refusal({ stepMs: 1_500 }), /a resolution that divides a step of 1500ms/);
});

test('too many points are refused with a step that would do', (t) => {
  const message = refusal({ fromMs: NOW - 14 * DAY, toMs: NOW, stepMs: MINUTE });
  t.regex(message, /20160 points were asked for and 11000 are the most: use a step of 2m or more/);
});

test('a request that contradicts itself is refused', (t) => {
  const cases: [Partial<TimeseriesRequest>, RegExp][] = [
    [{ measures: [] }, /1 to 16 measures/],
    [{ measures: [{ op: 'sum' }] }, /sum needs the field/],
    [{ measures: [{ op: 'count', field: 'a' }] }, /count counts events/],
    [{ measures: [{ op: 'quantile', field: 'duration_ms' }] }, /needs "q" from 0 to 1/],
    [{ measures: [{ op: 'quantile', field: 'duration_ms', q: 1.1 }] }, /needs "q" from 0 to 1/],
    [{ measures: [{ op: 'sum', field: 'duration_ms', q: 0.5 }] }, /only quantile has "q"/],
    [{ measures: [{ op: 'sum', field: 'ms', buckets: [1] }] }, /only histogram has "buckets"/],
    [{ measures: [{ op: 'sum', field: 'ms', by: 'n' }] }, /only top has "by" and "k"/],
    [{ measures: [{ op: 'top', k: 3 }] }, /top needs the field/],
    [{ measures: [{ op: 'top', field: 'path', k: 501 }] }, /"k" must be 1 to 500/],
    [{ measures: [{ op: 'top', field: 'path', k: 0 }] }, /"k" must be 1 to 500/],
    [{ measures: [{ op: 'histogram', field: 'ms' }] }, /histogram needs "buckets"/],
    [{ measures: [{ op: 'histogram', field: 'ms', buckets: [] }] }, /1 to 100 edges/],
    [{ measures: [{ op: 'histogram', field: 'ms', buckets: [1, 1] }] }, /each greater than/],
    [{ measures: [{ op: 'histogram', field: 'ms', buckets: [1, Infinity] }] }, /1 to 100 edges/],
    [{ groupBy: ['type', 'type'] }, /only once/],
    [{ groupBy: 'abcdefghi'.split('') }, /at most 8 fields/],
    [{ limit: 0 }, /"limit" must be 1 to 10000/],
    [
      { orderBy: { measure: 1, descending: true } },
      /"orderBy" must name a measure by its place, 0 to 0/,
    ],
    [{ fromMs: NOW, toMs: NOW }, /must lie before/],
    [{ lastMs: HOUR, fromMs: 0 }, /either "last" or "from"/],
    [{ where: { eq: 'a' } }, /must name its field/],
    [{ where: { field: 'type' } }, /needs one of eq, ne, in, prefix, gt, gte, lt, lte, exists/],
    [{ where: { field: 'type', in: new Array(300).fill('a') } }, /256 parts and values/],
  ];
  for (const [parts, expected] of cases) t.regex(refusal(parts), expected);
});

test('a condition may not nest without end', (t) => {
  let where: NonNullable<TimeseriesRequest['where']> = { field: 'type', eq: 'a' };
  for (let i = 0; i < 100_000; i++) where = { not: where };
  t.regex(refusal({ where }), /nest 8 deep/);
});

test('a rate needs the sum of its field, or nothing', (t) => {
  t.is(plan({ measures: [{ op: 'rate' }] }).rollup, BY_TYPE);
  t.is(plan({ measures: [{ op: 'rate', field: 'duration_ms' }] }).rollup, BY_TYPE_AND_COUNTRY);
});

test('only the column groups that the measures need are read', (t) => {
  const duration = { field: 'duration_ms' };
  t.deepEqual(plan({}).groups, [0]);
  const { groups, groupOf, orderBy } = plan({
    measures: [
      { op: 'distinct', field: 'user' },
      { op: 'max', ...duration },
    ],
  });
  t.deepEqual(groups, [0, 2]);
  t.is(groupOf[orderBy.measure], 2);
  t.deepEqual(plan({ measures: [{ op: 'quantile', ...duration, q: 0.5 }] }).groups, [1]);
});

test('a rollup of another stream is never taken', (t) => {
  const other = rollup('other', { stream: 'clicks', dimensions: ['type', 'browser'] });
  t.regex(
    refusal({ groupBy: ['browser'] }, [BY_TYPE, other]),
    /"by_type" lacks dimension "browser"$/,
  );
});

test('a rollup that counts since before the range is taken before a smaller one that is new', (t) => {
  const [wide, narrow] = [rollup('wide', { dimensions: ['type'] }), rollup('narrow')];
  const since = new Map([
    [wide, NOW - 5 * HOUR],
    [narrow, NOW - HOUR],
  ]);
  const chosen = (lastMs: number) => {
    const sinceMs = (each: RollupDefinition) => since.get(each) as number;
    return planTimeseries(request({ lastMs }), [wide, narrow], NOW, sinceMs).rollup.name;
  };
  t.is(chosen(HOUR / 2), 'narrow');
  t.is(chosen(2 * HOUR), 'wide');
  t.is(chosen(9 * HOUR), 'wide', 'neither has seen all of it: it has seen more');
});
