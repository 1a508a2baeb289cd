/** What series are ordered by: one measure over the whole range. */
import { StepAccumulator } from '../aggregate/merge.ts';
import type { Plan } from './plan.ts';
import { type MeasureRequest, type QueryOp, toAsked } from './request.ts';

/** Measures of the whole range that follow from those of its points. */
const COMBINED: Partial<Record<QueryOp, (a: number, b: number) => number>> = {
  count: (a, b) => a + b,
  rate: (a, b) => a + b,
  sum: (a, b) => a + b,
  min: Math.min,
  max: Math.max,
};

export class Ranking {
  /** Index of the measure. */
  readonly at: number;
  readonly #measure: MeasureRequest;
  readonly #group: number;
  readonly #combine: ((a: number, b: number) => number) | undefined;
  /** By output series. */
  readonly #combined: (number | undefined)[] = [];
  /** The range as one step, for what does not follow from the points; costs a second merge of every row. */
  readonly #whole: StepAccumulator | undefined;

  /** A single series needs no order. */
  constructor({ rollup, measures, orderBy, orderGroup }: Plan, seriesCount: number) {
    this.at = orderBy.measure;
    this.#measure = measures[orderBy.measure] as MeasureRequest;
    this.#group = orderGroup;
    this.#combine = COMBINED[this.#measure.op];
    if (this.#combine === undefined && seriesCount > 1) this.#whole = new StepAccumulator(rollup);
  }

  /** Whether it must see every row: then none of them can be spared because an earlier answer has merged it. */
  get readsRows(): boolean {
    return this.#whole !== undefined;
  }

  addRow(group: number, row: Uint8Array, outputOf: Int32Array): void {
    if (group === this.#group) this.#whole?.add(group, row, outputOf);
  }

  /** A point's value, as stored (NaN: none): a rate's before it is divided by the step. */
  addValue(output: number, value: number): void {
    if (Number.isNaN(value) || this.#combine === undefined) return;
    const before = this.#combined[output];
    this.#combined[output] = before === undefined ? value : this.#combine(before, value);
  }

  /** Null if the series has no value. */
  rankOf(output: number): number | null {
    if (this.#combine !== undefined) return this.#combined[output] ?? null;
    return this.#whole?.answer(output, toAsked(this.#measure)).value ?? null;
  }
}
