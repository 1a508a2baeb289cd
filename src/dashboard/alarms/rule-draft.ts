/** A rule as it is written, in a form and as JSON, and what it says in words. Pure, so that it is tested without a browser. */

import { shortLength, shortNumber } from '../kit/format.ts';
import { isObject, parsedJson } from '../kit/json.ts';
import { lengthText } from '../kit/length.ts';
import type { Shown } from '../question/words.ts';
import type { Label } from '../server/answers.ts';
import type { AlarmCondition, AlarmRule, Bound, FieldFilter } from './alarm-answers.ts';
import { type RuleUnits, unitsOf } from './rule-measure.ts';

/** An `AlarmRuleInput` of the server, which says what is wrong with it. */
export type RuleDraft = Readonly<Record<string, unknown>>;

export const NEW_RULE: RuleDraft = {
  name: '',
  stream: 'events',
  measure: 'count',
  filter: [],
  groupBy: [],
  window: '5m',
  above: 100,
  severity: 'warning',
};

/** Whole, so that what the form has no field for stays as it is. */
export const draftOf = (rule: AlarmRule): RuleDraft => ({
  name: rule.name,
  stream: rule.stream,
  measure: rule.measure,
  filter: rule.filter,
  ...(rule.over && { over: rule.over }),
  groupBy: rule.groupBy,
  normalize: rule.normalize,
  window: lengthText(rule.windowMs),
  every: lengthText(rule.everyMs),
  lateness: lengthText(rule.latenessMs),
  ...conditionDraft(rule.condition),
  for: lengthText(rule.forMs),
  keepFiringFor: lengthText(rule.keepFiringForMs),
  severity: rule.severity,
  escalation: rule.escalation,
  onNoValue: rule.onNoValue,
  suppress: rule.suppress,
  labels: textsOf(rule.labels),
  annotations: textsOf(rule.annotations),
  groupsMax: rule.groupsMax,
  forgetAfter: lengthText(rule.forgetAfterMs),
});

/** Undefined where a text is none that the form can show; whether it is a rule the server says. */
export function readDraft(text: string): RuleDraft | undefined {
  const draft = parsedJson(text);
  if (!isObject(draft)) return undefined;
  const { filter = [], groupBy = [], over = {} } = draft;
  const isShown =
    isObject(over) &&
    isFilter(filter) &&
    isFilter(over['filter'] ?? []) &&
    Array.isArray(groupBy) &&
    groupBy.every((field) => typeof field === 'string');
  return isShown ? draft : undefined;
}

const isFilter = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.every(
    (each) => isObject(each) && typeof each['field'] === 'string' && Array.isArray(each['in']),
  );

function conditionDraft(condition: AlarmCondition): RuleDraft {
  const { kind, above, below, versus, by, deviations, weeks, direction } = condition;
  const bounds = {
    ...(above !== null && { above: plainBound(above) }),
    ...(below !== null && { below: plainBound(below) }),
  };
  switch (kind) {
    case 'threshold':
      return bounds;
    case 'change':
      return { change: { versus, by, ...bounds } };
    case 'anomaly':
      return { anomaly: { deviations, weeks, direction } };
    case 'noData':
      return { noData: true };
  }
}

/** A number where it is normal again past the same bound. */
const plainBound = (bound: Bound): Bound =>
  typeof bound === 'object' && bound.fire === bound.clear ? bound.fire : bound;

const textsOf = (labels: readonly Label[]): object =>
  Object.fromEntries(labels.map(({ name, value }) => [name, value]));

/** "type=error,fatal; country=DE". Undefined where a text has these signs itself: the JSON has them then. */
export function filterText(filter: readonly FieldFilter[]): string | undefined {
  const text = filter.map((each) => `${each.field}=${each.in.join(',')}`).join('; ');
  return JSON.stringify(filterOf(text)) === JSON.stringify(filter) ? text : undefined;
}

export const filterOf = (text: string): readonly FieldFilter[] =>
  text
    .split(';')
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const [field = '', ...values] = part.split('=');
      const wanted = values.join('=').split(',');
      return { field: field.trim(), in: wanted.map((value) => value.trim()) };
    });

/** When it is abnormal: "count above 100 in 5 min". */
export function ruleInWords(rule: AlarmRule): string {
  const { measure, over, condition, windowMs, groupBy } = rule;
  const value = over === null ? measure : `${measure} / ${over.measure}`;
  const by = groupBy.length === 0 ? '' : ` by ${groupBy.join(', ')}`;
  const what =
    condition.kind === 'noData'
      ? 'no event'
      : `${value} ${boundInWords(condition, unitsOfRule(rule).threshold)}`;
  return `${what} in ${shortLength(windowMs)}${by}`;
}

export const unitsOfRule = ({ measure, over, condition: { kind } }: AlarmRule): RuleUnits =>
  unitsOf({ measure, over, isThreshold: kind === 'threshold' });

export const unitsOfDraft = ({ measure, over, change, anomaly }: RuleDraft): RuleUnits =>
  unitsOf({ measure, over, isThreshold: change === undefined && anomaly === undefined });

function boundInWords(condition: AlarmCondition, shown: Shown): string {
  const { kind, versus, by, deviations, direction } = condition;
  switch (kind) {
    case 'threshold':
      return boundsInWords(condition, shown);
    case 'change':
      return `changed ${boundsInWords(condition, by === 'percent' ? percent : shown)} from ${versus}`;
    case 'anomaly':
      return `${direction === 'both' ? 'off' : direction} by ${deviations} deviations`;
    case 'noData':
      return '';
  }
}

const percent: Shown = (value) => `${shortNumber(value)} %`;

const boundsInWords = ({ above, below }: AlarmCondition, shown: Shown): string =>
  [
    ...(above === null ? [] : [`above ${shown(fireOf(above))}`]),
    ...(below === null ? [] : [`below ${shown(fireOf(below))}`]),
  ].join(' or ');

export const fireOf = (bound: Bound): number => (typeof bound === 'number' ? bound : bound.fire);

/** Lines to draw: of a change and an anomaly the bound is another one at each time. */
export const thresholdsOf = ({ above, below }: RuleDraft): readonly number[] =>
  [above, below]
    .filter((bound): bound is Bound => bound != null)
    .map(fireOf)
    .filter(Number.isFinite);
