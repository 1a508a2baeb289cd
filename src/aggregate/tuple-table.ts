/**
 * Tuples of small integers -> ids 1, 2, 3 …: open addressing, and, while the integers of a tuple fit side by side into a
 * few bits, a plain array beside it, where looking up a column of tuples is a shift, an or and a load each.
 */

/** A plain array of at most 2^16 ids, 256 KiB: larger ones would leave the processor's cache and gain nothing. */
const DENSE_BITS_MAX = 16;

export class TupleTable {
  /** Ids are 1..count. */
  count = 0;
  /** Id at the place of a tuple, `tuple[0] << shifts[0] | tuple[1] << shifts[1] …`; 0 = none. Undefined once that takes too many bits. */
  dense: Int32Array | undefined = new Int32Array(1);
  readonly shifts: Int32Array;
  /** How many bits each integer has in a place. */
  readonly #bits: Int32Array;
  readonly #width: number;
  /** The tuple of `id` at `(id - 1) * width`. */
  #tuples = new Int32Array(64);
  /** Pairs of hash and id; id 0 = empty. */
  #cells = new Int32Array(128);
  #mask = 63;

  constructor(width: number) {
    this.#width = width;
    this.shifts = new Int32Array(width);
    this.#bits = new Int32Array(width);
  }

  /** The id of a tuple, or 0. */
  find(tuple: Int32Array): number {
    const cells = this.#cells;
    const mask = this.#mask;
    const hash = hashOf(tuple);
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const id = cells[2 * at + 1] as number;
      if (id === 0 || (cells[2 * at] === hash && this.#equals(id, tuple))) return id;
    }
  }

  /** Adds a tuple that `find` did not find. A `dense` that someone holds stays right for the tuples that it knows. */
  add(tuple: Int32Array): number {
    const id = ++this.count;
    if (id * this.#width > this.#tuples.length) {
      const grown = new Int32Array(this.#tuples.length * 2 + this.#width);
      grown.set(this.#tuples);
      this.#tuples = grown;
    }
    this.#tuples.set(tuple, (id - 1) * this.#width);
    if (id * 2 > this.#mask) this.#grow();
    this.#place(id, hashOf(tuple));
    this.#addDense(id, tuple);
    return id;
  }

  at(id: number, position: number): number {
    return this.#tuples[(id - 1) * this.#width + position] as number;
  }

  #addDense(id: number, tuple: Int32Array): void {
    if (this.dense === undefined) return;
    let wider = false;
    for (let i = 0; i < tuple.length; i++) {
      const needed = 32 - Math.clz32(tuple[i] as number);
      if (needed <= (this.#bits[i] as number)) continue;
      this.#bits[i] = needed;
      wider = true;
    }
    if (wider) this.#rebuildDense();
    else this.dense[this.#placeOf(id)] = id;
  }

  #rebuildDense(): void {
    let total = 0;
    for (let i = 0; i < this.#width; i++) {
      this.shifts[i] = total;
      total += this.#bits[i] as number;
    }
    this.dense = total > DENSE_BITS_MAX ? undefined : new Int32Array(1 << total);
    if (this.dense === undefined) return;
    for (let id = 1; id <= this.count; id++) this.dense[this.#placeOf(id)] = id;
  }

  #placeOf(id: number): number {
    let place = 0;
    for (let i = 0; i < this.#width; i++) place |= this.at(id, i) << (this.shifts[i] as number);
    return place;
  }

  #grow(): void {
    const old = this.#cells;
    this.#cells = new Int32Array(old.length * 2);
    this.#mask = old.length - 1;
    for (let i = 0; i < old.length; i += 2) {
      if (old[i + 1] !== 0) this.#place(old[i + 1] as number, old[i] as number);
    }
  }

  #place(id: number, hash: number): void {
    let at = hash & this.#mask;
    while (this.#cells[2 * at + 1] !== 0) at = (at + 1) & this.#mask;
    this.#cells[2 * at] = hash;
    this.#cells[2 * at + 1] = id;
  }

  #equals(id: number, tuple: Int32Array): boolean {
    for (let i = 0; i < tuple.length; i++) if (this.at(id, i) !== tuple[i]) return false;
    return true;
  }
}

function hashOf(tuple: Int32Array): number {
  let hash = 0;
  for (let i = 0; i < tuple.length; i++) {
    hash = Math.imul(hash ^ (tuple[i] as number), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash;
}
