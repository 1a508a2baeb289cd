/**
 * Quantiles from log-linear buckets ("bins") that are cut straight out of a double's bits: sign, exponent and the top
 * seven bits of the mantissa. Positive integers fall into the same buckets as in an HdrHistogram of two significant
 * digits (256 sub-buckets; https://hdrhistogram.github.io/HdrHistogram/); fractions and negative numbers are covered too.
 *
 * Error: a bin is at most 2^-7 of its lower edge wide and its middle is answered, so a quantile is off by at most
 * 2^-8 (0.4 %) of its value; integers below 256 are exact. |v| < 2^-32 counts as zero; |v| >= 2^64 - 2^56
 * all share the outermost bin, whose stated error bound is accordingly huge. The fixed range bounds a sketch to 24,577 bins.
 * Merge law: bins add, the fraction flags or. Associative, commutative, exact; what was merged can be taken out again.
 */
import assert from 'node:assert/strict';
import {
  type ByteReader,
  type ByteWriter,
  corruptRow,
  putVarint,
  VARINT_BYTES_MAX,
} from './row-bytes.ts';
import { SlotCells } from './slot-cells.ts';

const MANTISSA_BITS = 7;
const BIN_MASK = (1 << MANTISSA_BITS) - 1;
const EXPONENT_MIN = -32;
const EXPONENT_END = 64;
/** Bins of one sign. */
const BINS = (EXPONENT_END - EXPONENT_MIN) << MANTISSA_BITS;
const FIRST_INDEX = (1023 + EXPONENT_MIN) << MANTISSA_BITS;
/** Bins ascend with the values: negative ones below, positive ones above this. All fit into 15 bits. */
export const BIN_OF_ZERO = BINS;
/** A table's entry is `bin << 17 | count`. */
const COUNT_BITS = 17;
const COUNT_MAX = (1 << COUNT_BITS) - 1;

/** A row's bin, ready to add: 0 = no value, else bin + 1, with this bit set if the value has a fraction. */
const FRACTION = 1 << 16;

const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);

/** Writes the packed bin of each value; NaN is absent. */
export function packBins(values: Float64Array, count: number, out: Uint32Array): void {
  for (let i = 0; i < count; i++) {
    const value = values[i] as number;
    float[0] = value;
    const high = words[1] as number;
    let index = ((high & 0x7fffffff) >>> (20 - MANTISSA_BITS)) - FIRST_INDEX;
    if (index >= BINS) {
      if (Number.isNaN(value)) {
        out[i] = 0;
        continue;
      }
      index = BINS - 1;
    }
    const bin =
      index < 0
        ? BIN_OF_ZERO
        : high >>> 31 === 0
          ? BIN_OF_ZERO + 1 + index
          : BIN_OF_ZERO - 1 - index;
    out[i] = (bin + 1) | (Math.floor(value) === value ? 0 : FRACTION);
  }
}

/** The magnitudes that a bin holds: `low` included, `high` excluded. */
function edges(bin: number): { low: number; high: number } {
  if (bin === BIN_OF_ZERO) return { low: 0, high: 2 ** EXPONENT_MIN };
  const index = Math.abs(bin - BIN_OF_ZERO) - 1;
  const edge = (i: number) =>
    (1 + (i & ((1 << MANTISSA_BITS) - 1)) / (1 << MANTISSA_BITS)) *
    2 ** (EXPONENT_MIN + (i >> MANTISSA_BITS));
  return { low: edge(index), high: index === BINS - 1 ? Number.MAX_VALUE : edge(index + 1) };
}

/** What a bin answers for its values, and how far any of them can be from that. */
export function representative(
  bin: number,
  fractions: boolean,
): { value: number; errorBound: number } {
  const sign = bin < BIN_OF_ZERO ? -1 : 1;
  const { low, high } = edges(bin);
  if (bin === BIN_OF_ZERO) return { value: 0, errorBound: fractions ? high : 0 };
  if (high === Number.MAX_VALUE) return { value: sign * low, errorBound: high };
  if (fractions) return { value: (sign * (low + high)) / 2, errorBound: (high - low) / 2 };
  const first = Math.ceil(low);
  const last = Math.ceil(high) - 1;
  return { value: (sign * (first + last)) / 2, errorBound: (last - first) / 2 };
}

/** The values that a bin may hold, from the least on; `high` is among them only if that is said. */
export interface BinExtent {
  readonly low: number;
  readonly high: number;
  readonly isHighIncluded: boolean;
}

