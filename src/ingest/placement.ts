/** Which rows of a batch go to which partition. */
import type { RowSelection } from '../model/block-writer.ts';

export interface PartitionRows extends RowSelection {
  readonly partition: number;
}

/** A row without a key has this hash, see `decode/hash.ts`. */
const NO_KEY = 0;

/**
 * Splits rows by `hash % partitions`, keeping their order; rows without a key go to `keyless`. Partitions without
 * rows are left out.
 */
export function placeRows(
  hashes: Uint32Array,
  rows: number,
  partitions: number,
  keyless: number,
): PartitionRows[] {
  if (rows === 0) return [];
  if (partitions === 1) return [{ partition: 0, count: rows, index: undefined }];
  const counts = new Uint32Array(partitions);
  const placeOf = new Uint16Array(rows);
  for (let row = 0; row < rows; row++) {
    const hash = hashes[row] as number;
    const partition = hash === NO_KEY ? keyless : hash % partitions;
    placeOf[row] = partition;
    counts[partition] = (counts[partition] as number) + 1;
  }
  const index = new Uint32Array(rows);
  const next = new Uint32Array(partitions);
  for (let p = 1; p < partitions; p++) {
    next[p] = (next[p - 1] as number) + (counts[p - 1] as number);
  }
  for (let row = 0; row < rows; row++) {
    const partition = placeOf[row] as number;
    const at = next[partition] as number;
    index[at] = row;
    next[partition] = at + 1;
  }
  const placed: PartitionRows[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const count = counts[partition] as number;
    const end = next[partition] as number; // has moved to the end of its rows
    if (count > 0) placed.push({ partition, count, index: index.subarray(end - count, end) });
  }
  return placed;
}

/**
 * The batch's rows `[from, to)` as rows of the block that holds `rows`: contiguous, because placing keeps
 * the order.
 */
export function rowsWithin(
  rows: PartitionRows,
  from: number,
  to: number,
): { from: number; to: number } {
  if (rows.index === undefined) return { from, to };
  return { from: lowerBound(rows.index, from), to: lowerBound(rows.index, to) };
}

/** The first place in ascending `index` whose value is at least `value`. */
function lowerBound(index: Uint32Array, value: number): number {
  let low = 0;
  let high = index.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((index[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
