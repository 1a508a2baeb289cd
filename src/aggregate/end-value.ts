/**
 * The value of a field at one end of a step's time: in its first event, or in its last one, of those that have a number in it.
 *
 * Of events of the same millisecond the least value is first and the greatest is last: with that, events are in one order, by
 * time and then by value, of which `first` is the least and `last` the greatest. Nothing but the event decides, so that
 * it is the same however blocks were cut, partitions numbered, and what was late or sent again came in
 * (docs/decisions/0028-first-and-last-by-time-then-value.md).
 * Merge law: the end of both. Associative, commutative, idempotent, exact.
 */
import { type ByteReader, type ByteWriter, corruptRow } from './row-bytes.ts';

/** The ends of all series of one open bucket. Slots are the bucket's. */
export class EndTable {
  readonly op: 'first' | 'last';
  /** -1 for `first`: times and values are kept by it, so that either end is the greatest. */
  readonly #sign: 1 | -1;
  /** Epoch ms by slot; -Infinity where there is no value yet. */
  #times = new Float64Array(8).fill(Number.NEGATIVE_INFINITY);
  #values = new Float64Array(8);
  /** What `reset` has to clear. */
  #slots = 0;

  constructor(op: 'first' | 'last') {
    this.op = op;
    this.#sign = op === 'first' ? -1 : 1;
  }

  get memoryBytes(): number {
    return this.#times.byteLength + this.#values.byteLength;
  }

  /** Adds `rows[from..to)` of `values` (NaN = absent) and `times`; `slots` is indexed from 0. */
  addRows(
    values: Float64Array,
    times: Float64Array,
    rows: Uint32Array,
    slots: Uint32Array,
    from: number,
    to: number,
    slotCount: number,
  ): void {
    this.#reserve(slotCount);
    for (let j = from; j < to; j++) {
      const row = rows[j] as number;
      const value = values[row] as number;
      if (!Number.isNaN(value)) this.#raise(slots[j - from] as number, times[row] as number, value);
    }
  }

  /** Merges one series' stored end, `reader` up to `end`. */
  mergePayload(slot: number, reader: ByteReader, end: number): void {
    const [time, value] = [reader.f64(), reader.f64()];
    if (!Number.isFinite(time) || Number.isNaN(value)) {
      throw corruptRow(`a ${this.op} value has no time, or is none`);
    }
    if (reader.at !== end) throw corruptRow(`a ${this.op} value does not end where it should`);
    this.#reserve(slot + 1);
    this.#raise(slot, time, value);
  }

  /** Writes one series' end: canonical, so equal ends are equal bytes. Writes nothing if it has no value. */
  writePayload(slot: number, out: ByteWriter): void {
    const value = this.value(slot);
    if (value === undefined) return;
    out.f64(unsigned(this.#sign * (this.#times[slot] as number)));
    out.f64(value);
  }

  /** Undefined if the series has no value. */
  value(slot: number): number | undefined {
    const time = this.#times[slot] ?? Number.NEGATIVE_INFINITY;
    if (time === Number.NEGATIVE_INFINITY) return undefined;
    return unsigned(this.#sign * (this.#values[slot] as number));
  }

  reset(): void {
    this.#times.fill(Number.NEGATIVE_INFINITY, 0, this.#slots);
    this.#slots = 0;
  }

  #raise(slot: number, timeMs: number, value: number): void {
    const time = this.#sign * timeMs;
    const signed = this.#sign * value;
    const known = this.#times[slot] as number;
    if (time > known || (time === known && signed > (this.#values[slot] as number))) {
      this.#times[slot] = time;
      this.#values[slot] = signed;
    }
  }

  #reserve(slots: number): void {
    this.#slots = Math.max(this.#slots, slots);
    if (slots <= this.#times.length) return;
    const times = new Float64Array(slots * 2).fill(Number.NEGATIVE_INFINITY, this.#times.length);
    times.set(this.#times);
    this.#times = times;
    const values = new Float64Array(slots * 2);
    values.set(this.#values);
    this.#values = values;
  }
}

/** 0 for -0, which is equal to it and has other bytes. */
const unsigned = (value: number): number => value + 0;
