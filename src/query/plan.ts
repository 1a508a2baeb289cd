/**
 * Decides what answers a query: which rollup, which of its resolutions, which time range. Pure. It is the only place
 * that judges a request, and tells of each rollup that cannot answer what it lacks.
 */
import { groupOf as groupOfMeasure } from '../aggregate/layout.ts';
import { AppError } from '../model/errors.ts';
import { type RollupDefinition, shownName, TOP_CAPACITY } from '../model/rollup.ts';
import { type Conditions, conditionsOf } from './conditions.ts';
import { lacksOf } from './coverage.ts';
import type { Fill } from './fill.ts';
import {
  GROUP_BY_MAX,
  HISTOGRAM_EDGES_MAX,
  SERIES_LIMIT_DEFAULT,
  SERIES_LIMIT_MAX,
  WHERE_TERMS_MAX,
} from './limits.ts';
import { type Range, rangeIn } from './range.ts';
import {
  describeMeasure,
  type MeasureRequest,
  partsPerPoint,
  type SeriesOrder,
  storedMeasure,
  type TimeseriesRequest,
} from './request.ts';
import { type Results, resultsOf } from './results.ts';
import { type PointWindow, pointsIn } from './steps.ts';
import { formatDuration } from './time.ts';
import { fieldsOf, type Labels } from './where.ts';

export interface Plan extends Conditions {
  readonly tenant: string;
  readonly rollup: RollupDefinition;
  /** Steps of the tier that answers, then of the finer ones, which answer for what it has not closed yet. */
  readonly tiersMs: readonly number[];
  /** What is read: the asked range, rounded outward to the first of `tiersMs`, and windows before it. `toMs` is exclusive. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Where the range begins that is answered. It ends at `toMs`. */
  readonly answerFromMs: number;
  /** Length of a point, but for the first and the last, and as near as steps of a calendar have one. */
  readonly stepMs: number;
  readonly points: number;
  /** Accumulators that a point of a series counts for: one, and one for each number of what is more than one. */
  readonly cellsPerPoint: number;
  /** As in `Steps`; from `fromMs` to `toMs`. */
  readonly edges: readonly number[];
  readonly windows: readonly PointWindow[] | undefined;
  /** What a point shows; `measures` is what is read for that. */
  readonly results: Results;
  readonly measures: readonly MeasureRequest[];
  /** The column group of each. */
  readonly groupOf: readonly number[];
  /** All of them. */
  readonly groups: readonly number[];
  readonly groupBy: readonly string[];
  /** Per grouping field its place in the rollup's dimensions. */
  readonly groupByAt: readonly number[];
  readonly limit: number;
  readonly orderBy: SeriesOrder;
  readonly fill: Fill | undefined;
  /** Labels of the series that are wanted; undefined: all. */
  readonly only: readonly Labels[] | undefined;
}

/** Since when a rollup counts the tenant's events, as `RollupCatalog` says it. */
export type Since = (rollup: RollupDefinition) => number;
const FOREVER: Since = () => Number.NEGATIVE_INFINITY;

export const ORDER_DEFAULT: SeriesOrder = { measure: 0, descending: true };

/** Throws `query_invalid` with what was asked, what there is and what to change. */
export function planTimeseries(
  request: TimeseriesRequest,
  rollups: readonly RollupDefinition[],
  nowMs: number,
  sinceMs?: Since,
): Plan {
  const plan = planFromRollup(request, rollups, nowMs, sinceMs);
  if (typeof plan === 'string') throw new AppError('query_invalid', plan);
  return plan;
}

/**
 * Of those that can answer the one with the fewest dimensions, as it has the fewest series; but one that has not counted since the
 * range begins only if none has: then the one that has counted longest. In words why no rollup can answer. Throws
 * `query_invalid` if nothing at all could.
 */
export function planFromRollup(
  request: TimeseriesRequest,
  rollups: readonly RollupDefinition[],
  nowMs: number,
  sinceMs: Since = FOREVER,
): Plan | string {
  const results = checkShape(request);
  const refusals: string[] = [];
  let longest: AbleRollup | undefined;
  for (const judged of judgedRollups(request, rollups, nowMs, sinceMs)) {
    if ('lacks' in judged) {
      refusals.push(`"${shownName(judged.rollup.name)}" lacks ${judged.lacks.join(', ')}`);
      continue;
    }
    if (hasSeen(judged)) return planFor(request, results, judged);
    if (longest === undefined || judged.beganMs < longest.beganMs) longest = judged;
  }
  if (longest !== undefined) return planFor(request, results, longest);
  return refusals.length === 0
    ? `no rollup is declared for stream "${request.stream}": ${namesStreams(rollups)}`
    : `no rollup of stream "${request.stream}" can answer: ${refusals.join('; ')}`;
}

/** One that can answer, as far as it has seen events. */
export interface AbleRollup {
  readonly rollup: RollupDefinition;
  readonly range: Range;
  /** As `Since`. */
  readonly beganMs: number;
}
export interface UnableRollup {
  readonly rollup: RollupDefinition;
  /** In words. */
  readonly lacks: readonly string[];
}

/** It has counted since the range begins. */
export const hasSeen = ({ range, beganMs }: AbleRollup): boolean =>
  beganMs <= (range.steps.edges[0] as number);

