/** Events that are not applied: because trying crashed the machine (they become dead letters), or because they were erased. */
import type { Block } from '../../src/model/block.ts';
import { BOOLEAN, COLUMN_KIND } from '../../src/model/columns.ts';
import type { DeadLetters } from './dead-letters.ts';

export const POISON_CODE = 'poison_event';

/** Rows of a block that are not to be applied, because trying crashed the machine. */
export interface LeftOut {
  /** Non-zero = left out. */
  readonly rows: Uint8Array;
  /** Why, for the dead letters that they become; without it they are only left out, for a trial. */
  readonly reason?: string;
}

/** Clears `keep` for rows that are left out, and makes them dead letters; answers how many. */
export function leaveOut(
  { rows, reason }: LeftOut,
  block: Block,
  at: { readonly offset: number; readonly nowMs: number },
  keep: Uint8Array,
  letters: DeadLetters,
): number {
  let count = 0;
  for (let row = 0; row < block.rows; row++) {
    if (rows[row] === 0) continue;
    keep[row] = 0;
    count++;
    if (reason === undefined) continue;
    letters.add(block.tenant, at.offset, row, {
      stream: block.stream,
      arrivalMs: at.nowMs,
      line: row,
      code: POISON_CODE,
      message: reason,
      raw: Buffer.from(rowAsJson(block, row)),
    });
  }
  return count;
}

/** Clears `keep` for rows that were erased from the log after they had been applied; answers how many. */
export function leaveOutErased(block: Block, keep: Uint8Array): number {
  const erased = block.erasedRows();
  if (erased === undefined) return 0;
  let count = 0;
  for (let row = 0; row < block.rows; row++) {
    if (erased[row] === 0) continue;
    keep[row] = 0;
    count++;
  }
  return count;
}

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
