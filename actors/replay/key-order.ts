/** Sorts rows by a number each: radix sort, stable, in arrays that the next one overwrites. */

const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;

export class KeyOrder {
  /** Ascending, as far as `sort` was given some. */
  keys = new Float64Array(0);
  /** Row of each. */
  order = new Uint32Array(0);
  #otherKeys = new Float64Array(0);
  #otherOrder = new Uint32Array(0);
  readonly #starts = new Uint32Array(DIGITS);

  /** Sorts rows `0..count`. Keys are whole numbers from 0 to below 2^53. */
  sort(keys: Float64Array, count: number): void {
    if (this.keys.length < count) {
      [this.keys, this.#otherKeys] = [new Float64Array(count), new Float64Array(count)];
      [this.order, this.#otherOrder] = [new Uint32Array(count), new Uint32Array(count)];
    }
    let greatest = 0;
    for (let i = 0; i < count; i++) {
      const key = keys[i] as number;
      if (key > greatest) greatest = key;
      this.keys[i] = key;
      this.order[i] = i;
    }
    for (let unit = 1; unit <= greatest; unit *= DIGITS) this.#pass(1 / unit, count);
  }

  /** By one digit: that of `scale`, a power of two. */
  #pass(scale: number, count: number): void {
    const { keys, order } = this;
    const [nextKeys, nextOrder, starts] = [this.#otherKeys, this.#otherOrder, this.#starts];
    starts.fill(0);
    // Low bits are the same modulo 2^32.
    for (let i = 0; i < count; i++) {
      const digit = (((keys[i] as number) * scale) >>> 0) & (DIGITS - 1);
      starts[digit] = (starts[digit] as number) + 1;
    }
    let start = 0;
    for (let digit = 0; digit < DIGITS; digit++) {
      const rows = starts[digit] as number;
      starts[digit] = start;
      start += rows;
    }
    for (let i = 0; i < count; i++) {
      const key = keys[i] as number;
      const digit = ((key * scale) >>> 0) & (DIGITS - 1);
      const at = starts[digit] as number;
      starts[digit] = at + 1;
      nextKeys[at] = key;
      nextOrder[at] = order[i] as number;
    }
    [this.keys, this.#otherKeys] = [nextKeys, keys];
    [this.order, this.#otherOrder] = [nextOrder, order];
  }
}
