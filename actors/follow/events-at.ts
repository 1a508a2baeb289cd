/** Some events of a block, as they were sent: here a rare field is what it was, and not a text as in the archive. */
import type { BlockColumn } from '../../src/model/block.ts';
import { BOOLEAN, COLUMN_KIND, ROLE } from '../../src/model/columns.ts';
import type { StoredEvent, Value } from '../cold/questions.ts';
import type { BlockRows } from './predicate.ts';

export interface ReadEvent {
  readonly event: StoredEvent;
  /** About what it takes as text. */
  readonly bytes: number;
}

/** About what a number, a name's quotes or a place take as text. */
const BYTES_EACH = 16;

/** `rows` count those that are kept; `offset` is the block's place in the log. Reads each column once. */
export function eventsAt(from: BlockRows, rows: readonly number[], offset: number): ReadEvent[] {
  const { block, kept } = from;
  const events = rows.map((row) => ({
    event: {
      tsMs: block.arrivalMs as number,
      partition: block.partition,
      position: offset,
      row: kept.rows[row] ?? 0,
      id: null as string | null,
      type: null as string | null,
      arrivalMs: block.arrivalMs as number,
      fields: emptyFields(),
    },
    bytes: 4 * BYTES_EACH,
  }));
  for (const column of block.columns) {
    const values = valuesOf(from, column, rows);
    for (const [i, each] of events.entries()) {
      const value = values[i];
      if (value === undefined) continue;
      each.bytes += BYTES_EACH + (typeof value === 'string' ? value.length : 0);
      switch (column.role) {
        case ROLE.ts:
          each.event.tsMs = Number(value);
          break;
        case ROLE.id:
          each.event.id = String(value);
          break;
        case ROLE.type:
          each.event.type = String(value);
          break;
        case ROLE.field:
          each.bytes += column.name.length;
          each.event.fields[column.name] = value;
          break;
      }
    }
  }
  return events;
}

/** A field is no place in a prototype, whatever it is called. */
const emptyFields = (): Record<string, Value> => Object.create(null);

function valuesOf(
  { block, kept }: BlockRows,
  column: BlockColumn,
  rows: readonly number[],
): (Value | undefined)[] {
  switch (column.kind) {
    case COLUMN_KIND.string: {
      const { offsets, bytes } = block.entries(column);
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const codes = kept.codes(column);
      return rows.map((row) => {
        const code = codes[row]!;
        return code === 0 ? undefined : text.toString('utf8', offsets[code - 1], offsets[code]);
      });
    }
    case COLUMN_KIND.number: {
      const values = kept.numbers(column);
      return rows.map((row) => (Number.isNaN(values[row]) ? undefined : values[row]));
    }
    case COLUMN_KIND.boolean: {
      const values = kept.booleans(column);
      return rows.map((row) =>
        values[row] === BOOLEAN.absent ? undefined : values[row] === BOOLEAN.true,
      );
    }
  }
}
