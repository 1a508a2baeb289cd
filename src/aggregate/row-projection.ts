/** A row of scalars as the row of a rollup that keeps fewer of them: rows of one rollup read as if another had made them. */
import { BucketFold } from './bucket-fold.ts';
import { encodeRow, mergeRowInto } from './bucket-row.ts';
import type { RowLayout } from './layout.ts';

/** Every scalar of `to` must be in `from`. Undefined if the row has no series. Throws `state_corrupt`. */
export function projectScalars(
  row: Uint8Array,
  from: RowLayout,
  to: RowLayout,
): Uint8Array | undefined {
  const read = new BucketFold({ scalars: from.scalars, sketches: [] });
  mergeRowInto(read, 0, row);
  const made = new BucketFold({ scalars: to.scalars, sketches: [] });
  for (let slot = 0; slot < read.slots; slot++) {
    const at = made.slotOf(read.series[slot] as number);
    made.counts[at] = read.counts[slot] as number;
    for (const scalars of made.scalars) {
      const { field, sum, min, max } = scalars.field;
      const source = read.scalars.find((each) => each.field.field === field);
      if (source === undefined) throw new RangeError(`the row keeps nothing of ${field}`);
      scalars.n[at] = source.n[slot] as number;
      if (sum) scalars.sum[at] = source.sum[slot] as number;
      if (min) scalars.min[at] = source.min[slot] as number;
      if (max) scalars.max[at] = source.max[slot] as number;
    }
  }
  return encodeRow(made, 0);
}
