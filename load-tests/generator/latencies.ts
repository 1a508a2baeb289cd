/** Latencies in microseconds, to a thousandth of their value: counting one costs a few nanoseconds, keeping them 180 KB. */

const SECTION_BITS = 10;
const SECTION = 2 ** SECTION_BITS;
/** A quarter of an hour: longer ones count as this. */
const MICROS_MAX = 2 ** 30 - 1;
const HIGHEST_BIT = 31;

export class Latencies {
  /** Two sections of single microseconds, then one of each power of two. */
  readonly #counts = new Float64Array(indexOf(MICROS_MAX) + 1);
  #total = 0;

  addMs(ms: number): void {
    const micros = Math.min(MICROS_MAX, Math.max(0, Math.round(ms * 1_000)));
    const index = indexOf(micros);
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.#total += 1;
  }

  /** The least that the share `q` of all does not exceed, rounded up by at most a thousandth; 0 of none. */
  quantileMs(q: number): number {
    let left = Math.ceil(q * this.#total);
    if (left === 0) return 0;
    for (let index = 0; index < this.#counts.length; index++) {
      left -= this.#counts[index] as number;
      if (left <= 0) return greatestOf(index) / 1_000;
    }
    return MICROS_MAX / 1_000;
  }

  reset(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }
}

function indexOf(micros: number): number {
  const shift = Math.max(0, HIGHEST_BIT - SECTION_BITS - Math.clz32(micros));
  return shift * SECTION + (micros >>> shift);
}

/** The greatest number of microseconds that `indexOf` puts there. */
function greatestOf(index: number): number {
  const shift = Math.max(0, Math.floor(index / SECTION) - 1);
  return (index - shift * SECTION + 1) * 2 ** shift - 1;
}
