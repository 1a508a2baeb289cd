/** The same question about an earlier time, set beside the answer: step by step, over the same series. */
import { AppError } from '../model/errors.ts';
import { DAY_MS, WEEK_MS } from '../model/units.ts';
import type { Series, TimeseriesAnswer } from './answer.ts';
import { isMonths } from './calendar.ts';
import { SERIES_LIMIT_DEFAULT } from './limits.ts';
import { keyOf } from './live-changes.ts';
import type { Plan } from './plan.ts';
import type { TimeseriesRequest } from './request.ts';
import type { Results } from './results.ts';
import { checkValues } from './timeseries.ts';

/** The period that ends where the asked one begins; the same hours a day, or a week, before (24 hours, or 7 times as many). */
export type Comparison = 'PERIOD_BEFORE' | 'DAY_BEFORE' | 'WEEK_BEFORE';

/** How long before the answer its comparison lies. */
export function shiftMsOf(
  comparison: Comparison,
  { fromMs, toMs }: Pick<TimeseriesAnswer, 'fromMs' | 'toMs'>,
): number {
  switch (comparison) {
    case 'PERIOD_BEFORE':
      return toMs - fromMs;
    case 'DAY_BEFORE':
      return DAY_MS;
    case 'WEEK_BEFORE':
      return WEEK_MS;
  }
}

/** Throws `query_invalid`: steps of a calendar are not as long at another time. */
export function checkComparable({ timeZone, stepMs = 0, windowMs }: TimeseriesRequest): void {
  if (timeZone === undefined && !isMonths(stepMs) && !isMonths(windowMs ?? 0)) return;
  throw new AppError(
    'query_invalid',
    '"compare" sets steps of the same length beside each other: ask without "timeZone", and without months in "step" and "window"',
  );
}

/** With a step that the earlier time has, too, where none was asked for: what is older is kept in larger steps. */
export function withSharedStep(
  request: TimeseriesRequest,
  comparison: Comparison,
  planOf: (request: TimeseriesRequest) => Plan | string,
): TimeseriesRequest {
  const plan = request.stepMs === undefined ? planOf(request) : '';
  if (typeof plan === 'string') return request;
  const { answerFromMs: fromMs, toMs } = plan;
  const shiftMs = shiftMsOf(comparison, { fromMs, toMs });
  const { lastMs, ...rest } = request;
  const earlier = planOf({ ...rest, fromMs: fromMs - shiftMs, toMs: toMs - shiftMs });
  return typeof earlier === 'string' ? request : { ...request, stepMs: earlier.stepMs };
}

/** What is asked beside `answer`: its range so long before, and its series alone. */
export function earlierRequest(
  request: TimeseriesRequest,
  { fromMs, toMs, stepMs, series }: Pick<TimeseriesAnswer, 'fromMs' | 'toMs' | 'stepMs' | 'series'>,
  shiftMs: number,
): TimeseriesRequest {
  const { lastMs, compare, orderBy, ...rest } = request;
  const hasLabels = request.groupBy.length > 0;
  return {
    ...rest,
    fromMs: fromMs - shiftMs,
    toMs: toMs - shiftMs,
    stepMs,
    limit: Math.max(series.length, hasLabels ? 1 : SERIES_LIMIT_DEFAULT),
    only: hasLabels ? series.map(({ labels }) => labels.map(({ value }) => value)) : [[]],
  };
}

/** Throws `query_invalid` if both together have too many values. */
export function withCompared(
  answer: TimeseriesAnswer,
  earlier: TimeseriesAnswer,
  shiftMs: number,
  results: Results,
): TimeseriesAnswer {
  checkValues(pointsOf(answer.series) + pointsOf(earlier.series), results);
  const pointsBefore = new Map(earlier.series.map((series) => [keyOf(series), series.points]));
  // Without labels both have the same series, whichever of them has events.
  const isOnlyBefore = answer.series.length === 0 && answer.seriesFound === 0;
  const series = isOnlyBefore ? earlier.series.map(withoutPoints) : answer.series;
  return {
    ...answer,
    seriesFound: Math.max(answer.seriesFound, series.length),
    series: series.map((each) => ({
      labels: each.labels,
      points: each.points,
      compared: (pointsBefore.get(keyOf(each)) ?? []).map(({ t, values }) => ({
        t: t + shiftMs,
        before: t,
        values,
      })),
    })),
    compared: earlier,
  };
}

const pointsOf = (series: readonly Series[]): number =>
  series.reduce((sum, { points }) => sum + points.length, 0);

const withoutPoints = ({ labels }: Series): Series => ({ labels, points: [] });
