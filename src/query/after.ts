/** Read your own writes: waits until what a position stands for has been applied. */
import { AppError } from '../model/errors.ts';
import { decodePositions } from '../model/positions.ts';
import { OwnersSeen } from './partition-lost.ts';
import type { PartitionClient } from './ports.ts';

type AppliedPartitions = Pick<
  PartitionClient,
  'partitions' | 'appliedOffset' | 'endOffset' | 'onApplied' | 'nodes'
>;

/**
 * What `ask` answers once the position is applied. Where a partition has come to another node meanwhile, which may be less far, it is
 * waited for and asked again. Rejects as `appliedAfter` and `ask` do.
 */
export async function askedAfter<T>(
  position: string,
  partitions: AppliedPartitions,
  timeoutMs: number,
  ask: () => Promise<T>,
  name = 'after',
): Promise<T> {
  const endMs = performance.now() + timeoutMs;
  const meant = [...(decodePositions(position)?.keys() ?? [])];
  for (;;) {
    const owners = new OwnersSeen(partitions);
    await appliedAfter(position, partitions, Math.max(0, endMs - performance.now()), name);
    const answer = await ask();
    if (meant.every((partition) => owners.isSame(partition))) return answer;
    if (performance.now() >= endMs) throw notInTime(name);
  }
}

/**
 * Throws `query_invalid` if the text is no position of this server, `query_timeout` if it is not applied in time. `name` is what
 * the client calls it.
 */
export async function appliedAfter(
  position: string,
  partitions: AppliedPartitions,
  timeoutMs: number,
  name = 'after',
): Promise<void> {
  const offsets = decodePositions(position);
  if (offsets === undefined) {
    throw new AppError('query_invalid', `"${name}" must be a position that an ingest answer gave`);
  }
  const isPossible = [...offsets.keys()].every((partition) => partition < partitions.partitions);
  const isKnown = () =>
    [...offsets].every(([partition, offset]) => offset <= endOf(partition, partitions));
  // Of several nodes, the one that gave the position hears of the log's end first.
  if (!isPossible || (partitions.nodes === undefined && !isKnown())) {
    throw new AppError(
      'query_invalid',
      `"${name}" is a position of another server or of a lost log`,
    );
  }
  const isApplied = () =>
    [...offsets].every(([partition, offset]) => partitions.appliedOffset(partition) >= offset);
  if (isApplied()) return;
  await new Promise<void>((resolve, reject) => {
    const settle = (end: () => void) => {
      clearTimeout(timer);
      stop();
      end();
    };
    const stop = partitions.onApplied(() => {
      if (isApplied()) settle(resolve);
    });
    const timer = setTimeout(() => settle(() => reject(notInTime(name))), timeoutMs);
    if (isApplied()) settle(resolve);
  });
}

/** No position of the partition that was given lies behind it. */
const endOf = (partition: number, partitions: AppliedPartitions): number =>
  Math.max(partitions.endOffset(partition), partitions.appliedOffset(partition));

const notInTime = (name: string): AppError =>
  new AppError(
    'query_timeout',
    `the position was not applied in time: ask without "${name}", or again later`,
  );
