/**
 * The query side: stored rows of many buckets and partitions -> the values of one output step. Series ids are a
 * partition's own; the caller maps each partition's ids to the output series that it wants.
 */
import { type Measure, measureText, type RollupDefinition } from '../model/rollup.ts';
import { BucketFold } from './bucket-fold.ts';
import { mergeRowInto, restatedOf } from './bucket-row.ts';
import { DistinctTable, distinctBound } from './distinct-sketch.ts';
import { EndTable } from './end-value.ts';
import { type HistogramBucket, histogramOf } from './histogram.ts';
import { answers, isSketch, layoutOf } from './layout.ts';
import { type MergedRows, mergePacked } from './merged-rows.ts';
import { QuantileTable } from './quantile-sketch.ts';
import { type TopEntry, TopTable, type TopValues } from './top-sketch.ts';

export interface Answer {
  /** Null where no event had a value. */
  readonly value: number | null;
  /** Absolute; 0 = exact. A quantile lies within value ± errorBound; a distinct count does so in 95 % of cases. */
  readonly errorBound: number;
  /** Of a histogram, whose value is how many values there are in all. */
  readonly buckets?: readonly HistogramBucket[];
  /** Of `top`, whose value is what all values weigh. The heaviest first. */
  readonly entries?: readonly TopEntry[];
}
/** The capacity of a `top` is how many entries are asked for. */
export interface AskedMeasure {
  readonly measure: Measure;
  /** The quantile, 0 to 1, and means nothing for other measures; the default is the median. */
  readonly q?: number;
  /** Ascending: the histogram between them is asked for, instead of a quantile. */
  readonly edges?: readonly number[];
}

const NOTHING: Answer = { value: null, errorBound: 0 };

export class StepAccumulator {
  /** What is merged so far, by output series. */
  readonly fold: BucketFold;
  /** Of each field of the scalars whether it is merged. */
  readonly #fields: readonly boolean[] | undefined;
  #restated = 0;

  /**
   * @param measures all that is going to be asked for: of scalars nothing else is merged. Default: whatever the rollup keeps
   * @param fold what is merged already, of the same layout
   */
  constructor(
    def: RollupDefinition,
    measures?: readonly Measure[],
    fold = new BucketFold(layoutOf(def)),
  ) {
    this.fold = fold;
    this.#fields =
      measures &&
      fold.layout.scalars.map(({ field }) =>
        measures.some((each) => each.op !== 'count' && !isSketch(each) && each.field === field),
      );
  }

  /** 0 if no merged row was ever amended after its bucket had closed. */
  get restated(): number {
    return this.#restated;
  }

  /**
   * Merges one row. `outputOf[series id]` = output series, a small integer, or -1 for a series that is not wanted;
   * ids beyond its end are not wanted either. Costs only what the wanted series hold. Throws `state_corrupt`.
   */
  add(group: number, row: Uint8Array, outputOf: Int32Array): void {
    mergeRowInto(this.fold, group, row, outputOf, this.#fields);
    this.#restated = Math.max(this.#restated, restatedOf(row));
  }

  /** Merges what another one of the same output series had merged: its rows, and its `restated`. */
  addMerged(rows: MergedRows, restated: number): void {
    mergePacked(this.fold, rows);
    this.#restated = Math.max(this.#restated, restated);
  }

  /** As new, but with its memory: for the next step. */
  reset(): void {
    this.fold.reset();
    this.#restated = 0;
  }

  /** Output series that something was merged into, ascending. */
  series(): number[] {
    const { series } = this.fold;
    const ascending: number[] = [];
    for (const slot of this.fold.order()) ascending.push(series[slot] as number);
    return ascending;
  }

  /** The measure must be one that the rollup keeps (`groupOf`), and its column group one that was added. */
  answer(outputSeries: number, measure: AskedMeasure): Answer {
    return this.answerer(measure)(outputSeries);
  }

  /** The events of each of `series()`, every `stride` numbers from `at` on. */
  readCounts(into: Float64Array, at: number, stride: number): void {
    const { counts } = this.fold;
    let next = at;
    for (const slot of this.fold.order()) {
      into[next] = counts[slot] as number;
      next += stride;
    }
  }

  /** As `answer`, for many series of what is merged now: what of it does not depend on the series is found once. */
  answerer(asked: AskedMeasure): (outputSeries: number) => Answer {
    const { fold } = this;
    const answerAt = answererOf(fold, asked);
    return (outputSeries) => {
      const slot = fold.find(outputSeries);
      return slot < 0 ? NOTHING : answerAt(slot);
    };
  }
}

function answererOf(
  fold: BucketFold,
  { measure, q = 0.5, edges }: AskedMeasure,
): (slot: number) => Answer {
  if (measure.op === 'count') {
    const { counts } = fold;
    return (slot) => ({ value: counts[slot] as number, errorBound: 0 });
  }
  if (isSketch(measure)) {
    const sketch = fold.sketches[fold.layout.sketches.findIndex((kept) => answers(kept, measure))];
    if (sketch instanceof QuantileTable) {
      return edges === undefined
        ? (slot) => sketch.quantile(slot, q) ?? NOTHING
        : (slot) => histogramAnswer(histogramOf(sketch, slot, edges));
    }
    if (sketch instanceof DistinctTable) return (slot) => distinctAnswer(sketch.estimate(slot));
    if (sketch instanceof EndTable) {
      return (slot) => exactAnswer(sketch.value(slot) ?? Number.NaN);
    }
    if (sketch instanceof TopTable && measure.op === 'top') {
      return (slot) => topAnswer(sketch.top(slot, measure.capacity));
    }
    throw new RangeError(`the rollup keeps no ${measureText(measure)}`);
  }
  const { op, field } = measure;
  const scalars = fold.scalars.find(({ field: f }) => f.field === field);
  const values = scalars?.[op === 'avg' ? 'sum' : op];
  if (scalars === undefined || values === undefined || values.length === 0) {
    throw new RangeError(`the rollup keeps no ${op}(${field})`);
  }
  const { n } = scalars;
  return (slot) => {
    const of = n[slot] as number;
    if (of === 0) return NOTHING;
    const value = values[slot] as number;
    return exactAnswer(op === 'avg' ? value / of : value);
  };
}

function histogramAnswer(buckets: readonly HistogramBucket[] | undefined): Answer {
  if (buckets === undefined) return NOTHING;
  return { value: buckets.reduce((sum, { count }) => sum + count, 0), errorBound: 0, buckets };
}

function topAnswer(top: TopValues | undefined): Answer {
  if (top === undefined) return NOTHING;
  return { ...exactAnswer(top.total), entries: top.entries };
}

/** A count: whole, and at least 1 where there was a value. */
function distinctAnswer(estimate: number): Answer {
  return { value: Math.round(estimate), errorBound: distinctBound(estimate) };
}

/** A sum that left the range of a double is answered as its end, with a bound that says so. */
function exactAnswer(value: number): Answer {
  if (Number.isFinite(value)) return { value, errorBound: 0 };
  if (Number.isNaN(value)) return NOTHING;
  return { value: Math.sign(value) * Number.MAX_VALUE, errorBound: Number.MAX_VALUE };
}
