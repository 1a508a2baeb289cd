/**
 * Counts of writes on a node: of partitions that it has, since it has them. Another node writes the rows of all others; what is here of them is not read
 * meanwhile, and what was made of it before is never good again.
 */
import type { RowWriteCounts } from '../query/ports.ts';
import { hasRows, movesOf, type Progress } from '../threads/progress.ts';

export const ownRowWrites = (writes: RowWriteCounts, progress: Progress): RowWriteCounts => ({
  ofRows(at) {
    const count = hasRows(progress, at.partition) ? writes.ofRows(at) : undefined;
    const moves = movesOf(progress, at.partition);
    return count && ((fromMs, toMs) => moves + count(fromMs, toMs));
  },
  ofSeries(partition, tenant, rollup) {
    const count = hasRows(progress, partition)
      ? writes.ofSeries(partition, tenant, rollup)
      : undefined;
    return count === undefined ? undefined : movesOf(progress, partition) + count;
  },
  clears: () => writes.clears(),
});
