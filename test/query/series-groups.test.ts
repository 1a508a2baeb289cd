import test from 'ava';
import { SLOTS_MAX } from '../../src/aggregate/bucket-fold.ts';
import { isFault } from '../../src/model/errors.ts';
import { planTimeseries } from '../../src/query/plan.ts';
import { SeriesGroups } from '../../src/query/series-groups.ts';
import { BY_TYPE } from './rollups.ts';

test('series times conditions that no accumulator has slots for are refused', (t) => {
  const conditions = 15;
  const measures = Array.from({ length: conditions }, (_, n) => ({
    op: 'count' as const,
    where: { field: 'type', eq: `t${n}` },
  }));
  const request = { tenant: 'default', stream: 'events', measures, groupBy: ['type'] };
  const plan = planTimeseries(
    { ...request, fromMs: 0, toMs: 60_000, stepMs: 60_000 },
    [BY_TYPE],
    60_000,
  );
  const groups = new SeriesGroups(plan);
  const series = Array.from({ length: SLOTS_MAX / (conditions + 1) + 1 }, (_, n) => ({
    id: n + 1,
    labels: [`t${n}`],
  }));
  groups.extend(0, series.slice(0, -2));
  const error = t.throws(() => groups.extend(0, series));
  t.true(isFault(error, 'query_invalid'));
  t.regex(error?.message ?? '', /more than 8192 series of 1 points match/);
});
