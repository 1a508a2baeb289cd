/** What a rebuilt rollup has otherwise than the live one, in numbers and by the largest examples. Pure. */
import { BucketFold } from '../../src/aggregate/bucket-fold.ts';
import { mergeRowInto } from '../../src/aggregate/bucket-row.ts';
import { layoutOf, type ScalarField } from '../../src/aggregate/layout.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import { BUCKETS_COUNTED_MAX, EXAMPLES_MAX, SUM_TOLERANCE } from './limits.ts';

export interface DifferenceExample {
  readonly bucketMs: number;
  readonly labels: readonly (string | null)[];
  readonly liveCount: number;
  readonly rebuiltCount: number;
  /** Of the rollup's first field that is summed, if there is one. */
  readonly liveSum: number | undefined;
  readonly rebuiltSum: number | undefined;
}

/** How a row of the one differs from that of the other. */
export interface RowDifference {
  readonly bucketMs: number;
  readonly series: number;
  readonly eventsAdded: number;
  readonly eventsLost: number;
}

/** Of one resolution of a rollup, all partitions together. */
export interface TierDifference {
  readonly rollup: string;
  readonly stepMs: number;
  /** Rows that were compared, and those that differ. A row is a bucket of one partition, or a sketch of it. */
  readonly rows: number;
  readonly rowsDiffering: number;
  readonly bucketsDiffering: number;
  /** Counted once for each bucket and partition. */
  readonly seriesDiffering: number;
  /** Events that only the rebuilt one has, and only the live one. */
  readonly eventsAdded: number;
  readonly eventsLost: number;
  /** The greatest relative difference of two sums that are taken for equal. */
  readonly sumErrorMax: number;
  readonly examples: readonly DifferenceExample[];
}

export interface ScalarRows {
  readonly bucketMs: number;
  readonly live: Uint8Array | undefined;
  readonly rebuilt: Uint8Array | undefined;
}

/** Labels of a series of the rebuilt rollup, which has the live one's too. */
type LabelsOf = (series: number) => readonly (string | null)[];

export class TierDifferences {
  readonly rollup: string;
  readonly stepMs: number;
  rows = 0;
  readonly #live: DecodedScalars;
  readonly #rebuilt: DecodedScalars;
  readonly #sumAt: number;
  readonly #examples: DifferenceExample[] = [];
  readonly #buckets = new Set<number>();
  #sums = { rowsDiffering: 0, seriesDiffering: 0, eventsAdded: 0, eventsLost: 0 };
  #sumErrorMax = 0;

  constructor(definition: RollupDefinition, stepMs: number) {
    this.rollup = definition.name;
    this.stepMs = stepMs;
    const { scalars } = layoutOf(definition);
    this.#live = new DecodedScalars(scalars);
    this.#rebuilt = new DecodedScalars(scalars);
    this.#sumAt = scalars.findIndex(({ sum }) => sum);
  }

  add({ bucketMs, series, eventsAdded, eventsLost }: RowDifference): void {
    const sums = this.#sums;
    this.#sums = {
      rowsDiffering: sums.rowsDiffering + 1,
      seriesDiffering: sums.seriesDiffering + series,
      eventsAdded: sums.eventsAdded + eventsAdded,
      eventsLost: sums.eventsLost + eventsLost,
    };
    if (this.#buckets.size < BUCKETS_COUNTED_MAX) this.#buckets.add(bucketMs);
  }

