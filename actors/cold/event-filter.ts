/** Conditions on events as SQL over the columns of a stream's schema. Values are handed over apart from the text. */

import { numberOf } from '../../src/model/block-eraser.ts';
import { COLUMN_KIND, type ColumnKind } from '../../src/model/columns.ts';
import { AppError } from '../../src/model/errors.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import { identifier } from '../../storage/segments/segment-columns.ts';
import { rareNumber } from './field-sql.ts';
import { WHERE_DEPTH_MAX, WHERE_TERMS_MAX } from './limits.ts';
import type { EventWhere, Value } from './questions.ts';

/** Where values of a field may be: columns of its kinds, and the map of rare fields, whose values are all texts. */
interface Place {
  readonly sql: string;
  readonly kind: ColumnKind | 'text';
}

const COMPARISON = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;
const JUDGING = [
  'eq',
  'ne',
  'in',
  'gt',
  'gte',
  'lt',
  'lte',
  'contains',
  'prefix',
  'exists',
] as const;
type Part = (typeof JUDGING)[number];
const NEVER = 'false';

export class EventFilter {
  /** Of `$1`, `$2`. */
  readonly parameters: Value[] = [];
  readonly #schema: StreamSchema;
  #termsLeft = 0;
  #isCurrent = false;

  constructor(schema: StreamSchema) {
    this.#schema = schema;
  }

  /**
   * SQL that is true where the condition holds. Throws `query_invalid` if it is too large or says nothing.
   *
   * @param isCurrent of files that have all columns of the schema: what is of a column's kind is in the column, and the map of
   *   rare fields, which is dear to read, need not be
   */
  where(where: EventWhere, isCurrent: boolean): string {
    this.#termsLeft = WHERE_TERMS_MAX;
    this.#isCurrent = isCurrent;
    return this.#where(where, 1);
  }

