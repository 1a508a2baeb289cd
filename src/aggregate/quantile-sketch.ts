/**
 * Quantiles from log-linear buckets ("bins") that are cut straight out of a double's bits: sign, exponent and the top
 * seven bits of the mantissa. Positive integers fall into the same buckets as in an HdrHistogram of two significant
 * digits (256 sub-buckets; https://hdrhistogram.github.io/HdrHistogram/); fractions and negative numbers are covered too.
 *
 * Error: a bin is at most 2^-7 of its lower edge wide and its middle is answered, so a quantile is off by at most
 * 2^-8 (0.4 %) of its value; integers below 256 are exact. |v| < 2^-32 counts as zero; |v| >= 2^64 all share
 * the outermost bin, whose stated error bound is accordingly huge. The fixed range bounds a sketch to 24,577 bins.
 * Merge law: bins add, the fraction flags or. Associative, commutative, exact.
 */
import { type ByteReader, type ByteWriter, corruptRow } from './row-bytes.ts';

const MANTISSA_BITS = 7;
const EXPONENT_MIN = -32;
const EXPONENT_END = 64;
/** Bins of one sign. */
const BINS = (EXPONENT_END - EXPONENT_MIN) << MANTISSA_BITS;
const FIRST_INDEX = (1023 + EXPONENT_MIN) << MANTISSA_BITS;
/** Bins ascend with the values: negative ones below, positive ones above this. All fit into 15 bits. */
export const BIN_OF_ZERO = BINS;
const BIN_BITS = 15;
/** Slots of a table: what a 32-bit key leaves beside the bin. */
export const SLOTS_MAX = 1 << (32 - BIN_BITS);

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

/** The sketches of all series of one open bucket: (slot, bin) -> count by open addressing. */
export class QuantileTable {
  /** slot << 15 | bin; a cell is empty where its count is 0. */
  #keys = new Uint32Array(16);
  #counts = new Float64Array(16);
  #used = 0;
  #fractions = new Uint8Array(8);
  #slots = 0;
  /** Bins grouped by slot, ascending; undefined after every change. */
  #sorted: SortedBins | undefined;

  /** Adds the packed bins of `rows[from..to)`; `slots` is indexed from 0. */
  addRows(
    packed: Uint32Array,
    rows: Uint32Array,
    slots: Uint32Array,
    from: number,
    to: number,
    slotCount: number,
  ): void {
    this.#reserve(to - from, slotCount);
    const keys = this.#keys;
    const counts = this.#counts;
    const fractions = this.#fractions;
    const shift = Math.clz32(keys.length - 1);
    const mask = keys.length - 1;
    let used = this.#used;
    for (let j = from; j < to; j++) {
      const value = packed[rows[j] as number] as number;
      if (value === 0) continue;
      const slot = slots[j - from] as number;
      if (value >= FRACTION) fractions[slot] = 1;
      const key = ((slot << BIN_BITS) | ((value & 0xffff) - 1)) >>> 0;
      let at = Math.imul(key ^ (key >>> 15), 0x9e3779b1) >>> shift;
      for (;;) {
        const count = counts[at] as number;
        if (count === 0) {
          keys[at] = key;
          counts[at] = 1;
          used++;
          break;
        }
        if (keys[at] === key) {
          counts[at] = count + 1;
          break;
        }
        at = (at + 1) & mask;
      }
    }
    this.#used = used;
  }

  /** Merges one series' stored sketch, `reader` up to `end`. */
  mergePayload(slot: number, reader: ByteReader, end: number): void {
    const head = reader.varint();
    this.#reserve(Math.min(head >>> 1, 2 * BINS + 1), slot + 1);
    if ((head & 1) === 1) this.#fractions[slot] = 1;
    let bin = -1;
    for (let left = head >>> 1; left > 0; left--) {
      const gap = reader.varint();
      bin += (gap >>> 1) + 1;
      const count = (gap & 1) === 0 ? 1 : reader.varint() + 2;
      if (bin > 2 * BINS) throw corruptRow('a quantile bin lies beyond the range');
      this.#add(slot, bin, count);
    }
    if (reader.at !== end) throw corruptRow('a quantile sketch does not end where it should');
  }

