/**
 * What folds and dedup read of one block, each thing once: codes, numbers, entry hashes. One instance per partition
 * thread is reused; everything it hands out is valid until the next `load`.
 */
import type { Block } from '../model/block.ts';
import type { Entries } from '../model/columns.ts';

/** A column as strings: per row 0 = absent, else 1 + index of the entry. Several entries may hold equal bytes. */
export interface LabelColumn {
  readonly codes: Uint32Array;
  readonly entries: Entries;
}

export declare class BlockColumns {
  readonly block: Block;
  readonly rows: number;
  load(block: Block): this;
  /** Event times; undefined if no row has one (then it is the arrival time). NaN = absent. */
  times(): Float64Array | undefined;
  ids(): LabelColumn | undefined;
  /** A field of any kinds as text: strings win, then numbers, then booleans. Undefined if no row has it. */
  labels(field: string): LabelColumn | undefined;
  /** Only numbers count; NaN = absent. */
  numbers(field: string): Float64Array | undefined;
}
