/** What rollups need of a stream's rows, as columns that DuckDB makes of segments: nothing else is read. Pure. */

import { COLUMN_KIND, type ColumnKind } from '../../src/model/columns.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import { identifier, literal } from '../../storage/segments/segment-columns.ts';

/** Each is an expression over the columns of a segment; undefined where no event can have such a value. */
export interface SliceField {
  readonly field: string;
  readonly text: string | undefined;
  readonly number: string | undefined;
  readonly boolean: string | undefined;
}

/** What every row is sorted by, and whether it is of the range: as `BlockColumns.eventTimes` of the block it came in. */
export const timeSql = (toleranceMs: number): string =>
  `CASE WHEN epoch_ms(ts) > epoch_ms(_arrival) + ${toleranceMs} THEN epoch_ms(_arrival) ELSE epoch_ms(ts) END`;

/** Fields that rollups read. */
export interface FieldUse {
  readonly field: string;
  readonly isText: boolean;
  readonly isNumber: boolean;
}

export function fieldsOf(rollups: readonly RollupDefinition[]): FieldUse[] {
  const texts = new Set<string>();
  const numbers = new Set<string>();
  for (const { dimensions, filter, measures } of rollups) {
    for (const field of [...dimensions, ...filter.map((each) => each.field)]) texts.add(field);
    for (const measure of measures) {
      if (measure.op === 'count') continue;
      (measure.op === 'distinct' ? texts : numbers).add(measure.field);
    }
  }
  return [...new Set([...texts, ...numbers])].map((field) => {
    return { field, isText: texts.has(field), isNumber: numbers.has(field) };
  });
}

/** `isInRest`: some row may have the field in `more`. What is not looked up there is read at half the cost. */
export function sliceField(
  schema: StreamSchema,
  { field, isText, isNumber }: FieldUse,
  isInRest: boolean,
): SliceField {
  if (field === 'ts') return { field, text: undefined, number: 'epoch_ms(ts)', boolean: undefined };
  if (field === 'id') return { field, text: 'id', number: undefined, boolean: undefined };
  const column = (kind: ColumnKind): string | undefined => {
    const found = schema.columns.find((each) => each.field === field && each.kind === kind);
    return found && identifier(found.name);
  };
  const string = field === 'type' ? 'type' : column(COLUMN_KIND.string);
  const rest = isInRest ? `more[${literal(field)}]` : undefined;
  const number = column(COLUMN_KIND.number);
  const text =
    string === undefined || rest === undefined ? (string ?? rest) : `coalesce(${string}, ${rest})`;
  return {
    field,
    text: isText ? text : undefined,
    number: isNumber ? numberSql(number, rest) : number,
    boolean: isText ? column(COLUMN_KIND.boolean) : undefined,
  };
}

/**
 * In `more` a number is text. What reads as JavaScript writes a number was one, unless an application sends numbers as strings in
 * a field that is too rare for a column.
 */
const NUMBER = '-?(0|[1-9][0-9]*)([.][0-9]*[1-9])?(e[+-][0-9]+)?';

function numberSql(column: string | undefined, rest: string | undefined): string | undefined {
  if (rest === undefined) return column;
  const parsed = `CASE WHEN regexp_full_match(${rest}, '${NUMBER}') THEN TRY_CAST(${rest} AS DOUBLE) END`;
  return column === undefined ? parsed : `coalesce(${column}, ${parsed})`;
}
