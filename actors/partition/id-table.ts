/**
 * A set of 64-bit hashes, each of one generation; a generation is forgotten as a whole, at no cost. What makes such a set
 * slow is memory: a hash may lie anywhere in hundreds of megabytes. So a bucket is one cache line, nearly every look-up
 * needs one bucket, and a batch touches its buckets ahead, so that the CPU fetches many at once.
 *
 * A bucket has 64 bytes: [spill tag (u8), tags of the slots (7 x u8), 7 slots of (low, high)]. A tag names the
 * generation; 0 is no generation. A slot whose generation was forgotten is free. A hash that finds its first bucket
 * full goes to a second one, and the first one's spill tag remembers the newest generation that did so: mostly there
 * is none alive, and the second bucket need not be looked at.
 */

/** Hashes of a batch, both lanes; `low[i]` and `high[i]` belong together. */
export interface Hashes {
  readonly low: Uint32Array;
  readonly high: Uint32Array;
}

/** Tags are 1 to 255. */
export const TAGS = 255;

const SLOTS = 7;
const BUCKET_BYTES = 64;
const BUCKET_WORDS = BUCKET_BYTES / 4;
/** Words before the slots: the tags. */
const TAG_WORDS = 2;
/** 16 KiB: an idle partition costs next to nothing. */
const BUCKETS_MIN = 256;
/**
 * At 0.6, 4.2 of 7 slots are taken on average, and one bucket in twelve spills. A fuller table holds more and looks into
 * two buckets more often.
 */
const LOAD_MAX = 0.6;
/** Buckets that are touched ahead: their 16 KiB still lie in the nearest cache when they are used. */
const AHEAD = 256;
/** At every `begin` a part of the table is freed of forgotten tags: all of it long before a tag comes again. */
const RECLAIM_PARTS = 100;

export class IdTable {
  readonly #bucketsMax: number;
  #buckets = BUCKETS_MIN;
  #words = bucketWords(BUCKETS_MIN);
  /** The same memory. */
  #bytes = bytesOf(this.#words);
  /** Non-zero for tags that count. */
  readonly #alive = new Uint8Array(TAGS + 1);
  readonly #counts = new Uint32Array(TAGS + 1);
  #count = 0;
  /** The tag begun last. */
  #newest = 0;
  #reclaimed = 0;
  /** What found both buckets full, with its tag: practically nothing below the load limit. */
  readonly #stash = new Map<bigint, number>();
  /** What touching ahead has read: of no use but that it was read. */
  touched = 0;

  /** Holds at most about this much memory, but for a batch that is larger than all of it. */
  constructor(bytesMax: number) {
    this.#bucketsMax = Math.max(BUCKETS_MIN, Math.floor(bytesMax / BUCKET_BYTES));
  }

  get bytes(): number {
    return this.#words.byteLength;
  }
  get count(): number {
    return this.#count;
  }
  countOf(tag: number): number {
    return this.#counts[tag] as number;
  }

  /** Hashes that have room within the memory's bound. */
  get capacity(): number {
    return limitOf(this.#bucketsMax);
  }

  /** From now on hashes may be added with this tag, the one after the tag that was begun before. */
  begin(tag: number): void {
    this.#reclaim();
    this.#alive[tag] = 1;
    this.#counts[tag] = 0;
    this.#newest = tag;
  }

  /** Forgets every hash of the tag. */
  retire(tag: number): void {
    this.#alive[tag] = 0;
    this.#count -= this.#counts[tag] as number;
    this.#counts[tag] = 0;
    for (const [hash, of] of this.#stash) if (of === tag) this.#stash.delete(hash);
  }

  /** In order: clears `fresh[i]` if the hash is in the set, else adds it under the tag. */
  add(hashes: Hashes, count: number, fresh: Uint8Array, tag: number): void {
    this.#reserve(count);
    const before = this.#count;
    for (let from = 0; from < count; from += AHEAD) {
      const to = Math.min(count, from + AHEAD);
      this.touched = this.#touch(hashes, from, to);
      this.#count += this.#addChunk(hashes, from, to, fresh, tag);
    }
    this.#counts[tag] = (this.#counts[tag] as number) + this.#count - before;
  }

  /** Answers something that depends on every touched word, so that no compiler leaves the reads out. */
  #touch({ high }: Hashes, from: number, to: number): number {
    const words = this.#words;
    const scale = this.#buckets * 2 ** -32;
    let sum = 0;
    for (let i = from; i < to; i++) {
      sum ^= words[(((high[i] as number) * scale) | 0) * BUCKET_WORDS] as number;
    }
    return sum;
  }

  #addChunk(
    { low, high }: Hashes,
    from: number,
    to: number,
    fresh: Uint8Array,
    tag: number,
  ): number {
    const words = this.#words;
    const bytes = this.#bytes;
    const alive = this.#alive;
    const scale = this.#buckets * 2 ** -32;
    let added = 0;
    for (let i = from; i < to; i++) {
      const lo = (low[i] as number) | 0;
      const unsignedHi = high[i] as number;
      const hi = unsignedHi | 0;
      const bucket = (unsignedHi * scale) | 0;
      const at = bucket * BUCKET_WORDS;
      // One test for all slots: next to no new hash shares its low lane with one of the seven.
      const mayBeHere =
        words[at + 2] === lo ||
        words[at + 4] === lo ||
        words[at + 6] === lo ||
        words[at + 8] === lo ||
        words[at + 10] === lo ||
        words[at + 12] === lo ||
        words[at + 14] === lo;
      const spill = bytes[bucket * BUCKET_BYTES] as number;
      if (
        (mayBeHere && this.#isIn(bucket, lo, hi)) ||
        (alive[spill] !== 0 && this.#isElsewhere(bucket, lo, hi))
      ) {
        fresh[i] = 0;
        continue;
      }
      if (!this.#placeIn(bucket, lo, hi, tag)) this.#spill(bucket, lo, hi, tag);
      added++;
    }
    return added;
  }

  #isIn(bucket: number, lo: number, hi: number): boolean {
    const words = this.#words;
    for (let slot = 0; slot < SLOTS; slot++) {
      const at = bucket * BUCKET_WORDS + TAG_WORDS + slot * 2;
      if (words[at] !== lo || words[at + 1] !== hi) continue;
      const tag = this.#bytes[bucket * BUCKET_BYTES + 1 + slot] as number;
      if (this.#alive[tag] !== 0) return true;
    }
    return false;
  }

  #isElsewhere(first: number, lo: number, hi: number): boolean {
    if (this.#isIn(this.#secondBucket(first, lo), lo, hi)) return true;
    return this.#stash.size > 0 && this.#stash.has(wholeHash(lo, hi));
  }

  #placeIn(bucket: number, lo: number, hi: number, tag: number): boolean {
    const bytes = this.#bytes;
    const alive = this.#alive;
    const tagsAt = bucket * BUCKET_BYTES + 1;
    for (let slot = 0; slot < SLOTS; slot++) {
      if (alive[bytes[tagsAt + slot] as number] !== 0) continue;
      const at = bucket * BUCKET_WORDS + TAG_WORDS + slot * 2;
      this.#words[at] = lo;
      this.#words[at + 1] = hi;
      bytes[tagsAt + slot] = tag;
      return true;
    }
    return false;
  }

  /** Puts a hash where its first bucket is full. */
  #spill(first: number, lo: number, hi: number, tag: number): void {
    const known = this.#bytes[first * BUCKET_BYTES] as number;
    if (this.#alive[known] === 0 || this.#age(tag) < this.#age(known)) {
      this.#bytes[first * BUCKET_BYTES] = tag;
    }
    if (!this.#placeIn(this.#secondBucket(first, lo), lo, hi, tag)) {
      this.#stash.set(wholeHash(lo, hi), tag);
    }
  }

  /** Another than the first, chosen by the other lane. */
  #secondBucket(first: number, lo: number): number {
    const others = this.#buckets - 1;
    const second = first + 1 + (((lo >>> 0) * (others * 2 ** -32)) | 0);
    return second < this.#buckets ? second : second - this.#buckets;
  }

