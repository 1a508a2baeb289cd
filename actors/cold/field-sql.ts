/**
 * Fields of events as rollups read them (src/aggregate/block-columns.ts), in SQL over the columns of a stream's schema: as
 * texts, which are labels and what is told apart, and as numbers.
 */
import { COLUMN_KIND, type ColumnKind } from '../../src/model/columns.ts';
import { NUMBER_TEXT } from '../../src/model/number-text.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import { identifier } from '../../storage/segments/segment-columns.ts';
import type { EventWhere, Value } from './questions.ts';

/** A condition on a field's text. Whoever asks has checked that it is not too large. */
export interface LabelWhere extends Pick<EventWhere, 'field' | 'prefix' | 'exists'> {
  readonly eq?: string;
  readonly ne?: string;
  readonly in?: readonly string[];
  readonly gt?: string | number;
  readonly gte?: string | number;
  readonly lt?: string | number;
  readonly lte?: string | number;
  readonly and?: readonly LabelWhere[];
  readonly or?: readonly LabelWhere[];
  readonly not?: LabelWhere;
}

const RANGE = [
  ['gt', '>'],
  ['gte', '>='],
  ['lt', '<'],
  ['lte', '<='],
] as const;
const ROLES: ReadonlySet<string> = new Set(['id', 'type']);
/** Null where the text is not how a number is written; that of a rare field is, if it was one. */
export const rareNumber = (text: string): string =>
  `CASE WHEN regexp_full_match(${text}, '${NUMBER_TEXT}') THEN TRY_CAST(${text} AS DOUBLE) END`;

export class FieldSql {
  /** Of `$1`, `$2`. */
  readonly parameters: Value[] = [];
  readonly #schema: StreamSchema;

  constructor(schema: StreamSchema) {
    this.#schema = schema;
  }

  /**
   * Null where the event has no such field.
   *
   * @param isCurrent of files that have all columns of the schema: what is of a column's kind is in the column
   */
  text(field: string, isCurrent: boolean): string {
    if (ROLES.has(field)) return identifier(field);
    if (field === 'ts') return 'CAST(epoch_ms("ts") AS VARCHAR)';
    const columns = KINDS.flatMap((kind) => this.#columns(field, kind));
    const texts = columns.map(({ name, kind }) => textOf(identifier(name), kind));
    if (!isCurrent || columns.length < KINDS.length) texts.push(this.#rare(field));
    return texts.length === 1 ? (texts[0] as string) : `coalesce(${texts.join(', ')})`;
  }

  /** Null where the field is no number. Of a rare one nobody knows any more whether its digits were a text. */
  number(field: string, isCurrent: boolean): string {
    if (ROLES.has(field)) return 'NULL::DOUBLE';
    if (field === 'ts') return 'epoch_ms("ts")::DOUBLE';
    const [column] = this.#columns(field, COLUMN_KIND.number);
    if (column !== undefined && isCurrent) return identifier(column.name);
    const rare = rareNumber(this.#rare(field));
    return column === undefined ? rare : `coalesce(${identifier(column.name)}, ${rare})`;
  }

  /** SQL that is true where the condition holds: an absent field equals nothing, and `ne` is the opposite of `eq`. */
  where(where: LabelWhere, isCurrent: boolean): string {
    const { and, or, not } = where;
    const parts = where.field === undefined ? [] : this.#judged(where, where.field, isCurrent);
    for (const each of and ?? []) parts.push(this.where(each, isCurrent));
    if (or !== undefined) {
      const any = or.map((each) => `(${this.where(each, isCurrent)})`);
      parts.push(any.length === 0 ? 'false' : any.join(' OR '));
    }
    if (not !== undefined) parts.push(`NOT coalesce(${this.where(not, isCurrent)}, false)`);
    return parts.length === 0 ? 'true' : parts.map((part) => `(${part})`).join(' AND ');
  }

  #judged(where: LabelWhere, field: string, isCurrent: boolean): string[] {
    const { eq, ne, in: values, prefix, exists } = where;
    // Once, and only if it is used: a parameter that the statement has no place for is refused.
    let known: string | undefined;
    const text = (): string => {
      known ??= this.text(field, isCurrent);
      return known;
    };
    const parts: string[] = [];
    if (eq !== undefined) parts.push(`${text()} = ${this.value(eq)}`);
    if (ne !== undefined) parts.push(`${text()} IS DISTINCT FROM ${this.value(ne)}`);
    if (values !== undefined) {
      const wanted = values.map((value) => this.value(value));
      parts.push(wanted.length === 0 ? 'false' : `${text()} IN (${wanted.join(', ')})`);
    }
    if (prefix !== undefined) parts.push(`starts_with(${text()}, ${this.value(prefix)})`);
    for (const [part, operator] of RANGE) {
      const bound = where[part];
      if (bound === undefined) continue;
      const compared = typeof bound === 'number' ? this.#labelNumber(field, isCurrent) : text();
      parts.push(`${compared} ${operator} ${this.value(bound)}`);
    }
    if (exists !== undefined) parts.push(`${text()} IS ${exists ? 'NOT NULL' : 'NULL'}`);
    return parts;
  }

  /** The number that is the label, or that it is written as; null for all other labels. */
  #labelNumber(field: string, isCurrent: boolean): string {
    if (ROLES.has(field)) return rareNumber(identifier(field));
    if (field === 'ts') return this.number(field, isCurrent);
    const strings = this.#columns(field, COLUMN_KIND.string);
    const written = strings.map(({ name }) => rareNumber(identifier(name)));
    return written.length === 0
      ? this.number(field, isCurrent)
      : `coalesce(${[...written, this.number(field, isCurrent)].join(', ')})`;
  }

  #columns(field: string, kind: ColumnKind): StreamSchema['columns'] {
    return this.#schema.columns.filter((each) => each.field === field && each.kind === kind);
  }

