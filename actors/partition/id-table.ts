/**
 * One generation of event ids: a set of 64-bit hashes, fixed in size, filled once and dropped as a whole. Open
 * addressing with linear probing over one typed array, so that a look-up touches one cache line and makes no object.
 */

/** Hashes of a batch, both lanes; `low[i]` and `high[i]` belong together. */
export interface Hashes {
  readonly low: Uint32Array;
  readonly high: Uint32Array;
}

/**
 * At 0.7 a look-up that finds nothing reads 6 neighbouring slots on average (Knuth, TAOCP 6.4: (1 + 1/(1 - a)^2) / 2),
 * about one cache line. Fuller tables hold more ids in the same memory and probe longer.
 */
const LOAD_MAX = 0.7;
const SLOT_BYTES = 8;

export const tableBytes = (idsMax: number): number => slotsFor(idsMax) * SLOT_BYTES;
/** How many ids a table of at most this size may hold. */
export const idsIn = (bytes: number): number => Math.floor((bytes / SLOT_BYTES) * LOAD_MAX) - 1;

export class IdTable {
  readonly idsMax: number;
  readonly #slots: number;
  /** Slot `i` is words 2i (low) and 2i + 1 (high); both 0 = empty. */
  readonly #words: Uint32Array;
  #count = 0;

  constructor(idsMax: number) {
    this.idsMax = idsMax;
    this.#slots = slotsFor(idsMax);
    this.#words = new Uint32Array(this.#slots * 2);
  }

  get count(): number {
    return this.#count;
  }
  get bytes(): number {
    return this.#words.byteLength;
  }

  /** Clears `fresh[i]` for each hash that is in the set. Independent look-ups: the CPU overlaps their cache misses. */
  sift({ low, high }: Hashes, count: number, fresh: Uint8Array): void {
    const words = this.#words;
    const slots = this.#slots;
    for (let i = 0; i < count; i++) {
      const lo = low[i] as number;
      const hi = high[i] as number;
      let at = (hi * slots * 2 ** -32) | 0;
      for (;;) {
        const slotLow = words[at * 2] as number;
        const slotHigh = words[at * 2 + 1] as number;
        if (slotLow === lo && slotHigh === hi) {
          fresh[i] = 0;
          break;
        }
        if ((slotLow | slotHigh) === 0) break;
        if (++at === slots) at = 0;
      }
    }
  }

  /**
   * Adds, in order, the hashes that are still fresh, and clears `fresh[i]` where an earlier one of the batch or the set
   * was the same. There must be room for `count` more.
   */
  add({ low, high }: Hashes, count: number, fresh: Uint8Array): void {
    const words = this.#words;
    const slots = this.#slots;
    for (let i = 0; i < count; i++) {
      if (fresh[i] === 0) continue;
      const lo = low[i] as number;
      const hi = high[i] as number;
      let at = (hi * slots * 2 ** -32) | 0;
      for (;;) {
        const slotLow = words[at * 2] as number;
        const slotHigh = words[at * 2 + 1] as number;
        if (slotLow === lo && slotHigh === hi) {
          fresh[i] = 0;
          break;
        }
        if ((slotLow | slotHigh) === 0) {
          words[at * 2] = lo;
          words[at * 2 + 1] = hi;
          this.#count++;
          break;
        }
        if (++at === slots) at = 0;
      }
    }
  }
}

const slotsFor = (idsMax: number): number => Math.ceil((idsMax + 1) / LOAD_MAX);
