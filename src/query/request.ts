/** A timeseries query as it is asked: plain data, times already read, nothing judged yet. */
import type { AskedMeasure } from '../aggregate/merge.ts';
import type { Measure, MeasureOp } from '../model/rollup.ts';
import type { Where } from './where.ts';

/** What may be asked for: all that rollups store, and `rate`, which is a count or sum per second. */
export type QueryOp = MeasureOp | 'rate';

export interface MeasureRequest {
  readonly op: QueryOp;
  /** Not for `count`; optional for `rate`: without it events per second, with it the field's sum per second. */
  readonly field?: string;
  /** Only for `quantile`: 0 to 1. */
  readonly q?: number;
}

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
  readonly measures: readonly MeasureRequest[];
  readonly groupBy: readonly string[];
  readonly where?: Where;
  readonly limit?: number;
  readonly orderBy?: SeriesOrder;
}

/** `quantile(duration_ms, 0.99)`: as people write it. */
export function describeMeasure({ op, field, q }: Omit<MeasureRequest, 'op'> & { op: string }) {
  const inside = [field, q].filter((part) => part !== undefined).join(', ');
  return inside === '' ? op : `${op}(${inside})`;
}

/** The stored measure that this one is computed from. */
export function storedMeasure({ op, field }: MeasureRequest): Measure {
  if (op === 'count' || field === undefined) return { op: 'count' };
  return { op: op === 'rate' ? 'sum' : op, field };
}

export function toAsked(request: MeasureRequest): AskedMeasure {
  const measure = storedMeasure(request);
  return request.q === undefined ? { measure } : { measure, q: request.q };
}