  /** What was added, and the examples among it. */
  summary(): TierDifference {
    const { rollup, stepMs, rows } = this;
    return {
      ...{ rollup, stepMs, rows, ...this.#sums },
      bucketsDiffering: this.#buckets.size,
      sumErrorMax: this.#sumErrorMax,
      examples: this.#examples.filter(({ bucketMs }) => this.#buckets.has(bucketMs)),
    };
  }

  /** Before everything is added again. */
  clear(): void {
    this.#buckets.clear();
    this.#sums = { rowsDiffering: 0, seriesDiffering: 0, eventsAdded: 0, eventsLost: 0 };
  }

  /** Undefined if the rows say the same but for the rounding of sums. `labelsOf` is asked for those that are shown. */
  between({ bucketMs, live, rebuilt }: ScalarRows, labelsOf: LabelsOf): RowDifference | undefined {
    const before = this.#live.read(live);
    const after = this.#rebuilt.read(rebuilt);
    let [series, eventsAdded, eventsLost] = [0, 0, 0];
    const look = (id: number, a: number, b: number) => {
      if (this.#isSame(before, a, after, b)) return;
      const liveCount = before.count(a);
      const rebuiltCount = after.count(b);
      series += 1;
      eventsAdded += Math.max(0, rebuiltCount - liveCount);
      eventsLost += Math.max(0, liveCount - rebuiltCount);
      this.#show(Math.abs(rebuiltCount - liveCount), () => ({
        ...{ bucketMs, liveCount, rebuiltCount, labels: labelsOf(id) },
        liveSum: before.sum(a, this.#sumAt),
        rebuiltSum: after.sum(b, this.#sumAt),
      }));
    };
    before.each((slot, id) => look(id, slot, after.fold.find(id)));
    after.each((slot, id) => {
      if (before.fold.find(id) < 0) look(id, -1, slot);
    });
    return series === 0 ? undefined : { bucketMs, series, eventsAdded, eventsLost };
  }

  /** Looked at for every series that differs, and hardly ever one of the largest. */
  #show(size: number, make: () => DifferenceExample): void {
    const examples = this.#examples;
    const smallest = examples.at(-1);
    if (examples.length >= EXAMPLES_MAX && smallest && sizeOf(smallest) >= size) return;
    const example = make();
    examples.push(example);
    examples.sort((a, b) => sizeOf(b) - sizeOf(a));
    examples.length = Math.min(examples.length, EXAMPLES_MAX);
  }

  #isSame(a: DecodedScalars, atA: number, b: DecodedScalars, atB: number): boolean {
    if (atA < 0 || atB < 0 || a.count(atA) !== b.count(atB)) return false;
    return a.fold.scalars.every((scalars, i) => {
      const other = b.fold.scalars[i];
      if (other === undefined || scalars.n[atA] !== other.n[atB]) return false;
      const isSame = (x: Float64Array, y: Float64Array) => (x[atA] ?? 0) === (y[atB] ?? 0);
      if (!isSame(scalars.min, other.min) || !isSame(scalars.max, other.max)) return false;
      const error = relativeError(scalars.sum[atA] ?? 0, other.sum[atB] ?? 0);
      if (error > SUM_TOLERANCE) return false;
      this.#sumErrorMax = Math.max(this.#sumErrorMax, error);
      return true;
    });
  }
}

/** One row after the other, by slot; -1 = the series has nothing. */
class DecodedScalars {
  readonly fold: BucketFold;

  constructor(scalars: readonly ScalarField[]) {
    this.fold = new BucketFold({ scalars, sketches: [] });
  }

  read(row: Uint8Array | undefined): this {
    this.fold.reset();
    if (row !== undefined) mergeRowInto(this.fold, 0, row);
    return this;
  }

  each(visit: (slot: number, series: number) => void): void {
    const { slots, series } = this.fold;
    for (let slot = 0; slot < slots; slot++) visit(slot, series[slot] as number);
  }

  count(slot: number): number {
    return slot < 0 ? 0 : (this.fold.counts[slot] ?? 0);
  }

  sum(slot: number, field: number): number | undefined {
    return slot < 0 ? undefined : this.fold.scalars[field]?.sum[slot];
  }
}

/** Of a difference of sums alone it is 0: such are shown while there is room. */
const sizeOf = ({ liveCount, rebuiltCount }: DifferenceExample): number =>
  Math.abs(rebuiltCount - liveCount);

const relativeError = (a: number, b: number): number =>
  a === b ? 0 : Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b));
