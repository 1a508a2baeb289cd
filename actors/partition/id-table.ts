/**
 * One generation of event ids: a set of 64-bit hashes, fixed in size, filled once and dropped as a whole. The set is open
 * addressing with linear probing over one typed array. In front of it stands a blocked Bloom filter (Putze, Sanders,
 * Singler: Cache-, Hash- and Space-Efficient Bloom Filters, 2007) with one word per block, because almost every look-up
 * is for an id that is not there: that then costs one read in an array a fifth of the size, and no guessed branch.
 */

/** Hashes of a batch, both lanes; `low[i]` and `high[i]` belong together. */
export interface Hashes {
  readonly low: Uint32Array;
  readonly high: Uint32Array;
}

/**
 * At 0.8 a look-up that finds nothing would read 13 neighbouring slots on average (Knuth, TAOCP 6.4:
 * (1 + 1/(1 - a)^2) / 2), but the filter spares nearly all of those; the average insert while filling reads 3.
 */
const LOAD_MAX = 0.8;
const SLOT_BYTES = 8;
/** Ids per 32-bit word of a full filter. Four bits each: 1 in 80 absent ids passes. */
const IDS_PER_WORD = 2;
const BYTES_PER_ID = SLOT_BYTES / LOAD_MAX + 4 / IDS_PER_WORD;
/**
 * Ids that are looked up together: their cache lines are read first, independently of each other so that the misses
 * overlap, and are still near when each is then looked at. 2 to 3 times as fast as one id after the other.
 */
const STRIDE = 256;

export const tableBytes = (idsMax: number): number =>
  slotsFor(idsMax) * SLOT_BYTES + wordsFor(idsMax) * 4;
/** How many ids a table of at most this size may hold. */
export const idsIn = (bytes: number): number => Math.floor(bytes / BYTES_PER_ID) - 2;

/** Per id of a stride: its slot, or its filter word's index. Shared by all tables of the thread. */
const places = new Uint32Array(STRIDE);

export class IdTable {
  readonly idsMax: number;
  readonly #slots: number;
  /** Slot `i` is words 2i (low) and 2i + 1 (high); both 0 = empty. */
  readonly #words: Uint32Array;
  readonly #filter: Uint32Array;
  #count = 0;
  /** Keeps the reads whose only purpose is to fetch a cache line from being optimised away. */
  #touched = 0;

  constructor(idsMax: number) {
    this.idsMax = idsMax;
    this.#slots = slotsFor(idsMax);
    this.#words = new Uint32Array(this.#slots * 2);
    this.#filter = new Uint32Array(wordsFor(idsMax));
  }

  get count(): number {
    return this.#count;
  }
  get bytes(): number {
    return this.#words.byteLength + this.#filter.byteLength;
  }

  /** Clears `fresh[i]` for each hash that is in the set. */
  sift({ low, high }: Hashes, count: number, fresh: Uint8Array): void {
    const filter = this.#filter;
    const words = filter.length;
    for (let from = 0; from < count; from += STRIDE) {
      const to = Math.min(count, from + STRIDE);
      for (let i = from; i < to; i++) {
        places[i - from] = filter[((high[i] as number) * words * 2 ** -32) >>> 0] as number;
      }
      for (let i = from; i < to; i++) {
        const mask = filterBits(low[i] as number);
        if (((places[i - from] as number) & mask) !== mask) continue;
        if (this.#holds(low[i] as number, high[i] as number)) fresh[i] = 0;
      }
    }
  }

  /**
   * Adds, in order, the hashes that are still fresh, and clears `fresh[i]` where an earlier one of the batch or the set
   * was the same. There must be room for `count` more.
   */
  add({ low, high }: Hashes, count: number, fresh: Uint8Array): void {
    const words = this.#words;
    const filter = this.#filter;
    const filterWords = filter.length;
    const slots = this.#slots;
    for (let from = 0; from < count; from += STRIDE) {
      const to = Math.min(count, from + STRIDE);
      let touched = this.#touched;
      for (let i = from; i < to; i++) {
        const slot = ((high[i] as number) * slots * 2 ** -32) >>> 0;
        places[i - from] = slot;
        touched ^= words[slot * 2] as number;
      }
      this.#touched = touched;
      for (let i = from; i < to; i++) {
        if (fresh[i] === 0) continue;
        const lo = low[i] as number;
        const hi = high[i] as number;
        let at = places[i - from] as number;
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
            const word = (hi * filterWords * 2 ** -32) >>> 0;
            filter[word] = (filter[word] as number) | filterBits(lo);
            this.#count++;
            break;
          }
          if (++at === slots) at = 0;
        }
      }
    }
  }

  #holds(lo: number, hi: number): boolean {
    const words = this.#words;
    const slots = this.#slots;
    let at = (hi * slots * 2 ** -32) >>> 0;
    for (;;) {
      const slotLow = words[at * 2] as number;
      const slotHigh = words[at * 2 + 1] as number;
      if (slotLow === lo && slotHigh === hi) return true;
      if ((slotLow | slotHigh) === 0) return false;
      if (++at === slots) at = 0;
    }
  }
}

/** Four of 32 bits, from the lane that does not choose the word. */
const filterBits = (low: number): number =>
  (1 << low) | (1 << (low >>> 5)) | (1 << (low >>> 10)) | (1 << (low >>> 15));

const slotsFor = (idsMax: number): number => Math.ceil((idsMax + 1) / LOAD_MAX);
const wordsFor = (idsMax: number): number => Math.ceil((idsMax + 1) / IDS_PER_WORD);
