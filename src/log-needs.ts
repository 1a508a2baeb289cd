/** What of the log somebody still has to read. A journal keeps it for them; a topic keeps what its retention says. */
import {
  type LogShared,
  logBytes,
  logEnd,
  logStart,
  newestEnd,
} from '../storage/log/log-shared.ts';
import type { LogHere } from './log-side.ts';
import type { LogPlace, ServerReading } from './model/server-alarms.ts';
import { isOwned, type Progress } from './threads/progress.ts';

/**
 * Of the partitions that are not committed, or not archived, up to their ends: from where, as far as the log has it. Also of those
 * that other nodes have: whoever leads looks after all.
 */
export function neededPlaces(shared: LogShared, progress: Progress): LogPlace[] {
  const { committed, archived } = progress;
  return Array.from(committed, (position, partition) => ({
    partition,
    offset: Math.max(Math.min(position, archived[partition] ?? 0), logStart(shared, partition)),
  })).filter(({ partition, offset }) => (logEnd(shared, partition) ?? 0) > offset);
}

/** Of this node's partitions: that of all nodes adds up. */
export const neededBytes = (shared: LogShared, progress: Progress): number =>
  logBytes(
    shared,
    neededPlaces(shared, progress)
      .filter(({ partition }) => isOwned(progress, partition))
      .map((place) => lengthBehind(shared, place)),
  );

/** How far other nodes are behind with their partitions, as they tell; none without a cluster. */
export const elsewhere = (shared: LogShared, progress: Progress): ServerReading['partitions'] =>
  Array.from(shared.applied, (appliedOffset, partition) => ({
    partition,
    appliedOffset,
    lagBytes: logBytes(shared, [newestEnd(shared, partition) - appliedOffset]),
  })).filter(({ partition }) => !isOwned(progress, partition));

/** How much of what it is kept for has gone by of what is needed: by size here, by time in `ServerSampler`. */
export function topicReading(
  { shared, topic }: LogHere,
  progress: Progress,
): Pick<ServerReading['log'], 'usedShare' | 'keptMs' | 'neededFrom'> {
  const neededFrom = neededPlaces(shared, progress);
  const bytes = neededFrom.map((place) => logBytes(shared, [lengthBehind(shared, place)]));
  const { retentionMs: keptMs, retentionBytes = Number.POSITIVE_INFINITY } = topic?.found ?? {};
  return { usedShare: Math.max(0, ...bytes) / retentionBytes, keptMs, neededFrom };
}

const lengthBehind = (shared: LogShared, { partition, offset }: LogPlace): number =>
  (logEnd(shared, partition) ?? 0) - offset;
