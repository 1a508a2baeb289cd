/**
 * A question of Explore as a panel keeps it, and back. A chart asks for the steps of its range. A number and the rows of a table are of
 * the whole range: of steps that add up the page makes it, of all else the server, by a window as long as the range. Pure.
 */

import { moment } from '../kit/format.ts';
import { lengthMs } from '../kit/length.ts';
import { conditionsOf, conditionText } from '../question/condition.ts';
import {
  type AskedRange,
  type Comparison,
  LASTS,
  letterOf,
  lineVariablesOf,
  type MeasureInput,
  type Question,
  RANGE,
  type TimeseriesVariables,
  variablesOf,
} from '../question/question.ts';
import { measureText } from '../question/words.ts';
import { NAME_CHARS_MAX, type PanelQuestion, type PanelShow } from './dashboard-answers.ts';

export const SHOWS: readonly { readonly show: PanelShow; readonly name: string }[] = [
  { show: 'CHART', name: 'a chart' },
  { show: 'TABLE', name: 'a table' },
  { show: 'NUMBER', name: 'a number' },
];

const isTop = ({ op }: MeasureInput): boolean => op === 'top';

/** Heaviest values are rows of a table, and nothing else. */
export const canShow = ({ measures }: Pick<Question, 'measures'>, show: PanelShow): boolean =>
  show === 'TABLE' || !measures.every(isTop);

/** Measures whose steps make up the whole range. */
const ADDS_UP: ReadonlySet<string | undefined> = new Set(['count', 'sum', 'rate', 'min', 'max']);

export const addsUp = ({ op }: MeasureInput): boolean => ADDS_UP.has(op);

/** The arguments that a panel keeps. `stepMs` is one that the range was answered in: what keeps the range may have no finer ones. */
export function panelQuestionOf(
  question: Question,
  show: PanelShow,
  stepMs?: number,
): TimeseriesVariables {
  const { compare } = question;
  const lines = lineVariablesOf(question);
  switch (show) {
    case 'CHART':
      return { ...lines, ...(compare && { compare }) };
    case 'NUMBER': {
      const number = { ...lines, groupBy: [] };
      return lines.measures.every(addsUp)
        ? { ...number, ...(compare && { compare }) }
        : asWhole(number, compare, stepMs);
    }
    case 'TABLE': {
      const tops = variablesOf(question).measures.filter(isTop);
      const isOfTops = tops.length > 0 && question.groupBy.length === 0;
      return asWhole(isOfTops ? { ...lines, measures: tops } : lines, undefined, stepMs);
    }
  }
}

/** One short step that ends now, and with it the time of the range up to its end. */
function asWhole(
  { last, from, to, step: _, ...rest }: TimeseriesVariables,
  compare: Comparison | undefined,
  stepMs: number | undefined,
): TimeseriesVariables {
  if (last === undefined) {
    const whole = { from: from ?? 0, to: to ?? 0 };
    const beside = compare && { compare };
    return { ...rest, ...whole, step: `${whole.to - whole.from}ms`, ...beside };
  }
  // No step is longer than its window: an answer that is still shown may be of a longer range.
  const isFitting = stepMs !== undefined && stepMs <= (lengthMs(last) ?? Number.POSITIVE_INFINITY);
  const step = isFitting ? `${stepMs}ms` : stepOf(last);
  const before = compare && daysBefore(compare, last);
  return { ...rest, last: step, step, window: last, ...(before && { compare: before }) };
}

/** The period before a window is the step before it, which is nearly the same one: of a day and a week there is another name for what is meant. */
function daysBefore(compare: Comparison, last: string): Comparison | undefined {
  if (compare !== 'PERIOD_BEFORE') return compare;
  const days = (lengthMs(last) ?? 0) / 86_400_000;
  return days === 1 ? 'DAY_BEFORE' : days === 7 ? 'WEEK_BEFORE' : undefined;
}

