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

/** The range as asked, before any rounding. A range without an end reaches the present step's end. */
export function askedRange(
  request: TimeseriesRequest,
  nowMs: number,
): { fromMs: number; toMs: number } {
  if (request.lastMs !== undefined) {
    if (request.fromMs !== undefined || request.toMs !== undefined) {
      throw new AppError('query_invalid', 'give either "last" or "from" and "to", not both');
    }
    const toMs = ceilTo(nowMs + 1, request.stepMs ?? 1_000);
    return { fromMs: toMs - request.lastMs, toMs };
  }
  const toMs = request.toMs ?? ceilTo(nowMs + 1, request.stepMs ?? 1_000);
  const fromMs = request.fromMs ?? toMs - RANGE_DEFAULT_MS;
  if (fromMs >= toMs) {
    throw new AppError('query_invalid', `"from" (${fromMs}) must lie before "to" (${toMs})`);
  }
  return { fromMs, toMs };
}

/**
 * The coarsest tier that answers exactly; if the range fits no tier's buckets, the coarsest that divides the step,
 * with the range rounded outward to its buckets. Answers in words why no tier does.
 */
export function rangeIn(
  rollup: RollupDefinition,
  request: TimeseriesRequest,
  nowMs: number,
): Range | string {
  const { fromMs, toMs } = askedRange(request, nowMs);
  const kept = rollup.resolutions.filter((tier) => fromMs >= oldestMs(tier, request, nowMs));
  const finestKept = kept[0];
  if (finestKept === undefined) return `data from before ${describeKept(rollup)}`;
  const stepMs = request.stepMs ?? defaultStepMs(toMs - fromMs, finestKept.stepMs);
  const dividing = kept.filter((tier) => stepMs % tier.stepMs === 0);
  const tier =
    dividing.findLast(({ stepMs: s }) => fromMs % s === 0 && toMs % s === 0) ?? dividing.at(-1);
  if (tier === undefined) {
    return `a resolution that divides a step of ${formatDuration(stepMs)} that far back (it has ${describeKept(rollup)})`;
  }
  return {
    tier,
    fromMs: floorTo(fromMs, tier.stepMs),
    toMs: ceilTo(toMs, tier.stepMs),
    stepMs,
  };
}

/** A step of slack, because a sliding range is rounded to whole steps: its first point may be cut, not refused. */
const oldestMs = (tier: Resolution, request: TimeseriesRequest, nowMs: number): number =>
  nowMs - tier.retentionMs - (request.stepMs ?? tier.stepMs);

function defaultStepMs(rangeMs: number, finestMs: number): number {
  const wantedMs = rangeMs / POINTS_WANTED;
  const round = ROUND_STEPS_MS.find((stepMs) => stepMs >= wantedMs && stepMs % finestMs === 0);
  return round ?? ceilTo(wantedMs, Math.max(finestMs, ROUND_STEPS_MS.at(-1) as number));
}

const describeKept = ({ resolutions }: RollupDefinition): string =>
  resolutions
    .map(
      ({ stepMs, retentionMs }) => `${formatDuration(stepMs)} for ${formatDuration(retentionMs)}`,
    )
    .join(', ');
