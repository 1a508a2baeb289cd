/**
 * Points over windows that overlap: what lies between two edges is merged once, and a window from runs of that. Thirty days for each of
 * thirty days are sixty days read once, and some eight merges a point.
 */
import { StepAccumulator } from '../aggregate/merge.ts';
import type { MergedRows } from '../aggregate/merged-rows.ts';
import { WindowTree } from '../aggregate/window-tree.ts';
import { AppError } from '../model/errors.ts';
import { WINDOW_BYTES_MAX, WINDOW_MERGED_BYTES_MAX } from './limits.ts';
import type { Plan } from './plan.ts';
import { readStep, type StepValues } from './step-values.ts';
import { type PointWindow, stretchAt } from './steps.ts';

/** Of the rows that windows share, and of what is merged of them, a row as often as it is. */
export interface WindowBounds {
  readonly bytesMax: number;
  readonly mergedBytesMax: number;
}

const BOUNDS: WindowBounds = {
  bytesMax: WINDOW_BYTES_MAX,
  mergedBytesMax: WINDOW_MERGED_BYTES_MAX,
};

export class WindowPoints {
  readonly #plan: Plan;
  readonly #windows: readonly PointWindow[];
  readonly #bounds: WindowBounds;
  /** Its ticks are stretches, by their place. */
  readonly #tree: WindowTree;
  /** Windows that are finished. */
  #finished = 0;
  #isRestated = false;

  constructor(plan: Plan, windows: readonly PointWindow[], bounds: WindowBounds = BOUNDS) {
    this.#plan = plan;
    this.#windows = windows;
    this.#bounds = bounds;
    this.#tree = new WindowTree(plan.rollup, 1);
  }

  /** Stretches ascending, each once. Answers the points that end with it. Throws `query_invalid` if what windows share, or merge, is too large. */
  add(stretch: number, rows: MergedRows, restated: boolean): StepValues[] {
    this.#tree.put(stretch, rows);
    this.#isRestated ||= restated;
    const points: StepValues[] = [];
    const endMs = this.#plan.edges[stretch + 1] as number;
    for (let next = this.#windows[this.#finished]; next?.endMs === endMs; ) {
      points.push(this.#pointOf(next, stretch + 1));
      next = this.#windows[++this.#finished];
    }
    const { bytesMax, mergedBytesMax } = this.#bounds;
    if (this.#tree.mergedBytes > mergedBytesMax) throw tooMuch('merge', mergedBytesMax);
    if (this.#tree.bytes > bytesMax) this.shrink();
    if (this.#tree.bytes > bytesMax) throw tooMuch('share', bytesMax);
    return points;
  }

  /** Forgets what no further window has. */
  shrink(): void {
    const next = this.#windows[this.#finished];
    const { length } = this.#plan.edges;
    this.#tree.dropBefore(next === undefined ? length : this.#stretchOf(next.fromMs));
  }

  #pointOf(window: PointWindow, end: number): StepValues {
    const fold = this.#tree.mergeAnew(this.#stretchOf(window.fromMs), end);
    const values = readStep(
      window,
      new StepAccumulator(this.#plan.rollup, undefined, fold),
      this.#plan,
    );
    return { ...values, restated: this.#isRestated };
  }

  #stretchOf(atMs: number): number {
    const { edges } = this.#plan;
    return stretchAt(edges, atMs, 0, edges.length - 1);
  }
}

const tooMuch = (what: 'share' | 'merge', bytes: number): AppError =>
  new AppError(
    'query_invalid',
    `the windows ${what} more than ${bytes / 2 ** 20} MiB of partial results: group by fewer fields, narrow "where", or use a shorter window or longer steps`,
  );
