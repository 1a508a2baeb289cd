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
    return this.#plan.results.terms.map((term) =>
      term.kind === 'measure'
        ? this.#measured(term.at, 0)
        : this.#evaluated(term, ({ value }) => value),
    );
  }
  get errorBounds(): number[][] {
    return this.#plan.results.terms.map((term) =>
      term.kind === 'measure'
        ? (this.#measured(term.at, 1) as number[])
        : this.#evaluated(term, ({ errorBound }) => errorBound),
    );
  }

  /** Of results; but of measures where points are still to be filled. Each is made once for all answers that share it. */
  points(): Point[] {
    return Array.from(this.#places, (place, i) => {
      const step = this.#times.stepAt(i);
      const { points } = step;
      if (points === undefined) return this.#pointOf(step, place);
      points[place] ??= this.#pointOf(step, place);
      return points[place];
    });
  }

  /** Of a measure its values or its bounds, without an object for each: there may be tens of thousands. */
  #measured(measure: number, part: 0 | 1): (number | null)[] {
    const stride = 2 * this.#plan.measures.length;
    const column: (number | null)[] = [];
    for (let i = 0; i < this.#places.length; i++) {
      const step = this.#times.stepAt(i);
      const number = step.numbers[(this.#places[i] as number) * stride + 2 * measure + part];
      const shown = (number as number) * this.#factorOf(step, measure);
      column.push(Number.isNaN(shown) ? null : shown);
    }
    return column;
  }

  #evaluated<T>(term: Term, read: (value: MeasuredValue) => T): T[] {
    const { measures } = this.#plan;
    return Array.from(this.#places, (place, i) => {
      const step = this.#times.stepAt(i);
      const measured = measures.map((_, at) => this.#valueOf(step, place, at));
      return read(evaluate(term, measured));
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

  #valueOf(step: StepValues, place: number, measure: number): MeasuredValue {
    const { numbers } = step;
    const at = 2 * (place * this.#plan.measures.length + measure);
    const factor = this.#factorOf(step, measure);
    return valueAt(numbers[at] as number, numbers[at + 1] as number, factor);
  }

  #factorOf({ lengthMs }: StepValues, measure: number): number {
    return this.#plan.measures[measure]?.op === 'rate' ? 1_000 / lengthMs : 1;
  }
}

/** The steps in which a series has a point. Many series have the same, and then share the arrays of their times. */
export class StepTimes {
  readonly #all: readonly StepValues[];
  readonly #indexes: Uint32Array;
  #t: readonly number[] | undefined;
  #end: readonly number[] | undefined;

  /** @param indexes ascending, into `all` */
  constructor(all: readonly StepValues[], indexes: Uint32Array) {
    this.#all = all;
    this.#indexes = indexes;
  }

  stepAt(i: number): StepValues {
    return this.#all[this.#indexes[i] as number] as StepValues;
  }

  areAt(indexes: Uint32Array): boolean {
    const own = this.#indexes;
    if (own.length !== indexes.length) return false;
    for (let i = 0; i < own.length; i++) if (own[i] !== indexes[i]) return false;
    return true;
  }

  get t(): readonly number[] {
    this.#t ??= Array.from(this.#indexes, (_, i) => this.stepAt(i).tMs);
    return this.#t;
  }
  get end(): readonly number[] {
    this.#end ??= Array.from(this.#indexes, (_, i) => this.stepAt(i).endMs);
    return this.#end;
  }
}
