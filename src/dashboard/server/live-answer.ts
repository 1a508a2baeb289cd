/** A live timeseries as it stands: a snapshot, and what has changed since. Pure, so that it is tested without a browser. */
import type { Label, MeasuredValue, Point, Quality, Series, TimeseriesUpdate } from './answers.ts';

export interface LiveAnswer extends Quality {
  readonly series: readonly Series[];
}

/** A gap changes nothing: the snapshot that follows it does. */
export function applyUpdate(
  before: LiveAnswer | undefined,
  update: TimeseriesUpdate,
): LiveAnswer | undefined {
  if (update.snapshot) return update;
  if (before === undefined || update.gap) return before;
  const byLabels = new Map(before.series.map((series) => [keyOf(series.labels), series]));
  for (const { labels } of update.removedSeries) byLabels.delete(keyOf(labels));
  for (const series of update.series) {
    const key = keyOf(series.labels);
    const known = byLabels.get(key)?.points ?? [];
    byLabels.set(key, { labels: series.labels, points: merged(known, series.points) });
  }
  const isInRange = ({ end }: Point) => end > update.from;
  const series = [...byLabels.values()].map(({ labels, points }) => ({
    labels,
    points: points.filter(isInRange),
  }));
  return { ...update, series };
}

/** Puts each message of the subscription to what was there. */
export const foldTimeseries = (
  before: LiveAnswer | undefined,
  { timeseries }: { readonly timeseries: TimeseriesUpdate },
): LiveAnswer | undefined => applyUpdate(before, timeseries);

/** Names a series of an answer. */
export const keyOf = (labels: readonly Label[]): string =>
  JSON.stringify(labels.map(({ value }) => value));

/** The newer ones take the place of those of the same time. */
function merged(known: readonly Point[], newer: readonly Point[]): readonly Point[] {
  const byTime = new Map(known.map((point) => [point.t, point]));
  for (const point of newer) byTime.set(point.t, point);
  return [...byTime.values()].sort((a, b) => a.t - b.t);
}

/** The mean of a measure over its last complete points; undefined while none is. What is not complete yet would look like a fall. */
export function recentMean(answer: LiveAnswer | undefined, points: number): number | undefined {
  const { watermark, series: [series] = [] } = answer ?? { watermark: null };
  const complete = (series?.points ?? []).filter(
    ({ end }) => watermark !== null && end <= watermark + 1,
  );
  const values = complete.slice(-points).map(({ values: [first] }) => first?.value ?? 0);
  return values.length === 0
    ? undefined
    : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The newest point's value of a measure. */
export const newest = (answer: LiveAnswer | undefined, measure = 0): MeasuredValue | undefined =>
  answer?.series[0]?.points.at(-1)?.values[measure];

export interface Ranked {
  readonly label: string | null;
  readonly value: number;
}

/** What each series has in its newest point, the most first. */
export const ranking = (answer: LiveAnswer): readonly Ranked[] =>
  answer.series
    .map(({ labels: [label], points }) => ({
      label: label?.value ?? null,
      value: points.at(-1)?.values[0]?.value ?? 0,
    }))
    .sort((a, b) => b.value - a.value);
