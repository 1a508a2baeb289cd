/** Read your own writes: waits until what a position stands for has been applied. */
import { AppError } from '../model/errors.ts';
import { decodePositions } from '../model/positions.ts';
import type { PartitionClient } from './ports.ts';

/**
 * Throws `query_invalid` if the text is no position of this server, `query_timeout` if it is not applied in time. `name` is what
 * the client calls it.
 */
export async function appliedAfter(
  position: string,
  partitions: PartitionClient,
  timeoutMs: number,
  name = 'after',
): Promise<void> {
  const offsets = decodePositions(position);
  if (offsets === undefined) {
    throw new AppError('query_invalid', `"${name}" must be a position that an ingest answer gave`);
  }
  for (const [partition, offset] of offsets) {
    if (partition >= partitions.partitions || offset > endOfLog(partitions)) {
      throw new AppError(
        'query_invalid',
        `"${name}" is a position of another server or of a lost log`,
      );
    }
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
    const timer = setTimeout(() => {
      const fault = new AppError(
        'query_timeout',
        `the position was not applied within ${timeoutMs} ms: ask without "${name}", or again later`,
      );
      settle(() => reject(fault));
    }, timeoutMs);
    if (isApplied()) settle(resolve);
  });
}

function endOfLog(partitions: PartitionClient): number {
  let end = 0;
  for (let p = 0; p < partitions.partitions; p++) {
    end = Math.max(end, partitions.endOffset(p), partitions.appliedOffset(p));
  }
  return end;
}
