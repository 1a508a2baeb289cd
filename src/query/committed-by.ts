/** Waiting until partitions have committed what a position stands for. */
import { setTimeout as sleep } from 'node:timers/promises';
import { decodePositions } from '../model/positions.ts';

/** False: not by `endMs`, as `performance.now` counts. `committed`: how far each partition has. */
export async function isCommittedBy(
  endMs: number,
  position: string,
  committed: (partition: number) => number,
  pollMs: number,
): Promise<boolean> {
  const offsets = [...(decodePositions(position) ?? [])];
  while (offsets.some(([partition, offset]) => committed(partition) < offset)) {
    if (performance.now() > endMs) return false;
    await sleep(pollMs);
  }
  return true;
}
