/** Points of measures become points of results: for steps without events, too, where that is asked for. */
import type { MeasuredValue, Point, Series } from './answer.ts';
import { columnsOf } from './columns.ts';
import { lazySeries } from './lazy-series.ts';
import { keyOf } from './live-changes.ts';
import type { Plan } from './plan.ts';
import type { MeasureRequest, QueryOp } from './request.ts';
import type { Results } from './results.ts';
import { groupKey } from './series-groups.ts';
import { pointAt, pointsIn, type Steps } from './steps.ts';
import type { Labels } from './where.ts';

/** `NULL`: nothing is known. `ZERO`: 0 where that is what no events amount to. `PREVIOUS`: what was known last. */
export type Fill = 'NULL' | 'ZERO' | 'PREVIOUS';

/** What of no events is known without having seen them. */
const ZERO_OF_NOTHING: ReadonlySet<QueryOp> = new Set(['count', 'rate', 'sum', 'distinct']);

export interface FillRange extends Steps, Pick<Plan, 'results' | 'groupBy'> {
  readonly fill: Fill;
  readonly only?: readonly Labels[] | undefined;
}

/** Series whose points have the values of measures -> series whose points have results. */
export const computeSeries = (series: readonly Series[], results: Results): Series[] =>
  series.map(({ labels, points }) => ({
    labels,
    points: points.map(({ values, ...time }) => ({ ...time, values: results.of(values) })),
  }));

/**
 * Series whose points have the values of measures -> series with a point of results for every step. A step that begins after
 * `nowMs` is not filled: of the future nothing is known. Series that are wanted by name are there whether they have
 * events or not, and so is the one series that there is without `groupBy`.
 */
export function fillSeries(series: readonly Series[], range: FillRange, nowMs: number): Series[] {
  const { groupBy, only = groupBy.length === 0 ? [[]] : [] } = range;
  const known = new Set(series.map(keyOf));
  const missing = only.filter((labels) => !known.has(groupKey(labels)));
  const all = [...series, ...missing.map((labels) => withoutPoints(groupBy, labels))];
  return all.map((each) => {
    const filled = () => fillPoints(each.points, range, nowMs);
    const columns = () => columnsOf(filled(), range.results.names.length);
    return lazySeries(each.labels, { points: filled, columns });
  });
}

const withoutPoints = (groupBy: readonly string[], labels: Labels): Series => ({
  labels: groupBy.map((name, i) => ({ name, value: labels[i] ?? null })),
  points: [],
});

function fillPoints(points: readonly Point[], range: FillRange, nowMs: number): Point[] {
  const { results, fill } = range;
  const valuesOf = (measured: readonly MeasuredValue[]): readonly MeasuredValue[] =>
    results.of(
      fill === 'ZERO' ? measured.map((each, i) => zeroed(each, results.measures[i])) : measured,
    );
  const ofNothing = valuesOf(results.measures.map(() => NOTHING));
  const all: Point[] = [];
  let before = ofNothing;
  let at = 0;
  for (let place = 0; place < pointsIn(range); place++) {
    const { tMs: t, endMs: end } = pointAt(range, place);
    const point = points[at]?.t === t ? points[at++] : undefined;
    if (point === undefined && t > nowMs) continue;
    const known = point === undefined ? ofNothing : valuesOf(point.values);
    const values =
      fill === 'PREVIOUS'
        ? known.map((each, i) => (each.value === null ? (before[i] ?? NOTHING) : each))
        : known;
    before = values;
    all.push({ t, end, values });
  }
  return all;
}

const NOTHING: MeasuredValue = { value: null, errorBound: 0 };
const ZERO: MeasuredValue = { value: 0, errorBound: 0 };

const zeroed = (measured: MeasuredValue, measure: MeasureRequest | undefined): MeasuredValue =>
  measured.value === null && measure !== undefined && ZERO_OF_NOTHING.has(measure.op)
    ? ZERO
    : measured;
