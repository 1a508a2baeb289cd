/** Which columns of segments rollups need: nothing else is read. Pure. */
import { COLUMN_KIND, type ColumnKind } from '../../src/model/columns.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';

/** A field that rollups read. Columns by their names in segments; undefined where no event can have such a value. */
export interface SliceField {
  readonly field: string;
  /** It is asked for as text, or as a number: of what is in `more`, too. */
  readonly isText: boolean;
  readonly isNumber: boolean;
  readonly text: string | undefined;
  readonly number: string | undefined;
  readonly boolean: string | undefined;
  /** Its values that have no column are in `more`. */
  readonly isInRest: boolean;
  /** It is text, and only asked for how many different ones there are: their hashes do. */
  readonly isCounted: boolean;
}

export function fieldsOf(
  rollups: readonly RollupDefinition[],
  schema: StreamSchema,
): readonly SliceField[] {
  const labels = new Set<string>();
  const counted = new Set<string>();
  const numbers = new Set<string>();
  for (const { dimensions, filter, measures } of rollups) {
    for (const field of [...dimensions, ...filter.map((each) => each.field)]) labels.add(field);
    for (const measure of measures) {
      if (measure.op === 'count') continue;
      if (measure.op === 'top') {
        labels.add(measure.field);
        if (measure.by !== undefined) numbers.add(measure.by);
      } else (measure.op === 'distinct' ? counted : numbers).add(measure.field);
    }
  }
  return [...new Set([...labels, ...counted, ...numbers])].map((field) => {
    const isText = labels.has(field) || counted.has(field);
    const found = sliceField(schema, field, isText, numbers.has(field));
    const isOther = labels.has(field) || found.number !== undefined || found.boolean !== undefined;
    return { ...found, isCounted: isText && !isOther };
  });
}

function sliceField(
  schema: StreamSchema,
  field: string,
  isText: boolean,
  isNumber: boolean,
): Omit<SliceField, 'isCounted'> {
  const none = { text: undefined, number: undefined, boolean: undefined, isInRest: false };
  if (field === 'ts') return { ...none, field, isText, isNumber, number: 'ts' };
  if (field === 'id') return { ...none, field, isText, isNumber, text: isText ? 'id' : undefined };
  const column = (kind: ColumnKind): string | undefined =>
    schema.columns.find((each) => each.field === field && each.kind === kind)?.name;
  const text = field === 'type' ? 'type' : column(COLUMN_KIND.string);
  return {
    ...{ field, isText, isNumber, isInRest: true },
    text: isText ? text : undefined,
    // A text that is wanted may be a number's or a boolean's.
    number: column(COLUMN_KIND.number),
    boolean: isText ? column(COLUMN_KIND.boolean) : undefined,
  };
}

/**
 * In `more` a number is text. What reads as JavaScript writes a number was one, unless an application sends numbers as strings in
 * a field that is too rare for a column.
 */
const NUMBER = /^-?(0|[1-9][0-9]*)([.][0-9]*[1-9])?(e[+-][0-9]+)?$/;

/** NaN for any other text. */
export function numberIn(text: string): number {
  const value = NUMBER.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : Number.NaN;
}
