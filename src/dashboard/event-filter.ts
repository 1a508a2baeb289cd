/** Which events are looked at: as the address has it, as the server takes it, and in words. Pure, so that it is tested without a browser. */

/** As `EventWhere` of the server. */
export type Condition = Readonly<Record<string, unknown>>;

export interface EventFilter {
  readonly stream: string;
  readonly fromMs: number | undefined;
  /** Exclusive. Undefined: up to now, and what comes. */
  readonly toMs: number | undefined;
  /** All of them hold. */
  readonly conditions: readonly Condition[];
  /** Some text of the event has it; empty: whatever. */
  readonly contains: string;
}

/** What the filter is, or what is wrong with the address: a part that was passed over would answer another question. */
export type ReadFilter =
  | { readonly ok: true; readonly filter: EventFilter }
  | { readonly ok: false; readonly problem: string };

export function readFilter(parameters: URLSearchParams): ReadFilter {
  const [from, to, where] = ['from', 'to', 'where'].map((name) => parameters.get(name));
  const wrong = (
    name: string,
    wanted: string,
    received: string | null | undefined,
  ): ReadFilter => ({
    ok: false,
    problem: `The address has ${name}=${received}, expected ${wanted}.`,
  });
  const [fromMs, toMs] = [timeIn(from), timeIn(to)];
  if (fromMs === null) return wrong('from', 'a time as epoch milliseconds', from);
  if (toMs === null) return wrong('to', 'a time as epoch milliseconds', to);
  if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs) {
    return { ok: false, problem: 'The range is empty: its begin must lie before its end.' };
  }
  const conditions = conditionsIn(where);
  if (conditions === undefined) {
    return wrong('where', 'a condition as JSON, such as {"field":"user","eq":"u1"}', where);
  }
  const stream = parameters.get('stream') || 'events';
  const contains = parameters.get('contains') ?? '';
  return { ok: true, filter: { stream, fromMs, toMs, conditions, contains } };
}

/** Null: it is none. */
function timeIn(text: string | null | undefined): number | undefined | null {
  if (text == null) return undefined;
  return /^-?\d{1,15}$/.test(text) ? Number(text) : null;
}

function conditionsIn(text: string | null | undefined): readonly Condition[] | undefined {
  if (text == null) return [];
  try {
    const where: unknown = JSON.parse(text);
    if (!isCondition(where)) return undefined;
    const { and, ...beside } = where;
    const isConjunction = Array.isArray(and) && Object.keys(beside).length === 0;
    if (!isConjunction) return [where];
    return and.every(isCondition) ? and : undefined;
  } catch {
    return undefined;
  }
}

const isCondition = (value: unknown): value is Condition =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Undefined: every event. */
export const whereOf = (conditions: readonly Condition[]): Condition | undefined =>
  conditions.length > 1 ? { and: conditions } : conditions[0];

/** What the address has of it. */
export function parametersOf(filter: EventFilter): Readonly<Record<string, string | undefined>> {
  const { stream, fromMs, toMs, conditions, contains } = filter;
  const where = whereOf(conditions);
  return {
    stream: stream === 'events' ? undefined : stream,
    from: fromMs?.toString(),
    to: toMs?.toString(),
    where: where && JSON.stringify(where),
    contains: contains === '' ? undefined : contains,
  };
}

/** As a path with a query, without what is undefined. */
export function pathOf(path: string, parameters: Readonly<Record<string, string | undefined>>) {
  const given = Object.entries(parameters).filter((pair): pair is [string, string] => {
    return pair[1] !== undefined;
  });
  const query = new URLSearchParams(given).toString();
  return query === '' ? path : `${path}?${query}`;
}

export const OPERATORS = [
  { name: 'eq', words: 'is' },
  { name: 'ne', words: 'is not' },
  { name: 'contains', words: 'contains' },
  { name: 'prefix', words: 'begins with' },
  { name: 'gt', words: '>' },
  { name: 'gte', words: '≥' },
  { name: 'lt', words: '<' },
  { name: 'lte', words: '≤' },
  { name: 'exists', words: 'is there' },
  { name: 'absent', words: 'is not there' },
] as const;
export type Operator = (typeof OPERATORS)[number]['name'];

export const takesValue = (operator: Operator): boolean =>
  operator !== 'exists' && operator !== 'absent';

/** A text equals the number and the truth value that it is written as. Greater and less tell them apart: digits are a number there. */
export function conditionOf(field: string, operator: Operator, text: string): Condition {
  switch (operator) {
    case 'exists':
    case 'absent':
      return { field, exists: operator === 'exists' };
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte': {
      const isNumber = text.trim() !== '' && Number.isFinite(Number(text));
      return { field, [operator]: isNumber ? Number(text) : text };
    }
    default:
      return { field, [operator]: text };
  }
}

/** "user is u1"; JSON where it is not one of a single operator. */
export function inWords(condition: Condition): string {
  const { field, exists, ...rest } = condition;
  const [[name, value] = [], ...more] = Object.entries(rest);
  if (typeof field === 'string' && more.length === 0) {
    if (name === undefined && typeof exists === 'boolean') {
      return `${field} ${exists ? 'is there' : 'is not there'}`;
    }
    const operator = OPERATORS.find((each) => each.name === name);
    const isPlain = exists === undefined && typeof value !== 'object';
    if (operator !== undefined && isPlain) return `${field} ${operator.words} ${value}`;
  }
  return JSON.stringify(condition);
}