export function extentOf(bin: number, fractions: boolean): BinExtent {
  const { low, high } = edges(bin);
  if (bin === BIN_OF_ZERO) {
    return fractions
      ? { low: -high, high, isHighIncluded: false }
      : { low: 0, high: 0, isHighIncluded: true };
  }
  const isNegative = bin < BIN_OF_ZERO;
  if (high === Number.MAX_VALUE) {
    return isNegative
      ? { low: Number.NEGATIVE_INFINITY, high: -low, isHighIncluded: true }
      : { low, high: Number.POSITIVE_INFINITY, isHighIncluded: true };
  }
  if (fractions) {
    return isNegative
      ? { low: -high, high: -low, isHighIncluded: true }
      : { low, high, isHighIncluded: false };
  }
  const [first, last] = [Math.ceil(low), Math.ceil(high) - 1];
  return isNegative
    ? { low: -last, high: -first, isHighIncluded: true }
    : { low: first, high: last, isHighIncluded: true };
}

/** The sketches of all series of one open bucket. Slots are the bucket's. */
export class QuantileTable {
  readonly #bins = new SlotCells(COUNT_BITS, 2 * BINS + 1);
  /** What does not fit into an entry, in units of COUNT_MAX, by slot * 2^15 + bin. */
  readonly #carries = new Map<number, number>();
  /** Sketches with a fraction that were merged into a slot; at least 1 if a row had one. */
  #fractions = new Uint32Array(8);

  get memoryBytes(): number {
    return this.#bins.memoryBytes;
  }