  /** Writes one series' sketch: canonical, so equal sketches are equal bytes. Writes nothing if it has no value. */
  writePayload(slot: number, out: ByteWriter): void {
    if (slot >= this.#slots) return;
    const { starts, keys, counts } = this.#sort();
    const from = starts[slot] as number;
    const to = starts[slot + 1] as number;
    if (from === to) return;
    out.varint(((to - from) << 1) | (this.#fractions[slot] as number));
    let previous = -1;
    for (let i = from; i < to; i++) {
      const bin = (keys[i] as number) >>> 17;
      const count = counts[from + ((keys[i] as number) & 0x1ffff)] as number;
      const gap = bin - previous - 1;
      previous = bin;
      if (count === 1) {
        out.varint(gap << 1);
      } else {
        out.varint((gap << 1) | 1);
        out.varint(count - 2);
      }
    }
  }

  /** The value at rank ceil(q * n), with its error bound; undefined if the series has no value. */
  quantile(slot: number, q: number): { value: number; errorBound: number } | undefined {
    if (slot >= this.#slots) return undefined;
    const { starts, keys, counts } = this.#sort();
    const from = starts[slot] as number;
    const to = starts[slot + 1] as number;
    if (from === to) return undefined;
    let total = 0;
    for (let i = from; i < to; i++) total += counts[i] as number;
    // q * total may lie a rounding error above an integer: 0.07 * 100 is 7.000000000000001.
    let left = Math.max(1, Math.ceil(q * total * (1 - 2 ** -50)));
    let i = from;
    for (; i < to - 1; i++) {
      left -= counts[from + ((keys[i] as number) & 0x1ffff)] as number;
      if (left <= 0) break;
    }
    return representative((keys[i] as number) >>> 17, this.#fractions[slot] === 1);
  }

  reset(): void {
    if (this.#keys.length > 1024 && this.#used * 8 < this.#keys.length) {
      this.#keys = new Uint32Array(this.#keys.length >>> 2);
      this.#counts = new Float64Array(this.#keys.length);
    } else {
      this.#counts.fill(0);
    }
    this.#fractions.fill(0);
    this.#used = 0;
    this.#slots = 0;
    this.#sorted = undefined;
  }

  #add(slot: number, bin: number, n: number): void {
    const keys = this.#keys;
    const counts = this.#counts;
    const mask = keys.length - 1;
    const key = ((slot << BIN_BITS) | bin) >>> 0;
    let at = Math.imul(key ^ (key >>> 15), 0x9e3779b1) >>> Math.clz32(mask);
    while (counts[at] !== 0 && keys[at] !== key) at = (at + 1) & mask;
    if (counts[at] === 0) {
      keys[at] = key;
      this.#used++;
    }
    counts[at] = (counts[at] as number) + n;
  }

  /** Room for `more` new cells at a load of at most 3/4, and for the flags of `slots` slots. */
  #reserve(more: number, slots: number): void {
    this.#sorted = undefined;
    if (slots > this.#slots) this.#slots = slots;
    if (slots > this.#fractions.length) {
      const grown = new Uint8Array(slots * 2);
      grown.set(this.#fractions);
      this.#fractions = grown;
    }
    const needed = this.#used + more;
    if (needed * 4 <= this.#keys.length * 3) return;
    let capacity = this.#keys.length * 2;
    while (needed * 4 > capacity * 3) capacity *= 2;
    const { keys, counts } = { keys: this.#keys, counts: this.#counts };
    this.#keys = new Uint32Array(capacity);
    this.#counts = new Float64Array(capacity);
    this.#used = 0;
    for (let i = 0; i < keys.length; i++) {
      const count = counts[i] as number;
      const key = keys[i] as number;
      if (count !== 0) this.#add(key >>> BIN_BITS, key & ((1 << BIN_BITS) - 1), count);
    }
  }

  #sort(): SortedBins {
    this.#sorted ??= sortBins(this.#keys, this.#counts, this.#used, this.#slots);
    return this.#sorted;
  }
}

/** CSR form: slot `s` owns `[starts[s], starts[s + 1])` of keys (bin << 17 | where its count is) and of counts. */
interface SortedBins {
  readonly starts: Uint32Array;
  readonly keys: Uint32Array;
  readonly counts: Float64Array;
}

function sortBins(
  tableKeys: Uint32Array,
  tableCounts: Float64Array,
  used: number,
  slots: number,
): SortedBins {
  const starts = new Uint32Array(slots + 1);
  for (let i = 0; i < tableKeys.length; i++) {
    if (tableCounts[i] === 0) continue;
    const next = ((tableKeys[i] as number) >>> BIN_BITS) + 1;
    starts[next] = (starts[next] as number) + 1;
  }
  for (let s = 0; s < slots; s++) starts[s + 1] = (starts[s + 1] as number) + (starts[s] as number);
  const fill = starts.slice();
  const keys = new Uint32Array(used);
  const counts = new Float64Array(used);
  for (let i = 0; i < tableKeys.length; i++) {
    const count = tableCounts[i] as number;
    if (count === 0) continue;
    const key = tableKeys[i] as number;
    const slot = key >>> BIN_BITS;
    const at = fill[slot] as number;
    fill[slot] = at + 1;
    keys[at] = ((key & ((1 << BIN_BITS) - 1)) << 17) | (at - (starts[slot] as number));
    counts[at] = count;
  }
  for (let s = 0; s < slots; s++) sortRange(keys, starts[s] as number, starts[s + 1] as number);
  return { starts, keys, counts };
}

/** Ascending. Most ranges hold a handful, where insertion beats the call into the engine's sort. */
export function sortRange(keys: Uint32Array, from: number, to: number): void {
  if (to - from > 24) {
    keys.subarray(from, to).sort();
    return;
  }
  for (let i = from + 1; i < to; i++) {
    const key = keys[i] as number;
    let j = i - 1;
    for (; j >= from && (keys[j] as number) > key; j--) keys[j + 1] = keys[j] as number;
    keys[j + 1] = key;
  }
}
