/**
 * A window that moves on with the ticks: what comes in is added and what leaves is subtracted, so that it costs two ticks
 * however long it is. Only of whole numbers (events, bins of quantiles): those come out the same on every way, so that
 * the content is that of the window alone.
 */
import { BucketFold } from './bucket-fold.ts';
import { isSubtractable, mergeRowInto, subtractRowFrom } from './bucket-row.ts';
import type { RowLayout } from './layout.ts';
import type { MergedRows } from './merged-rows.ts';

export class SlidingWindow {
  readonly #fold: BucketFold;
  /** The ticks with events that are in it, ascending: kept here, for whoever made them may forget them. */
  readonly #inside = new Map<number, MergedRows>();
  #from = 0;
  #to = 0;

  constructor(layout: RowLayout) {
    this.#fold = new BucketFold(layout);
  }

  /** Undefined where the rows cannot be taken out again. */
  static of(layout: RowLayout): SlidingWindow | undefined {
    return isSubtractable(layout) ? new SlidingWindow(layout) : undefined;
  }

  /**
   * Moves to the ticks in `[from, to)` and answers them merged; series may be without events. Undefined: it is further on
   * already, and stays there. `nodeAt` gives what a tick holds; an empty one for none.
   */
  moveTo(from: number, to: number, nodeAt: (tick: number) => MergedRows): BucketFold | undefined {
    if (from < this.#from || to < this.#to) return undefined;
    if (from >= this.#to) this.#restart(from);
    for (const [tick, node] of this.#inside) {
      if (tick >= from) break;
      this.#inside.delete(tick);
      visit(node, (group, row) => subtractRowFrom(this.#fold, group, row));
    }
    for (let tick = this.#to; tick < to; tick++) {
      const node = nodeAt(tick);
      if (node.length === 0) continue;
      this.#inside.set(tick, node);
      visit(node, (group, row) => mergeRowInto(this.#fold, group, row));
    }
    this.#from = from;
    this.#to = to;
    return this.#fold;
  }

  #restart(from: number): void {
    this.#fold.reset();
    this.#inside.clear();
    this.#to = from;
  }
}

function visit(node: MergedRows, act: (group: number, row: Uint8Array) => void): void {
  for (let group = 0; group < node.length; group++) {
    const row = node[group];
    if (row !== undefined) act(group, row);
  }
}
