/**
 * A panel's question as anybody may have put it: the API takes what GraphQL takes for the arguments of `timeseries`, and answers it as it
 * was given. Here it gets the one form that the page knows. Pure.
 */

import { isObject } from '../kit/json.ts';
import { lengthText } from '../kit/length.ts';
import { MEASURES } from '../question/question.ts';
import type { AnsweredDashboard, Dashboard, PanelQuestion } from './dashboard-answers.ts';

export const dashboardAsRead = <D extends Dashboard>(dashboard: AnsweredDashboard<D>) => ({
  ...dashboard,
  panels: dashboard.panels.map((panel) => ({ ...panel, question: questionAsRead(panel.question) })),
});

/** With the defaults of what the page needs. The API has judged it: what has this form has the types of its schema, too. */
export const questionAsRead = (given: unknown): PanelQuestion => ({
  ...{ stream: 'events', measures: MEASURES },
  ...(asRead(given) as Partial<PanelQuestion>),
});

/** One stands for a list of one. */
const listOf = (value: unknown): unknown => (Array.isArray(value) ? value : [value]);
/** A number is one of milliseconds. */
const lengthOf = (value: unknown): unknown =>
  typeof value === 'number' ? lengthText(value) : value;
/** Epoch milliseconds: of digits, or of an RFC 3339 date-time, which may be in small letters and have a blank in its middle. */
const momentOf = (value: unknown): unknown => {
  if (typeof value !== 'string') return value;
  return /^\d+$/.test(value) ? Number(value) : Date.parse(value.toUpperCase().replace(' ', 'T'));
};

const FORMS: ReadonlyMap<string, (value: unknown) => unknown> = new Map([
  ...['measures', 'groupBy', 'buckets', 'and', 'or', 'in'].map((name) => [name, listOf] as const),
  ...['last', 'step', 'window'].map((name) => [name, lengthOf] as const),
  ...['from', 'to'].map((name) => [name, momentOf] as const),
]);

/** Null is as good as not given. */
function asRead(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asRead);
  if (!isObject(value)) return value;
  const given = Object.entries(value).filter(([, each]) => each !== null);
  return Object.fromEntries(
    given.map(([name, each]) => [name, asRead(FORMS.get(name)?.(each) ?? each)]),
  );
}
