/** What a number and a table show of an answer: values of the whole range. Pure. */

import type { Explored } from '../chart/explored.ts';
import { grouped } from '../kit/format.ts';
import { type MeasureInput, SERIES_SHOWN } from '../question/question.ts';
import type { PanelQuestion } from '../saved/dashboard-answers.ts';
import { addsUp } from '../saved/panel-question.ts';
import type { Label, MeasuredValue, Series } from '../server/answers.ts';
import { keyOf } from '../server/live-answer.ts';

interface StepValues {
  readonly t: number;
  /** Default: one step later. */
  readonly end?: number;
  readonly values: readonly MeasuredValue[];
}

/** Which time is answered. Steps in which nothing was need not be there. */
type Answered = Pick<Explored, 'from' | 'to' | 'stepMs'>;
type Kept = Pick<PanelQuestion, 'measures' | 'window' | 'fill'>;

/** Undefined: the steps do not say it. Null: there is none. */
export type WholeValue = MeasuredValue | undefined;

/** Of a value that is undefined. */
export const NOT_OF_STEPS =
  'Its steps do not add up: of the whole range it is known by a "window" as long.';

/** Of each measure over all steps together, or of the one step that is the range. */
export const wholeValues = (
  points: readonly StepValues[],
  kept: Kept,
  answered: Answered,
): readonly WholeValue[] =>
  kept.measures.map((measure, place) => wholeValue(points, place, measure, kept, answered));

function wholeValue(
  points: readonly StepValues[],
  place: number,
  measure: MeasureInput,
  { window, fill }: Kept,
  answered: Answered,
): WholeValue {
  const newest = points.at(-1)?.values[place] ?? exactly(null);
  if (window !== undefined) return newest;
  // What was before stands in steps in which nothing was: it was not once more.
  if (fill === 'PREVIOUS' && points.length > 1 && !isExtreme(measure)) return undefined;
  if (measure.op === 'rate') return exactly(wholeRate(points, place, answered));
  if (points.length <= 1) return newest;
  return addsUp(measure) ? exactly(together(measure, valuesOf(points, place))) : undefined;
}

/** So is what adds up. */
const exactly = (value: number | null): MeasuredValue => ({ value, errorBound: 0 });

const isExtreme = ({ op }: MeasureInput): boolean => op === 'min' || op === 'max';

const valuesOf = (points: readonly StepValues[], place: number): readonly number[] =>
  points.flatMap(({ values }) => values[place]?.value ?? []);

function together({ op }: MeasureInput, values: readonly number[]): number | null {
  if (values.length === 0) return null;
  if (op === 'min') return values.reduce((a, b) => Math.min(a, b));
  if (op === 'max') return values.reduce((a, b) => Math.max(a, b));
  return values.reduce((a, b) => a + b, 0);
}

/** What came in all steps, by the length of the range. */
function wholeRate(
  points: readonly StepValues[],
  place: number,
  { from, to, stepMs }: Answered,
): number | null {
  const came = points.flatMap(({ t, end = t + stepMs, values }) => {
    const rate = values[place]?.value;
    return rate == null ? [] : rate * (end - t);
  });
  return came.length === 0 ? null : came.reduce((a, b) => a + b, 0) / (to - from);
}

export interface NumberShown {
  /** Of its series; none: of all that the question is about. */
  readonly labels: readonly Label[];
  readonly measure: MeasureInput;
  readonly now: WholeValue;
  /** Of the earlier time, if the question has one beside it. */
  readonly before: number | null | undefined;
}

const NO_EVENTS: Pick<Series, 'labels' | 'points'> = { labels: [], points: [] };

/** One of each measure and series. */
export function numbersOf(answer: Explored, kept: PanelQuestion): readonly NumberShown[] {
  const { compared, stepMs } = answer;
  const series = answer.series.length === 0 ? [NO_EVENTS] : answer.series.slice(0, SERIES_SHOWN);
  return series.flatMap(({ labels, points }) => {
    const key = keyOf(labels);
    const now = wholeValues(points, kept, answer);
    const earlier = compared?.series.find((each) => keyOf(each.labels) === key)?.compared;
    const before = compared && earlier && wholeValues(earlier, kept, { ...compared, stepMs });
    return kept.measures.map((measure, i) => ({
      ...{ labels, measure, now: now[i] },
      before: compared && (before?.[i]?.value ?? null),
    }));
  });
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
export function seriesRows(answer: Explored, kept: PanelQuestion): readonly SeriesRow[] {
  const sizeOf = ({ values: [first] }: SeriesRow) => first?.value ?? Number.NEGATIVE_INFINITY;
  return answer.series
    .map(({ labels, points }) => ({
      key: keyOf(labels),
      labels,
      values: wholeValues(points, kept, answer),
    }))
    .sort((a, b) => sizeOf(b) - sizeOf(a));
}
