/** What each series has in one step, packed: an answer in the making. */
import type { Answer, AskedMeasure, StepAccumulator } from '../aggregate/merge.ts';
import type { MeasuredValue, Point } from './answer.ts';
import type { Plan } from './plan.ts';
import { toAsked } from './request.ts';
import type { PointWindow } from './steps.ts';

export interface StepValues {
  readonly tMs: number;
  readonly endMs: number;
  /** Of what is measured: of the step, or of the window that ends with it. */
  readonly lengthMs: number;
  readonly restated: boolean;
  /** Output series that have something in the step, ascending. */
  readonly outputs: readonly number[];
  /** Per output and measure a value as stored (NaN: none) and its bound. */
  readonly numbers: Float64Array;
  /** Per output and measure what is more than one number; empty if no measure is. */
  readonly answers: readonly Answer[];
  /** By place in `outputs`: the point, once an answer of a live query has filled it. Absent where no other answer is to share it. */
  readonly points?: (Point | undefined)[];
}

export function readStep(
  { tMs, endMs, fromMs }: PointWindow,
  step: StepAccumulator,
  { measures, conditions, conditionOf }: Pick<Plan, 'measures' | 'conditions' | 'conditionOf'>,
): StepValues {
  const slots = conditions.length;
  const asked = measures.map(toAsked);
  const hasParts = asked.some(({ edges, measure }) => edges !== undefined || measure.op === 'top');
  const series = step.series();
  const outputs =
    slots === 1 ? series : [...new Set(series.map((slot) => Math.floor(slot / slots)))];
  const numbers = new Float64Array(outputs.length * asked.length * 2);
  const answers = new Array<Answer>(hasParts ? outputs.length * asked.length : 0);
  for (const [i, measure] of asked.entries()) {
    if (measure.measure.op === 'count' && slots === 1 && !hasParts) {
      // The most asked for, and exact: no object of each.
      step.readCounts(numbers, 2 * i, 2 * asked.length);
      continue;
    }
    const condition = conditionOf[i] as number;
    const none = ofNothing(measure);
    const answerOf = step.answerer(measure);
    for (let place = 0; place < outputs.length; place++) {
      const at = place * asked.length + i;
      const answer = answerOf((outputs[place] as number) * slots + condition);
      numbers[2 * at] = answer.value ?? none;
      numbers[2 * at + 1] = answer.errorBound;
      if (hasParts) answers[at] = answer;
    }
  }
  return {
    tMs,
    endMs,
    lengthMs: endMs - fromMs,
    restated: step.restated > 0,
    outputs,
    numbers,
    answers,
  };
}

/** Where there are events, but none that the measure's condition keeps, there were 0 of them; of a sum or mean nothing is known. */
export const ofNothing = ({ measure: { op } }: AskedMeasure): number =>
  op === 'count' || op === 'distinct' ? 0 : Number.NaN;

/** @param value as stored, NaN: none */
export const valueAt = (value: number, errorBound: number, factor: number): MeasuredValue => ({
  value: Number.isNaN(value) ? null : value * factor,
  errorBound: errorBound * factor,
});
