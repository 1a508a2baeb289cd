/**
 * One partition's part of a query: what it holds beyond its last commit, and which tier answers which time. A tier
 * answers what it has closed; what is still open at a coarse tier comes from the finer ones.
 */
import { AppError } from '../model/errors.ts';
import { identityOf } from '../model/rollup.ts';
import { COLLECT_TIMEOUT_MS } from './limits.ts';
import { isLost } from './partition-lost.ts';
import type { Plan } from './plan.ts';
import type { CollectReply, PartitionClient, StoredRollups } from './ports.ts';
import { floorTo } from './time.ts';

/** Buckets of `[fromMs, toMs)` are read at this step. */
export interface Span {
  readonly stepMs: number;
  readonly fromMs: number;
  readonly toMs: number;
}

export interface PartitionSource {
  readonly partition: number;
  /** False: it did not answer in time, and only committed rows are there. */
  readonly answered: boolean;
  /** False: its node is away, or what it has committed is of another definition of the rollup; nothing of it can be read. */
  readonly isReadable: boolean;
  /** Events at or before it are complete in this answer. */
  readonly watermarkMs: number;
  readonly spans: readonly Span[];
  /** Rows that replace stored ones, by `rowSetKey`, then bucket. */
  readonly changed: ReadonlyMap<string, ReadonlyMap<number, Uint8Array>>;
  readonly newSeries: CollectReply['series'];
}

/** Of a partition that is not even asked. */
export const lostSource = (partition: number): PartitionSource => ({
  partition,
  answered: false,
  isReadable: false,
  watermarkMs: Number.NEGATIVE_INFINITY,
  spans: [],
  changed: new Map(),
  newSeries: [],
});

export const rowSetKey = (stepMs: number, group: number): string => `${stepMs}/${group}`;

export async function openSource(
  partition: number,
  plan: Plan,
  partitions: PartitionClient,
  stored: StoredRollups,
  nowMs: number,
): Promise<PartitionSource> {
  // Read before asking: what is logged meanwhile must not count as waited for.
  const endOffset = partitions.endOffset(partition);
  const reply = await collectIfAlive(partition, plan, partitions);
  if (reply === undefined) {
    const committedMs = await committedIfThere(partition, plan, stored);
    if (committedMs === undefined) return lostSource(partition);
    const watermarkMs = committedMs - plan.rollup.latenessMs;
    const closedToMs = plan.tiersMs.map(() => watermarkMs);
    const spans = spansOf(plan, closedToMs);
    return { ...lostSource(partition), isReadable: true, watermarkMs, spans };
  }
  // Nothing waits in its log: it knows all there is, so its time is the clock's although no event says so.
  const isCaughtUp = reply.appliedOffset >= endOffset;
  const endKnownMs = nowMs - (partitions.nodes?.endAgeMs(partition) ?? 0);
  const idleWatermarkMs = isCaughtUp
    ? endKnownMs - plan.rollup.latenessMs
    : Number.NEGATIVE_INFINITY;
  return {
    partition,
    answered: true,
    isReadable: true,
    watermarkMs: Math.max(reply.watermarkMs, idleWatermarkMs),
    spans: spansOf(plan, reply.closedToMs),
    changed: indexRows(reply.rows),
    newSeries: reply.series,
  };
}

async function collectIfAlive(
  partition: number,
  { tenant, rollup, fromMs, toMs, tiersMs, groups }: Plan,
  partitions: PartitionClient,
): Promise<CollectReply | undefined> {
  const identity = identityOf(rollup);
  const request = { tenant, rollup: rollup.name, identity, fromMs, toMs, steps: tiersMs, groups };
  try {
    return await partitions.collect(partition, request, COLLECT_TIMEOUT_MS);
  } catch (error) {
    // An operating fault of one partition must not take the answer of the others; a bug must show.
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

async function committedIfThere(
  partition: number,
  { rollup }: Plan,
  stored: StoredRollups,
): Promise<number | undefined> {
  try {
    return await stored.watermarkMs(partition, rollup);
  } catch (error) {
    if (isLost(error)) return undefined;
    throw error;
  }
}

/** Cuts the range into one span per tier, coarsest and oldest first. */
export function spansOf(plan: Plan, closedToMs: readonly number[]): Span[] {
  const spans: Span[] = [];
  let fromMs = plan.fromMs;
  plan.tiersMs.forEach((stepMs, i) => {
    const isFinest = i === plan.tiersMs.length - 1;
    const closedMs = isFinest ? plan.toMs : floorTo(closedToMs[i] as number, stepMs);
    const toMs = Math.min(plan.toMs, closedMs);
    if (toMs <= fromMs) return;
    spans.push({ stepMs, fromMs, toMs });
    fromMs = toMs;
  });
  return spans;
}

function indexRows(rows: CollectReply['rows']): Map<string, Map<number, Uint8Array>> {
  const index = new Map<string, Map<number, Uint8Array>>();
  for (const { stepMs, group, bucketMs, bytes } of rows) {
    const key = rowSetKey(stepMs, group);
    const set = index.get(key) ?? new Map<number, Uint8Array>();
    index.set(key, set.set(bucketMs, bytes));
  }
  return index;
}
