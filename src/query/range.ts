/** The time range of a query: its defaults, and which resolution of a rollup answers it. */
import { AppError } from '../model/errors.ts';
import type { Resolution, RollupDefinition } from '../model/rollup.ts';
import { EPOCH_MS_MAX, EPOCH_MS_MIN } from '../model/units.ts';
import { type Calendar, calendarOf } from './calendar.ts';
import { POINTS_WANTED, RANGE_DEFAULT_MS } from './limits.ts';
import type { TimeseriesRequest } from './request.ts';
import { checkPoints, evenEdges, type Steps, windowSteps } from './steps.ts';
import { ceilTo, floorTo, formatDuration } from './time.ts';

export interface Range {
  readonly tier: Resolution;
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
  readonly steps: Steps;
}

type RangeRequest = Pick<
  TimeseriesRequest,
  'fromMs' | 'toMs' | 'lastMs' | 'stepMs' | 'timeZone' | 'windowMs'
>;

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
  request: RangeRequest,
  nowMs: number,
): Range | string {
  const lengthMs = askedLengthMs(request, nowMs);
  const { windowMs = 0 } = request;
  const beginMs = (request.fromMs ?? (request.toMs ?? nowMs) - lengthMs) - windowMs;
  const kept = rollup.resolutions.filter((tier) => beginMs >= oldestMs(tier, request, nowMs));
  const finestKept = kept[0];
  if (finestKept === undefined) return `data from so far back (it keeps ${describeKept(rollup)})`;
  const stepMs = request.stepMs ?? defaultStepMs(lengthMs, finestKept.stepMs);
  checkWindow(request.windowMs, stepMs);
  const calendar = calendarOf(request.timeZone, stepMs, windowMs);
  const { fromMs, toMs } =
    calendar === undefined
      ? evenRange(request, lengthMs, stepMs, nowMs)
      : calendarRange(request, lengthMs, calendar, nowMs);
  // Before they are counted out.
  if (calendar !== undefined) checkPoints(fromMs, toMs, stepMs, finestKept.stepMs);
  const beginOf = (endMs: number): number =>
    Math.max(EPOCH_MS_MIN, calendar?.before(endMs, windowMs) ?? endMs - windowMs);
  const begins = calendar?.beginsIn(fromMs, toMs);
  const dividing = kept.filter(({ stepMs: s }) => {
    if (begins?.some((ms) => ms % s !== 0) ?? stepMs % s !== 0) return false;
    const ends = windowMs === 0 ? [] : [...(begins ?? []), ceilTo(toMs, s)];
    return ends.every((ms) => beginOf(ms) % s === 0);
  });
  // Buckets that reach beyond the range must not reach beyond the steps that it cuts.
  const outer = calendar === undefined ? [] : [calendar.beginOf(fromMs), calendar.endOf(toMs - 1)];
  const tier =
    dividing.findLast(({ stepMs: s }) => fromMs % s === 0 && toMs % s === 0) ??
    dividing.findLast(({ stepMs: s }) => outer.every((ms) => ms % s === 0));
  if (tier === undefined) {
    const zone = calendar === undefined ? '' : ` in ${calendar.zone.name}`;
    return `a resolution that divides ${describeSteps(stepMs, windowMs)}${zone} (so far back it keeps ${describeKept({ resolutions: kept })})`;
  }
  checkPoints(fromMs, toMs, stepMs, tier.stepMs);
  const range = { fromMs: floorTo(fromMs, tier.stepMs), toMs: ceilTo(toMs, tier.stepMs) };
  checkTimes(range);
  const edges =
    begins === undefined
      ? evenEdges(range.fromMs, range.toMs, stepMs)
      : [range.fromMs, ...begins, range.toMs];
  return {
    tier,
    ...range,
    stepMs,
    steps: windowMs === 0 ? { edges } : windowSteps(edges, beginOf),
  };
}

function evenRange(
  request: RangeRequest,
  lengthMs: number,
  stepMs: number,
  nowMs: number,
): { fromMs: number; toMs: number } {
  // An open end is that of the present step: else the points of a repeated query would shift with the clock.
  const toMs = request.toMs ?? ceilTo(nowMs + 1, stepMs);
  // In whole steps: a step longer than the range would otherwise begin in the future.
  const openFromMs = toMs - (request.toMs === undefined ? ceilTo(lengthMs, stepMs) : lengthMs);
  return { fromMs: request.fromMs ?? openFromMs, toMs };
}

/** As above; a range that is only named by its length has whole steps of the calendar. */
function calendarRange(
  request: RangeRequest,
  lengthMs: number,
  calendar: Calendar,
  nowMs: number,
): { fromMs: number; toMs: number } {
  const toMs = request.toMs ?? calendar.endOf(nowMs);
  if (request.fromMs !== undefined) return { fromMs: request.fromMs, toMs };
  const fromMs = calendar.before(toMs, lengthMs);
  return { fromMs: request.toMs === undefined ? calendar.beginOf(fromMs) : fromMs, toMs };
}

/** Before anything is read: an answer could not carry other times. */
function checkTimes({ fromMs, toMs }: { fromMs: number; toMs: number }): void {
  const far = [fromMs, toMs].find((ms) => ms < EPOCH_MS_MIN || ms > EPOCH_MS_MAX);
  if (far === undefined) return;
  throw new AppError(
    'query_invalid',
    `times are ${EPOCH_MS_MIN} to ${EPOCH_MS_MAX} ms since 1970, and the range, or the one to compare with, reaches ${far}: use a shorter "last" or "step", or a later "from"`,
  );
}

function checkWindow(windowMs: number | undefined, stepMs: number): void {
  if (windowMs === undefined || windowMs >= stepMs) return;
  throw new AppError(
    'query_invalid',
    `"window" must be as long as a step or longer: received ${formatDuration(windowMs)} for steps of ${formatDuration(stepMs)}`,
  );
}

const describeSteps = (stepMs: number, windowMs: number): string =>
  `a step of ${formatDuration(stepMs)}${windowMs === 0 ? '' : ` and a window of ${formatDuration(windowMs)}`}`;

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
