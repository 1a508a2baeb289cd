/**
 * Finds the events that a machine cannot apply. Trials run on machines of their own, restored from the last commit
 * and thrown away: no crash of a trial leaves a trace.
 */
import type { Block } from '../../src/model/block.ts';
import { BOOLEAN, COLUMN_KIND } from '../../src/model/columns.ts';

/** Trials for one block: enough for some twenty poison rows among 65,536, seconds of work. */
const TRIALS_MAX = 400;

/**
 * Which rows to leave out so that the others can be applied, by bisection. `holds(leftOut)` tries the block without the
 * rows where `leftOut` is non-zero. All rows if no smaller set was found within the bound; undefined if the block cannot
 * be applied even without any row.
 */
export function findPoison(
  rows: number,
  holds: (leftOut: Uint8Array) => boolean,
): Uint8Array | undefined {
  const all = new Uint8Array(rows).fill(1);
  const poison = new Uint8Array(rows);
  let trials = 0;
  /** Marks the poison in `[from, to)`, which is known to crash by itself. */
  const search = (from: number, to: number): void => {
    if (to - from === 1 || trials >= TRIALS_MAX) {
      poison.fill(1, from, to);
      return;
    }
    const middle = (from + to) >>> 1;
    for (const [a, b] of [
      [from, middle],
      [middle, to],
    ] as const) {
      trials++;
      if (!holds(all.slice().fill(0, a, b))) search(a, b);
    }
  };
  if (rows > 0 && !holds(new Uint8Array(rows))) search(0, rows);
  if (holds(poison)) return poison;
  return holds(all) ? all : undefined;
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
