/** The rows of partitions that a stretch of time needs: stored ones, and in place of those the changed ones. */

import { lostWith } from './partition-lost.ts';
import { type PartitionSource, rowSetKey } from './partition-source.ts';
import type { Plan } from './plan.ts';
import type { RowScan, RowScans, StoredRollups } from './ports.ts';

export type RowVisitor = (
  partition: number,
  bucketMs: number,
  group: number,
  row: Uint8Array,
) => void;

type ChangedRows = ReadonlyMap<number, Uint8Array> | undefined;

/** What lies on other nodes is on its way from its making on. Each is visited once, or closed. */
export class PartsScan {
  readonly fromMs: number;
  readonly toMs: number;
  readonly #scans: RowScan[] = [];
  /** Beside each scan. */
  readonly #changed: ChangedRows[] = [];
  readonly #stored: RowScans;

  constructor(
    plan: Plan,
    parts: readonly PartitionSource[],
    stored: StoredRollups,
    fromMs: number,
    toMs: number,
  ) {
    this.fromMs = fromMs;
    this.toMs = toMs;
    for (const part of parts) this.#add(plan, part);
    this.#stored = stored.scans?.(this.#scans) ?? scansOneByOne(stored, this.#scans);
  }

  /**
   * Each bucket and column group is visited once, at the one tier that answers it: partition by partition, so that sums of fractions are
   * the same whoever answers first. A fault of a partition that is lost says which.
   */
  async visit(visit: RowVisitor): Promise<void> {
    try {
      for (const [place, scan] of this.#scans.entries()) await this.#visitScan(place, scan, visit);
    } finally {
      this.close();
    }
  }

  close(): void {
    this.#stored.close();
  }

  #add({ tenant, rollup, groups }: Plan, { partition, spans, changed }: PartitionSource): void {
    for (const span of spans) {
      const fromMs = Math.max(this.fromMs, span.fromMs);
      const toMs = Math.min(this.toMs, span.toMs);
      if (fromMs >= toMs) continue;
      const { stepMs } = span;
      for (const group of groups) {
        this.#scans.push({ partition, tenant, rollup: rollup.name, stepMs, group, fromMs, toMs });
        this.#changed.push(changed.get(rowSetKey(stepMs, group)));
      }
    }
  }

  async #visitScan(place: number, scan: RowScan, visit: RowVisitor): Promise<void> {
    const { partition, group, fromMs, toMs } = scan;
    const changed = this.#changed[place];
    await lostWith(partition, () =>
      this.#stored.visit(place, (bucketMs, row) => {
        if (changed === undefined || !changed.has(bucketMs)) visit(partition, bucketMs, group, row);
      }),
    );
    for (const [bucketMs, row] of changed ?? []) {
      if (bucketMs >= fromMs && bucketMs < toMs) visit(partition, bucketMs, group, row);
    }
  }
}

const scansOneByOne = (stored: StoredRollups, scans: readonly RowScan[]): RowScans => ({
  visit: (place, visit) => stored.scanRows(scans[place] as RowScan, visit),
  close: () => {},
});
