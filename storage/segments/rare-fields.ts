/** The fields of a block that have no column, turned from columns into a map per row. */
import type { Block, BlockColumn } from '../../src/model/block.ts';
import { BOOLEAN, COLUMN_KIND, type Entries } from '../../src/model/columns.ts';
import type { MapChunk } from '../parquet/chunks.ts';
import type { KeptRows } from './kept-rows.ts';

interface RareColumn {
  readonly key: number;
  readonly column: BlockColumn;
  readonly entries: Entries | undefined;
}

export class RareFields {
  /** Per row, then as prefix sums: where the row's slots end. */
  #ends = new Uint32Array(0);
  /** Per value that is there, by row: its column, and its code or number. */
  #columnOf = new Uint32Array(0);
  #values = new Float64Array(0);

  /** A counting sort: the columns are read twice, and nothing is looked up per row and column. */
  add(block: Block, columns: readonly BlockColumn[], kept: KeptRows, out: MapChunk): void {
    if (columns.length === 0) {
      out.addAbsent(kept.count);
      return;
    }
    const rare = columns.map((column) => ({
      key: out.key(column.name),
      column,
      entries: column.kind === COLUMN_KIND.string ? block.entries(column) : undefined,
    }));
    this.#count(columns, kept);
    columns.forEach((column, i) => {
      this.#place(column, i, kept);
    });
    this.#emit(rare, kept.count, out);
  }

  #count(columns: readonly BlockColumn[], kept: KeptRows): void {
    if (this.#ends.length <= kept.count) this.#ends = new Uint32Array(kept.count * 2 + 1);
    const ends = this.#ends.fill(0, 0, kept.count + 1);
    for (const column of columns) {
      const { values, absent } = valuesOf(column, kept);
      for (let row = 0; row < kept.count; row++) {
        if (isPresent(values[row] as number, absent)) ends[row + 1]!++;
      }
    }
    for (let row = 0; row < kept.count; row++) ends[row + 1]! += ends[row]!;
    const total = ends[kept.count] as number;
    if (total <= this.#values.length) return;
    this.#columnOf = new Uint32Array(total * 2);
    this.#values = new Float64Array(total * 2);
  }

  /** `#ends[row]` is the row's next free slot, hence in the end the place behind its last one. */
  #place(column: BlockColumn, index: number, kept: KeptRows): void {
    const { values, absent } = valuesOf(column, kept);
    const ends = this.#ends;
    for (let row = 0; row < kept.count; row++) {
      const value = values[row] as number;
      if (!isPresent(value, absent)) continue;
      const slot = ends[row]!++;
      this.#columnOf[slot] = index;
      this.#values[slot] = value;
    }
  }

  #emit(rare: readonly RareColumn[], rows: number, out: MapChunk): void {
    let slot = 0;
    let absent = 0;
    for (let row = 0; row < rows; row++) {
      const end = this.#ends[row] as number;
      if (slot === end) {
        absent++;
        continue;
      }
      if (absent > 0) out.addAbsent(absent);
      absent = 0;
      for (let isFirst = true; slot < end; slot++, isFirst = false) {
        const { key, column, entries } = rare[this.#columnOf[slot]!]!;
        const value = this.#values[slot] as number;
        if (entries !== undefined) {
          const { bytes, offsets } = entries;
          out.add(key, bytes, offsets[value - 1]!, offsets[value]!, isFirst);
        } else {
          out.addText(key, textOf(value, column), isFirst);
        }
      }
    }
    if (absent > 0) out.addAbsent(absent);
  }
}

/** Where there is no value strings and booleans have 0, numbers NaN. */
function valuesOf(
  column: BlockColumn,
  kept: KeptRows,
): { readonly values: Uint32Array | Float64Array | Uint8Array; readonly absent: number } {
  switch (column.kind) {
    case COLUMN_KIND.string:
      return { values: kept.codes(column), absent: 0 };
    case COLUMN_KIND.number:
      return { values: kept.numbers(column), absent: Number.NaN };
    case COLUMN_KIND.boolean:
      return { values: kept.booleans(column), absent: BOOLEAN.absent };
  }
}

/** NaN is unlike any number, so that for numbers the first half says nothing. */
const isPresent = (value: number, absent: number): boolean =>
  value !== absent && !Number.isNaN(value);

function textOf(value: number, { kind }: BlockColumn): string {
  if (kind === COLUMN_KIND.boolean) return value === BOOLEAN.true ? 'true' : 'false';
  return Object.is(value, -0) ? '-0' : String(value);
}
