/** The steps of an answer put together: which series there are, how they rank, and the points of those that are given. */
import type { MeasuredValue, Point } from './answer.ts';
import type { Plan } from './plan.ts';
import type { Ranking } from './ranking.ts';
import type { StepValues } from './step-values.ts';

export class PointTable {
  readonly #plan: Plan;
  readonly #ranking: Ranking;
  readonly #steps: StepValues[] = [];
  /** Points by output series. */
  readonly #points: number[] = [];
  #restated = false;

  constructor(plan: Plan, ranking: Ranking) {
    this.#plan = plan;
    this.#ranking = ranking;
  }

  get restated(): boolean {
    return this.#restated;
  }

  /** Output series that have at least one point. */
  get series(): number[] {
    return [...this.#points.keys()].filter((output) => this.#points[output] !== undefined);
  }

  /** Steps must come in ascending order. */
  add(step: StepValues): void {
    const { outputs, numbers, restated } = step;
    const stride = this.#plan.measures.length * 2;
    this.#steps.push(step);
    this.#restated ||= restated;
    for (let i = 0; i < outputs.length; i++) {
      const output = outputs[i] as number;
      this.#points[output] = (this.#points[output] ?? 0) + 1;
      this.#ranking.addValue(output, numbers[i * stride + this.#ranking.at * 2] as number);
    }
  }

  /** How many points these series have. */
  count(series: readonly number[]): number {
    return series.reduce((sum, output) => sum + (this.#points[output] ?? 0), 0);
  }

  /** The points of each of these series. */
  pointsOf(series: readonly number[]): Point[][] {
    const all: Point[][] = series.map(() => []);
    const placeOf: (Point[] | undefined)[] = [];
    series.forEach((output, i) => {
      placeOf[output] = all[i];
    });
    for (const step of this.#steps) {
      step.outputs.forEach((output, i) => {
        const place = placeOf[output];
        if (place === undefined) return;
        step.points[i] ??= this.#pointOf(step, i);
        place.push(step.points[i]);
      });
    }
    return all;
  }

  #pointOf({ tMs, lengthMs, numbers }: StepValues, at: number): Point {
    const { measures } = this.#plan;
    const values = measures.map(({ op }, i) => {
      const factor = op === 'rate' ? 1_000 / lengthMs : 1;
      return valueAt(numbers, (at * measures.length + i) * 2, factor);
    });
    return { t: tMs, values };
  }
}

function valueAt(numbers: Float64Array, at: number, factor: number): MeasuredValue {
  const value = numbers[at] as number;
  const errorBound = (numbers[at + 1] as number) * factor;
  return { value: Number.isNaN(value) ? null : value * factor, errorBound };
}
