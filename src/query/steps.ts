/** How an answer's range is cut: where points begin and end, and what is merged apart for them. */

import { AppError } from '../model/errors.ts';
import { POINTS_MAX } from './limits.ts';
import { ceilTo, formatDuration } from './time.ts';

/** A point over the window `[fromMs, endMs)`, which is its own step or reaches further back. */
export interface PointWindow {
  readonly tMs: number;
  readonly endMs: number;
  readonly fromMs: number;
}

export interface Steps {
  /** From each to the next is a stretch that is merged apart. Ascending; two at least, the range's ends among them. */
  readonly edges: readonly number[];
  /** Ascending; each begins and ends at an edge. Undefined: each stretch is a point. */
  readonly windows?: readonly PointWindow[] | undefined;
}

export const pointsIn = ({ edges, windows }: Steps): number => windows?.length ?? edges.length - 1;

/** Of its step, or of the window that ends with it. */
export function pointAt({ edges, windows }: Steps, place: number): PointWindow {
  const window = windows?.[place];
  if (window !== undefined) return window;
  const fromMs = edges[place] as number;
  return { tMs: fromMs, endMs: edges[place + 1] as number, fromMs };
}

/** Equally long but for the last one. */
export function evenEdges(fromMs: number, toMs: number, stepMs: number): number[] {
  const edges: number[] = [];
  for (let i = 0; fromMs + i * stepMs < toMs; i++) edges.push(fromMs + i * stepMs);
  return [...edges, toMs];
}

/** Points between these edges, each over the window that begins at `beginOf` its end. */
export function windowSteps(
  edges: readonly number[],
  beginOf: (endMs: number) => number,
): Required<Steps> {
  const windows = edges.slice(1).map((endMs, i) => ({
    tMs: edges[i] as number,
    endMs,
    fromMs: beginOf(endMs),
  }));
  const all = new Set(windows.flatMap(({ fromMs, endMs }) => [fromMs, endMs]));
  return { windows, edges: [...all].sort((a, b) => a - b) };
}

/** Which stretch of `[first, end)` has this moment, which lies in one of them. */
export function stretchAt(
  edges: readonly number[],
  atMs: number,
  first: number,
  end: number,
): number {
  let [low, high] = [first, end];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((edges[middle] as number) <= atMs) low = middle;
    else high = middle;
  }
  return low;
}

/** Throws `query_invalid` if a range has too many steps; `unitMs` is what steps are multiples of. */
export function checkPoints(fromMs: number, toMs: number, stepMs: number, unitMs: number): void {
  const points = Math.ceil((toMs - fromMs) / stepMs);
  if (points <= POINTS_MAX) return;
  const enough = formatDuration(ceilTo((toMs - fromMs) / POINTS_MAX, unitMs));
  throw new AppError(
    'query_invalid',
    `${points} points were asked for and ${POINTS_MAX} are the most: use a step of ${enough} or more, or a shorter range`,
  );
}
