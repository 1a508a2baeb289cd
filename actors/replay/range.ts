/** What part of a rollup is rebuilt: whole buckets only, since a bucket is replaced or left as it is. Pure. */
import { bucketOf } from '../../src/aggregate/tiers.ts';
import { AppError } from '../../src/model/errors.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';

export interface ReplayRange {
  readonly fromMs: number;
  /** Exclusive. Infinity: up to now, buckets included that are not closed yet. */
  readonly toMs: number;
}

/**
 * The buckets of the coarsest resolution that lie within `wanted`. Where it ends behind `closedMs`, up to which every bucket is
 * closed, it goes on up to now: what is open there is rebuilt with it. Throws `query_invalid`.
 */
export function wholeBuckets(
  rollups: readonly RollupDefinition[],
  wanted: ReplayRange,
  closedMs: number,
  nowMs: number,
): ReplayRange {
  const stepMs = rollups.map(coarsestOf).reduce(leastCommonMultiple);
  const keptMs = Math.max(...rollups.map(keptOf));
  const oldestMs = Math.max(0, bucketOf(nowMs - keptMs, stepMs));
  const fromMs = Math.max(Math.ceil(wanted.fromMs / stepMs) * stepMs, oldestMs);
  const toMs = wanted.toMs > closedMs ? Number.POSITIVE_INFINITY : bucketOf(wanted.toMs, stepMs);
  if (fromMs < toMs && fromMs <= nowMs) return { fromMs, toMs };
  throw new AppError(
    'query_invalid',
    `expected a range with at least one whole bucket of ${stepMs / 1_000} s, the coarsest resolution, that is still kept; received ${iso(wanted.fromMs)} to ${iso(wanted.toMs)}`,
  );
}

/** Epoch milliseconds as people write them. */
export const iso = (timeMs: number): string =>
  Math.abs(timeMs) <= 8.64e15 ? new Date(timeMs).toISOString() : String(timeMs);

const coarsestOf = ({ resolutions }: RollupDefinition): number => resolutions.at(-1)?.stepMs ?? 1;

const keptOf = ({ resolutions }: RollupDefinition): number =>
  Math.max(...resolutions.map(({ retentionMs }) => retentionMs));

const leastCommonMultiple = (a: number, b: number): number => (a / greatestCommonDivisor(a, b)) * b;

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b);