  /** Adds the packed bins of `rows[from..to)`; `slots` is indexed from 0. */
  addRows(
    packed: Uint32Array,
    rows: Uint32Array,
    slots: Uint32Array,
    from: number,
    to: number,
    slotCount: number,
  ): void {
    this.#reserve(slotCount);
    const bins = this.#bins;
    for (let j = from; j < to; j++) {
      const value = packed[rows[j] as number] as number;
      if (value === 0) continue;
      const slot = slots[j - from] as number;
      if (value >= FRACTION && this.#fractions[slot] === 0) this.#fractions[slot] = 1;
      const bin = (value & 0xffff) - 1;
      const at = bins.find(slot, bin);
      const entry = at < 0 ? 0 : (bins.cells[at] as number);
      if (entry === 0) bins.insert(slot, (bin << COUNT_BITS) | 1);
      else if ((entry & COUNT_MAX) < COUNT_MAX) bins.cells[at] = entry + 1;
      else this.#change(slot, bin, 1);
    }
  }

  /** Merges one series' stored sketch, `reader` up to `end`. */
  mergePayload(slot: number, reader: ByteReader, end: number): void {
    this.#changeBy(slot, reader, end, 1);
  }

  /** Takes out a sketch that was merged; of a slot that rows were added to the fractions would stay. */
  subtractPayload(slot: number, reader: ByteReader, end: number): void {
    this.#changeBy(slot, reader, end, -1);
    if (this.#bins.used[slot] === 0) this.#bins.drop(slot);
  }

  /** Writes one series' sketch: canonical, so equal sketches are equal bytes. Writes nothing if it has no value. */
  writePayload(slot: number, out: ByteWriter): void {
    const count = this.#sort(slot);
    if (count === 0) return;
    out.varint((count << 1) | (this.#fractions[slot] === 0 ? 0 : 1));
    out.reserve(count * 2 * VARINT_BYTES_MAX);
    const { bytes } = out;
    let { at } = out;
    let previous = -1;
    for (let i = 0; i < count; i++) {
      const bin = (sorted[i] as number) >>> COUNT_BITS;
      const n = this.#countOf(slot, sorted[i] as number);
      const gap = bin - previous - 1;
      previous = bin;
      if (n === 1) {
        at = putVarint(bytes, at, gap << 1);
      } else {
        at = putVarint(bytes, at, (gap << 1) | 1);
        at = putVarint(bytes, at, n - 2);
      }
    }
    out.at = at;
  }

  /** The value at rank ceil(q * n), with its error bound; undefined if the series has no value. */
  quantile(slot: number, q: number): { value: number; errorBound: number } | undefined {
    const count = slot < this.#bins.slots ? this.#bins.list(slot, sorted) : 0;
    if (count === 0) return undefined;
    // Not sorted: counts by exponent say in which the rank lies, and only its bins are looked at.
    byExponent.fill(0);
    let total = 0;
    for (let i = 0; i < count; i++) {
      const entry = sorted[i] as number;
      const n = this.#countOf(slot, entry);
      const exponent = entry >>> (COUNT_BITS + MANTISSA_BITS);
      byExponent[exponent] = (byExponent[exponent] as number) + n;
      total += n;
    }
    // q * total may lie a rounding error above an integer: 0.07 * 100 is 7.000000000000001.
    const rank = Math.max(1, Math.ceil(q * total * (1 - 2 ** -50)));
    const { at: exponent, before } = placeOf(byExponent, rank);
    byBin.fill(0);
    for (let i = 0; i < count; i++) {
      const entry = sorted[i] as number;
      if (entry >>> (COUNT_BITS + MANTISSA_BITS) !== exponent) continue;
      byBin[(entry >>> COUNT_BITS) & BIN_MASK] = this.#countOf(slot, entry);
    }
    const { at: bin } = placeOf(byBin, rank - before);
    return representative((exponent << MANTISSA_BITS) | bin, this.#fractions[slot] !== 0);
  }

  /** Calls `visit` with each bin of the series that holds values, in no order, and how many these are. */
  visitBins(slot: number, visit: (bin: number, count: number) => void): void {
    const count = slot < this.#bins.slots ? this.#bins.list(slot, sorted) : 0;
    for (let i = 0; i < count; i++) {
      const entry = sorted[i] as number;
      visit(entry >>> COUNT_BITS, this.#countOf(slot, entry));
    }
  }

  /** Whether some value of the series has a fraction: else a bin holds whole numbers alone. */
  hasFractions(slot: number): boolean {
    return (this.#fractions[slot] ?? 0) !== 0;
  }

  reset(): void {
    this.#bins.reset();
    this.#carries.clear();
    this.#fractions.fill(0);
  }

  #changeBy(slot: number, reader: ByteReader, end: number, sign: 1 | -1): void {
    this.#reserve(slot + 1);
    const head = reader.varint();
    if ((head & 1) === 1) this.#fractions[slot] = (this.#fractions[slot] as number) + sign;
    let bin = -1;
    for (let left = head >>> 1; left > 0; left--) {
      const gap = reader.varint();
      bin += (gap >>> 1) + 1;
      const count = (gap & 1) === 0 ? 1 : reader.varint() + 2;
      if (bin > 2 * BINS) throw corruptRow('a quantile bin lies beyond the range');
      this.#change(slot, bin, sign * count);
    }
    if (reader.at !== end) throw corruptRow('a quantile sketch does not end where it should');
  }

  #change(slot: number, bin: number, by: number): void {
    const bins = this.#bins;
    const at = bins.find(slot, bin);
    const entry = at < 0 ? 0 : (bins.cells[at] as number);
    const left = (entry & COUNT_MAX) + by;
    if (entry !== 0 && left > 0 && left <= COUNT_MAX) bins.cells[at] = entry + by;
    else this.#replace(slot, bin, at, entry, entry === 0 ? by : this.#countOf(slot, entry) + by);
  }

  /** An entry that comes, goes, or passes what fits into it. */
  #replace(slot: number, bin: number, at: number, entry: number, count: number): void {
    const bins = this.#bins;
    assert(count >= 0, 'only what was merged can be taken out');
    // What is left in the entry is 1..COUNT_MAX: an entry is never 0.
    const units = Math.max(0, Math.ceil(count / COUNT_MAX) - 1);
    const next = ((bin << COUNT_BITS) | (count - units * COUNT_MAX)) >>> 0;
    if (entry === 0) bins.insert(slot, next);
    else if (count > 0) bins.cells[at] = next;
    else bins.remove(slot, at);
    if (units > 0) this.#carries.set(slot * 0x8000 + bin, units);
    else if (this.#carries.size > 0) this.#carries.delete(slot * 0x8000 + bin);
  }

  #countOf(slot: number, entry: number): number {
    const count = entry & COUNT_MAX;
    if (this.#carries.size === 0) return count;
    const units = this.#carries.get(slot * 0x8000 + (entry >>> COUNT_BITS)) ?? 0;
    return count + units * COUNT_MAX;
  }

  /** The slot's entries in `sorted`; answers how many. */
  #sort(slot: number): number {
    return slot < this.#bins.slots ? this.#bins.sorted(slot, sorted) : 0;
  }

  #reserve(slots: number): void {
    this.#bins.reserve(slots);
    if (slots <= this.#fractions.length) return;
    const grown = new Uint32Array(slots * 2);
    grown.set(this.#fractions);
    this.#fractions = grown;
  }
}

/** Entries of one slot, while they are read; and how many values are in each run of 2^7 bins, and in each bin of one. */
const sorted = new Uint32Array(2 * BINS + 1);
const byExponent = new Float64Array((2 * BINS + 1 + BIN_MASK) >>> MANTISSA_BITS);
const byBin = new Float64Array(BIN_MASK + 1);

/** Where the counts add up to the rank, and what precedes that. */
function placeOf(counts: Float64Array, rank: number): { at: number; before: number } {
  let before = 0;
  let at = 0;
  for (; before + (counts[at] as number) < rank; at++) before += counts[at] as number;
  return { at, before };
}
