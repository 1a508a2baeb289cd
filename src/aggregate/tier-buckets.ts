/**
 * The buckets of a rollup that are not closed, of all tiers, and how they close: a finest bucket's rows become final and are merged
 * into the one unfinished bucket of the next tier; when the clock passes the end of that, so are its own, and so on.
 */
import type { RollupDefinition } from '../model/rollup.ts';
import { mergeRowInto } from './bucket-row.ts';
import type { ClosedRows } from './closed-rows.ts';
import { layoutOf } from './layout.ts';
import { type FoldPool, foldPool, OpenBucket } from './open-bucket.ts';
import type { PendingRows } from './pending-rows.ts';
import type { StoredRow } from './rollup.ts';
import { bucketOf, closedTo, tierOf } from './tiers.ts';

/** Cleared folds that are kept for reuse: about as many as fill up between two commits. */
const SPARE_FOLDS_MAX = 4;

export class TierBuckets {
  watermarkMs: number;
  /** Per tier: buckets that end at or before it are closed. */
  closedTo: readonly number[];
  /** Of the finest tier, ascending; about (latenessMs + 60 s) / step of them at most between two blocks. */
  readonly open: OpenBucket[] = [];
  readonly finestStepMs: number;
  readonly #def: RollupDefinition;
  readonly #pending: PendingRows;
  readonly #closed: ClosedRows | undefined;
  readonly #pool: FoldPool;
  /** Of each coarser tier the bucket that is begun and not closed; index 0 is unused. */
  readonly #unfinished: (OpenBucket | undefined)[];

  /** Rows of closed buckets go to `pending`, and those of the finest tier to `closed`. */
  constructor(
    def: RollupDefinition,
    watermarkMs: number,
    pending: PendingRows,
    closed?: ClosedRows,
  ) {
    this.#def = def;
    this.finestStepMs = def.resolutions[0]?.stepMs ?? 1;
    this.#pending = pending;
    this.#closed = closed;
    this.#pool = foldPool(layoutOf(def), SPARE_FOLDS_MAX);
    this.#unfinished = def.resolutions.map(() => undefined);
    this.watermarkMs = watermarkMs;
    this.closedTo = closedTo(def, watermarkMs);
  }

  /** Takes the rows of `openRanges`, as committed, in any order. */
  restore(rows: readonly StoredRow[]): void {
    const open = new Map<number, (Uint8Array | undefined)[]>();
    // In the order of time, in which the rows were merged upwards: float sums come out the same.
    for (const row of [...rows].sort((a, b) => a.bucketMs - b.bucketMs)) {
      const tier = tierOf(this.#def, row.stepMs);
      if (tier === 0 && row.bucketMs >= (this.closedTo[0] as number)) {
        const groups = open.get(row.bucketMs) ?? [];
        groups[row.group] = row.bytes;
        open.set(row.bucketMs, groups);
      } else if (row.bucketMs >= (this.closedTo[tier + 1] ?? Number.POSITIVE_INFINITY)) {
        mergeRowInto(this.unfinishedAt(tier + 1, row.bucketMs).edit(), row.group, row.bytes);
      }
    }
    for (const [bucketMs, groups] of open) {
      this.open.push(new OpenBucket(bucketMs, this.#pool, groups));
    }
  }

  /** Closes what the watermark has passed. Going back is ignored. */
  advance(watermarkMs: number): void {
    if (watermarkMs <= this.watermarkMs) return;
    const closed = closedTo(this.#def, watermarkMs);
    this.closeFinest(closed[0] as number);
    for (let tier = 1; tier < closed.length; tier++) {
      const begun = this.#unfinished[tier];
      if (begun !== undefined && begun.bucketMs < (closed[tier] as number)) this.#finish(tier);
    }
    this.watermarkMs = watermarkMs;
    this.closedTo = closed;
  }

  committed(): void {
    for (const bucket of this.open) bucket.committed();
    for (const bucket of this.#unfinished) bucket?.committed();
  }

  get waiting(): boolean {
    return this.open.length > 0 || this.#unfinished.some((bucket) => bucket !== undefined);
  }

  /** The open finest bucket that begins at `bucketMs`. */
  openAt(bucketMs: number): OpenBucket {
    let at = this.open.length;
    while (at > 0 && (this.open[at - 1] as OpenBucket).bucketMs > bucketMs) at--;
    const known = this.open[at - 1];
    if (known?.bucketMs === bucketMs) return known;
    const bucket = new OpenBucket(bucketMs, this.#pool);
    this.open.splice(at, 0, bucket);
    return bucket;
  }

  /** The unfinished bucket of a tier over `timeMs`; one before it is finished first. */
  unfinishedAt(tier: number, timeMs: number): OpenBucket {
    const { stepMs } = this.#def.resolutions[tier] as { stepMs: number };
    const bucketMs = bucketOf(timeMs, stepMs);
    const begun = this.#unfinished[tier];
    if (begun?.bucketMs === bucketMs) return begun;
    if (begun !== undefined) this.#finish(tier);
    const bucket = new OpenBucket(bucketMs, this.#pool);
    this.#unfinished[tier] = bucket;
    return bucket;
  }

  /** Closes the finest buckets that end at or before `limitMs`, in the order of time. */
  closeFinest(limitMs: number): void {
    const stepMs = this.finestStepMs;
    let closed = 0;
    for (const bucket of this.open) {
      if (bucket.bucketMs + stepMs > limitMs) break;
      this.#close(0, bucket);
      closed++;
    }
    if (closed > 0) this.open.splice(0, closed);
  }

  #finish(tier: number): void {
    const bucket = this.#unfinished[tier];
    this.#unfinished[tier] = undefined;
    if (bucket !== undefined) this.#close(tier, bucket);
  }

  /** Makes the bucket's rows final and merges them into the next tier. */
  #close(tier: number, bucket: OpenBucket): void {
    const { stepMs } = this.#def.resolutions[tier] as { stepMs: number };
    bucket.release();
    const rows = bucket.rows();
    if (tier === 0) this.#closed?.add(bucket.bucketMs, rows);
    // A finest bucket that was committed as it is needs no second write; coarser ones are not committed open.
    if (tier > 0 || bucket.dirty) this.#pending.put(stepMs, bucket.bucketMs, rows);
    if (tier + 1 >= this.#unfinished.length) return;
    const above = this.unfinishedAt(tier + 1, bucket.bucketMs).edit();
    rows.forEach((row, group) => {
      if (row !== undefined) mergeRowInto(above, group, row);
    });
  }
}
