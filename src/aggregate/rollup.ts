/**
 * One rollup of one tenant in one partition: columns in, rows out. Pure and deterministic: the same blocks in the same
 * order give the same bytes, and a state restored from a commit goes on as the one that was committed would have.
 *
 * Only the finest open bucket is folded. When it closes, its rows are merged into the one unfinished bucket
 * of the next tier, and so on upwards. An event whose finest bucket is closed amends the finest tier that still has
 * its time and every coarser one, by delta rows where the bucket is closed, directly where it is not.
 */
import assert from 'node:assert/strict';
import type { RollupDefinition } from '../model/rollup.ts';
import type { BlockColumns } from './block-columns.ts';
import { BucketFold, SLOTS_MAX } from './bucket-fold.ts';
import { groupByBucket } from './bucket-groups.ts';
import { mergeRowInto } from './bucket-row.ts';
import { layoutOf } from './layout.ts';
import { encodeGroups, type FoldPool, type GroupRows, OpenBucket } from './open-bucket.ts';
import { PendingRows } from './pending-rows.ts';
import { RowFilter } from './row-filter.ts';
import { type OverflowReport, SeriesIndex, type SeriesLabels } from './series-index.ts';
import { bucketOf, closedTo, finestHolding, tierOf } from './tiers.ts';

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
  /** Came after their finest bucket had closed, and were still aggregated. */
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