  #where(where: EventWhere, depth: number): string {
    this.#termsLeft -= 1 + (where.in?.length ?? 0);
    if (depth > WHERE_DEPTH_MAX || this.#termsLeft < 0) {
      throw invalid(
        `a condition may nest ${WHERE_DEPTH_MAX} deep and have ${WHERE_TERMS_MAX} parts and values`,
      );
    }
    const { and, or, not } = where;
    const parts = this.#judged(where);
    if (and !== undefined) parts.push(...and.map((each) => this.#where(each, depth + 1)));
    if (or !== undefined) parts.push(any(or.map((each) => this.#where(each, depth + 1))));
    if (not !== undefined) parts.push(negated(this.#where(not, depth + 1)));
    if (parts.length === 0 && and === undefined) {
      throw invalid('a condition must name a field, or have "and", "or" or "not"');
    }
    return parts.length === 0 ? 'true' : parts.map((part) => `(${part})`).join(' AND ');
  }

  /** SQL that is true where some string of the event has `text` in it. */
  contains(text: string): string {
    const value = this.value(text);
    const columns = this.#schema.columns.filter(({ kind }) => kind === COLUMN_KIND.string);
    const strings = ['id', 'type', ...columns.map(({ name }) => name)].map(identifier);
    const texts = [...strings, `array_to_string(map_values("more"), chr(10))`];
    return any(texts.map((sql) => `contains(${sql}, ${value})`));
  }

  /** A value of the statement, in its place. */
  value(value: Value): string {
    this.parameters.push(value);
    return `$${this.parameters.length}`;
  }

  #judged(where: EventWhere): string[] {
    const given = JUDGING.filter((part) => where[part] !== undefined);
    if (where.field === undefined) {
      if (given.length === 0) return [];
      throw invalid(`a condition with "${given[0]}" must name its field`);
    }
    if (given.length === 0) {
      throw invalid(`the condition on "${where.field}" needs one of ${JUDGING.join(', ')}`);
    }
    const { field } = where;
    return given.map((part) =>
      this.#part(where, part, this.#placesOf(field, kindsJudged(where, part))),
    );
  }

  #part(where: EventWhere, part: Part, places: readonly Place[]): string {
    switch (part) {
      case 'eq':
        return this.#isOneOf(places, [where.eq as Value]);
      case 'ne':
        return negated(this.#isOneOf(places, [where.ne as Value]));
      case 'in':
        return this.#isOneOf(places, where.in ?? []);
      case 'contains':
        return this.#text(places, 'contains', where.contains ?? '');
      case 'prefix':
        return this.#text(places, 'starts_with', where.prefix ?? '');
      case 'exists': {
        const isThere = any(places.map(({ sql }) => `${sql} IS NOT NULL`));
        return where.exists === true ? isThere : negated(isThere);
      }
      case 'gt':
      case 'gte':
      case 'lt':
      case 'lte':
        return this.#compared(places, COMPARISON[part], where[part] as Value);
    }
  }

  /** A number is equal to the text that `String` makes of it, and no other: a field may have come as either. */
  #isOneOf(places: readonly Place[], values: readonly Value[]): string {
    return any(
      places.map(({ sql, kind }) => {
        const wanted = values.map((value) => valueAs(value, kind)).filter((v) => v !== undefined);
        if (wanted.length === 0) return NEVER;
        return `${sql} IN (${wanted.map((value) => this.value(value)).join(', ')})`;
      }),
    );
  }

  /** Numbers are compared with numbers, texts with texts: as text, 10 would come before 9. */
  #compared(places: readonly Place[], operator: string, value: Value): string {
    if (typeof value === 'boolean') {
      throw invalid(`expected a number or a text to compare with, received ${value}`);
    }
    const isNumber = typeof value === 'number';
    return any(
      places.map(({ sql, kind }) => {
        if (kind === COLUMN_KIND.number && isNumber)
          return `${sql} ${operator} ${this.value(value)}`;
        if (kind === COLUMN_KIND.string && !isNumber)
          return `${sql} ${operator} ${this.value(value)}`;
        if (kind !== 'text') return NEVER;
        const text = isNumber ? rareNumber(sql) : sql;
        return `${text} ${operator} ${this.value(value)}`;
      }),
    );
  }

  #text(places: readonly Place[], call: string, text: string): string {
    const texts = places.filter(({ kind }) => kind === COLUMN_KIND.string || kind === 'text');
    return any(texts.map(({ sql }) => `${call}(${sql}, ${this.value(text)})`));
  }

  /** `kinds` are those that values may be of which it is about. */
  #placesOf(field: string, kinds: readonly ColumnKind[]): Place[] {
    // One of no values; and a parameter that the statement has no place for is refused.
    if (kinds.length === 0) return [];
    if (isRole(field)) {
      return [{ sql: identifier(field), kind: COLUMN_KIND.string }];
    }
    if (field === 'ts') return [{ sql: 'epoch_ms("ts")', kind: COLUMN_KIND.number }];
    const columns = this.#schema.columns.filter((column) => column.field === field);
    const places = columns.map(({ name, kind }): Place => ({ sql: identifier(name), kind }));
    const isAll = kinds.every((kind) => columns.some((column) => column.kind === kind));
    if (!this.#isCurrent || !isAll) {
      places.push({ sql: `"more"[${this.value(field)}::VARCHAR]`, kind: 'text' });
    }
    return places;
  }
}

const KINDS: readonly ColumnKind[] = [COLUMN_KIND.string, COLUMN_KIND.number, COLUMN_KIND.boolean];

/** Of which kinds a value may be that the part holds for. */
function kindsJudged(where: EventWhere, part: Part): readonly ColumnKind[] {
  switch (part) {
    case 'eq':
    case 'ne':
    case 'in': {
      const values = part === 'in' ? (where.in ?? []) : [where[part] as Value];
      return KINDS.filter((kind) => values.some((value) => valueAs(value, kind) !== undefined));
    }
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return [typeof where[part] === 'number' ? COLUMN_KIND.number : COLUMN_KIND.string];
    case 'contains':
    case 'prefix':
      return [COLUMN_KIND.string];
    case 'exists':
      return KINDS;
  }
}

/** Of every event a column, whatever the schema. */
export const isRole = (field: string): boolean => field === 'id' || field === 'type';

/** Undefined if no value of that kind can be equal to it. */
export function valueAs(value: Value, kind: Place['kind']): Value | undefined {
  switch (kind) {
    case 'text':
    case COLUMN_KIND.string:
      return String(value);
    case COLUMN_KIND.number: {
      if (typeof value === 'number') return value;
      return typeof value === 'string' ? numberOf(value) : undefined;
    }
    case COLUMN_KIND.boolean: {
      if (typeof value === 'boolean') return value;
      return value === 'true' || value === 'false' ? value === 'true' : undefined;
    }
  }
}

const any = (parts: readonly string[]): string =>
  parts.length === 0 ? NEVER : parts.map((part) => `(${part})`).join(' OR ');

/** What is unknown because the field is absent does not hold. */
const negated = (condition: string): string => `NOT coalesce(${condition}, false)`;

const invalid = (message: string): AppError => new AppError('query_invalid', message);
