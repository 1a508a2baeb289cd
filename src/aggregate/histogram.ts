/**
 * How many values lie between given edges, counted from the bins of a quantile sketch: a rollup that keeps quantiles of a
 * field has its histograms for any edges, and they merge as the sketch does.
 *
 * Error: a bin that an edge cuts is counted whole, where its middle lies, and stands in the bounds of all buckets that it
 * reaches into: the true count lies within count ± errorBound. Edges between which no bin is cut are exact: powers of two,
 * whole numbers up to 256 among whole numbers. Of other edges it is what lies within 0.8 % of them.
 */
import { extentOf, type QuantileTable, representative } from './quantile-sketch.ts';

export interface HistogramBucket {
  /** Included; null: from the least value on. */
  readonly from: number | null;
  /** Excluded; null: up to the greatest. */
  readonly to: number | null;
  readonly count: number;
  readonly errorBound: number;
}

/** One bucket more than edges, which ascend; undefined if the series has no value. */
export function histogramOf(
  table: QuantileTable,
  slot: number,
  edges: readonly number[],
): HistogramBucket[] | undefined {
  const counts = new Float64Array(edges.length + 1);
  const bounds = new Float64Array(edges.length + 1);
  const fractions = table.hasFractions(slot);
  let total = 0;
  table.visitBins(slot, (bin, count) => {
    total += count;
    const home = edgesUpTo(edges, representative(bin, fractions).value, true);
    counts[home] = (counts[home] as number) + count;
    const { low, high, isHighIncluded } = extentOf(bin, fractions);
    const first = edgesUpTo(edges, low, true);
    const last = edgesUpTo(edges, high, isHighIncluded);
    if (first === last) return;
    for (let i = first; i <= last; i++) bounds[i] = (bounds[i] as number) + count;
  });
  return total === 0 ? undefined : bucketsBetween(edges, counts, bounds);
}

/** Buckets as they are shown; without bounds the counts are exact. */
export const bucketsBetween = (
  edges: readonly number[],
  counts: ArrayLike<number>,
  bounds?: ArrayLike<number>,
): HistogramBucket[] =>
  Array.from({ length: edges.length + 1 }, (_, i) => ({
    from: edges[i - 1] ?? null,
    to: edges[i] ?? null,
    count: counts[i] ?? 0,
    errorBound: bounds?.[i] ?? 0,
  }));

/** How many edges lie below the value, or at it if it is included: the place of its bucket. */
function edgesUpTo(edges: readonly number[], value: number, isIncluded: boolean): number {
  let [low, high] = [0, edges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const edge = edges[middle] as number;
    if (edge < value || (isIncluded && edge === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}
