/** A series whose points are made when somebody reads them: for who asks for columns alone no object of a point is kept. */
import type { Label, Point, Series } from './answer.ts';
import type { PointColumns } from './columns.ts';

export function lazySeries(
  labels: readonly Label[],
  makePoints: () => readonly Point[],
  makeColumns: () => PointColumns,
): Series {
  let points: readonly Point[] | undefined;
  return {
    labels,
    get points() {
      points ??= makePoints();
      return points;
    },
    get columns() {
      return makeColumns();
    },
  };
}
