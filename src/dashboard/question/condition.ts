/** Conditions on fields: as the server takes them, as the address has them, as they are chosen, and in words. Pure. */
import { isObject, parsedJson } from '../kit/json.ts';

type FieldValue = string | number | boolean;

/** As `Where` of a timeseries and `EventWhere` of events. */
export interface Where {
  readonly field?: string;
  readonly eq?: FieldValue;
  readonly ne?: FieldValue;
  readonly in?: readonly FieldValue[];
  /** Of events alone. */
  readonly contains?: string;
  readonly prefix?: string;
  readonly gt?: FieldValue;
  readonly gte?: FieldValue;
  readonly lt?: FieldValue;
  readonly lte?: FieldValue;
  readonly exists?: boolean;
  readonly and?: readonly Where[];
  readonly or?: readonly Where[];
  readonly not?: Where;
}

/** Undefined: there is none. */
export const whereOf = (conditions: readonly Where[]): Where | undefined =>
  conditions.length > 1 ? { and: conditions } : conditions[0];

/** The conditions that `whereOf` has put together; undefined where a text is none. The server says what is wrong within one. */
export function conditionsIn(text: string): readonly Where[] | undefined {
  const where = parsedJson(text);
  return isObject(where) ? conditionsOf(where) : undefined;
}

export function conditionsOf(where: Where): readonly Where[] | undefined {
  const { and, ...beside } = where;
  if (!Array.isArray(and) || Object.keys(beside).length > 0) return [where];
  return and.every(isObject) ? and : undefined;
}

export const OPERATORS = [
  { name: 'eq', sign: '=' },
  { name: 'ne', sign: '≠' },
  { name: 'in', sign: 'in' },
  { name: 'contains', sign: 'contains' },
  { name: 'prefix', sign: 'begins with' },
  { name: 'gt', sign: '>' },
  { name: 'gte', sign: '≥' },
  { name: 'lt', sign: '<' },
  { name: 'lte', sign: '≤' },
  { name: 'there', sign: 'is there' },
  { name: 'absent', sign: 'is absent' },
] as const;
export type Operator = (typeof OPERATORS)[number]['name'];

export const takesValue = (operator: Operator): boolean =>
  operator !== 'there' && operator !== 'absent';

/** A text equals the number and the truth value that it is written as. Greater and less tell them apart: digits are a number there. */
export function conditionOf(field: string, operator: Operator, text: string): Where {
  switch (operator) {
    case 'there':
    case 'absent':
      return { field, exists: operator === 'there' };
    case 'in':
      return { field, in: text.split(',').map((each) => each.trim()) };
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return { field, [operator]: isNumber(text) ? Number(text) : text };
    case 'eq':
    case 'ne':
    case 'contains':
    case 'prefix':
      return { field, [operator]: text };
  }
}

const isNumber = (text: string): boolean => text.trim() !== '' && Number.isFinite(Number(text));

/** "type = buy"; JSON where it is none of a single operator, which nobody chose in the page. */
export function conditionText(where: Where): string {
  const { field, ...parts } = where;
  const [part, ...more] = Object.entries(parts);
  if (typeof field !== 'string' || part === undefined || more.length > 0) {
    return JSON.stringify(where);
  }
  const [name, value] = part;
  if (name === 'exists') return `${field} is ${value === true ? 'there' : 'absent'}`;
  if (name === 'in' && Array.isArray(value)) return `${field} in ${value.join(', ')}`;
  const sign = OPERATORS.find((operator) => operator.name === name)?.sign;
  return sign === undefined || typeof value === 'object'
    ? JSON.stringify(where)
    : `${field} ${sign} ${value}`;
}
