/**
 * Where `BlockColumns` reads from: a block of the log, or rows that lie in segments. Arrays that a source hands out or fills are
 * its reader's until the next load.
 */
import type { Block, BlockColumn } from '../model/block.ts';
import { COLUMN_KIND, type ColumnKind, type Entries, ROLE } from '../model/columns.ts';

/** Of each row its text: 0 = absent, else 1 + index of the entry. */
export interface Strings {
  readonly codes: Uint32Array;
  readonly entries: Entries;
  /** Of each entry by `LABEL_SEED`, where the source has it at hand. */
  readonly hashes?: { readonly low: Uint32Array; readonly high: Uint32Array };
}

export type Take<T> = (length: number) => T;

/** A field that no row has is undefined. Fields have the names that applications gave them; `id`, `type` and `ts` are fields too. */
export interface ColumnSource {
  readonly tenant: string;
  readonly stream: string;
  readonly rows: number;
  /** Bounds of `ts`; not of rows without. */
  readonly tsMinMs: number;
  readonly tsMaxMs: number;
  /** When the rows count, where that was decided before. */
  readonly times?: Float64Array | undefined;
  /** `take` gives an array to fill. */
  strings(field: string, take: Take<Uint32Array>): Strings | undefined;
  /** NaN = absent. */
  numbers(field: string, take: Take<Float64Array>): Float64Array | undefined;
  /** A byte per row, of `BOOLEAN`. */
  booleans(field: string): Uint8Array | undefined;
}

export class BlockSource implements ColumnSource {
  readonly block: Block;

  constructor(block: Block) {
    this.block = block;
  }

  get tenant(): string {
    return this.block.tenant;
  }
  get stream(): string {
    return this.block.stream;
  }
  get rows(): number {
    return this.block.rows;
  }
  get tsMinMs(): number {
    return this.block.tsMinMs;
  }
  get tsMaxMs(): number {
    return this.block.tsMaxMs;
  }

  strings(field: string, take: Take<Uint32Array>): Strings | undefined {
    const column = this.#column(field, COLUMN_KIND.string);
    if (column === undefined) return undefined;
    const codes = take(this.block.rows);
    this.block.readCodes(column, codes);
    return { codes, entries: this.block.entries(column) };
  }

  numbers(field: string, take: Take<Float64Array>): Float64Array | undefined {
    const column = this.#column(field, COLUMN_KIND.number);
    if (column === undefined) return undefined;
    const values = take(this.block.rows);
    this.block.readNumbers(column, values);
    return values;
  }

  booleans(field: string): Uint8Array | undefined {
    const column = this.#column(field, COLUMN_KIND.boolean);
    return column && this.block.booleans(column);
  }

  #column(field: string, kind: ColumnKind): BlockColumn | undefined {
    const { block } = this;
    if (field === 'id' && kind === COLUMN_KIND.string) return block.byRole(ROLE.id);
    if (field === 'ts' && kind === COLUMN_KIND.number) return block.byRole(ROLE.ts);
    return block.field(field, kind);
  }
}
