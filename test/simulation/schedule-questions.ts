/** Questions that some rollup can answer exactly: over what its resolutions keep, in steps of the clock, of calendars and windows. */
import type { Measure, RollupDefinition } from '../../src/model/rollup.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, WEEK_MS } from '../../src/model/units.ts';
import { CELLS_MAX } from '../../src/query/limits.ts';
import {
  type MeasureRequest,
  partsPerPoint,
  type TimeseriesRequest,
} from '../../src/query/request.ts';
import { MONTH_MS } from '../../src/query/time.ts';
import type { Where } from '../../src/query/where.ts';
import type { Random } from './random.ts';
import { RESOLUTIONS, TENANTS } from './schedule-rollups.ts';

/** Ranges begin where this resolution still has everything, and end where its buckets do. */
interface Reach {
  readonly agesMs: readonly [from: number, to: number];
  /** What their ends are multiples of. */
  readonly roundMs: number;
  readonly stepsMs: readonly number[];
  readonly windowsMs: readonly number[];
  readonly zones: readonly (string | undefined)[];
}

const [SECONDS, MINUTES, QUARTERS] = RESOLUTIONS;

const REACHES: readonly Reach[] = [
  {
    agesMs: [MINUTE_MS, SECONDS.retentionMs - 2 * MINUTE_MS],
    roundMs: 1,
    stepsMs: [SECOND_MS, 5 * SECOND_MS, 30 * SECOND_MS, MINUTE_MS],
    windowsMs: [MINUTE_MS],
    zones: [undefined],
  },
  {
    agesMs: [10 * MINUTE_MS, 6 * HOUR_MS],
    roundMs: MINUTES.stepMs,
    stepsMs: [MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS],
    windowsMs: [HOUR_MS],
    zones: [undefined, undefined, 'Asia/Kathmandu'],
  },
  {
    agesMs: [6 * HOUR_MS, MINUTES.retentionMs - 2 * HOUR_MS],
    roundMs: MINUTES.stepMs,
    stepsMs: [15 * MINUTE_MS, HOUR_MS],
    windowsMs: [HOUR_MS],
    zones: [undefined, 'America/St_Johns', 'Europe/Berlin'],
  },
  {
    agesMs: [3 * DAY_MS, QUARTERS.retentionMs - 9 * DAY_MS],
    roundMs: QUARTERS.stepMs,
    stepsMs: [6 * HOUR_MS, DAY_MS, WEEK_MS],
    windowsMs: [WEEK_MS],
    zones: [undefined, 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu'],
  },
  {
    agesMs: [DAY_MS, QUARTERS.retentionMs - 2 * HOUR_MS],
    roundMs: QUARTERS.stepMs,
    stepsMs: [HOUR_MS, 12 * HOUR_MS, DAY_MS, MONTH_MS],
    windowsMs: [],
    zones: [undefined, 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu'],
  },
];

const QUANTILES = [0, 0.5, 0.9, 0.99, 1];
const EDGES = [-100, 0, 3, 100.5, 256, 1_000];
const VALUES: Readonly<Record<string, readonly string[]>> = {
  type: ['view', 'click', 'buy', 'none'],
  country: ['de', 'fr', 'jp'],
  user: ['u1', 'u2', 'u3', 'u20'],
  page: ['/0', '/1', '/7', '/30'],
};

/** How many values each field has, its absence among them. */
const VALUES_MAX: Readonly<Record<string, number>> = { type: 3, country: 4, user: 42, page: 40 };

export function question(
  random: Random,
  rollups: readonly RollupDefinition[],
  nowMs: number,
): TimeseriesRequest {
  const definition = random.pick(rollups);
  const { stream, dimensions, filter, tenant = random.pick(TENANTS) } = definition;
  const measures = measuresOf(random, definition);
  const where = whereOf(random, dimensions, filter);
  const ranking = measures.flatMap((measure, i) => (isExact(measure) ? [i] : []));
  const groupBy = dimensions.filter(() => random.chance(0.5));
  return {
    ...rangeOf(random, nowMs, pointsMax(measures, groupBy)),
    tenant,
    stream,
    measures,
    groupBy,
    ...(where === undefined ? {} : { where }),
    ...(random.chance(0.5) ? {} : { limit: random.int(1, 6) }),
    ...(random.chance(0.3)
      ? {}
      : { orderBy: { measure: random.pick(ranking), descending: random.chance(0.7) } }),
  };
}

/** More would be refused if every series came. Steps that the range cuts at its ends are two more. */
function pointsMax(measures: readonly MeasureRequest[], groupBy: readonly string[]): number {
  const series = groupBy.reduce((product, field) => product * (VALUES_MAX[field] ?? 1), 1) + 2;
  const conditions = 1 + measures.filter(({ where }) => where !== undefined).length;
  return Math.floor(CELLS_MAX / (series * conditions * (1 + partsPerPoint(measures)))) - 2;
}

function rangeOf(random: Random, nowMs: number, points: number) {
  const { agesMs, roundMs, stepsMs, windowsMs, zones } = random.pick(REACHES);
  const rounded = (atMs: number): number => Math.floor(atMs / roundMs) * roundMs;
  const [youngestMs, oldestMs] = agesMs;
  const ageMs = random.int(youngestMs, oldestMs);
  const fromMs = rounded(nowMs - ageMs) + roundMs;
  const stepMs = random.pick(stepsMs);
  const endMs = random.chance(0.7)
    ? nowMs + 2 * MINUTE_MS
    : nowMs - random.int(0, Math.floor(ageMs / 2));
  const toMs = rounded(Math.min(endMs, fromMs + points * stepMs)) + roundMs;
  const timeZone = random.pick(zones);
  const fits = windowsMs.filter((windowMs) => windowMs >= stepMs && windowMs + ageMs <= oldestMs);
  const windowMs = fits.length > 0 && random.chance(0.4) ? random.pick(fits) : undefined;
  return {
    fromMs,
    toMs,
    stepMs,
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(windowMs === undefined ? {} : { windowMs }),
  };
}

/** A count of all is first: so there is a point wherever there is an event. */
function measuresOf(random: Random, definition: RollupDefinition): MeasureRequest[] {
  const asked = definition.measures
    .filter(() => random.chance(0.6))
    .map((measure): MeasureRequest => {
      const where = random.chance(0.2) ? whereOf(random, definition.dimensions, []) : undefined;
      return { ...requestOf(random, measure), ...(where === undefined ? {} : { where }) };
    });
  return [{ op: 'count' }, ...asked];
}

function requestOf(random: Random, measure: Measure): MeasureRequest {
  switch (measure.op) {
    case 'count':
      return { op: 'rate' };
    case 'sum':
      return { op: random.pick(['sum', 'rate']), field: measure.field };
    case 'quantile':
      return random.chance(0.4)
        ? { op: 'histogram', field: measure.field, buckets: EDGES }
        : { op: 'quantile', field: measure.field, q: random.pick(QUANTILES) };
    case 'top': {
      const { op, field, by, capacity } = measure;
      return { op, field, k: random.pick([3, capacity]), ...(by === undefined ? {} : { by }) };
    }
    default:
      return measure;
  }
}

/** Sums and means of doubles depend on their order, in their last digits. */
const isExact = ({ op, field }: MeasureRequest): boolean =>
  !(field === 'x' && (op === 'sum' || op === 'avg')) && op !== 'avg' && op !== 'rate';

function whereOf(
  random: Random,
  dimensions: readonly string[],
  filter: RollupDefinition['filter'],
): Where | undefined {
  const parts: Where[] = filter.map(({ field, in: values }) => ({ field, in: values }));
  if (dimensions.length > 0 && random.chance(0.4)) {
    const field = random.pick(dimensions);
    const values = VALUES[field] ?? [];
    const [eq, ne] = [random.pick(values), random.pick(values)];
    parts.push(
      random.pick<Where>([
        { field, eq },
        { field, ne },
        { field, in: values.filter(() => random.chance(0.5)) },
        { field, exists: random.chance(0.7) },
      ]),
    );
  }
  return parts.length === 0 ? undefined : { and: parts };
}
