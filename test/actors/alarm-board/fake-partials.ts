/**
 * Closed rows of scripted events: what a feed over all partitions gives, with group numbers in another order each time it is
 * made, and in steps of another size, because nothing may depend on either.
 */
import { BucketFold } from '../../../src/aggregate/bucket-fold.ts';
import { encodeRow } from '../../../src/aggregate/bucket-row.ts';
import { layoutOf } from '../../../src/aggregate/layout.ts';
import type {
  GroupLabels,
  PartialBucket,
  PartialHistory,
  PartialRow,
  Partials,
  RollupTicks,
} from '../../../src/model/partials.ts';
import type { RollupDefinition } from '../../../src/model/rollup.ts';

export interface FakeEvent {
  readonly atMs: number;
  readonly partition: number;
  readonly group: GroupLabels;
  readonly value?: number;
}

interface Followed {
  readonly rollup: RollupDefinition;
  fromMs: number;
  readonly groups: GroupLabels[];
}

export class FakePartials implements Partials {
  readonly #sinceMs: number;
  readonly #events: readonly FakeEvent[];
  readonly #horizonMs: () => number;
  readonly #followed = new Map<string, Followed>();
  readonly #isReversed: boolean;

  /** Everything before the horizon is closed. `sinceMs`: where all rollups began. */
  constructor(
    sinceMs: number,
    events: readonly FakeEvent[],
    horizonMs: () => number,
    isReversed = false,
  ) {
    this.#sinceMs = sinceMs;
    this.#events = events;
    this.#horizonMs = horizonMs;
    this.#isReversed = isReversed;
  }

  follow(rollup: RollupDefinition, fromMs = this.#sinceMs): void {
    const groups = [...new Set(this.#events.map(({ group }) => JSON.stringify(group)))].sort();
    if (this.#isReversed) groups.reverse();
    const all = groups.map((group): GroupLabels => JSON.parse(group));
    const from = Math.max(this.#sinceMs, fromMs);
    this.#followed.set(rollup.name, { rollup, fromMs: from, groups: all });
  }
  release(): void {}
  forget(rollup: string): void {
    this.#followed.delete(rollup);
  }

  async poll(): Promise<readonly RollupTicks[]> {
    return [...this.#followed.values()].flatMap((followed) => {
      const { rollup, fromMs, groups } = followed;
      const stepMs = stepOf(rollup);
      const closedToMs = Math.floor(this.#horizonMs() / stepMs) * stepMs;
      if (closedToMs < fromMs) return [];
      followed.fromMs = closedToMs;
      const buckets = this.#buckets(followed, fromMs, closedToMs);
      return [{ rollup, sinceMs: this.#sinceMs, fromMs, closedToMs, buckets, groups }];
    });
  }

  async history(
    rollup: string,
    _stepMs: number,
    fromMs: number,
    toMs: number,
  ): Promise<PartialHistory | undefined> {
    const followed = this.#followed.get(rollup);
    if (followed === undefined || toMs > this.#horizonMs()) return undefined;
    return { buckets: this.#buckets(followed, fromMs, toMs), groups: followed.groups };
  }

  #buckets({ rollup, groups }: Followed, fromMs: number, toMs: number): PartialBucket[] {
    const stepMs = stepOf(rollup);
    const numbers = new Map(groups.map((group, i) => [JSON.stringify(group), i]));
    const within = this.#events.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
    const byBucket = Map.groupBy(within, ({ atMs }) => Math.floor(atMs / stepMs) * stepMs);
    return [...byBucket]
      .sort(([a], [b]) => a - b)
      .map(([bucketMs, events]) => {
        const byPartition = Map.groupBy(events, ({ partition }) => partition);
        const rows = [...byPartition]
          .sort(([a], [b]) => a - b)
          .flatMap(([partition, own]) => rowsOf(rollup, partition, own, numbers));
        return { bucketMs, rows };
      });
  }
}

const stepOf = (rollup: RollupDefinition): number => rollup.resolutions[0]?.stepMs ?? 1_000;

function rowsOf(
  rollup: RollupDefinition,
  partition: number,
  events: readonly FakeEvent[],
  numbers: ReadonlyMap<string, number>,
): PartialRow[] {
  const fold = new BucketFold(layoutOf(rollup));
  for (const { group, value = 0 } of events) {
    const slot = fold.slotOf(numbers.get(JSON.stringify(group)) ?? 0);
    fold.counts[slot] = (fold.counts[slot] ?? 0) + 1;
    for (const scalars of fold.scalars) {
      scalars.n[slot] = (scalars.n[slot] ?? 0) + 1;
      scalars.sum[slot] = (scalars.sum[slot] ?? 0) + value;
    }
  }
  const bytes = encodeRow(fold, 0);
  const outputOf = Int32Array.from({ length: numbers.size }, (_, i) => i);
  return bytes === undefined ? [] : [{ partition, group: 0, bytes, outputOf }];
}
