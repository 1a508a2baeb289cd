/** What differs between two answers of the same live query. */
import { isDeepStrictEqual } from 'node:util';
import {
  type Label,
  type MeasuredValue,
  type Point,
  type Series,
  type TimeseriesAnswer,
  weightOf,
} from './answer.ts';
import type { PackedSeries } from './packed-series.ts';

export interface Changes {
  /** Series with new or different points, holding only those. */
  readonly series: readonly Series[];
  /** Series that are no longer among the answer's: out of the range, or past `limit`. */
  readonly removedSeries: readonly (readonly Label[])[];
  /** Points in `series`, by their weight. */
  readonly points: number;
}

export function changesBetween(before: TimeseriesAnswer, after: TimeseriesAnswer): Changes {
  const known = new Map(before.series.map((series) => [keyOf(series), series]));
  const changed: Series[] = [];
  let points = 0;
  for (const series of after.series) {
    const key = keyOf(series);
    const old = known.get(key);
    known.delete(key);
    const news = old === undefined ? series.points : newsOf(old, series);
    points += news.reduce((sum, point) => sum + weightOf(point), 0);
    if (news.length > 0) changed.push({ labels: series.labels, points: news });
  }
  const removedSeries = [...known.values()].map(({ labels }) => labels);
  return { series: changed, removedSeries, points };
}

/** False if a subscriber would learn nothing: no point, no series, no quality of the answer differs. */
export function isWorthSending(
  changes: Changes,
  before: TimeseriesAnswer,
  after: TimeseriesAnswer,
): boolean {
  return (
    changes.points > 0 ||
    changes.removedSeries.length > 0 ||
    before.watermarkMs !== after.watermarkMs ||
    before.complete !== after.complete ||
    before.restated !== after.restated ||
    before.missingPartitions.join() !== after.missingPartitions.join()
  );
}

/** Answers of a live query share the labels of their series, so each is written out once. */
const keys = new WeakMap<readonly Label[], string>();

/** Of all labels. */
export function keyOf({ labels }: Series): string {
  const known = keys.get(labels);
  if (known !== undefined) return known;
  const key = JSON.stringify(labels.map(({ value }) => value));
  keys.set(labels, key);
  return key;
}

const newsOf = (before: Series, after: Series): Point[] =>
  before.packed === undefined || after.packed === undefined
    ? changedPoints(before.points, after.points)
    : changesInPacked(before.packed, after.packed);

/** Of steps that both answers share, which are nearly all, no point is made. */
function changesInPacked(before: PackedSeries, after: PackedSeries): Point[] {
  const changed: Point[] = [];
  let at = 0;
  for (let i = 0; i < after.length; i++) {
    const step = after.stepAt(i);
    while (at < before.length && before.stepAt(at).tMs < step.tMs) at++;
    const old = at < before.length ? before.stepAt(at) : undefined;
    if (old === step) continue;
    const point = after.pointAt(i);
    if (old?.tMs !== step.tMs || differ(before.pointAt(at), point)) changed.push(point);
  }
  return changed;
}

/** Both ascending in time. */
function changedPoints(before: readonly Point[], after: readonly Point[]): Point[] {
  const changed: Point[] = [];
  let at = 0;
  for (const point of after) {
    while (at < before.length && (before[at] as Point).t < point.t) at++;
    const old = before[at];
    if (old?.t !== point.t || differ(old, point)) changed.push(point);
  }
  return changed;
}

const differ = (a: Point, b: Point): boolean => a.end !== b.end || !equalValues(a.values, b.values);

const equalValues = (a: readonly MeasuredValue[], b: readonly MeasuredValue[]): boolean =>
  a.every(
    ({ value, errorBound, buckets, entries }, i) =>
      value === b[i]?.value &&
      errorBound === b[i]?.errorBound &&
      isDeepStrictEqual(buckets, b[i]?.buckets) &&
      isDeepStrictEqual(entries, b[i]?.entries),
  );
