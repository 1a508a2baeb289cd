/** Answers `ack=applied`: watches the offsets that partitions publish, then asks for their verdicts. */
import type { VerdictRequest } from '../../actors/partition/protocol.ts';
import type { JournalShared } from '../../storage/log/journal-shared.ts';
import type { WhenApplied } from '../ingest/applied.ts';
import type { BlockRows } from '../ingest/contribution.ts';
import type { Clock } from '../model/clock.ts';

/**
 * How often the offsets are looked at while somebody waits. They are plain shared numbers, so there is nothing to
 * be woken by; a look costs a microsecond, and this is small next to the log's sync plus the fold.
 */
const LOOK_MS = 4;

export interface WhenAppliedOptions {
  readonly shared: JournalShared;
  readonly clock: Clock;
  /** How many of the rows were dropped as duplicates. Rejects if the partition cannot say. */
  readonly verdict: (partition: number, request: VerdictRequest) => Promise<number>;
}

interface Waiter {
  readonly rows: readonly BlockRows[];
  readonly deadlineMs: number;
  readonly resolve: (isApplied: boolean) => void;
}

/** The number of waiters is bounded by the edge. */
export function createWhenApplied({ shared, clock, verdict }: WhenAppliedOptions): WhenApplied {
  const waiters = new Set<Waiter>();
  let timer: NodeJS.Timeout | undefined;

  const isApplied = ({ rows }: Waiter) =>
    rows.every(({ partition, nextOffset }) => (shared.applied[partition] as number) >= nextOffset);

  const look = () => {
    const now = clock.now();
    for (const waiter of waiters) {
      const done = isApplied(waiter);
      if (!done && now < waiter.deadlineMs) continue;
      waiters.delete(waiter);
      waiter.resolve(done);
    }
    if (waiters.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };

  return async (rows, timeoutMs) => {
    const deadlineMs = clock.now() + timeoutMs;
    const done = await new Promise<boolean>((resolve) => {
      waiters.add({ rows, deadlineMs, resolve });
      timer ??= setInterval(look, LOOK_MS);
    });
    if (!done) return undefined;
    const dropped = await Promise.all(
      rows.map(({ partition, offset, rowFrom, rowTo }) =>
        verdict(partition, { offset, rowFrom, rowTo }),
      ),
    );
    return dropped.reduce((sum, count) => sum + count, 0);
  };
}