/** Cleared folds that are kept for reuse: about as many as fill up between two commits. */
const SPARE_FOLDS_MAX = 4;

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
  readonly #pool: FoldPool;
  /** Late rows of one bucket are folded here before they become a delta. */
  readonly #late: BucketFold;
  /** Open buckets of the finest tier, ascending; about (latenessMs + 60 s) / step of them at most. */
  readonly #open: OpenBucket[] = [];
  /** Of each coarser tier the bucket that is begun and not closed; index 0 is unused. */
  readonly #unfinished: (OpenBucket | undefined)[];
  readonly #pending = new PendingRows();
  #committedSeries = 0;
  #watermarkMs: number;
  #closedTo: readonly number[];

  /** `watermarkMs`: of the partition as committed, or as it is when the rollup is created. */
  constructor(definition: RollupDefinition, watermarkMs = Number.NEGATIVE_INFINITY) {
    assert(
      definition.seriesMax < SLOTS_MAX,
      `rollup "${definition.name}" must have fewer than ${SLOTS_MAX} series`,
    );
    const layout = layoutOf(definition);
    this.definition = definition;
    this.#series = new SeriesIndex(definition.dimensions, definition.seriesMax);
    this.#filter = new RowFilter(definition.filter);
    this.#pool = foldPool(() => new BucketFold(layout));
    this.#late = new BucketFold(layout);
    this.#unfinished = definition.resolutions.map(() => undefined);
    this.#watermarkMs = watermarkMs;
    this.#closedTo = closedTo(definition, watermarkMs);
  }

  /**
   * Takes back what was committed, into a state that was just made with the committed watermark: all series, and the
   * rows of `openRanges`, in any order. Throws `state_corrupt`.
   */
  restore(series: readonly SeriesLabels[], rows: readonly StoredRow[]): void {
    this.#series.restore(series);
    this.#committedSeries = this.#series.count;
    const [finest] = this.definition.resolutions;
    const open = new Map<number, (Uint8Array | undefined)[]>();
    // In the order of time, in which the rows were merged upwards: float sums come out the same.
    for (const row of [...rows].sort((a, b) => a.bucketMs - b.bucketMs)) {
      const tier = tierOf(this.definition, row.stepMs);
      if (row.stepMs === finest?.stepMs && row.bucketMs >= (this.#closedTo[0] as number)) {
        const groups = open.get(row.bucketMs) ?? [];
        groups[row.group] = row.bytes;
        open.set(row.bucketMs, groups);
      } else if (row.bucketMs >= (this.#closedTo[tier + 1] ?? Number.POSITIVE_INFINITY)) {
        mergeRowInto(this.#unfinishedAt(tier + 1, row.bucketMs).edit(), row.group, row.bytes);
      }
    }
    for (const [bucketMs, groups] of open) {
      this.#open.push(new OpenBucket(bucketMs, this.#pool, groups));
    }
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
    const count = this.#select(columns, keep, counts);
    const target = Math.max(watermarkMs, this.#watermarkMs);
    if (count > 0) {
      this.#series.resolve(columns, selected, count, seriesOf);
      const { values: times, minMs, clamped } = columns.eventTimes(nowMs);
      if (clamped) counts.clamped = countClamped(columns, count, times);
      const onTime =
        minMs >= (this.#closedTo[0] as number)
          ? count
          : this.#foldLate(columns, times, count, nowMs, counts);
      if (onTime > 0) this.#foldOpen(columns, times, onTime, target);
    }
    this.advance(target);
    return counts;
  }

  /** Moves the clock without a block of this stream. Going back is ignored. */
  advance(watermarkMs: number): void {
    if (watermarkMs <= this.#watermarkMs) return;
    const closed = closedTo(this.definition, watermarkMs);
    this.#closeFinest(closed[0] as number);
    for (let tier = 1; tier < closed.length; tier++) {
      const begun = this.#unfinished[tier];
      if (begun !== undefined && begun.bucketMs < (closed[tier] as number)) this.#finish(tier);
    }
    this.#watermarkMs = watermarkMs;
    this.#closedTo = closed;
  }

  /** Everything changed since `committed`, at most once per key. Nothing may be folded until `committed` is called. */
  changes(): RollupChanges {
    const finest = this.#finestStepMs;
    const rows: RowChange[] = [];
    for (const { bucketMs, stepMs, rows: groups, mode } of this.#pending.all()) {
      pushGroups(rows, groups, (group, bytes) => ({ stepMs, group, bucketMs, bytes, mode }));
    }
    for (const bucket of this.#open) {
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
    for (const bucket of this.#open) bucket.committed();
    for (const bucket of this.#unfinished) bucket?.committed();
  }

  /** What a query needs beyond the stored rows: open finest buckets, and whatever is not committed. */
  collect({ fromMs, toMs, steps, groups }: CollectRange): Collected {
    const rows: StoredRow[] = [];
    const deltas: StoredRow[] = [];
    const add = (to: StoredRow[], stepMs: number, bucketMs: number, all: () => GroupRows) => {
      if (!steps.includes(stepMs) || bucketMs >= toMs || bucketMs + stepMs <= fromMs) return;
      all().forEach((bytes, group) => {
        if (bytes !== undefined && groups.includes(group)) {
          to.push({ stepMs, group, bucketMs, bytes });
        }
      });
    };
    for (const waiting of this.#pending.all()) {
      const to = waiting.mode === 'put' ? rows : deltas;
      add(to, waiting.stepMs, waiting.bucketMs, () => waiting.rows);
    }
    for (const bucket of this.#open) {
      add(rows, this.#finestStepMs, bucket.bucketMs, () => bucket.rows());
    }
    return { rows, deltas, newSeries: this.#newSeries() };
  }

  /** Buckets of this tier that end at or before it are closed; of finer tiers too. */
  closedToMs(stepMs: number): number {
    return this.#closedTo[tierOf(this.definition, stepMs)] as number;
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
    return this.#open.length > 0 || this.#unfinished.some((bucket) => bucket !== undefined);
  }

  /** What the overflow series swallowed; undefined while nothing did. */
  overflow(): OverflowReport | undefined {
    return this.#series.overflow();
  }

  get #finestStepMs(): number {
    return this.definition.resolutions[0]?.stepMs ?? 1;
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
    const stepMs = this.#finestStepMs;
    const target = closedTo(this.definition, watermarkMs)[0] as number;
    const { buckets, ends, rows } = groupByBucket(times, selected, count, stepMs);
    let from = 0;
    buckets.forEach((bucketMs, i) => {
      // Closing on the way keeps a block that spans a year from opening all of its seconds at once.
      this.#closeFinest(Math.min(target, bucketMs));
      const to = ends[i] as number;
      this.#openAt(bucketMs).edit().addRows(columns, rows, from, to, seriesOf);
      from = to;
    });
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
    const closed = this.#closedTo;
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
    const edge = this.#closedTo[tier] as number;
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
      const fold = this.#unfinishedAt(tier, time).edit();
      fold.addRows(columns, rows, 0, rows.length, seriesOf);
    }
    if (deltas > 0) this.#addDeltas(columns, times, deltas, stepMs);
    return left;
  }

  #addDeltas(columns: BlockColumns, times: Float64Array, count: number, stepMs: number): void {
    const { buckets, ends, rows } = groupByBucket(times, tierRows, count, stepMs);
    let from = 0;
    buckets.forEach((bucketMs, i) => {
      const to = ends[i] as number;
      this.#late.addRows(columns, rows, from, to, seriesOf);
      this.#pending.merge(stepMs, bucketMs, encodeGroups(this.#late, to - from));
      this.#late.reset();
      from = to;
    });
  }

  #openAt(bucketMs: number): OpenBucket {
    let at = this.#open.length;
    while (at > 0 && (this.#open[at - 1] as OpenBucket).bucketMs > bucketMs) at--;
    const known = this.#open[at - 1];
    if (known?.bucketMs === bucketMs) return known;
    const bucket = new OpenBucket(bucketMs, this.#pool);
    this.#open.splice(at, 0, bucket);
    return bucket;
  }

  /** The unfinished bucket of a tier over `timeMs`; one before it is finished first. */
  #unfinishedAt(tier: number, timeMs: number): OpenBucket {
    const { stepMs } = this.definition.resolutions[tier] as { stepMs: number };
    const bucketMs = bucketOf(timeMs, stepMs);
    const begun = this.#unfinished[tier];
    if (begun?.bucketMs === bucketMs) return begun;
    if (begun !== undefined) this.#finish(tier);
    const bucket = new OpenBucket(bucketMs, this.#pool);
    this.#unfinished[tier] = bucket;
    return bucket;
  }

  /** Closes the finest buckets that end at or before `limitMs`, in the order of time. */
  #closeFinest(limitMs: number): void {
    const stepMs = this.#finestStepMs;
    let closed = 0;
    for (const bucket of this.#open) {
      if (bucket.bucketMs + stepMs > limitMs) break;
      this.#close(0, bucket);
      closed++;
    }
    if (closed > 0) this.#open.splice(0, closed);
  }

  #finish(tier: number): void {
    const bucket = this.#unfinished[tier];
    this.#unfinished[tier] = undefined;
    if (bucket !== undefined) this.#close(tier, bucket);
  }

  /** Makes the bucket's rows final and merges them into the next tier. */
  #close(tier: number, bucket: OpenBucket): void {
    const { stepMs } = this.definition.resolutions[tier] as { stepMs: number };
    bucket.release();
    const rows = bucket.rows();
    // A finest bucket that was committed as it is needs no second write; coarser ones are not committed open.
    if (tier > 0 || bucket.dirty) this.#pending.put(stepMs, bucket.bucketMs, rows);
    if (tier + 1 >= this.#unfinished.length) return;
    const above = this.#unfinishedAt(tier + 1, bucket.bucketMs).edit();
    rows.forEach((row, group) => {
      if (row !== undefined) mergeRowInto(above, group, row);
    });
  }

  #newSeries(): SeriesLabels[] {
    return Array.from({ length: this.#series.count - this.#committedSeries }, (_, i) =>
      this.#series.labels(this.#committedSeries + i + 1),
    );
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

function foldPool(make: () => BucketFold): FoldPool {
  const spare: BucketFold[] = [];
  return {
    take: () => spare.pop() ?? make(),
    give: (fold) => {
      if (spare.length >= SPARE_FOLDS_MAX) return;
      fold.reset();
      spare.push(fold);
    },
  };
}

function reserve(rows: number): void {
  if (rows <= selected.length) return;
  selected = new Uint32Array(rows * 2);
  lateRows = new Uint32Array(rows * 2);
  tierRows = new Uint32Array(rows * 2);
  seriesOf = new Uint32Array(rows * 2);
  finestOf = new Uint8Array(rows * 2);
}