  /** How many generations have begun since. */
  #age(tag: number): number {
    return (this.#newest - tag + TAGS) % TAGS;
  }

  #reserve(more: number): void {
    let buckets = this.#buckets;
    while (this.#count + more > limitOf(buckets)) {
      if (buckets >= this.#bucketsMax && this.#count > 0) break;
      const double = buckets * 2;
      buckets = buckets < this.#bucketsMax ? Math.min(double, this.#bucketsMax) : double;
    }
    if (buckets !== this.#buckets) this.#rehash(buckets);
  }

  #rehash(buckets: number): void {
    const words = this.#words;
    const bytes = this.#bytes;
    const stash = [...this.#stash];
    this.#buckets = buckets;
    this.#words = bucketWords(buckets);
    this.#bytes = bytesOf(this.#words);
    this.#reclaimed = 0;
    this.#stash.clear();
    for (let slot = 0; slot < (bytes.length / BUCKET_BYTES) * SLOTS; slot++) {
      const bucket = Math.floor(slot / SLOTS);
      const index = slot % SLOTS;
      const tag = bytes[bucket * BUCKET_BYTES + 1 + index] as number;
      if (this.#alive[tag] === 0) continue;
      const at = bucket * BUCKET_WORDS + TAG_WORDS + index * 2;
      this.#place(words[at] as number, words[at + 1] as number, tag);
    }
    for (const [hash, tag] of stash) {
      this.#place(Number(hash & 0xffff_ffffn) | 0, Number(hash >> 32n) | 0, tag);
    }
  }

  #place(lo: number, hi: number, tag: number): void {
    const bucket = ((hi >>> 0) * (this.#buckets * 2 ** -32)) | 0;
    if (!this.#placeIn(bucket, lo, hi, tag)) this.#spill(bucket, lo, hi, tag);
  }

  #reclaim(): void {
    const bytes = this.#bytes;
    const part = Math.ceil(this.#buckets / RECLAIM_PARTS);
    const to = Math.min(this.#buckets, this.#reclaimed + part);
    for (let at = this.#reclaimed * BUCKET_BYTES; at < to * BUCKET_BYTES; at += BUCKET_BYTES) {
      for (let i = at; i <= at + SLOTS; i++) {
        if (this.#alive[bytes[i] as number] === 0) bytes[i] = 0;
      }
    }
    this.#reclaimed = to === this.#buckets ? 0 : to;
  }
}

/**
 * Large memory comes from the C library 16 bytes behind the start of a page. Beginning 48 bytes later puts each bucket
 * into one cache line; elsewhere it costs those 48 bytes and, as without it, a second line for a bucket.
 */
const ALIGNMENT_BYTES = 48;
const bucketWords = (buckets: number): Int32Array =>
  new Int32Array(
    new ArrayBuffer(ALIGNMENT_BYTES + buckets * BUCKET_BYTES),
    ALIGNMENT_BYTES,
    buckets * BUCKET_WORDS,
  );
const bytesOf = (words: Int32Array): Uint8Array =>
  new Uint8Array(words.buffer, words.byteOffset, words.byteLength);

const limitOf = (buckets: number): number => Math.floor(buckets * SLOTS * LOAD_MAX);
const wholeHash = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