  #rare(field: string): string {
    return `"more"[${this.value(field)}::VARCHAR]`;
  }

  /** A value of the statement, in its place. */
  value(value: Value): string {
    this.parameters.push(value);
    return `$${this.parameters.length}`;
  }
}

/** In the order in which a rollup would take them, if an event could have several. */
const KINDS: readonly ColumnKind[] = [COLUMN_KIND.string, COLUMN_KIND.number, COLUMN_KIND.boolean];

function textOf(column: string, kind: ColumnKind): string {
  switch (kind) {
    case COLUMN_KIND.string:
      return column;
    case COLUMN_KIND.number:
      return numberText(column);
    case COLUMN_KIND.boolean:
      return `CASE ${column} WHEN true THEN 'true' WHEN false THEN 'false' END`;
  }
}

/**
 * A double as JavaScript's `String` writes it. DuckDB has the same digits, but others rules for where the point is: it writes
 * `1.0`, `1.5e-05` and `1e+16` for `1`, `0.000015` and `10000000000000000`.
 */
export function numberText(column: string): string {
  const text = `CAST(${column} AS VARCHAR)`;
  const digits = `regexp_replace(split_part(${text}, 'e', 1), '[-.]', '', 'g')`;
  const exponent = `CAST(split_part(${text}, 'e', 2) AS INTEGER)`;
  const sign = `CASE WHEN ${column} < 0 THEN '-' ELSE '' END`;
  return `CASE
    WHEN ${column} = trunc(${column}) AND abs(${column}) < 1e15 THEN CAST(CAST(${column} AS BIGINT) AS VARCHAR)
    WHEN abs(${column}) >= 1e21 THEN ${text}
    WHEN abs(${column}) >= 1e16 THEN ${sign} || rpad(${digits}, ${exponent} + 1, '0')
    WHEN abs(${column}) >= 1e-4 THEN regexp_replace(${text}, '[.]0$', '')
    WHEN abs(${column}) >= 1e-6 THEN ${sign} || '0.' || repeat('0', -${exponent} - 1) || ${digits}
    ELSE replace(${text}, 'e-0', 'e-') END`;
}
