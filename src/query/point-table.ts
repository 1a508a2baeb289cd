/** The steps of an answer put together: which series there are, how they rank, and the points of those that are given. */
import { PackedSeries, StepTimes } from './packed-series.ts';
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
      this.#ranking.addValues(output, numbers, i * stride);
    }
  }

  /** How many points these series have. */
  count(series: readonly number[]): number {
    return series.reduce((sum, output) => sum + (this.#points[output] ?? 0), 0);
  }

  /** The points of each of these series. */
  packed(series: readonly number[]): PackedSeries[] {
    const placesOf: (Places | undefined)[] = [];
    for (const output of series) placesOf[output] = placesFor(this.#points[output] ?? 0);
    for (const [index, { outputs }] of this.#steps.entries()) {
      for (let place = 0; place < outputs.length; place++) {
        const found = placesOf[outputs[place] as number];
        if (found === undefined) continue;
        found.steps[found.length] = index;
        found.places[found.length++] = place;
      }
    }
    let times: StepTimes | undefined;
    return series.map((output) => {
      const { steps, places } = placesOf[output] as Places;
      if (times?.areAt(steps) !== true) times = new StepTimes(this.#steps, steps);
      return new PackedSeries(this.#plan, times, places);
    });
  }
}

/** Where a series has points: the indexes of the steps, and its place in each. */
interface Places {
  readonly steps: Uint32Array;
  readonly places: Uint32Array;
  length: number;
}

const placesFor = (points: number): Places => ({
  steps: new Uint32Array(points),
  places: new Uint32Array(points),
  length: 0,
});
