/**
 * A small hash table per slot, all in one array: what both sketches of an open bucket are made of. An entry is 32 bits,
 * its key in the high ones and what is known about the key in the rest, and never 0. Keeping a slot's entries
 * together costs one cache miss per event instead of the two or three of one large table, and needs no grouping when the
 * bucket is encoded.
 */
import assert from 'node:assert/strict';

const FIRST_BITS = 2;
/** Keys that any slot may have: what `sorted` has marks for. */
const KEYS_MAX = 1 << 15;
/** Slots of fewer cells than so many bits stand for, some fifty entries, are not worth reading the marks of all keys. */
const MARKED_BITS_MIN = 7;

/** A bit for each key of the slot that is being sorted, and the key's entry. No bit is set between two sorts. */
const marks = new Int32Array(KEYS_MAX / 32);
const marked = new Uint32Array(KEYS_MAX);

export class SlotCells {
  /** Slot `s` owns `cells[starts[s], starts[s] + 2 ** bits[s])`, open addressing by `cellOf`; 0 = empty. No cells while bits is 0. */
  cells = new Uint32Array(256);
  starts = new Uint32Array(8);
  bits = new Uint8Array(8);
  /** Entries of each slot. */
  used = new Uint32Array(8);
  /** Slots are 0..slots-1. */
  slots = 0;
  readonly #keyShift: number;
  #end = 0;
  /** Starts of abandoned ranges, by their bits. */
  readonly #free: number[][] = [];

  /** An entry's key is `entry >>> keyShift`; keys are less than `keys`. */
  constructor(keyShift: number, keys: number) {
    assert(keys <= KEYS_MAX, `a slot has at most ${KEYS_MAX} keys, received ${keys}`);
    this.#keyShift = keyShift;
  }

  get memoryBytes(): number {
    return this.cells.byteLength + 9 * this.starts.length;
  }

  /** Makes slots 0..count-1 exist. */
  reserve(count: number): void {
    if (count <= this.slots) return;
    this.slots = count;
    if (count <= this.starts.length) return;
    this.starts = grown(this.starts, new Uint32Array(count * 2));
    this.bits = grown(this.bits, new Uint8Array(count * 2));
    this.used = grown(this.used, new Uint32Array(count * 2));
  }

