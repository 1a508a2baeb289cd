/** What series are ordered by: one result over the whole range. */
import { StepAccumulator } from '../aggregate/merge.ts';
import { placesOf, type Term } from '../model/expression.ts';
import type { MeasuredValue } from './answer.ts';
import { evaluate } from './bounded-value.ts';
import type { Plan } from './plan.ts';
import { type MeasureRequest, type QueryOp, storedMeasure, toAsked } from './request.ts';
import { ofNothing, type StepValues, valueAt } from './step-values.ts';

/** Measures of the whole range that follow from those of its points. */
const COMBINED: Partial<Record<QueryOp, (a: number, b: number) => number>> = {
  count: (a, b) => a + b,
  rate: (a, b) => a + b,
  sum: (a, b) => a + b,
  histogram: (a, b) => a + b,
  top: (a, b) => a + b,
  min: Math.min,
  max: Math.max,
  // Points come in the order of time.
  first: (a) => a,
  last: (_, b) => b,
};

/** A measure that the order is computed from. */
interface Ranked {
  readonly at: number;
  readonly measure: MeasureRequest;
  readonly combine: ((a: number, b: number) => number) | undefined;
  /** By output series, where it follows from the points. */
  readonly combined: (number | undefined)[];
}

/** Whether the order of series needs every row: then none of them can be spared because an earlier answer has merged it. */
export const ranksByRows = (plan: Plan): boolean =>
  plan.groupBy.length > 0 && rankedOf(plan).some(({ combine }) => combine === undefined);

const termOf = ({ results, orderBy }: Plan): Term => results.terms[orderBy.measure] as Term;

const rankedOf = (plan: Plan): Ranked[] =>
  Array.from(placesOf(termOf(plan)), (at) => {
    const measure = plan.measures[at] as MeasureRequest;
    const combine = plan.windows === undefined ? COMBINED[measure.op] : undefined;
    return { at, measure, combine, combined: [] };
  });

export class Ranking {
  readonly #plan: Plan;
  readonly #term: Term;
  readonly #ranked: readonly Ranked[];
  /** The range as one step, for what does not follow from the points; costs a second merge of rows. */
  readonly #whole: StepAccumulator | undefined;

  /** A single series needs no order. Windows that overlap say nothing about the whole range, which then is what they cover. */
  constructor(plan: Plan, seriesCount: number) {
    const { rollup, measures } = plan;
    this.#plan = plan;
    this.#term = termOf(plan);
    this.#ranked = rankedOf(plan);
    if (ranksByRows(plan) && seriesCount > 1)
      this.#whole = new StepAccumulator(rollup, measures.map(storedMeasure));
  }

  addRow(group: number, condition: number, row: Uint8Array, slots: Int32Array): void {
    if (this.#whole === undefined) return;
    const { groupOf, conditionOf } = this.#plan;
    const isWanted = this.#ranked.some(
      ({ at, combine }) =>
        combine === undefined && groupOf[at] === group && conditionOf[at] === condition,
    );
    if (isWanted) this.#whole.add(group, row, slots);
  }

  /** A step's values as stored (NaN: none): a rate's before it is divided by the step. */
  addValues({ outputs, numbers }: Pick<StepValues, 'outputs' | 'numbers'>): void {
    const stride = 2 * this.#plan.measures.length;
    for (const { at, combine, combined } of this.#ranked) {
      if (combine === undefined) continue;
      for (let place = 0; place < outputs.length; place++) {
        const value = numbers[place * stride + 2 * at] as number;
        if (Number.isNaN(value)) continue;
        const output = outputs[place] as number;
        const before = combined[output];
        combined[output] = before === undefined ? value : combine(before, value);
      }
    }
  }

  /** Null if the series has no value. */
  rankOf(output: number): number | null {
    const { fromMs, toMs, conditions, conditionOf } = this.#plan;
    const measured: MeasuredValue[] = [];
    for (const { at, measure, combine, combined } of this.#ranked) {
      const slot = output * conditions.length + (conditionOf[at] as number);
      const value = combine === undefined ? this.#wholeOf(slot, measure) : combined[output];
      const factor = measure.op === 'rate' ? 1_000 / (toMs - fromMs) : 1;
      measured[at] = valueAt(value ?? Number.NaN, 0, factor);
    }
    return evaluate(this.#term, measured).value;
  }

  #wholeOf(slot: number, measure: MeasureRequest): number | undefined {
    const asked = toAsked(measure);
    return this.#whole === undefined
      ? undefined
      : (this.#whole.answer(slot, asked).value ?? ofNothing(asked));
  }
}
