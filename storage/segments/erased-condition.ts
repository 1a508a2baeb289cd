/** Which rows of a segment an erasure takes, as SQL over its columns. */
import { type FieldValue, numberOf } from '../../src/model/block-eraser.ts';
import { COLUMN_KIND, type ColumnKind } from '../../src/model/columns.ts';
import type { LogPosition } from '../../src/model/erasure.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import { identifier, literal } from './segment-columns.ts';

export interface ErasedEvents extends FieldValue {
  readonly before: LogPosition;
  /**
   * Also what arrived before this, wherever it lay: of another server's log, whose archive this one has taken over, positions mean
   * nothing.
   */
  readonly arrivedBeforeMs: number;
}

/** True for rows in none of these stretches of the log. */
export const outside = (stretches: readonly (readonly [from: number, to: number])[]): string =>
  stretches.length === 0
    ? 'true'
    : `NOT (${stretches.map(([from, to]) => `(_position >= ${from} AND _position < ${to})`).join(' OR ')})`;

/** Never null. `columns`: those that the file has; fields without one are in `more`. */
export function erasedCondition(
  events: ErasedEvents,
  schema: StreamSchema,
  columns: readonly string[],
): string {
  const { field, value, before, arrivedBeforeMs } = events;
  const present = new Set(columns);
  const parts = schema.columns
    .filter((column) => column.field === field && present.has(column.name))
    .map(({ name, kind }) => equals(identifier(name), kind, value));
  if (field === 'id' || field === 'type') parts.push(`${identifier(field)} = ${text(value)}`);
  if (present.has('more')) parts.push(`"more"[${text(field)}] = ${text(value)}`);
  if (parts.length === 0) return 'false';
  const hasValue = `coalesce(${parts.join(' OR ')}, false)`;
  return `${hasValue} AND (${isBefore(before)} OR _arrival < epoch_ms(${arrivedBeforeMs}))`;
}

function isBefore(position: LogPosition): string {
  if (typeof position === 'number') return `_position < ${position}`;
  const cases = position.map((end, partition) => `WHEN ${partition} THEN ${end}`);
  return `_position < CASE _partition ${cases.join(' ')} ELSE 0 END`;
}

/** The same as in blocks: `rowsWith`. */
function equals(column: string, kind: ColumnKind, value: string): string {
  switch (kind) {
    case COLUMN_KIND.string:
      return `${column} = ${text(value)}`;
    case COLUMN_KIND.number: {
      const number = numberOf(value);
      return number === undefined ? 'false' : `${column} = '${number}'::DOUBLE`;
    }
    case COLUMN_KIND.boolean:
      return value === 'true' || value === 'false' ? `${column} = ${value}` : 'false';
  }
}

/** A statement cannot have a NUL in it. */
const text = (value: string): string =>
  `(${value.split('\0').map(literal).join(' || chr(0) || ')})`;
