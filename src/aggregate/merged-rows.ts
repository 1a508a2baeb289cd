/** What is merged of many rows, packed as one stored row for each column group. Its series are those of the fold that it was packed from. */
import type { BucketFold } from './bucket-fold.ts';
import { encodeRow, mergeRowInto } from './bucket-row.ts';

/** By column group; empty if there is no series. */
export type MergedRows = readonly (Uint8Array | undefined)[];

export function packFold(fold: BucketFold): MergedRows {
  if (fold.slots === 0) return [];
  return Array.from({ length: fold.sketches.length + 1 }, (_, group) => encodeRow(fold, group));
}

export function mergePacked(fold: BucketFold, rows: MergedRows): void {
  for (let group = 0; group < rows.length; group++) {
    const row = rows[group];
    if (row !== undefined) mergeRowInto(fold, group, row);
  }
}

export const bytesOf = (rows: MergedRows): number =>
  rows.reduce((sum, row) => sum + (row?.length ?? 0), 0);
