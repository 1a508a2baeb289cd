/**
 * One bucket in the making: all series of a rollup that had events in it. Series get slots in the order in which they
 * appear; every aggregate is an array over slots, so that folding is one plain loop per measure, and memory follows
 * the content. The same accumulator folds blocks, derives coarser buckets from stored rows, and merges for a query.
 */
import assert from 'node:assert/strict';
import type { BlockColumns } from './block-columns.ts';
import { DistinctTable } from './distinct-sketch.ts';
import { EndTable } from './end-value.ts';
import type { RowLayout, ScalarField, SketchGroup } from './layout.ts';
import { QuantileTable } from './quantile-sketch.ts';
import { TopTable } from './top-sketch.ts';

/** Numbers of one field by slot. Where there is none yet, `min` is Infinity and `max` -Infinity. */
export interface Scalars {
  readonly field: ScalarField;
  n: Float64Array<ArrayBuffer>;
  sum: Float64Array<ArrayBuffer>;
  min: Float64Array<ArrayBuffer>;
  max: Float64Array<ArrayBuffer>;
}

export type SketchTable = QuantileTable | DistinctTable | EndTable | TopTable;

function tableFor(group: SketchGroup): SketchTable {
  switch (group.op) {
    case 'quantile':
      return new QuantileTable();
    case 'distinct':
      return new DistinctTable();
    case 'first':
    case 'last':
      return new EndTable(group.op);
    case 'top':
      return new TopTable(group.capacity);
  }
}

/** Series of one bucket, and so of one rollup: what one integer of the sort in `order` has room for. */
export const SLOTS_MAX = 1 << 17;

/** Slot of each row that is being folded; grows to the largest batch. */
let slotOfRow = new Uint32Array(8192);
/** What `order` sorts; as large as the largest bucket's slots. */
let sortKeys = new Float64Array(1024);

export class BucketFold {
  readonly layout: RowLayout;
  readonly scalars: readonly Scalars[];
  /** Column group `i + 1`. */
  readonly sketches: readonly SketchTable[];
  /** Slots are 0..slots-1. */
  slots = 0;
  /** Series by slot, and events by slot. */
  series: Uint32Array<ArrayBuffer>;
  counts: Float64Array<ArrayBuffer>;
  /** Open addressing by the hash of the series: pairs of series and slot + 1, 0 = empty. */
  #cells: Uint32Array<ArrayBuffer>;
  #bits = 4;
  #order = new Uint32Array(0);

