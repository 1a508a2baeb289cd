/** Measures as people write them, and the units that measures have. Pure. */

import { perSecond, shortLength, shortNumber, shortPercent } from '../kit/format.ts';
import type { LiveAnswer } from '../server/live-answer.ts';
import { conditionText } from './condition.ts';
import { letterOf, type MeasureInput } from './question.ts';

/** As the server names them: "quantile(duration_ms, 0.99)". */
export function measureText({ op, field, q, by, where, expression, as }: MeasureInput): string {
  if (expression !== undefined) return as ?? expression;
  const parts = [field, q, by].filter((part) => part !== undefined);
  const text = parts.length === 0 ? `${op}` : `${op}(${parts.join(', ')})`;
  return as ?? (where === undefined ? text : `${text} where ${conditionText(where)}`);
}

/** With the letter by which expressions call it. */
export const measureTexts = (measures: readonly MeasureInput[]): readonly string[] => {
  const hasExpression = measures.some(({ expression }) => expression !== undefined);
  return measures.map((measure, place) =>
    hasExpression && measure.expression === undefined && measure.as === undefined
      ? `${letterOf(place)} = ${measureText(measure)}`
      : measureText(measure),
  );
};

export type Shown = (value: number | null | undefined) => string;

/** A value with its unit: the unit of a field is that which its name tells, else there is none to say. */
export function shownOf(name: string | undefined): Shown {
  if (name === undefined) return shortNumber;
  if (/_ratio$|Ratio$/.test(name)) return shortPercent;
  return /_?ms$|Ms$/.test(name) ? shortLength : shortNumber;
}

/** Whose values are in the unit of their field. */
const OF_FIELD = ['sum', 'min', 'max', 'avg', 'quantile', 'first', 'last'];

export function measureShown({ op = '', field, as }: MeasureInput): Shown {
  if (op === 'rate') return perSecond;
  if (!OF_FIELD.includes(op)) return shortNumber;
  const named = shownOf(as);
  return named === shortNumber ? shownOf(field) : named;
}

/** Measures of the same scale stand in one chart. */
export function scaleOf(measure: MeasureInput): string {
  const { op = '', field } = measure;
  const spread = ['min', 'max', 'avg', 'quantile', 'first', 'last'];
  if (spread.includes(op)) return `values of ${field}`;
  if (op === 'count' || op === 'distinct') return 'numbers';
  return measureText(measure);
}

/** The most that a number of the answer may be off, as a part of it. */
export function exactnessOf({ series }: Pick<LiveAnswer, 'series'>): string {
  const values = series.flatMap(({ points }) => points.flatMap((point) => point.values));
  const off = values.filter(({ errorBound }) => errorBound > 0);
  if (off.length === 0) return 'exact';
  const parts = off.map(({ value, errorBound }) => errorBound / Math.abs(value ?? 0));
  const most = parts.reduce((a, b) => Math.max(a, b));
  return most < 1 ? `± ${shortNumber(100 * most)} % at most` : 'some values may be wholly off';
}
