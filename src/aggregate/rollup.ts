/**
 * One rollup of one tenant in one partition: columns in, rows out. Pure and deterministic: the same blocks in the same
 * order give the same bytes, and a state restored from a commit goes on as the one that was committed would have.
 *
 * Only the finest open bucket is folded. When it closes, its rows are merged into the one unfinished bucket
 * of the next tier, and so on upwards. An event whose finest bucket is closed amends the finest tier that still has
 * its time and every coarser one, by delta rows where the bucket is closed, directly where it is not; in a frozen
 * rollup it is left out.
 */
import assert from 'node:assert/strict';
import type { RollupDefinition } from '../model/rollup.ts';
import type { BlockColumns } from './block-columns.ts';
import { SLOTS_MAX } from './bucket-fold.ts';
import { groupByBucket } from './bucket-groups.ts';
import { type ClosedBucket, ClosedRows } from './closed-rows.ts';
import { layoutOf } from './layout.ts';
import { foldPool, type GroupRows, type OpenBucket } from './open-bucket.ts';
import { type PendingBucket, PendingRows } from './pending-rows.ts';
import { RowFilter } from './row-filter.ts';
import { type OverflowReport, SeriesIndex, type SeriesLabels } from './series-index.ts';
import { TierBuckets } from './tier-buckets.ts';
import { closedTo, finestHolding, tierOf } from './tiers.ts';

/** Which row of the rollup: all series of one bucket, one column group (0 = scalars, 1.. = sketches). */
export interface RowAt {
  readonly stepMs: number;
  readonly group: number;
  readonly bucketMs: number;
}
export interface StoredRow extends RowAt {
  readonly bytes: Uint8Array;
}
/** `put` replaces the stored row; `merge` must be merged into it (`mergeRows`), or stored if there is none. */
export interface RowChange extends StoredRow {
  readonly mode: 'put' | 'merge';
}
/** What became of the rows of a block that were not left out by `keep`. */
export interface FoldCounts {
  /** Aggregated at arrival time, because `ts` lay too far in the future. */
  clamped: number;
  /** Older than every tier keeps: not aggregated. */
  expired: number;
  /** Not meant for this rollup. */
  filtered: number;
  /** Came after their finest bucket had closed: were still aggregated, or left out of a frozen rollup. */
  late: number;
}
export interface RollupChanges {
  readonly rows: readonly RowChange[];
  readonly newSeries: readonly SeriesLabels[];
}
export interface CollectRange {
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
  readonly steps: readonly number[];
  readonly groups: readonly number[];
}
export interface Collected {
  /** Absolute: they replace stored rows of the same key. */
  readonly rows: readonly StoredRow[];
  /** To be merged into the stored row, or to stand for it if there is none. Never of the same key as one of `rows`. */
  readonly deltas: readonly StoredRow[];
  /** Series allocated since the last commit. */
  readonly newSeries: readonly SeriesLabels[];
}

/** Cleared folds that are kept for late deltas. */
const SPARE_DELTAS_MAX = 16;

/** Shared by all states of the thread, which fold one after the other: rows of the block at hand. */
let selected = new Uint32Array(8192);
let lateRows = new Uint32Array(8192);
let tierRows = new Uint32Array(8192);
let seriesOf = new Uint32Array(8192);
let finestOf = new Uint8Array(8192);

export class RollupState {
  readonly definition: RollupDefinition;
  readonly #series: SeriesIndex;
  readonly #filter: RowFilter;
  readonly #pending: PendingRows;
  readonly #buckets: TierBuckets;
  /** Of a frozen rollup. */
  readonly #closed: ClosedRows | undefined;
  #committedSeries = 0;