  /** The cell of the key within its slot, or the empty one where it belongs; -1 while the slot has no cells. */
  find(slot: number, key: number): number {
    const bits = this.bits[slot] as number;
    if (bits === 0) return -1;
    const start = this.starts[slot] as number;
    const mask = (1 << bits) - 1;
    let at = Math.imul(key, 0x9e3779b1) >>> (32 - bits);
    for (;;) {
      const entry = this.cells[start + at] as number;
      if (entry === 0 || entry >>> this.#keyShift === key) return start + at;
      at = (at + 1) & mask;
    }
  }

  /** Adds an entry whose key `find` did not find. */
  insert(slot: number, entry: number): void {
    const used = (this.used[slot] as number) + 1;
    this.used[slot] = used;
    const bits = this.bits[slot] as number;
    if (bits === 0 || used * 4 > 3 << bits) this.#grow(slot);
    this.cells[this.find(slot, entry >>> this.#keyShift)] = entry;
  }

  /** Writes the slot's entries, ascending, to `out` and answers how many there are. */
  sorted(slot: number, out: Uint32Array): number {
    if ((this.bits[slot] as number) >= MARKED_BITS_MIN) return this.#sortByMarks(slot, out);
    const count = this.list(slot, out);
    sortFirst(out, count);
    return count;
  }

  /** Writes the slot's entries, in no order, to `out` and answers how many there are. */
  list(slot: number, out: Uint32Array): number {
    const bits = this.bits[slot] as number;
    if (bits === 0) return 0;
    const start = this.starts[slot] as number;
    const end = start + (1 << bits);
    let count = 0;
    for (let at = start; at < end; at++) {
      const entry = this.cells[at] as number;
      if (entry !== 0) out[count++] = entry;
    }
    return count;
  }

  /** Takes an entry out; those behind it move up, so that no search ends at the gap. */
  remove(slot: number, at: number): void {
    const { cells } = this;
    const bits = this.bits[slot] as number;
    const start = this.starts[slot] as number;
    const mask = (1 << bits) - 1;
    let gap = at - start;
    for (let i = (gap + 1) & mask; cells[start + i] !== 0; i = (i + 1) & mask) {
      const entry = cells[start + i] as number;
      const home = Math.imul(entry >>> this.#keyShift, 0x9e3779b1) >>> (32 - bits);
      // It may move if the gap lies on its way from home.
      if (((i - home) & mask) < ((i - gap) & mask)) continue;
      cells[start + gap] = entry;
      gap = i;
    }
    cells[start + gap] = 0;
    this.used[slot] = (this.used[slot] as number) - 1;
  }

  /** Empties one slot. */
  drop(slot: number): void {
    const bits = this.bits[slot] as number;
    if (bits !== 0) this.#abandon(this.starts[slot] as number, bits);
    this.bits[slot] = 0;
    this.used[slot] = 0;
  }

  reset(): void {
    if (this.cells.length > 4096 && this.#end * 8 < this.cells.length) {
      this.cells = new Uint32Array(this.cells.length >>> 2);
    } else {
      this.cells.fill(0, 0, this.#end);
    }
    this.bits.fill(0, 0, this.slots);
    this.used.fill(0, 0, this.slots);
    this.#free.length = 0;
    this.#end = 0;
    this.slots = 0;
  }

  /**
   * Keys are different and small, so nothing is compared: each sets its bit, and the bits are read in their order. Of some hundred entries
   * that takes half of what the engine's sort does.
   */
  #sortByMarks(slot: number, out: Uint32Array): number {
    const { cells } = this;
    const keyShift = this.#keyShift;
    const start = this.starts[slot] as number;
    const end = start + (1 << (this.bits[slot] as number));
    let first = marks.length;
    let last = -1;
    for (let at = start; at < end; at++) {
      const entry = cells[at] as number;
      if (entry === 0) continue;
      const key = entry >>> keyShift;
      const word = key >>> 5;
      marks[word] = (marks[word] as number) | (1 << (key & 31));
      marked[key] = entry;
      if (word < first) first = word;
      if (word > last) last = word;
    }
    let count = 0;
    for (let word = first; word <= last; word++) {
      let left = marks[word] as number;
      marks[word] = 0;
      while (left !== 0) {
        const lowest = left & -left;
        out[count++] = marked[(word << 5) | (31 - Math.clz32(lowest))] as number;
        left ^= lowest;
      }
    }
    return count;
  }

  #grow(slot: number): void {
    const bits = this.bits[slot] as number;
    const from = this.starts[slot] as number;
    const wider = Math.max(FIRST_BITS, bits + 1);
    const to = this.#allocate(wider);
    this.starts[slot] = to;
    this.bits[slot] = wider;
    if (bits === 0) return;
    const { cells } = this;
    const mask = (1 << wider) - 1;
    for (let i = from; i < from + (1 << bits); i++) {
      const entry = cells[i] as number;
      if (entry === 0) continue;
      let at = Math.imul(entry >>> this.#keyShift, 0x9e3779b1) >>> (32 - wider);
      while (cells[to + at] !== 0) at = (at + 1) & mask;
      cells[to + at] = entry;
    }
    this.#abandon(from, bits);
  }

  #allocate(bits: number): number {
    const free = this.#free[bits]?.pop();
    if (free !== undefined) return free;
    const start = this.#end;
    this.#end += 1 << bits;
    if (this.#end > this.cells.length) {
      this.cells = grown(this.cells, new Uint32Array(Math.max(this.cells.length * 2, this.#end)));
    }
    return start;
  }

  #abandon(start: number, bits: number): void {
    this.cells.fill(0, start, start + (1 << bits));
    this.#free[bits] ??= [];
    this.#free[bits].push(start);
  }
}

/** Sorts `keys[0..count)`. Most slots hold a handful, where insertion beats the call into the engine's sort. */
function sortFirst(keys: Uint32Array, count: number): void {
  if (count > 24) {
    keys.subarray(0, count).sort();
    return;
  }
  for (let i = 1; i < count; i++) {
    const key = keys[i] as number;
    let j = i - 1;
    for (; j >= 0 && (keys[j] as number) > key; j--) keys[j + 1] = keys[j] as number;
    keys[j + 1] = key;
  }
}

function grown<T extends Uint8Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