  /** @param slotsExpected room that it begins with, rounded up; more is made as it is needed */
  constructor(layout: RowLayout, slotsExpected = 8) {
    while (1 << (this.#bits - 1) < slotsExpected) this.#bits++;
    const slots = 1 << (this.#bits - 1);
    this.series = new Uint32Array(slots);
    this.counts = new Float64Array(slots);
    this.#cells = new Uint32Array(4 * slots);
    this.layout = layout;
    this.scalars = layout.scalars.map((field) => ({
      field,
      n: new Float64Array(slots),
      sum: new Float64Array(field.sum ? slots : 0),
      min: new Float64Array(field.min ? slots : 0).fill(Number.POSITIVE_INFINITY),
      max: new Float64Array(field.max ? slots : 0).fill(Number.NEGATIVE_INFINITY),
    }));
    this.sketches = layout.sketches.map(tableFor);
  }

  /** Folds rows `rows[from..to)`; `times`, when each of them counts, and `seriesOf` are indexed by row. */
  addRows(
    columns: BlockColumns,
    times: Float64Array,
    rows: Uint32Array,
    from: number,
    to: number,
    seriesOf: Uint32Array,
  ): void {
    this.#countRows(rows, from, to, seriesOf);
    for (const scalars of this.scalars) {
      const values = columns.numbers(scalars.field.field);
      if (values !== undefined) addNumbers(scalars, values, rows, from, to);
    }
    this.sketches.forEach((sketch, i) => {
      const group = this.layout.sketches[i] as SketchGroup;
      const { field } = group;
      if (sketch instanceof TopTable) {
        const values = columns.texts(field);
        const by = group.op === 'top' ? group.by : undefined;
        const weights = by === undefined ? undefined : columns.numbers(by);
        if (values === undefined || (by !== undefined && weights === undefined)) return;
        sketch.addRows(values, weights, rows, slotOfRow, from, to);
        return;
      }
      if (sketch instanceof EndTable) {
        const values = columns.numbers(field);
        if (values === undefined) return;
        sketch.addRows(values, times, rows, slotOfRow, from, to, this.slots);
        return;
      }
      const packed =
        sketch instanceof QuantileTable ? columns.bins(field) : columns.registers(field);
      if (packed !== undefined) sketch.addRows(packed, rows, slotOfRow, from, to, this.slots);
    });
  }

  /** The slot of a series, a new one if need be. */
  slotOf(series: number): number {
    const known = this.find(series);
    if (known >= 0) return known;
    const slot = this.slots++;
    assert(slot < SLOTS_MAX, 'a bucket has more series than a rollup may have');
    if (slot >= this.series.length) this.#grow();
    this.series[slot] = series;
    this.#place(slot);
    return slot;
  }

  /** As `slotOf`, looked for first at `slot` (-1: nowhere) and behind it. */
  slotNear(slot: number, series: number): number {
    for (let near = Math.max(slot, 0); near <= slot + 1 && near < this.slots; near++) {
      if (this.series[near] === series) return near;
    }
    return this.slotOf(series);
  }

  /** The slot of a series, or -1. */
  find(series: number): number {
    const cells = this.#cells;
    const mask = (1 << this.#bits) - 1;
    let at = Math.imul(series, 0x9e3779b1) >>> (32 - this.#bits);
    for (;;) {
      const slot = (cells[2 * at + 1] as number) - 1;
      if (slot < 0 || cells[2 * at] === series) return slot;
      at = (at + 1) & mask;
    }
  }

  /** About what it takes in memory. */
  get memoryBytes(): number {
    let bytes = this.series.length * (12 + 32 * this.scalars.length) + this.#cells.byteLength;
    for (const sketch of this.sketches) bytes += sketch.memoryBytes;
    return bytes;
  }

  /** Slots by ascending series: the order of stored rows. */
  order(): Uint32Array {
    if (this.#order.length === this.slots) return this.#order;
    if (this.slots > sortKeys.length) sortKeys = new Float64Array(this.series.length);
    const { series, slots } = this;
    // Series and slot fit into a double's 53 bits together: a slot has 17.
    const keys = sortKeys.subarray(0, slots);
    let isSorted = true;
    for (let slot = 0; slot < slots; slot++) {
      keys[slot] = (series[slot] as number) * SLOTS_MAX + slot;
      if (slot > 0 && (keys[slot - 1] as number) > (keys[slot] as number)) isSorted = false;
    }
    if (!isSorted) keys.sort();
    this.#order = new Uint32Array(slots);
    for (let i = 0; i < slots; i++) {
      const key = keys[i] as number;
      this.#order[i] = key - Math.floor(key / SLOTS_MAX) * SLOTS_MAX;
    }
    return this.#order;
  }

  reset(): void {
    this.#cells.fill(0);
    this.counts.fill(0, 0, this.slots);
    for (const { n, sum, min, max } of this.scalars) {
      n.fill(0, 0, this.slots);
      sum.fill(0, 0, this.slots);
      min.fill(Number.POSITIVE_INFINITY, 0, this.slots);
      max.fill(Number.NEGATIVE_INFINITY, 0, this.slots);
    }
    for (const sketch of this.sketches) sketch.reset();
    this.slots = 0;
    this.#order = new Uint32Array(0);
  }

  #countRows(rows: Uint32Array, from: number, to: number, seriesOf: Uint32Array): void {
    if (slotOfRow.length < to - from) slotOfRow = new Uint32Array((to - from) * 2);
    let lastSeries = -1;
    let slot = -1;
    for (let j = from; j < to; j++) {
      const series = seriesOf[rows[j] as number] as number;
      if (series !== lastSeries) {
        slot = this.slotOf(series);
        lastSeries = series;
      }
      slotOfRow[j - from] = slot;
      this.counts[slot] = (this.counts[slot] as number) + 1;
    }
  }

  #place(slot: number): void {
    const series = this.series[slot] as number;
    const mask = (1 << this.#bits) - 1;
    let at = Math.imul(series, 0x9e3779b1) >>> (32 - this.#bits);
    while (this.#cells[2 * at + 1] !== 0) at = (at + 1) & mask;
    this.#cells[2 * at] = series;
    this.#cells[2 * at + 1] = slot + 1;
  }

  #grow(): void {
    const capacity = this.series.length * 2;
    const series = new Uint32Array(capacity);
    series.set(this.series);
    this.series = series;
    this.counts = grown(this.counts, capacity, 0);
    for (const scalars of this.scalars) {
      const { sum, min, max } = scalars.field;
      scalars.n = grown(scalars.n, capacity, 0);
      if (sum) scalars.sum = grown(scalars.sum, capacity, 0);
      if (min) scalars.min = grown(scalars.min, capacity, Number.POSITIVE_INFINITY);
      if (max) scalars.max = grown(scalars.max, capacity, Number.NEGATIVE_INFINITY);
    }
    this.#bits++;
    this.#cells = new Uint32Array(2 << this.#bits);
    for (let slot = 0; slot < this.slots - 1; slot++) this.#place(slot);
  }
}

/** `rows[from..to)` into the slots of `slotOfRow`. */
function addNumbers(
  scalars: Scalars,
  values: Float64Array,
  rows: Uint32Array,
  from: number,
  to: number,
): void {
  const { n, sum, min, max } = scalars;
  const { sum: sums, min: minima, max: maxima } = scalars.field;
  for (let j = from; j < to; j++) {
    const value = values[rows[j] as number] as number;
    if (Number.isNaN(value)) continue;
    const slot = slotOfRow[j - from] as number;
    n[slot] = (n[slot] as number) + 1;
    if (sums) sum[slot] = (sum[slot] as number) + value;
    if (minima && value < (min[slot] as number)) min[slot] = value;
    if (maxima && value > (max[slot] as number)) max[slot] = value;
  }
}

function grown(values: Float64Array, capacity: number, empty: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(capacity).fill(empty, values.length);
  larger.set(values);
  return larger;
}
