/** A timeseries query as it is asked: plain data, times already read, nothing judged yet. */
import type { AskedMeasure } from '../aggregate/merge.ts';
import { type Measure, type MeasureOp, measureText } from '../model/rollup.ts';
import type { Comparison } from './compare.ts';
import type { Fill } from './fill.ts';
import { TOP_ENTRIES_DEFAULT } from './limits.ts';
import type { Labels, Where } from './where.ts';

/**
 * What may be asked for: all that rollups store, `rate`, which is a count or sum per second, and `histogram`, which the
 * sketch of quantiles answers.
 */
export type QueryOp = MeasureOp | 'rate' | 'histogram';

export interface MeasureRequest {
  readonly op: QueryOp;
  /** Not for `count`; optional for `rate`: without it events per second, with it the field's sum per second. */
  readonly field?: string;
  /** Only for `quantile`: 0 to 1. */
  readonly q?: number;
  /** Only for `histogram`: the edges between its buckets, ascending. */
  readonly buckets?: readonly number[];
  /** Only for `top`: a number field whose sum is looked at in place of how often values come. */
  readonly by?: string;
  /** Only for `top`: how many values are given. */
  readonly k?: number;
  /** Counts only what passes this, of what passes the query's own condition. */
  readonly where?: Where;
  /** Its name in the answer and in expressions. */
  readonly as?: string;
}

/** Computed from measures that have names (src/model/expression.ts). */
export interface ExpressionRequest {
  readonly expression: string;
  readonly as?: string;
}

export const isMeasure = (asked: MeasureRequest | ExpressionRequest): asked is MeasureRequest =>
  'op' in asked;

/** Sorts series by one measure over the whole range; series without a value come last. */
export interface SeriesOrder {
  /** Index into the measures. */
  readonly measure: number;
  readonly descending: boolean;
}

export interface TimeseriesRequest {
  readonly tenant: string;
  readonly stream: string;
  /** Either a fixed range, `toMs` exclusive, or the last so many milliseconds. */
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly lastMs?: number;
  readonly stepMs?: number;
  /** Steps are those of the calendar of this IANA zone; without it they are equally long, but for whole months. */
  readonly timeZone?: string;
  /** Each point is of so long a time up to its end, instead of its step. */
  readonly windowMs?: number;
  readonly measures: readonly (MeasureRequest | ExpressionRequest)[];
  readonly groupBy: readonly string[];
  readonly where?: Where;
  readonly limit?: number;
  readonly orderBy?: SeriesOrder;
  /** Default: a step without events has no point. */
  readonly fill?: Fill;
  readonly compare?: Comparison;
  /** Only these series, in exactly the given range: what another answer is compared with. */
  readonly only?: readonly Labels[];
}

/** `quantile(duration_ms, 0.99)`: as people write it. */
export function describeMeasure({ op, field, q, by }: Omit<MeasureRequest, 'op'> & { op: string }) {
  const inside = [field, q, by].filter((part) => part !== undefined).join(', ');
  return inside === '' ? op : `${op}(${inside})`;
}

/** A stored measure, and how much of it there must be. */
export const describeStored = (measure: Measure): string =>
  measure.op === 'top'
    ? `${measureText(measure)} of capacity ${measure.capacity} or more`
    : measureText(measure);

/** The stored measure that this one is computed from. */
export function storedMeasure({ op, field, by, k }: MeasureRequest): Measure {
  if (op === 'count' || field === undefined) return { op: 'count' };
  if (op === 'top') {
    return { op, field, ...(by !== undefined && { by }), capacity: k ?? TOP_ENTRIES_DEFAULT };
  }
  if (op === 'rate') return { op: 'sum', field };
  return { op: op === 'histogram' ? 'quantile' : op, field };
}

export function toAsked(request: MeasureRequest): AskedMeasure {
  const { q, buckets } = request;
  return {
    measure: storedMeasure(request),
    ...(q !== undefined && { q }),
    ...(buckets !== undefined && { edges: buckets }),
  };
}

/** Numbers of a point beside the one that each measure has: a histogram's buckets, and two of each of the heaviest values. */
export const partsPerPoint = (measures: readonly MeasureRequest[]): number =>
  measures.reduce((sum, { op, buckets, k = TOP_ENTRIES_DEFAULT }) => {
    if (op === 'top') return sum + 2 * k;
    return sum + (buckets === undefined ? 0 : buckets.length + 1);
  }, 0);
