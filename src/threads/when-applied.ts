/** Answers `ack=applied`: watches the offsets that partitions publish, then asks for their verdicts. */
import type { LogShared } from '../../storage/log/log-shared.ts';
import type { WhenApplied } from '../ingest/applied.ts';
import type { BlockRows } from '../ingest/contribution.ts';
import type { PartitionLink } from './partition-links.ts';
import { type Progress, progressMovedFrom, progressTicks } from './progress.ts';

/** A verdict is looked up in memory or in one row of RocksDB, between two blocks. */
const VERDICT_TIMEOUT_MS = 2_000;

export interface WhenAppliedOptions {
  readonly shared: LogShared;
  readonly progress: Progress;
  readonly partitions: PartitionLink;
}

interface Waiter {
  readonly rows: readonly BlockRows[];
  readonly resolve: (isApplied: boolean) => void;
}

/** The number of waiters is bounded by the edge. */
export function createWhenApplied(options: WhenAppliedOptions): WhenApplied {
  const { shared, progress, partitions } = options;
  const waiters = new Set<Waiter>();
  let isWatching = false;

  const isApplied = (rows: readonly BlockRows[]) =>
    rows.every(({ partition, nextOffset }) => (shared.applied[partition] as number) >= nextOffset);

  /** One watcher for all, while there are any. */
  const watch = async () => {
    isWatching = true;
    while (waiters.size > 0) {
      const ticks = progressTicks(progress);
      for (const waiter of waiters) if (isApplied(waiter.rows)) waiter.resolve(true);
      if (waiters.size > 0) await progressMovedFrom(progress, ticks);
    }
    isWatching = false;
  };

  const applied = (rows: readonly BlockRows[], timeoutMs: number) =>
    new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => waiter.resolve(false), timeoutMs);
      const waiter: Waiter = {
        rows,
        resolve: (isInTime) => {
          clearTimeout(timer);
          waiters.delete(waiter);
          resolve(isInTime);
        },
      };
      waiters.add(waiter);
      if (!isWatching) void watch();
    });

  return async (rows, timeoutMs) => {
    if (!(await applied(rows, timeoutMs))) return undefined;
    const dropped = await Promise.all(
      rows.map(({ partition, offset, rowFrom, rowTo }) => {
        const request = { offset, rowFrom, rowTo };
        return partitions.ask('verdict', { partition, request }, VERDICT_TIMEOUT_MS);
      }),
    );
    // With a partition that has come to another node meanwhile, nobody knows whether that one had applied them when it was asked.
    if (!isApplied(rows)) return undefined;
    return dropped.reduce((sum, count) => sum + count, 0);
  };
}
