/**
 * The closed buckets of one rollup, such that any run of them can be merged with few merges: a tree over time whose nodes
 * are aligned runs of 1, 2, 4, 8 ... ticks, packed like stored rows. A window of n ticks is at most 2 log2(n) nodes,
 * and a node is merged once, when a window first needs it; a window that slides by a tick therefore costs a few merges
 * instead of n. Which nodes make up a window depends on its edges alone, so that sums of fractions come out the same
 * whenever, and in whatever steps, the buckets were learned. Where all is whole numbers, the newest window slides instead.
 *
 * Memory: the rows of the ticks that are kept, packed (a series of a count takes some 3 bytes, of a quantile what its
 * sketch takes), and at most as much again for the longer runs.
 */

import type { PartialRow } from '../model/partials.ts';
import type { RollupDefinition } from '../model/rollup.ts';
import { BucketFold } from './bucket-fold.ts';
import { mergeRowInto } from './bucket-row.ts';
import { layoutOf } from './layout.ts';
import { bytesOf, type MergedRows, mergePacked, packFold } from './merged-rows.ts';
import { SlidingWindow } from './sliding-window.ts';

const EMPTY: MergedRows = [];

export class WindowTree {
  readonly #stepMs: number;
  /** For windows, and for nodes in the making. */
  readonly #window: BucketFold;
  readonly #sliding: SlidingWindow | undefined;
  readonly #making: BucketFold;
  /** By level: nodes of 2^level ticks by their number. Level 0 holds ticks with events, ascending; others what was needed. */
  readonly #levels: Map<number, MergedRows>[] = [new Map()];
  #bytes = 0;
  #mergedBytes = 0;

  constructor(rollup: RollupDefinition, stepMs: number) {
    const layout = layoutOf(rollup);
    this.#stepMs = stepMs;
    this.#window = new BucketFold(layout);
    this.#sliding = SlidingWindow.of(layout);
    this.#making = new BucketFold(layout);
  }

  /** Of the rows that are kept. One that is a longer run by itself counts for each. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Of the rows that were merged so far, each as often as it was: what windows have cost. */
  get mergedBytes(): number {
    return this.#mergedBytes;
  }

  /** One bucket with all its rows. Ascending; one that is left out is empty. */
  add(bucketMs: number, rows: readonly PartialRow[]): void {
    this.#making.reset();
    for (const { group, bytes, outputOf } of rows) {
      mergeRowInto(this.#making, group, bytes, outputOf);
    }
    this.put(bucketMs, packFold(this.#making));
  }

  /** As `add`, of a bucket that is merged and packed already. */
  put(bucketMs: number, rows: MergedRows): void {
    if (rows.length > 0) this.#keep(0, bucketMs / this.#stepMs, rows);
  }

  /**
   * Merges the buckets that begin in `[fromMs, toMs)`; a series may have no events there. The answer is good until the next
   * call.
   */
  merge(fromMs: number, toMs: number): BucketFold {
    const from = fromMs / this.#stepMs;
    const to = toMs / this.#stepMs;
    return this.#sliding?.moveTo(from, to, (tick) => this.#node(0, tick)) ?? this.#sum(from, to);
  }

  /** As `merge`, of windows that may come in any order; only series that have events there are in it. */
  mergeAnew(fromMs: number, toMs: number): BucketFold {
    return this.#sum(fromMs / this.#stepMs, toMs / this.#stepMs);
  }

  /** The first bucket with events that begins at or behind it. */
  firstFrom(fromMs: number): number | undefined {
    for (const tick of this.#level(0).keys()) {
      if (tick * this.#stepMs >= fromMs) return tick * this.#stepMs;
    }
    return undefined;
  }

  /** Forgets the buckets that begin before it. */
  dropBefore(fromMs: number): void {
    const first = fromMs / this.#stepMs;
    this.#levels.forEach((nodes, level) => {
      for (const [at, node] of nodes) {
        if (at * 2 ** level >= first) {
          // Longer runs are made in no particular order.
          if (level === 0) break;
          continue;
        }
        nodes.delete(at);
        this.#bytes -= bytesOf(node);
      }
    });
  }

  #sum(from: number, end: number): BucketFold {
    const fold = this.#window;
    fold.reset();
    for (let at = from; at < end; ) {
      let size = 1;
      let level = 0;
      while (at % (2 * size) === 0 && at + 2 * size <= end) {
        size *= 2;
        level++;
      }
      this.#merge(fold, this.#node(level, at / size));
      at += size;
    }
    return fold;
  }

  #node(level: number, at: number): MergedRows {
    const nodes = this.#level(level);
    const known = nodes.get(at);
    if (known !== undefined) return known;
    if (level === 0) return EMPTY;
    const node = this.#joined(this.#node(level - 1, 2 * at), this.#node(level - 1, 2 * at + 1));
    this.#keep(level, at, node);
    return node;
  }

  #joined(first: MergedRows, second: MergedRows): MergedRows {
    if (first.length === 0) return second;
    if (second.length === 0) return first;
    this.#making.reset();
    this.#merge(this.#making, first);
    this.#merge(this.#making, second);
    return packFold(this.#making);
  }

  #merge(fold: BucketFold, node: MergedRows): void {
    this.#mergedBytes += bytesOf(node);
    mergePacked(fold, node);
  }

  #keep(level: number, at: number, node: MergedRows): void {
    this.#level(level).set(at, node);
    this.#bytes += bytesOf(node);
  }

  #level(level: number): Map<number, MergedRows> {
    let nodes = this.#levels[level];
    if (nodes === undefined) {
      nodes = new Map();
      this.#levels[level] = nodes;
    }
    return nodes;
  }
}
