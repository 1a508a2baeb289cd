/**
 * Whether a node knows how far every partition is. Whoever reads single events reads as far as that: what it has not heard of it would
 * leave out, and nobody could see it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MOVE_LOOK_MS, MOVE_WAIT_MS } from '../../actors/cold/limits.ts';
import { type LogShared, newestEnd } from '../../storage/log/log-shared.ts';
import { AppError } from '../model/errors.ts';
import { isOwned, type Progress } from '../threads/progress.ts';
import { SILENCE_MS_MAX } from './limits.ts';
import type { RemotePartitions } from './remote-partitions.ts';

export interface AllKnownSources {
  readonly shared: LogShared;
  readonly progress: Progress;
  readonly remote: Pick<RemotePartitions, 'knownMsAgo'>;
}

/** Waits for a partition that is on its way, or whose node is silent. Rejects with `partition_elsewhere` if it stays so. */
export async function allKnown(sources: AllKnownSources): Promise<void> {
  for (let leftMs = MOVE_WAIT_MS; ; leftMs -= MOVE_LOOK_MS) {
    const unknown = firstUnknown(sources);
    if (unknown === undefined) return;
    if (leftMs <= 0) {
      throw new AppError(
        'partition_elsewhere',
        `how far partition ${unknown} is, is not known here: it is on its way to a node, or its node does not answer this one; ask again in some seconds`,
        { partition: unknown },
      );
    }
    await sleep(MOVE_LOOK_MS);
  }
}

function firstUnknown({ shared, progress, remote }: AllKnownSources): number | undefined {
  for (let partition = 0; partition < shared.partitions; partition++) {
    const isHeard = isOwned(progress, partition) || remote.knownMsAgo(partition) <= SILENCE_MS_MAX;
    // Nothing is committed of a partition whose state is being loaded.
    const hasLoaded = progress.committed[partition] !== 0 || newestEnd(shared, partition) === 0;
    if (!(isHeard && hasLoaded)) return partition;
  }
  return undefined;
}
