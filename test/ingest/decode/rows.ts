/** Reads the rows of a batch, or of a block, back into a form that tests can compare. */
import type { ColumnBatch } from '../../../src/ingest/decode/column-batch.ts';
import type { Block } from '../../../src/model/block.ts';
import { BOOLEAN, COLUMN_KIND, type Column, ROLE } from '../../../src/model/columns.ts';

/** `name:kind` -> value; -0 and NaN can be told apart by `Object.is`. */
export type Row = Map<string, string | number | boolean>;

export function readRows(columns: readonly Column[], count: number): Row[] {
  const rows: Row[] = Array.from({ length: count }, () => new Map());
  for (const column of columns) {
    const key = `${column.name}:${column.kind}${column.role === ROLE.field ? '' : `:role ${column.role}`}`;
    for (const [i, row] of rows.entries()) {
      const value = cell(column, i);
      if (value !== undefined) row.set(key, value);
    }
  }
  return rows;
}

function cell(column: Column, i: number): string | number | boolean | undefined {
  if (column.kind === COLUMN_KIND.string) {
    const { offsets, bytes } = column.entries;
    const code = column.codes[i]!;
    if (code === 0) return undefined;
    const text = bytes.subarray(offsets[code - 1], offsets[code]);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text);
  }
  if (column.kind === COLUMN_KIND.number) {
    const value = column.values[i]!;
    return Number.isNaN(value) ? undefined : value;
  }
  const value = column.values[i]!;
  return value === BOOLEAN.absent ? undefined : value === BOOLEAN.true;
}

/** The rows of a batch with where they belong. */
export function batchRows(batch: ColumnBatch): Row[] {
  const rows = readRows(batch.columns(), batch.rows);
  for (const [i, row] of rows.entries()) row.set('partition hash', batch.partitionHash[i]!);
  return rows;
}

/** The columns of a block, as its readers see them. */
export function blockColumns(block: Block): Column[] {
  return block.columns.map((column): Column => {
    const { kind, role, name } = column;
    if (kind === COLUMN_KIND.string) {
      const codes = new Uint32Array(block.rows);
      block.readCodes(column, codes);
      return { kind, role, name, codes, entries: block.entries(column) };
    }
    if (kind === COLUMN_KIND.number) {
      const values = new Float64Array(block.rows);
      block.readNumbers(column, values);
      return { kind, role, name, values };
    }
    return { kind, role, name, values: block.booleans(column) };
  });
}
