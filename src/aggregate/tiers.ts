/**
 * The clock of a rollup's tiers, as arithmetic. Tier 0 is the finest. Everything follows from one number, the watermark:
 * a bucket of tier 0 is closed once its end lies `latenessMs` behind it, and a bucket of a coarser tier once all
 * finer buckets within it are closed. So each coarser tier has at most one bucket that is begun and not closed.
 *
 * Invariant: a tier keeps its rows at least until the next tier's bucket over them is closed, whatever its retention
 * says. An unfinished coarser bucket can therefore always be rebuilt from stored finer rows.
 */
import type { RollupDefinition } from '../model/rollup.ts';

export interface RowRange {
  readonly stepMs: number;
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
}

/** Greater than every bucket. */
export const FOREVER_MS = Number.MAX_SAFE_INTEGER;

export const bucketOf = (timeMs: number, stepMs: number): number =>
  Math.floor(timeMs / stepMs) * stepMs;

/** Per tier: buckets that end at or before it are closed, and no other. -Infinity before the first event. */
export function closedTo(def: RollupDefinition, watermarkMs: number): number[] {
  let edge = watermarkMs - def.latenessMs;
  return def.resolutions.map(({ stepMs }) => {
    edge = bucketOf(edge, stepMs);
    return edge;
  });
}

/**
 * Which stored rows `RollupState.restore` needs: the finest buckets that are open, and per tier the rows
 * of which the next tier's unfinished bucket is made.
 */
export function openRanges(def: RollupDefinition, watermarkMs: number): RowRange[] {
  if (watermarkMs === Number.NEGATIVE_INFINITY) return [];
  const closed = closedTo(def, watermarkMs);
  const ranges: RowRange[] = [];
  def.resolutions.forEach(({ stepMs }, tier) => {
    const fromMs = closed[Math.min(tier + 1, closed.length - 1)] as number;
    const toMs = tier === 0 ? FOREVER_MS : (closed[tier] as number);
    if (fromMs < toMs) ranges.push({ stepMs, fromMs, toMs });
  });
  return ranges;
}

/**
 * Stored rows of this tier with `bucketMs + stepMs <=` the answer may be deleted: they are past their retention and no
 * unfinished coarser bucket needs them. -Infinity: none.
 */
export function expiredBeforeMs(
  def: RollupDefinition,
  stepMs: number,
  watermarkMs: number,
  nowMs: number,
): number {
  const tier = tierOf(def, stepMs);
  const closed = closedTo(def, watermarkMs);
  const needed = closed[Math.min(tier + 1, closed.length - 1)] as number;
  return Math.min(nowMs - (def.resolutions[tier]?.retentionMs ?? 0), needed);
}

/**
 * The finest tier that still has the row of `timeMs`, an event whose finest bucket is closed. The number of tiers
 * if none has.
 */
export function finestHolding(
  def: RollupDefinition,
  closed: readonly number[],
  timeMs: number,
  nowMs: number,
): number {
  const { resolutions } = def;
  for (let tier = 0; tier < resolutions.length; tier++) {
    const { stepMs, retentionMs } = resolutions[tier] as RollupDefinition['resolutions'][number];
    if (bucketOf(timeMs, stepMs) + stepMs + retentionMs > nowMs) return tier;
    if (timeMs >= (closed[tier + 1] ?? Number.POSITIVE_INFINITY)) return tier;
  }
  return resolutions.length;
}

export function tierOf(def: RollupDefinition, stepMs: number): number {
  const tier = def.resolutions.findIndex((resolution) => resolution.stepMs === stepMs);
  if (tier < 0) throw new RangeError(`rollup "${def.name}" has no resolution of ${stepMs} ms`);
  return tier;
}
