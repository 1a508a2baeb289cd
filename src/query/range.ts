/** The time range of a query: its defaults, and which resolution of a rollup answers it. */
import { AppError } from '../model/errors.ts';
import type { Resolution, RollupDefinition } from '../model/rollup.ts';
import { POINTS_WANTED, RANGE_DEFAULT_MS } from './limits.ts';
import type { TimeseriesRequest } from './request.ts';
import { ceilTo, floorTo, formatDuration } from './time.ts';

export interface Range {
  readonly tier: Resolution;
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
}

/** Steps that people read easily; a query without a step gets the first that makes a chart's worth of points. */
const ROUND_STEPS_MS = [
  1_000, 5_000, 10_000, 15_000, 30_000, 60_000, 300_000, 900_000, 1_800_000, 3_600_000, 10_800_000,
  21_600_000, 43_200_000, 86_400_000, 604_800_000,
];

/**
 * The coarsest tier that answers exactly; if the range fits no tier's buckets, the coarsest that divides the step,
 * with the range rounded outward to its buckets. Answers in words why no tier does. Throws `query_invalid` if
 * the request names a range that is none.
 */
export function rangeIn(
  rollup: Pick<RollupDefinition, 'resolutions'>,
  request: Pick<TimeseriesRequest, 'fromMs' | 'toMs' | 'lastMs' | 'stepMs'>,
  nowMs: number,
): Range | string {
  const lengthMs = askedLengthMs(request, nowMs);
  const beginMs = request.fromMs ?? (request.toMs ?? nowMs) - lengthMs;
  const kept = rollup.resolutions.filter((tier) => beginMs >= oldestMs(tier, request, nowMs));
  const finestKept = kept[0];
  if (finestKept === undefined) return `data from so far back (it keeps ${describeKept(rollup)})`;
  const stepMs = request.stepMs ?? defaultStepMs(lengthMs, finestKept.stepMs);
  // An open end is that of the present step: else the points of a repeated query would shift with the clock.
  const toMs = request.toMs ?? ceilTo(nowMs + 1, stepMs);
  // In whole steps: a step longer than the range would otherwise begin in the future.
  const openFromMs = toMs - (request.toMs === undefined ? ceilTo(lengthMs, stepMs) : lengthMs);
  const fromMs = request.fromMs ?? openFromMs;
  const dividing = kept.filter((tier) => stepMs % tier.stepMs === 0);
  const tier =
    dividing.findLast(({ stepMs: s }) => fromMs % s === 0 && toMs % s === 0) ?? dividing.at(-1);
  if (tier === undefined) {
    return `a resolution that divides a step of ${formatDuration(stepMs)} (so far back it keeps ${describeKept({ resolutions: kept })})`;
  }
  return {
    tier,
    fromMs: floorTo(fromMs, tier.stepMs),
    toMs: ceilTo(toMs, tier.stepMs),
    stepMs,
  };
}

function askedLengthMs(
  { fromMs, toMs, lastMs }: Pick<TimeseriesRequest, 'fromMs' | 'toMs' | 'lastMs'>,
  nowMs: number,
): number {
  if (lastMs !== undefined) {
    if (fromMs === undefined && toMs === undefined) return lastMs;
    throw new AppError('query_invalid', 'give either "last" or "from" and "to", not both');
  }
  if (fromMs === undefined) return RANGE_DEFAULT_MS;
  const endMs = toMs ?? nowMs + 1;
  if (fromMs < endMs) return endMs - fromMs;
  throw new AppError('query_invalid', `"from" (${fromMs}) must lie before "to" (${endMs})`);
}

/** A step of slack: the range is rounded to whole steps, and its first point may then be cut rather than refused. */
const oldestMs = (
  tier: Resolution,
  request: Pick<TimeseriesRequest, 'stepMs'>,
  nowMs: number,
): number => nowMs - tier.retentionMs - (request.stepMs ?? tier.stepMs);

function defaultStepMs(rangeMs: number, finestMs: number): number {
  const wantedMs = rangeMs / POINTS_WANTED;
  const round = ROUND_STEPS_MS.find((stepMs) => stepMs >= wantedMs && stepMs % finestMs === 0);
  return round ?? ceilTo(wantedMs, Math.max(finestMs, ROUND_STEPS_MS.at(-1) as number));
}

const describeKept = ({ resolutions }: Pick<RollupDefinition, 'resolutions'>): string =>
  resolutions
    .map(
      ({ stepMs, retentionMs }) => `${formatDuration(stepMs)} for ${formatDuration(retentionMs)}`,
    )
    .join(', ');
