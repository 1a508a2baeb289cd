/** The steps of an answer put together: which series there are, how they rank, and the points of those that are given. */
import type { Point } from './answer.ts';
import type { Plan } from './plan.ts';
import type { Ranking } from './ranking.ts';
import { type StepValues, valueAt } from './step-values.ts';

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
      this.#ranking.addValues(output, numbers, i * stride);
    }
  }

  /** How many points these series have. */
  count(series: readonly number[]): number {
    return series.reduce((sum, output) => sum + (this.#points[output] ?? 0), 0);
  }

  /** The points of each of these series: of results, but of measures where points are still to be filled. */
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

  #pointOf({ tMs, endMs, lengthMs, numbers, answers }: StepValues, at: number): Point {
    const { measures, results, fill } = this.#plan;
    const measured = measures.map(({ op }, i) => {
      const factor = op === 'rate' ? 1_000 / lengthMs : 1;
      const place = at * measures.length + i;
      const [number, bound] = [numbers[place * 2] as number, numbers[place * 2 + 1] as number];
      const value = valueAt(number, bound, factor);
      const { buckets, entries } = answers[place] ?? {};
      if (buckets !== undefined) return { ...value, buckets };
      return entries === undefined ? value : { ...value, entries };
    });
    const values = fill === undefined ? results.of(measured) : measured;
    return { t: tMs, end: endMs, values };
  }
}
