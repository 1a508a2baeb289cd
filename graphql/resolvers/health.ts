/** How the server is, as it goes on. */
import type { Health } from '../../src/query/health.ts';
import type { PartitionView } from '../../src/query/system.ts';
import { demandScope } from '../authorize.ts';
import type { GraphContext } from '../context.ts';

export const health = {
  subscribe(_: unknown, __: unknown, { access, healthUpdates }: GraphContext) {
    demandScope(access, 'admin');
    return healthUpdates.subscribe();
  },

  resolve: ({ atMs, partitions, ...rest }: Health): object => ({
    ...rest,
    at: atMs,
    partitions: partitions && shownPartitions(partitions),
  }),
};

export const shownPartitions = (views: readonly PartitionView[]): readonly object[] =>
  views.map(({ partition, watermarkMs, dedupSinceMs, ...rest }) => ({
    ...rest,
    id: partition,
    watermark: timeOrNull(watermarkMs),
    dedupSince: timeOrNull(dedupSinceMs),
  }));

/** Nothing has happened yet: -Infinity or 0. */
const timeOrNull = (ms: number): number | null => (ms > 0 ? ms : null);