  /** `watermarkMs`: of the partition as committed, or as it is when the rollup is created. */
  constructor(definition: RollupDefinition, watermarkMs = Number.NEGATIVE_INFINITY) {
    assert(
      definition.seriesMax < SLOTS_MAX,
      `rollup "${definition.name}" must have fewer than ${SLOTS_MAX} series`,
    );
    this.definition = definition;
    const { dimensions, seriesMax, normalize } = definition;
    this.#series = new SeriesIndex(dimensions, seriesMax, normalize);
    this.#filter = new RowFilter(definition.filter);
    // A pool of their own: the folds of open buckets have grown large, and clearing one costs as much as it can hold.
    this.#pending = new PendingRows(foldPool(layoutOf(definition), SPARE_DELTAS_MAX));
    if (definition.frozen) {
      const finest = definition.resolutions[0] as { stepMs: number };
      const [closedMs] = closedTo(definition, watermarkMs);
      this.#closed = new ClosedRows(finest.stepMs, closedMs as number);
    }
    this.#buckets = new TierBuckets(definition, watermarkMs, this.#pending, this.#closed);
  }

  /**
   * Takes back what was committed, into a state that was just made with the committed watermark: all series, and the
   * rows of `openRanges`, in any order. Throws `state_corrupt`.
   */
  restore(series: readonly SeriesLabels[], rows: readonly StoredRow[]): void {
    this.#series.restore(series);
    this.#committedSeries = this.#series.count;
    this.#buckets.restore(rows);
  }

