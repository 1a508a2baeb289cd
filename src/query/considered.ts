/** Of each rollup of a stream whether it answers a question, and if not why. Pure. */
import { type RollupDefinition, shownName } from '../model/rollup.ts';
import { type AbleRollup, hasSeen, judgedRollups, type Since } from './plan.ts';
import type { TimeseriesRequest } from './request.ts';

export interface ConsideredRollup {
  readonly rollup: RollupDefinition;
  readonly isTaken: boolean;
  /** What it would have to keep; empty: it can answer. */
  readonly lacks: readonly string[];
  /** Why one that can answer does not; null of all others. */
  readonly reason: string | null;
}

/** @param taken undefined: segments answer, or nobody */
export const consideredRollups = (
  request: TimeseriesRequest,
  taken: RollupDefinition | undefined,
  ...planned: [readonly RollupDefinition[], number, Since]
): ConsideredRollup[] =>
  Array.from(judgedRollups(request, ...planned), (judged) => {
    const { rollup } = judged;
    if ('lacks' in judged) return { rollup, isTaken: false, lacks: judged.lacks, reason: null };
    const isTaken = rollup === taken;
    return { rollup, isTaken, lacks: [], reason: isTaken ? null : reasonOf(judged, taken) };
  });

function reasonOf(judged: AbleRollup, taken: RollupDefinition | undefined): string {
  const { rollup, beganMs } = judged;
  if (!hasSeen(judged)) {
    return Number.isFinite(beganMs)
      ? `it counts since ${new Date(beganMs).toISOString()}, and the range begins before`
      : 'it does not count yet';
  }
  if (taken === undefined) return 'segments are to answer';
  const isNarrower = taken.dimensions.length < rollup.dimensions.length;
  return `"${shownName(taken.name)}" ${isNarrower ? 'has fewer dimensions' : 'comes before it'}`;
}
