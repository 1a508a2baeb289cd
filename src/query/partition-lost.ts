/**
 * A partition that has answered and is then not there any more: its node has gone, or the partition has come to another one. What was
 * read of it so far is not whole, and what another node has stored need not fit what this one has told.
 */
import { AppError, type FaultCode } from '../model/errors.ts';
import type { PartitionClient } from './ports.ts';

/** Faults of whoever has the partition; others are of this server. */
const LOST: ReadonlySet<FaultCode> = new Set<FaultCode>([
  'partition_elsewhere',
  'node_away',
  'query_timeout',
  'mailbox_full',
]);

export const isLost = (error: unknown): error is AppError =>
  error instanceof AppError && LOST.has(error.code);

/** What `read` does; if the partition is lost, the fault says which. */
export async function lostWith<T>(partition: number, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!isLost(error)) throw error;
    throw new AppError(error.code, error.message, { partition }, error);
  }
}

/** To be taken before partitions are asked. */
export class OwnersSeen {
  readonly #partitions: Pick<PartitionClient, 'partitions' | 'nodes'>;
  readonly #epochs: readonly (number | undefined)[];

  constructor(partitions: Pick<PartitionClient, 'partitions' | 'nodes'>) {
    this.#partitions = partitions;
    this.#epochs = Array.from({ length: partitions.partitions }, (_, partition) =>
      partitions.nodes?.ownerEpoch(partition),
    );
  }

  isSame(partition: number): boolean {
    return this.#partitions.nodes?.ownerEpoch(partition) === this.#epochs[partition];
  }

  /** Throws a fault of a lost partition if it has come to another node since. */
  check(partition: number): void {
    if (this.isSame(partition)) return;
    const message = `partition ${partition} has come to another node while it was read`;
    throw new AppError('partition_elsewhere', message, { partition });
  }
}
