/**
 * Decides what answers a query: which rollup, which of its resolutions, which time range. Pure. It is the only place
 * that judges a request, and tells of each rollup that cannot answer what it lacks.
 */
import { groupOf } from '../aggregate/layout.ts';
import { AppError } from '../model/errors.ts';
import type { RollupDefinition } from '../model/rollup.ts';
import { lacksOf, remainingWhere } from './coverage.ts';
import {
  GROUP_BY_MAX,
  MEASURES_MAX,
  POINTS_MAX,
  SERIES_LIMIT_DEFAULT,
  SERIES_LIMIT_MAX,
} from './limits.ts';
import { type Range, rangeIn } from './range.ts';
import {
  describeMeasure,
  type MeasureRequest,
  type SeriesOrder,
  storedMeasure,
  type TimeseriesRequest,
} from './request.ts';
import { ceilTo, formatDuration } from './time.ts';
import { compileWhere, fieldsOf, type LabelTest } from './where.ts';

export interface Plan {
  readonly tenant: string;
  readonly rollup: RollupDefinition;
  /** Steps of the tier that answers, then of the finer ones, which answer for what it has not closed yet. */
  readonly tiersMs: readonly number[];
  /** The range that is answered: the asked one, rounded outward to the first of `tiersMs`. `toMs` is exclusive. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Point `i` starts at `fromMs + i * stepMs`; the last one is shorter if `toMs` cuts it. */
  readonly stepMs: number;
  readonly points: number;
  readonly measures: readonly MeasureRequest[];
  /** The column groups that hold them. */
  readonly groups: readonly number[];
  readonly groupBy: readonly string[];
  /** Per grouping field its place in the rollup's dimensions. */
  readonly groupByAt: readonly number[];
  readonly keeps: LabelTest;
  readonly limit: number;
  readonly orderBy: SeriesOrder;
  /** The column group of the measure that series are ordered by. */
  readonly orderGroup: number;
}

export const ORDER_DEFAULT: SeriesOrder = { measure: 0, descending: true };

/** Throws `query_invalid` with what was asked, what there is and what to change. */
export function planTimeseries(
  request: TimeseriesRequest,
  rollups: readonly RollupDefinition[],
  nowMs: number,
): Plan {
  const plan = planFromRollup(request, rollups, nowMs);
  if (typeof plan === 'string') throw new AppError('query_invalid', plan);
  return plan;
}

/** In words why no rollup can answer. Throws `query_invalid` if nothing at all could. */
export function planFromRollup(
  request: TimeseriesRequest,
  rollups: readonly RollupDefinition[],
  nowMs: number,
): Plan | string {
  checkShape(request);
  const ofStream = rollups.filter((rollup) => rollup.stream === request.stream);
  const refusals: string[] = [];
  const fewestSeriesFirst = ofStream.toSorted((a, b) => a.dimensions.length - b.dimensions.length);
  for (const rollup of fewestSeriesFirst) {
    const lacks = lacksOf(rollup, request);
    const range = lacks.length === 0 ? rangeIn(rollup, request, nowMs) : lacks.join(', ');
    if (typeof range !== 'string') return planFor(request, rollup, range);
    refusals.push(`"${rollup.name}" lacks ${range}`);
  }
  return refusals.length === 0
    ? `no rollup is declared for stream "${request.stream}": ${namesStreams(rollups)}`
    : `no rollup of stream "${request.stream}" can answer: ${refusals.join('; ')}`;
}

function planFor(request: TimeseriesRequest, rollup: RollupDefinition, range: Range): Plan {
  const { fromMs, toMs, stepMs, tier } = range;
  const points = pointsOf(range);
  const { tenant, measures, groupBy, orderBy = ORDER_DEFAULT } = request;
  const groups = measures.map((measure) => groupOf(rollup, storedMeasure(measure)) ?? 0);
  return {
    tenant,
    rollup,
    tiersMs: rollup.resolutions
      .map((each) => each.stepMs)
      .filter((each) => each <= tier.stepMs)
      .toReversed(),
    fromMs,
    toMs,
    stepMs,
    points,
    measures,
    groups: [...new Set(groups)].sort((a, b) => a - b),
    groupBy,
    groupByAt: groupBy.map((field) => rollup.dimensions.indexOf(field)),
    keeps: compileWhere(remainingWhere(rollup, request.where), rollup.dimensions),
    limit: request.limit ?? SERIES_LIMIT_DEFAULT,
    orderBy,
    orderGroup: groups[orderBy.measure] as number,
  };
}

/** Throws `query_invalid` if they are too many. */
export function pointsOf({ fromMs, toMs, stepMs, tier }: Range): number {
  const points = Math.ceil((toMs - fromMs) / stepMs);
  if (points <= POINTS_MAX) return points;
  const enough = formatDuration(ceilTo((toMs - fromMs) / POINTS_MAX, tier.stepMs));
  throw new AppError(
    'query_invalid',
    `${points} points were asked for and ${POINTS_MAX} are the most: use a step of ${enough} or more, or a shorter range`,
  );
}

function checkShape({ measures, groupBy, where, limit, orderBy }: TimeseriesRequest): void {
  fieldsOf(where); // Throws if the condition is too large to be walked, or says nothing.
  refuseIf(
    measures.length === 0 || measures.length > MEASURES_MAX,
    `1 to ${MEASURES_MAX} measures may be asked for, received ${measures.length}`,
  );
  for (const measure of measures) checkMeasure(measure);
  refuseIf(groupBy.length > GROUP_BY_MAX, `at most ${GROUP_BY_MAX} fields may be grouped by`);
  refuseIf(new Set(groupBy).size < groupBy.length, 'a field may be grouped by only once');
  refuseIf(
    limit !== undefined && !(limit >= 1 && limit <= SERIES_LIMIT_MAX),
    `"limit" must be 1 to ${SERIES_LIMIT_MAX} series, received ${limit}`,
  );
  refuseIf(
    orderBy !== undefined && !(orderBy.measure >= 0 && orderBy.measure < measures.length),
    `"orderBy" must name a measure by its place, 0 to ${measures.length - 1}, received ${orderBy?.measure}`,
  );
}

function checkMeasure(measure: MeasureRequest): void {
  const { op, field, q } = measure;
  const called = describeMeasure(measure);
  refuseIf(
    op === 'count' && field !== undefined,
    `"${called}": count counts events, it has no field`,
  );
  refuseIf(
    op !== 'count' && op !== 'rate' && field === undefined,
    `"${called}": ${op} needs the field that it is of`,
  );
  refuseIf(
    op === 'quantile' && !(q !== undefined && q >= 0 && q <= 1),
    `"${called}": quantile needs "q" from 0 to 1, such as 0.99`,
  );
  refuseIf(op !== 'quantile' && q !== undefined, `"${called}": only quantile has "q"`);
}

function refuseIf(wrong: boolean, message: string): void {
  if (wrong) throw new AppError('query_invalid', message);
}

function namesStreams(rollups: readonly RollupDefinition[]): string {
  const streams = [...new Set(rollups.map(({ stream }) => stream))];
  return streams.length === 0 ? 'there is none at all' : `there are some for ${streams.join(', ')}`;
}
