/** What a number and a table show of an answer: values of the whole range. Pure. */

import type { Explored } from '../chart/explored.ts';
import { grouped } from '../kit/format.ts';
import type { MeasureInput, TimeseriesVariables } from '../question/question.ts';
import { addsUp } from '../saved/panel-question.ts';
import type { Label, MeasuredValue } from '../server/answers.ts';
import { keyOf } from '../server/live-answer.ts';

interface StepValues {
  readonly values: readonly MeasuredValue[];
}

/** Undefined: the steps do not say it. Null: there is none. */
export type WholeValue = MeasuredValue | undefined;

/** Of each measure over all steps together, or of the one step that is the range. */
export function wholeValues(
  points: readonly StepValues[],
  { measures, window }: TimeseriesVariables,
): readonly WholeValue[] {
  const newest = points.at(-1)?.values;
  if (window !== undefined || points.length <= 1) {
    return measures.map((_, i) => newest?.[i] ?? { value: null, errorBound: 0 });
  }
  return measures.map((measure, i) =>
    addsUp(measure) ? together(measure, valuesOf(points, i)) : undefined,
  );
}

const valuesOf = (points: readonly StepValues[], measure: number): readonly number[] =>
  points.flatMap(({ values }) => values[measure]?.value ?? []);

/** Exact: so is what adds up. A rate is that of all steps, which are of one length. */
function together({ op }: MeasureInput, values: readonly number[]): MeasuredValue {
  const exactly = (value: number | null): MeasuredValue => ({ value, errorBound: 0 });
  if (values.length === 0) return exactly(null);
  if (op === 'min') return exactly(values.reduce((a, b) => Math.min(a, b)));
  if (op === 'max') return exactly(values.reduce((a, b) => Math.max(a, b)));
  const sum = values.reduce((a, b) => a + b, 0);
  return exactly(op === 'rate' ? sum / values.length : sum);
}

export interface NumberShown {
  readonly measure: MeasureInput;
  readonly now: WholeValue;
  /** Of the earlier time, if the question has one beside it. */
  readonly before: number | null | undefined;
}

/** One of each measure, of all that the question is about. */
export function numbersOf(answer: Explored, kept: TimeseriesVariables): readonly NumberShown[] {
  const [series] = answer.series;
  const earlier = answer.compared?.series[0]?.compared;
  const now = wholeValues(series?.points ?? [], kept);
  const before = earlier && wholeValues(earlier, kept);
  return kept.measures.map((measure, i) => ({
    ...{ measure, now: now[i] },
    before: answer.compared && (before?.[i]?.value ?? null),
  }));
}

/** "+12 %", "−3 %"; undefined where there is nothing to compare with. */
export function changeInWords(
  now: number | null | undefined,
  before: number | null | undefined,
): string | undefined {
  if (now == null || before == null || before === 0) return undefined;
  const percent = (100 * (now - before)) / Math.abs(before);
  const size = Math.abs(percent);
  const digits = size >= 10 || size === 0 ? Math.round(size) : Number(size.toPrecision(2));
  return `${percent > 0 ? '+' : percent < 0 ? '−' : '±'}${grouped(digits)} %`;
}

export interface SeriesRow {
  readonly key: string;
  readonly labels: readonly Label[];
  readonly values: readonly WholeValue[];
}

/** Of each series, the most of the first measure first. */
export function seriesRows(answer: Explored, kept: TimeseriesVariables): readonly SeriesRow[] {
  const sizeOf = ({ values: [first] }: SeriesRow) => first?.value ?? Number.NEGATIVE_INFINITY;
  return answer.series
    .map(({ labels, points }) => ({
      key: keyOf(labels),
      labels,
      values: wholeValues(points, kept),
    }))
    .sort((a, b) => sizeOf(b) - sizeOf(a));
}