  /**
   * Folds a block without the rows of which `keep[row]` is 0. `nowMs` is the block's arrival and never goes back.
   * `watermarkMs` is the partition's, this block included: the greatest min(ts, arrival), lateness not subtracted.
   * Buckets that it closes are closed here; no row of this block comes late because of a neighbour.
   */
  fold(
    columns: BlockColumns,
    keep: Uint8Array | undefined,
    watermarkMs: number,
    nowMs: number,
  ): FoldCounts {
    reserve(columns.rows);
    const counts: FoldCounts = { clamped: 0, expired: 0, filtered: 0, late: 0 };
    let count = this.#select(columns, keep, counts);
    const target = Math.max(watermarkMs, this.#buckets.watermarkMs);
    if (count > 0) {
      const { values: times, minMs, clamped } = columns.eventTimes(nowMs);
      if (clamped) counts.clamped = countClamped(columns, count, times);
      const isOnTime = minMs >= (this.#buckets.closedTo[0] as number);
      if (this.#closed !== undefined && !isOnTime) count = this.#leaveOutLate(times, count, counts);
      this.#series.resolve(columns, selected, count, seriesOf);
      const onTime =
        isOnTime || this.#closed !== undefined
          ? count
          : this.#foldLate(columns, times, count, nowMs, counts);
      if (onTime > 0) this.#foldOpen(columns, times, onTime, target);
    }
    this.advance(target);
    return counts;
  }

  /** Moves the clock without a block of this stream. Going back is ignored. */
  advance(watermarkMs: number): void {
    this.#buckets.advance(watermarkMs);
  }

  /** Everything changed since `committed`, at most once per key. Nothing may be folded until `committed` is called. */
  changes(): RollupChanges {
    const finest = this.#buckets.finestStepMs;
    const rows: RowChange[] = [];
    for (const { bucketMs, stepMs, mode, rows: merged } of this.#pending.all()) {
      pushGroups(rows, merged(), (group, bytes) => ({ stepMs, group, bucketMs, bytes, mode }));
    }
    for (const bucket of this.#buckets.open) {
      if (!bucket.dirty) continue;
      const { bucketMs } = bucket;
      pushGroups(rows, bucket.rows(), (group, bytes) => {
        return { stepMs: finest, group, bucketMs, bytes, mode: 'put' };
      });
    }
    return { rows, newSeries: this.#newSeries() };
  }

  /** What `changes` answered is stored. */
  committed(): void {
    this.#committedSeries = this.#series.count;
    this.#pending.clear();
    this.#buckets.committed();
    this.#closed?.committed();
  }

  /** What a query needs beyond the stored rows: open finest buckets, and whatever is not committed. */
  collect({ fromMs, toMs, steps, groups }: CollectRange): Collected {
    const rows: StoredRow[] = [];
    const deltas: StoredRow[] = [];
    const add = (to: StoredRow[], stepMs: number, bucket: OpenBucket | PendingBucket) => {
      const { bucketMs } = bucket;
      if (!steps.includes(stepMs) || bucketMs >= toMs || bucketMs + stepMs <= fromMs) return;
      for (const group of groups) {
        const bytes = bucket.row(group);
        if (bytes !== undefined) to.push({ stepMs, group, bucketMs, bytes });
      }
    };
    for (const waiting of this.#pending.all()) {
      add(waiting.mode === 'put' ? rows : deltas, waiting.stepMs, waiting);
    }
    for (const bucket of this.#buckets.open) add(rows, this.#buckets.finestStepMs, bucket);
    return { rows, deltas, newSeries: this.#newSeries() };
  }

  /** Buckets of this tier that end at or before it are closed; of finer tiers too. */
  closedToMs(stepMs: number): number {
    return this.#buckets.closedTo[tierOf(this.definition, stepMs)] as number;
  }

  /**
   * Of a frozen rollup: closed buckets of the finest tier that begin at or behind `fromMs`, ascending. Those before
   * `closedFromMs` are in the store alone.
   */
  closedSince(fromMs: number): readonly ClosedBucket[] {
    return this.#closed?.since(fromMs) ?? [];
  }
  get closedFromMs(): number {
    return this.#closed?.fromMs ?? Number.POSITIVE_INFINITY;
  }

  /** Forgets closed rows that are stored, the oldest first, until the rest takes about `bytesMax`. */
  trimClosed(bytesMax: number): void {
    this.#closed?.trim(bytesMax);
  }

  /** At most `countMax` series with an id above `afterId`, ascending, stored or not. */
  seriesAfter(afterId: number, countMax: number): SeriesLabels[] {
    const length = Math.max(0, Math.min(countMax, this.#series.count - afterId));
    return Array.from({ length }, (_, i) => this.#series.labels(afterId + i + 1));
  }

  /** About the memory of what waits for the next commit beside open buckets: commit early when it grows large. */
  get pendingBytes(): number {
    return this.#pending.bytes;
  }

  /** Series that have been allocated, without the overflow series. */
  get seriesCount(): number {
    return this.#series.count;
  }

  /** True while some bucket waits for the watermark to pass. */
  get waiting(): boolean {
    return this.#buckets.waiting;
  }

  /** What the overflow series swallowed; undefined while nothing did. */
  overflow(): OverflowReport | undefined {
    return this.#series.overflow();
  }

  /** Fills `selected` with the rows that are kept and meant for this rollup. */
  #select(columns: BlockColumns, keep: Uint8Array | undefined, counts: FoldCounts): number {
    const rows = columns.rows;
    let count = 0;
    if (keep === undefined) {
      for (let row = 0; row < rows; row++) selected[row] = row;
      count = rows;
    } else {
      for (let row = 0; row < rows; row++) if (keep[row] !== 0) selected[count++] = row;
    }
    const passed = this.#filter.apply(columns, selected, count);
    counts.filtered = count - passed;
    return passed;
  }

  #foldOpen(columns: BlockColumns, times: Float64Array, count: number, watermarkMs: number): void {
    const stepMs = this.#buckets.finestStepMs;
    const target = closedTo(this.definition, watermarkMs)[0] as number;
    const { buckets, ends, rows } = groupByBucket(times, selected, count, stepMs);
    let from = 0;
    buckets.forEach((bucketMs, i) => {
      // Closing on the way keeps a block that spans a year from opening all of its seconds at once.
      this.#buckets.closeFinest(Math.min(target, bucketMs));
      const to = ends[i] as number;
      this.#buckets.openAt(bucketMs).edit().addRows(columns, times, rows, from, to, seriesOf);
      from = to;
    });
  }

  /** Keeps in `selected` what is not late, and answers how many these are. */
  #leaveOutLate(times: Float64Array, count: number, counts: FoldCounts): number {
    const edge = this.#buckets.closedTo[0] as number;
    let onTime = 0;
    for (let j = 0; j < count; j++) {
      const row = selected[j] as number;
      if ((times[row] as number) >= edge) selected[onTime++] = row;
    }
    counts.late = count - onTime;
    return onTime;
  }

  /** Folds the rows of `selected` that are late, leaves the others in it, and answers how many these are. */
  #foldLate(
    columns: BlockColumns,
    times: Float64Array,
    count: number,
    nowMs: number,
    counts: FoldCounts,
  ): number {
    const { definition } = this;
    const closed = this.#buckets.closedTo;
    const tiers = closed.length;
    let onTime = 0;
    let late = 0;
    for (let j = 0; j < count; j++) {
      const row = selected[j] as number;
      const time = times[row] as number;
      if (time >= (closed[0] as number)) {
        selected[onTime++] = row;
        continue;
      }
      const finest = finestHolding(definition, closed, time, nowMs);
      if (finest === tiers) {
        counts.expired++;
        continue;
      }
      finestOf[row] = finest;
      lateRows[late++] = row;
    }
    counts.late = late;
    for (let tier = 0; tier < tiers && late > 0; tier++) {
      late = this.#amendTier(columns, times, tier, late);
    }
    return onTime;
  }

  /** Amends one tier by `lateRows[0..late)`. Rows that reach an unfinished bucket are done; answers how many are left. */
  #amendTier(columns: BlockColumns, times: Float64Array, tier: number, late: number): number {
    const { stepMs } = this.definition.resolutions[tier] as { stepMs: number };
    const edge = this.#buckets.closedTo[tier] as number;
    let deltas = 0;
    let left = 0;
    let direct = lateRows.length;
    for (let j = 0; j < late; j++) {
      const row = lateRows[j] as number;
      if ((times[row] as number) >= edge) {
        tierRows[--direct] = row;
        continue;
      }
      lateRows[left++] = row;
      if ((finestOf[row] as number) <= tier) tierRows[deltas++] = row;
    }
    if (direct < lateRows.length) {
      const rows = tierRows.subarray(direct).reverse();
      const time = times[rows[0] as number] as number;
      const fold = this.#buckets.unfinishedAt(tier, time).edit();
      fold.addRows(columns, times, rows, 0, rows.length, seriesOf);
    }
    if (deltas > 0) this.#addDeltas(columns, times, deltas, stepMs);
    return left;
  }

  #addDeltas(columns: BlockColumns, times: Float64Array, count: number, stepMs: number): void {
    const { buckets, ends, rows } = groupByBucket(times, tierRows, count, stepMs);
    let from = 0;
    buckets.forEach((bucketMs, i) => {
      const to = ends[i] as number;
      const fold = this.#pending.amend(stepMs, bucketMs, to - from);
      fold.addRows(columns, times, rows, from, to, seriesOf);
      from = to;
    });
  }

  #newSeries(): SeriesLabels[] {
    return this.seriesAfter(this.#committedSeries, Number.POSITIVE_INFINITY);
  }
}

function countClamped(columns: BlockColumns, count: number, times: Float64Array): number {
  const given = columns.numbers('ts');
  let clamped = 0;
  for (let j = 0; given !== undefined && j < count; j++) {
    const row = selected[j] as number;
    const ts = given[row] as number;
    if (!Number.isNaN(ts) && ts !== times[row]) clamped++;
  }
  return clamped;
}

function pushGroups<T>(
  to: T[],
  rows: GroupRows,
  make: (group: number, bytes: Uint8Array) => T,
): void {
  rows.forEach((bytes, group) => {
    if (bytes !== undefined) to.push(make(group, bytes));
  });
}

function reserve(rows: number): void {
  if (rows <= selected.length) return;
  selected = new Uint32Array(rows * 2);
  lateRows = new Uint32Array(rows * 2);
  tierRows = new Uint32Array(rows * 2);
  seriesOf = new Uint32Array(rows * 2);
  finestOf = new Uint8Array(rows * 2);
}
