/** The points of a series as arrays, for whoever takes many: a number costs its digits then, and no object. */
import type { ComparedPoint, MeasuredValue, Point } from './answer.ts';

/** Each array is made when it is read, so that nothing is made which nobody selects. */
interface MeasuredColumns {
  readonly t: readonly number[];
  /** One array for each result, with a number for each point; null where a point has none. */
  readonly values: readonly (readonly (number | null)[])[];
  readonly errorBounds: readonly (readonly number[])[];
}

export interface PointColumns extends MeasuredColumns {
  readonly end: readonly number[];
}

/** Columns of points as JSON, each as it would be written. */
export type ColumnTexts = { readonly [Column in keyof PointColumns]: string };

export interface ComparedColumns extends MeasuredColumns {
  readonly before: readonly number[];
}

type AnyPoint = Pick<Point, 't' | 'values'> & Partial<Point & ComparedPoint>;

/** @param results how many values a point has; a series without points does not tell */
export const columnsOf = (points: readonly Point[], results: number): PointColumns =>
  new ColumnsOfPoints(points, results);

export const comparedColumnsOf = (
  points: readonly ComparedPoint[],
  results: number,
): ComparedColumns => new ColumnsOfPoints(points, results);

/** `end` only points have, and `before` only those of a comparison: the type by which it is known says which. */
class ColumnsOfPoints implements PointColumns, ComparedColumns {
  readonly #points: readonly AnyPoint[];
  readonly #results: number;

  constructor(points: readonly AnyPoint[], results: number) {
    this.#points = points;
    this.#results = results;
  }

  get t(): number[] {
    return this.#points.map(({ t }) => t);
  }
  get end(): number[] {
    return this.#points.map(({ end }) => end as number);
  }
  get before(): number[] {
    return this.#points.map(({ before }) => before as number);
  }
  get values(): (number | null)[][] {
    return this.#perResult(({ value }) => value);
  }
  get errorBounds(): number[][] {
    return this.#perResult(({ errorBound }) => errorBound);
  }

  #perResult<T>(read: (value: MeasuredValue) => T): T[][] {
    return Array.from({ length: this.#results }, (_, i) =>
      this.#points.map(({ values }) => read(values[i] as MeasuredValue)),
    );
  }
}
