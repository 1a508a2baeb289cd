/** The answer in the making: numbers per series and point, packed, until it is known which series are given. */
import type { AskedMeasure, StepAccumulator } from '../aggregate/merge.ts';
import type { MeasuredValue, Point } from './answer.ts';
import type { Plan } from './plan.ts';
import { storedMeasure } from './request.ts';

export class PointTable {
  readonly #plan: Plan;
  readonly #asked: readonly AskedMeasure[];
  /** Per output series: the point numbers, ascending, and per point a value and a bound for each measure. */
  readonly #pointsOf = new Map<number, number[]>();
  readonly #numbersOf = new Map<number, number[]>();

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#asked = plan.measures.map(askedMeasure);
  }

  /** Output series that have at least one point, in the order in which they were first seen. */
  get series(): number[] {
    return [...this.#pointsOf.keys()];
  }

  /** Steps must come in ascending order. */
  addStep(point: number, step: StepAccumulator): void {
    const perSecond = 1_000 / this.#lengthMs(point);
    for (const output of step.series()) {
      const points = this.#pointsOf.get(output) ?? [];
      const numbers = this.#numbersOf.get(output) ?? [];
      if (points.length === 0) {
        this.#pointsOf.set(output, points);
        this.#numbersOf.set(output, numbers);
      }
      points.push(point);
      this.#asked.forEach((asked, i) => {
        const { value, errorBound } = step.answer(output, asked);
        const factor = this.#plan.measures[i]?.op === 'rate' ? perSecond : 1;
        numbers.push(value === null ? Number.NaN : value * factor, errorBound * factor);
      });
    }
  }

  pointsOf(output: number): Point[] {
    const { fromMs, stepMs } = this.#plan;
    const numbers = this.#numbersOf.get(output) ?? [];
    return (this.#pointsOf.get(output) ?? []).map((point, at) => ({
      t: fromMs + point * stepMs,
      values: this.#asked.map((_, i) => valueAt(numbers, (at * this.#asked.length + i) * 2)),
    }));
  }

  #lengthMs(point: number): number {
    const { fromMs, toMs, stepMs } = this.#plan;
    return Math.min(stepMs, toMs - fromMs - point * stepMs);
  }
}

export function askedMeasure(measure: Plan['measures'][number]): AskedMeasure {
  const stored = storedMeasure(measure);
  return measure.q === undefined ? { measure: stored } : { measure: stored, q: measure.q };
}

function valueAt(numbers: readonly number[], at: number): MeasuredValue {
  const value = numbers[at] as number;
  return { value: Number.isNaN(value) ? null : value, errorBound: numbers[at + 1] as number };
}
