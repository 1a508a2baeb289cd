/** The answer in the making: numbers per series and point, packed, until it is known which series are given. */
import type { AskedMeasure, StepAccumulator } from '../aggregate/merge.ts';
import type { MeasuredValue, Point } from './answer.ts';
import type { Plan } from './plan.ts';
import type { Ranking } from './ranking.ts';
import { toAsked } from './request.ts';

interface PackedSeries {
  /** Numbers of the points, ascending. */
  readonly points: number[];
  /** Per point and measure a value (NaN: none) and a bound. */
  readonly numbers: number[];
}

export class PointTable {
  readonly #plan: Plan;
  readonly #ranking: Ranking;
  readonly #asked: readonly AskedMeasure[];
  /** By output series. */
  readonly #packed: (PackedSeries | undefined)[] = [];

  constructor(plan: Plan, ranking: Ranking) {
    this.#plan = plan;
    this.#ranking = ranking;
    this.#asked = plan.measures.map(toAsked);
  }

  /** Output series that have at least one point. */
  get series(): number[] {
    return [...this.#packed.keys()].filter((output) => this.#packed[output] !== undefined);
  }

  /** Steps must come in ascending order. */
  addStep(point: number, step: StepAccumulator): void {
    const perSecond = 1_000 / this.#lengthMs(point);
    for (const output of step.series()) {
      const packed = this.#packedOf(output);
      packed.points.push(point);
      for (let i = 0; i < this.#asked.length; i++) {
        const { value, errorBound } = step.answer(output, this.#asked[i] as AskedMeasure);
        if (i === this.#ranking.at) this.#ranking.addValue(output, value);
        const factor = this.#plan.measures[i]?.op === 'rate' ? perSecond : 1;
        packed.numbers.push(value === null ? Number.NaN : value * factor, errorBound * factor);
      }
    }
  }

  pointsOf(output: number): Point[] {
    const { fromMs, stepMs } = this.#plan;
    const { points, numbers } = this.#packedOf(output);
    return points.map((point, at) => ({
      t: fromMs + point * stepMs,
      values: this.#asked.map((_, i) => valueAt(numbers, (at * this.#asked.length + i) * 2)),
    }));
  }

  #packedOf(output: number): PackedSeries {
    const known = this.#packed[output];
    if (known !== undefined) return known;
    const packed = { points: [], numbers: [] };
    this.#packed[output] = packed;
    return packed;
  }

  #lengthMs(point: number): number {
    const { fromMs, toMs, stepMs } = this.#plan;
    return Math.min(stepMs, toMs - fromMs - point * stepMs);
  }
}

function valueAt(numbers: readonly number[], at: number): MeasuredValue {
  const value = numbers[at] as number;
  return { value: Number.isNaN(value) ? null : value, errorBound: numbers[at + 1] as number };
}
