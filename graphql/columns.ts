/**
 * The points of a series as arrays, for whoever takes many: a number costs its digits then, and no object. Each array is
 * made when it is read, so that nothing is made which nobody selects.
 */
import type { ComparedPoint, MeasuredValue, Point, Series } from '../src/query/answer.ts';

interface MeasuredColumns {
  /** One array for each result, with a number for each point; null where a point has none. */
  readonly values: readonly (readonly (number | null)[])[];
  readonly errorBounds: readonly (readonly number[])[];
}

export interface PointColumns extends MeasuredColumns {
  readonly t: readonly number[];
  readonly end: readonly number[];
}

export interface ComparedColumns extends MeasuredColumns {
  readonly t: readonly number[];
  readonly before: readonly number[];
}

export interface SeriesWithColumns extends Series {
  readonly columns: PointColumns;
  /** Null where no comparison was asked for. */
  readonly comparedColumns: ComparedColumns | null;
}

/** @param results how many values a point has; a series without points does not tell */
export function withColumns(series: Series, results: number): SeriesWithColumns {
  const { points, compared } = series;
  return {
    ...series,
    columns: columnsOf(points, results),
    comparedColumns: compared === undefined ? null : comparedColumnsOf(compared, results),
  };
}

const columnsOf = (points: readonly Point[], results: number): PointColumns => ({
  get t() {
    return points.map(({ t }) => t);
  },
  get end() {
    return points.map(({ end }) => end);
  },
  get values() {
    return columnPerResult(points, results, ({ value }) => value);
  },
  get errorBounds() {
    return columnPerResult(points, results, ({ errorBound }) => errorBound);
  },
});

const comparedColumnsOf = (points: readonly ComparedPoint[], results: number): ComparedColumns => ({
  get t() {
    return points.map(({ t }) => t);
  },
  get before() {
    return points.map(({ before }) => before);
  },
  get values() {
    return columnPerResult(points, results, ({ value }) => value);
  },
  get errorBounds() {
    return columnPerResult(points, results, ({ errorBound }) => errorBound);
  },
});

const columnPerResult = <T>(
  points: readonly Pick<Point, 'values'>[],
  results: number,
  read: (value: MeasuredValue) => T,
): T[][] =>
  Array.from({ length: results }, (_, i) =>
    points.map(({ values }) => read(values[i] as MeasuredValue)),
  );