/** So often the beginning of a window moves on. Rollups without settings have buckets that all of these are made of. */
const WINDOW_STEPS = ['1s', '5s', '15s', '1m', '5m', '15m', '1h', '1d'] as const;
const WINDOW_PARTS = 240;

function stepOf(range: string): string {
  // Months and years have no length in milliseconds, and longer steps than these.
  const rangeMs = lengthMs(range) ?? Number.POSITIVE_INFINITY;
  return WINDOW_STEPS.find((step) => (lengthMs(step) ?? 0) >= rangeMs / WINDOW_PARTS) ?? '1d';
}

/** What Explore asks to show the same. `answered` is what the panel was answered for: of a range that Explore has no word for, it is that. */
export function questionOfPanel(
  kept: PanelQuestion,
  answered?: { readonly from: number; readonly to: number },
): Question {
  const { stream = 'events', measures, where, groupBy = [], step, window, compare } = kept;
  const range = exploreRange(kept) ?? (answered ? { from: answered.from, to: answered.to } : RANGE);
  return {
    ...{ stream, groupBy, compare, range },
    measures: withoutLetters(measures),
    conditions: (where && (conditionsOf(where) ?? [where])) ?? [],
    step: window === undefined && 'last' in range ? step : undefined,
    timeZone: undefined,
  };
}

/** Undefined: Explore has no word for it. */
export function exploreRange(kept: PanelQuestion): AskedRange | undefined {
  const { last, from, to, localFrom, localTo, window } = kept;
  if (from !== undefined && to !== undefined) return { from, to };
  const ends = [from, to, localFrom, localTo];
  if (ends.some((end) => end !== undefined)) return undefined;
  const length = window ?? last;
  return length === undefined ? RANGE : { last: length };
}

/** It moves on with the time. */
export const endsNow = ({ to, localTo }: PanelQuestion): boolean =>
  to === undefined && localTo === undefined;

/** By which expressions call them: Explore gives them anew. */
const withoutLetters = (measures: readonly MeasureInput[]): readonly MeasureInput[] =>
  measures.map((measure, place) => {
    if (measure.as !== letterOf(place)) return measure;
    const { as: _, ...rest } = measure;
    return rest;
  });

/** The same question, shown otherwise. What Explore has no word for stays; without one for its range that is all of it. */
export function shownAs(kept: PanelQuestion, show: PanelShow): PanelQuestion {
  if (exploreRange(kept) === undefined) return kept;
  const { last: _, from, to, step, window, compare, ...others } = kept;
  return { ...others, ...panelQuestionOf(questionOfPanel(kept), show) };
}

/** "count by type, of type = buy", for a panel that has no name yet. */
export function titleOf({ measures, groupBy, conditions }: Question): string {
  const by = groupBy.length > 0 ? ` by ${groupBy.join(', ')}` : '';
  const of = conditions.length > 0 ? `, of ${conditions.map(conditionText).join(', ')}` : '';
  return `${measures.map(measureText).join(', ')}${by}${of}`.slice(0, NAME_CHARS_MAX);
}

/** "last 24 h" */
export function rangeInWords(kept: PanelQuestion): string {
  const range = exploreRange(kept);
  if (range === undefined) return endsInWords(kept);
  if (!('last' in range)) return 'a range that is over';
  return `last ${LASTS.find(({ last }) => last === range.last)?.name ?? range.last}`;
}

/** "since 2026-03-29 (Europe/Berlin)" */
function endsInWords({ from, to, localFrom, localTo, timeZone = 'UTC' }: PanelQuestion): string {
  const begin = from === undefined ? localFrom : moment(from);
  const end = to === undefined ? localTo : moment(to);
  const zone = localFrom === undefined && localTo === undefined ? '' : ` (${timeZone})`;
  if (end === undefined) return `since ${begin}${zone}`;
  return begin === undefined ? `1 h up to ${end}${zone}` : `${begin} – ${end}${zone}`;
}
