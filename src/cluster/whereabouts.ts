/** Where the rows of each partition are just now, for threads of this node that read those of all. */
import type { Whereabouts } from '../threads/asked-state.ts';
import { type Progress, takingOf } from '../threads/progress.ts';
import type { RemotePartitions } from './remote-partitions.ts';
import type { RoutedState } from './routed-state.ts';

export const whereabouts = (
  state: RoutedState,
  progress: Progress,
  remote: Pick<RemotePartitions, 'ownerEpoch' | 'has'>,
): Whereabouts => ({
  state,
  stayOf(partition) {
    const taking = takingOf(progress, partition);
    if (taking !== undefined) return `here ${taking}`;
    return remote.has(partition) ? `there ${remote.ownerEpoch(partition)}` : undefined;
  },
});
