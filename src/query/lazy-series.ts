/** A series whose points are made when somebody reads them: for who asks for columns alone no object of a point is kept. */
import type { Label, Point, Series } from './answer.ts';
import type { ColumnTexts, PointColumns } from './columns.ts';
import type { PackedSeries } from './packed-series.ts';

interface Makers {
  readonly points: () => readonly Point[];
  readonly columns: () => PointColumns;
  readonly columnTexts?: () => ColumnTexts;
  readonly packed?: PackedSeries;
}

export function lazySeries(labels: readonly Label[], make: Makers): Series {
  let points: readonly Point[] | undefined;
  return {
    labels,
    packed: make.packed,
    get points() {
      points ??= make.points();
      return points;
    },
    get columns() {
      return make.columns();
    },
    get columnTexts() {
      return make.columnTexts?.();
    },
  };
}
