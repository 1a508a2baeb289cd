/** The steps of an answer put together: which series there are, how they rank, and the points of those that are given. */
import { PackedSeries, StepTimes } from './packed-series.ts';
import type { Plan } from './plan.ts';
import type { Ranking } from './ranking.ts';
import type { StepValues } from './step-values.ts';
import { StepBlock, type WrittenBlocks } from './written-blocks.ts';

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
    const { outputs, restated } = step;
    this.#steps.push(step);
    this.#restated ||= restated;
    for (const output of outputs) this.#points[output] = (this.#points[output] ?? 0) + 1;
    this.#ranking.addValues(step);
  }

  /** How many points these series have. */
  count(series: readonly number[]): number {
    return series.reduce((sum, output) => sum + (this.#points[output] ?? 0), 0);
  }

  /** The points of each of these series, of which `written` has what was written for earlier answers. */
  packed(series: readonly number[], written?: WrittenBlocks): PackedSeries[] {
    const steps = this.#steps;
    const blocks = written?.blocksOf(steps, this.#plan.stepMs) ?? [new StepBlock(steps)];
    const placesOf: (Places | undefined)[] = [];
    for (const output of series) placesOf[output] = placesFor(this.#points[output] ?? 0);
    for (const [index, { outputs }] of steps.entries()) {
      for (let place = 0; place < outputs.length; place++) {
        const found = placesOf[outputs[place] as number];
        if (found === undefined) continue;
        found.steps[found.length] = index;
        found.places[found.length++] = place;
      }
    }
    let times: StepTimes | undefined;
    return series.map((output) => {
      const { steps: indexes, places } = placesOf[output] as Places;
      if (times?.areAt(indexes) !== true) times = new StepTimes(steps, indexes, blocks);
      return new PackedSeries(this.#plan, output, times, places);
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
