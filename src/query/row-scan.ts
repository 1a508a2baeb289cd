/** The rows of one partition that a stretch of time needs: stored ones, and in place of those the changed ones. */
import { type PartitionSource, rowSetKey } from './partition-source.ts';
import type { Plan } from './plan.ts';
import type { StoredRollups } from './ports.ts';

export type RowVisitor = (bucketMs: number, group: number, row: Uint8Array) => void;

/** Each bucket and column group is visited once, at the one tier that answers it; no order is promised. */
export async function scanPart(
  plan: Plan,
  part: PartitionSource,
  stored: StoredRollups,
  fromMs: number,
  toMs: number,
  visit: RowVisitor,
): Promise<void> {
  for (const span of part.spans) {
    const from = Math.max(fromMs, span.fromMs);
    const to = Math.min(toMs, span.toMs);
    if (from >= to) continue;
    for (const group of plan.groups) {
      const changed = part.changed.get(rowSetKey(span.stepMs, group));
      const scan = {
        partition: part.partition,
        tenant: plan.tenant,
        rollup: plan.rollup.name,
        stepMs: span.stepMs,
        group,
        fromMs: from,
        toMs: to,
      };
      await stored.scanRows(scan, (bucketMs, row) => {
        if (changed === undefined || !changed.has(bucketMs)) visit(bucketMs, group, row);
      });
      for (const [bucketMs, row] of changed ?? []) {
        if (bucketMs >= from && bucketMs < to) visit(bucketMs, group, row);
      }
    }
  }
}
