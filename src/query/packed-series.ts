/**
 * The points of one series where they lie packed in the steps of an answer: cut into columns, or made into objects, when
 * somebody asks for either. A wide answer has tens of thousands of points, and objects of them cost more than all else.
 */
import type { Term } from '../model/expression.ts';
import type { MeasuredValue, Point } from './answer.ts';
import { evaluate } from './bounded-value.ts';
import type { PointColumns } from './columns.ts';
import type { Plan } from './plan.ts';
import { type StepValues, valueAt } from './step-values.ts';

export class PackedSeries implements PointColumns {
  readonly #plan: Plan;
  readonly #times: StepTimes;
  readonly #places: Uint32Array;

  /** @param places per step of `times` the place of the series among its outputs */
  constructor(plan: Plan, times: StepTimes, places: Uint32Array) {
    this.#plan = plan;
    this.#times = times;
    this.#places = places;
  }

  get t(): readonly number[] {
    return this.#times.t;
  }
  get end(): readonly number[] {
    return this.#times.end;
  }
  get values(): (number | null)[][] {
    return this.#plan.results.terms.map((term) => this.#column(term, ({ value }) => value));
  }
  get errorBounds(): number[][] {
    return this.#plan.results.terms.map((term) =>
      this.#column(term, ({ errorBound }) => errorBound),
    );
  }

  /** Of results; but of measures where points are still to be filled. Each is made once for all answers that share it. */
  points(): Point[] {
    return this.#times.steps.map((step, i) => {
      const place = this.#places[i] as number;
      const { points } = step;
      if (points === undefined) return this.#pointOf(step, place);
      points[place] ??= this.#pointOf(step, place);
      return points[place];
    });
  }

  #column<T>(term: Term, read: (value: MeasuredValue) => T): T[] {
    const { measures } = this.#plan;
    return this.#times.steps.map((step, i) => {
      const place = this.#places[i] as number;
      const value =
        term.kind === 'measure'
          ? this.#valueOf(step, place, term.at)
          : evaluate(
              term,
              measures.map((_, at) => this.#valueOf(step, place, at)),
            );
      return read(value);
    });
  }

  #pointOf(step: StepValues, place: number): Point {
    const { measures, results, fill } = this.#plan;
    const { tMs, endMs, answers } = step;
    const measured = measures.map((_, at) => {
      const value = this.#valueOf(step, place, at);
      const { buckets, entries } = answers[place * measures.length + at] ?? {};
      if (buckets !== undefined) return { ...value, buckets };
      return entries === undefined ? value : { ...value, entries };
    });
    const values = fill === undefined ? results.of(measured) : measured;
    return { t: tMs, end: endMs, values };
  }

  #valueOf({ numbers, lengthMs }: StepValues, place: number, measure: number): MeasuredValue {
    const { measures } = this.#plan;
    const factor = measures[measure]?.op === 'rate' ? 1_000 / lengthMs : 1;
    const at = 2 * (place * measures.length + measure);
    return valueAt(numbers[at] as number, numbers[at + 1] as number, factor);
  }
}

/** The steps in which a series has a point. Many series have the same, and then share the arrays of their times. */
export class StepTimes {
  readonly steps: readonly StepValues[];
  readonly #indexes: Uint32Array;
  #t: readonly number[] | undefined;
  #end: readonly number[] | undefined;

  /** @param indexes ascending, into `all` */
  constructor(all: readonly StepValues[], indexes: Uint32Array) {
    this.steps = Array.from(indexes, (index) => all[index] as StepValues);
    this.#indexes = indexes;
  }

  areAt(indexes: Uint32Array): boolean {
    const own = this.#indexes;
    return own.length === indexes.length && own.every((index, i) => index === indexes[i]);
  }

  get t(): readonly number[] {
    this.#t ??= this.steps.map(({ tMs }) => tMs);
    return this.#t;
  }
  get end(): readonly number[] {
    this.#end ??= this.steps.map(({ endMs }) => endMs);
    return this.#end;
  }
}
