/** The filter of a rollup over the columns of a block: every condition is decided once per different value. */
import type { RollupFilter } from '../model/rollup.ts';
import type { BlockColumns } from './block-columns.ts';
import { LabelTable } from './label-table.ts';

interface Condition {
  readonly field: string;
  readonly allowed: LabelTable;
}

export class RowFilter {
  readonly #conditions: readonly Condition[];

  constructor(filters: readonly RollupFilter[]) {
    this.#conditions = filters.map(({ field, in: values }) => {
      const allowed = new LabelTable();
      for (const value of new Set(values)) allowed.intern(value);
      return { field, allowed };
    });
  }

  /** Moves the rows that pass to the front of `rows[0..count)`, in their order, and answers how many there are. */
  apply(columns: BlockColumns, rows: Uint32Array, count: number): number {
    let passed = count;
    for (const { field, allowed } of this.#conditions) {
      const column = columns.labels(field);
      if (column === undefined) return 0;
      const { codes, entries, low } = column;
      const passes = new Uint8Array(entries.count + 1);
      for (let i = 0; i < entries.count; i++) {
        if (allowed.find(entries, i, low[i] as number) !== 0) passes[i + 1] = 1;
      }
      let next = 0;
      for (let j = 0; j < passed; j++) {
        const row = rows[j] as number;
        if (passes[codes[row] as number] !== 0) rows[next++] = row;
      }
      passed = next;
    }
    return passed;
  }
}
