/** How long partitions stand still: the longest time, around a fault, in which nobody tells of one that it has got further. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterNode } from './scene.ts';
import { type ClusterSeen, seenIfAnswered } from './view.ts';

export interface Stood {
  readonly partition: number;
  /** Infinite: it has not gone on. */
  readonly ms: number;
}

interface Progress {
  readonly applied: number;
  readonly movedMs: number;
  readonly stoodMs: number;
}

const LOOK_MS = 100;

/**
 * Events have to come for every partition meanwhile. Resolves once all have gone on after `fault` is over, or when `msMax` have passed
 * since then.
 */
export async function stoodStill(
  nodes: () => readonly ClusterNode[],
  fault: Promise<unknown>,
  msMax: number,
): Promise<readonly Stood[]> {
  const partitions = new Map<number, Progress>();
  let overMs: number | undefined;
  const setOver = () => {
    overMs = performance.now();
  };
  fault.then(setOver, setOver);
  const isDone = (): boolean =>
    overMs !== undefined &&
    ([...partitions.values()].every(({ movedMs }) => movedMs > (overMs as number)) ||
      performance.now() - overMs > msMax);
  while (!isDone()) {
    const nowMs = performance.now();
    for (const [partition, applied] of appliedIn(await seenByAll(nodes()))) {
      const before = partitions.get(partition);
      if (before === undefined) partitions.set(partition, { applied, movedMs: nowMs, stoodMs: 0 });
      else if (applied > before.applied) {
        const stoodMs = Math.max(before.stoodMs, nowMs - before.movedMs);
        partitions.set(partition, { applied, movedMs: nowMs, stoodMs });
      }
    }
    await sleep(LOOK_MS);
  }
  // Rejects as it did.
  await fault;
  return Array.from(partitions, ([partition, { movedMs, stoodMs }]) => ({
    partition,
    ms: movedMs > (overMs ?? 0) ? stoodMs : Number.POSITIVE_INFINITY,
  }));
}

/** By whoever has the partition, in his own words: what the others know is older, and who has just taken it may be behind. */
function appliedIn(seen: readonly ClusterSeen[]): Map<number, number> {
  const applied = new Map<number, number>();
  for (const { partitions } of seen) {
    for (const { partition, applied: at } of partitions) {
      applied.set(partition, Math.max(at, applied.get(partition) ?? 0));
    }
  }
  return applied;
}

async function seenByAll(nodes: readonly ClusterNode[]): Promise<readonly ClusterSeen[]> {
  const seen = await Promise.all(nodes.map(({ server }) => seenIfAnswered(server)));
  return seen.filter((each) => each !== undefined);
}
