/** A row of a block as text, for people. */
import type { Block } from '../../src/model/block.ts';
import { BOOLEAN, COLUMN_KIND } from '../../src/model/columns.ts';

const decoder = new TextDecoder();

/** An event as a person would write it, from its columns. For dead letters: slow, and never throws. */
export function rowAsJson(block: Block, row: number): string {
  const event: Record<string, unknown> = {};
  for (const column of block.columns) {
    try {
      if (column.kind === COLUMN_KIND.string) {
        const codes = new Uint32Array(block.rows);
        block.readCodes(column, codes);
        const code = codes[row] as number;
        const { offsets, bytes } = block.entries(column);
        if (code !== 0) {
          event[column.name] = decoder.decode(bytes.subarray(offsets[code - 1], offsets[code]));
        }
      } else if (column.kind === COLUMN_KIND.number) {
        const values = new Float64Array(block.rows);
        block.readNumbers(column, values);
        if (!Number.isNaN(values[row])) event[column.name] = values[row];
      } else {
        const value = block.booleans(column)[row];
        if (value !== BOOLEAN.absent) event[column.name] = value === BOOLEAN.true;
      }
    } catch {
      event[column.name] = '(unreadable)';
    }
  }
  return JSON.stringify(event);
}