/** Those of the stream, in the order in which they are taken: the one with the fewest dimensions first. */
export function* judgedRollups(
  request: TimeseriesRequest,
  rollups: readonly RollupDefinition[],
  nowMs: number,
  sinceMs: Since,
): Generator<AbleRollup | UnableRollup> {
  const ofStream = rollups.filter((rollup) => rollup.stream === request.stream);
  for (const rollup of ofStream.toSorted((a, b) => a.dimensions.length - b.dimensions.length)) {
    const lacks = lacksOf(rollup, request);
    if (lacks.length > 0) {
      yield { rollup, lacks };
      continue;
    }
    const range = rangeFor(rollup, request, nowMs);
    if (typeof range === 'string') yield { rollup, lacks: [range] };
    else yield { rollup, range, beganMs: sinceMs(rollup) };
  }
}

/** A comparison is step by step, so its range is not rounded. */
function rangeFor(
  rollup: RollupDefinition,
  request: TimeseriesRequest,
  nowMs: number,
): Range | string {
  const range = rangeIn(rollup, request, nowMs);
  if (typeof range === 'string' || request.only === undefined) return range;
  const isExact = range.fromMs === request.fromMs && range.toMs === request.toMs;
  const keptMs = formatDuration(range.tier.stepMs);
  return isExact
    ? range
    : `buckets that fit the range to compare with (so far back they are of ${keptMs})`;
}

function planFor(
  request: TimeseriesRequest,
  results: Results,
  { rollup, range }: AbleRollup,
): Plan {
  const { fromMs, toMs, stepMs, tier, steps } = range;
  const { tenant, groupBy, orderBy = ORDER_DEFAULT } = request;
  const { measures } = results;
  const groupOf = measures.map((measure) => groupOfMeasure(rollup, storedMeasure(measure)) ?? 0);
  const conditions = conditionsOf(rollup, request.where, measures, groupOf);
  return {
    tenant,
    rollup,
    tiersMs: rollup.resolutions
      .map((each) => each.stepMs)
      .filter((each) => each <= tier.stepMs)
      .toReversed(),
    fromMs: steps.edges[0] as number,
    toMs,
    answerFromMs: fromMs,
    stepMs,
    points: pointsIn(steps),
    cellsPerPoint: 1 + partsPerPoint(measures),
    edges: steps.edges,
    windows: steps.windows,
    results,
    measures,
    groupOf,
    groups: [...new Set(conditions.conditions.flatMap((each) => each.groups))].sort(
      (a, b) => a - b,
    ),
    groupBy,
    groupByAt: groupBy.map((field) => rollup.dimensions.indexOf(field)),
    ...conditions,
    limit: request.limit ?? SERIES_LIMIT_DEFAULT,
    orderBy,
    fill: request.fill,
    only: request.only,
  };
}

/** What a request asks for, whoever answers it. Throws `query_invalid`. */
export function checkShape(request: TimeseriesRequest): Results {
  const { groupBy, limit, orderBy } = request;
  const results = resultsOf(request);
  const { measures, terms } = results;
  const left = { terms: WHERE_TERMS_MAX };
  // Throws if the conditions are too large to be walked, or one says nothing.
  for (const { where } of [request, ...measures]) fieldsOf(where, left);
  refuseIf(
    measures.length === 0,
    'an expression needs a measure beside it: ask for one, such as {op: count}',
  );
  for (const measure of measures) checkMeasure(measure);
  refuseIf(groupBy.length > GROUP_BY_MAX, `at most ${GROUP_BY_MAX} fields may be grouped by`);
  refuseIf(new Set(groupBy).size < groupBy.length, 'a field may be grouped by only once');
  refuseIf(
    limit !== undefined && !(limit >= 1 && limit <= SERIES_LIMIT_MAX),
    `"limit" must be 1 to ${SERIES_LIMIT_MAX} series, received ${limit}`,
  );
  refuseIf(
    orderBy !== undefined && !(orderBy.measure >= 0 && orderBy.measure < terms.length),
    `"orderBy" must name a measure by its place, 0 to ${terms.length - 1}, received ${orderBy?.measure}`,
  );
  return results;
}

function checkMeasure(measure: MeasureRequest): void {
  const { op, field, q, buckets, by, k } = measure;
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
  refuseIf(
    op !== 'top' && (by !== undefined || k !== undefined),
    `"${called}": only top has "by" and "k"`,
  );
  refuseIf(
    k !== undefined && !(k >= 1 && k <= TOP_CAPACITY.max),
    `"${called}": "k" must be 1 to ${TOP_CAPACITY.max} values, received ${k}`,
  );
  refuseIf(
    op !== 'histogram' && buckets !== undefined,
    `"${called}": only histogram has "buckets"`,
  );
  refuseIf(
    op === 'histogram' && !(buckets !== undefined && areEdges(buckets)),
    `"${called}": histogram needs "buckets", the 1 to ${HISTOGRAM_EDGES_MAX} edges between them, each greater than the one before, such as [10, 100, 1000]`,
  );
}

const areEdges = (edges: readonly number[]): boolean =>
  edges.length >= 1 &&
  edges.length <= HISTOGRAM_EDGES_MAX &&
  edges.every((edge, i) => Number.isFinite(edge) && (i === 0 || edge > (edges[i - 1] as number)));

function refuseIf(wrong: boolean, message: string): void {
  if (wrong) throw new AppError('query_invalid', message);
}

function namesStreams(rollups: readonly RollupDefinition[]): string {
  const streams = [...new Set(rollups.map(({ stream }) => stream))];
  return streams.length === 0 ? 'there is none at all' : `there are some for ${streams.join(', ')}`;
}
