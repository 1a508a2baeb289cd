/** A question as it stands in the address, by the names that its arguments have in GraphQL. Pure. */

import { isObject, parsedJson } from '../kit/json.ts';
import { conditionsIn, whereOf } from './condition.ts';
import {
  COMPARISONS,
  type Comparison,
  GROUP_BY_MAX,
  MEASURES,
  MEASURES_MAX,
  type MeasureInput,
  type Question,
  RANGE,
} from './question.ts';

export interface ReadQuestion {
  readonly question: Question;
  /** What of the address could not be read: what is left of it would be another question. */
  readonly problems: readonly string[];
}

export function questionOf(parameters: URLSearchParams): ReadQuestion {
  const problems: string[] = [];
  function read<T>(name: string, expected: string, parse: (text: string) => T | undefined) {
    const text = parameters.get(name);
    if (text === null) return undefined;
    const value = parse(text);
    if (value === undefined) {
      problems.push(`"${name}": expected ${expected}, received "${text.slice(0, 80)}"`);
    }
    return value;
  }
  const from = read('from', 'epoch milliseconds', wholeNumber);
  const to = read('to', 'epoch milliseconds after "from"', (text) => {
    const end = wholeNumber(text);
    return end !== undefined && end > (from ?? 0) ? end : undefined;
  });
  if (parameters.has('from') !== parameters.has('to')) {
    problems.push('"from" and "to": expected both, or neither');
  }
  const last = read('last', 'a length of time such as 15m', duration);
  const conditions = read('where', 'a condition such as {"field":"type","eq":"buy"}', conditionsIn);
  const question: Question = {
    stream: parameters.get('stream') ?? 'events',
    measures:
      read('measures', `1 to ${MEASURES_MAX} such as [{"op":"count"}]`, measures) ?? MEASURES,
    conditions: conditions ?? [],
    groupBy:
      read('groupBy', `a list of at most ${GROUP_BY_MAX} fields such as ["type"]`, fieldNames) ??
      [],
    range:
      from !== undefined && to !== undefined ? { from, to } : last === undefined ? RANGE : { last },
    step: read('step', 'a length of time such as 1m', duration),
    compare: read('compare', Object.keys(COMPARISONS).join(', '), comparison),
    timeZone: read('zone', 'a time zone such as Europe/Berlin', timeZone),
  };
  return { question, problems };
}

/** What differs from the default is in the address. */
export function addressOf(question: Question): Readonly<Record<string, string | undefined>> {
  const { stream, measures, conditions, groupBy, range, step, compare, timeZone } = question;
  const where = whereOf(conditions);
  const { last, from, to } = { last: undefined, from: undefined, to: undefined, ...range };
  return {
    stream: stream === 'events' ? undefined : stream,
    measures: isSame(measures, MEASURES) ? undefined : JSON.stringify(measures),
    where: where && JSON.stringify(where),
    groupBy: groupBy.length === 0 ? undefined : JSON.stringify(groupBy),
    last: isSame(range, RANGE) ? undefined : last,
    from: from?.toString(),
    to: to?.toString(),
    step,
    compare,
    zone: timeZone,
  };
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

const wholeNumber = (text: string): number | undefined =>
  /^\d{1,15}$/.test(text) ? Number(text) : undefined;

const duration = (text: string): string | undefined =>
  /^\d+(ms|s|m|h|d|w|mo|y)$/.test(text) ? text : undefined;

const comparison = (text: string): Comparison | undefined =>
  Object.hasOwn(COMPARISONS, text) ? (text as Comparison) : undefined;

function timeZone(name: string): string | undefined {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

function measures(text: string): readonly MeasureInput[] | undefined {
  const list = parsedJson(text);
  if (!Array.isArray(list) || list.length === 0 || list.length > MEASURES_MAX) return undefined;
  return list.every(isMeasure) ? list : undefined;
}

const PARTS: ReadonlyMap<string, string> = new Map([
  ...['op', 'field', 'by', 'as', 'expression'].map((name) => [name, 'string'] as const),
  ...['q', 'k'].map((name) => [name, 'number'] as const),
]);

const isMeasure = (value: unknown): value is MeasureInput =>
  isObject(value) &&
  ('op' in value || 'expression' in value) &&
  Object.entries(value).every(([name, part]) =>
    name === 'where' ? isObject(part) : typeof part === (PARTS.get(name) ?? typeof part),
  );

function fieldNames(text: string): readonly string[] | undefined {
  const list = parsedJson(text);
  const isShort = Array.isArray(list) && list.length <= GROUP_BY_MAX;
  return isShort && list.every((each) => typeof each === 'string') ? list : undefined;
}
