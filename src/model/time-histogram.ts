/** How long things took, counted in buckets as Prometheus has them. */

export interface TimeCounts {
  /** Upper bounds; the last bucket has none. */
  readonly boundsMs: readonly number[];
  readonly buckets: readonly number[];
  readonly sumMs: number;
}

export class TimeHistogram implements TimeCounts {
  readonly boundsMs: readonly number[];
  readonly buckets: number[];
  sumMs = 0;

  /** Ascending. */
  constructor(boundsMs: readonly number[]) {
    this.boundsMs = boundsMs;
    this.buckets = new Array<number>(boundsMs.length + 1).fill(0);
  }

  add(ms: number): void {
    const found = this.boundsMs.findIndex((bound) => ms <= bound);
    const bucket = found < 0 ? this.boundsMs.length : found;
    this.buckets[bucket] = (this.buckets[bucket] ?? 0) + 1;
    this.sumMs += ms;
  }
}
