/**
 * A set of 64-bit hashes, each of one generation; a generation is forgotten as a whole, at no cost. What makes such a set
 * slow is memory: a hash may lie anywhere in hundreds of megabytes. So a bucket is one cache line, nearly every look-up
 * needs one bucket, and a batch touches its buckets ahead, so that the CPU fetches many at once.
 *
 * A bucket has 64 bytes: [spill tag (u8), tags of the slots (7 x u8), 7 slots of (low, high)]. A tag names the
 * generation; 0 is no generation. A slot whose generation was forgotten is free. A hash that finds its bucket full goes
 * on to another one of the same group of 64, and the full one's spill tag remembers the newest generation that did so:
 * mostly there is none alive, and no other bucket need be looked at.
 *
 * The table grows in place, a few groups with each batch (Litwin, "Linear hashing", VLDB 1980; here from the last group
 * to the first, because a hash's bucket is its rank among all, and ranks grow with the number of buckets). All its
 * memory is asked for at once; the system gives a page of it when the page is first written.
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
/**
 * Buckets between which a hash may move: what is spilled stays near, and a group grows by itself. Of smaller ones some
 * would fill up; moving a larger one would take longer than the 10 µs of this.
 */
const GROUP = 64;
const GROUP_WORDS = GROUP * BUCKET_WORDS;
/** Buckets of a group that a hash tries. Of ten million in a full table one or two find all of them full. */
const TRIED_MAX = 8;
/** 16 KiB: an idle partition costs next to nothing. */
const BUCKETS_MIN = 4 * GROUP;
/**
 * At 0.6, 4.2 of 7 slots are taken on average, and one bucket in twelve spills. A fuller table holds more and looks into
 * two buckets more often.
 */
const LOAD_MAX = 0.6;
/**
 * Growth begins at this load and ends at the greatest: meanwhile each new hash moves three or four old ones. Nearer to
 * it there would be fewer batches to share the work, and longer pauses.
 */
const GROWTH_LOAD = 0.45;
/** Buckets that are touched ahead: their 16 KiB still lie in the nearest cache when they are used. */
const AHEAD = 256;
/** At every `begin` a part of the table is freed of forgotten tags: all of it long before a tag comes again. */
const RECLAIM_PARTS = 100;

export class IdTable {
  readonly #bucketsMax: number;
  #words = new Int32Array(0);
  /** The same memory. */
  #bytes = new Uint8Array(0);
  /** How often the table has still to double until it is as large as it may be. */
  #doublings: number;
  #buckets: number;
  /** What the table grows to; as many as there are while it does not. */
  #target: number;
  /** Buckets from here on have moved to where they belong among `#target`. */
  #movedFrom: number;
  /** Of the group that is being moved. */
  readonly #moving = new Int32Array(GROUP_WORDS);
  readonly #movingTags = new Uint8Array(this.#moving.buffer);
  /** Non-zero for tags that count. */
  readonly #alive = new Uint8Array(TAGS + 1);
  readonly #counts = new Uint32Array(TAGS + 1);
  #count = 0;
  /** The tag begun last. */
  #newest = 0;
  #reclaimed = 0;
  /** What found no room in its group, with its tag: next to nothing, unless hashes are made for it. */
  readonly #stash = new Map<bigint, number>();
  /** Groups that growth has moved, since the beginning. */
  moves = 0;
  /** What touching ahead has read: of no use but that it was read. */
  touched = 0;

  /** Holds at most about this much memory, but for a batch that is larger than all of it. */
  constructor(bytesMax: number) {
    this.#bucketsMax = Math.max(BUCKETS_MIN, wholeGroups(bytesMax / BUCKET_BYTES));
    this.#doublings = Math.floor(Math.log2(this.#bucketsMax / BUCKETS_MIN));
    this.#buckets = wholeGroups(this.#bucketsMax / 2 ** this.#doublings);
    this.#target = this.#buckets;
    this.#movedFrom = this.#buckets;
  }

  /** Memory in use, when a growth that has begun is done. */
  get bytes(): number {
    return this.#words.length === 0 ? 0 : this.#target * BUCKET_BYTES;
  }
  get count(): number {
    return this.#count;
  }
  countOf(tag: number): number {
    return this.#counts[tag] as number;
  }

  /** Hashes that have room within the memory's bound. */
  get capacity(): number {
    return hashesAt(LOAD_MAX, this.#bucketsMax);
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
    this.#makeRoom(count);
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
    const targetScale = this.#target * 2 ** -32;
    const movedFrom = this.#movedFrom;
    let sum = 0;
    for (let i = from; i < to; i++) {
      const hi = high[i] as number;
      let bucket = (hi * scale) | 0;
      if (bucket >= movedFrom) bucket = (hi * targetScale) | 0;
      sum ^= words[bucket * BUCKET_WORDS] as number;
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
    const targetScale = this.#target * 2 ** -32;
    const movedFrom = this.#movedFrom;
    let added = 0;
    for (let i = from; i < to; i++) {
      const lo = (low[i] as number) | 0;
      const unsignedHi = high[i] as number;
      const hi = unsignedHi | 0;
      let bucket = (unsignedHi * scale) | 0;
      if (bucket >= movedFrom) bucket = (unsignedHi * targetScale) | 0;
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
        (alive[spill] !== 0 && this.#isFurther(bucket, lo, hi))
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

  /** Whether it is where it went if its first bucket was full: as far as spill tags lead. */
  #isFurther(first: number, lo: number, hi: number): boolean {
    let bucket = first;
    for (let tried = 1; tried < TRIED_MAX; tried++) {
      bucket = nextBucket(bucket, lo);
      if (this.#isIn(bucket, lo, hi)) return true;
      if (this.#alive[this.#bytes[bucket * BUCKET_BYTES] as number] === 0) return false;
    }
    return this.#stash.has(wholeHash(lo, hi));
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

  /** Puts a hash where its first bucket is full, and marks each full bucket that it passes. */
  #spill(first: number, lo: number, hi: number, tag: number): void {
    let bucket = first;
    this.#markSpilled(bucket, tag);
    for (let tried = 1; tried < TRIED_MAX; tried++) {
      bucket = nextBucket(bucket, lo);
      if (this.#placeIn(bucket, lo, hi, tag)) return;
      this.#markSpilled(bucket, tag);
    }
    this.#stash.set(wholeHash(lo, hi), tag);
  }

  #markSpilled(bucket: number, tag: number): void {
    const at = bucket * BUCKET_BYTES;
    const known = this.#bytes[at] as number;
    if (this.#alive[known] === 0 || this.#age(tag) < this.#age(known)) this.#bytes[at] = tag;
  }

  /** How many generations have begun since. */
  #age(tag: number): number {
    return (this.#newest - tag + TAGS) % TAGS;
  }

  /** Grows by as much as `more` hashes bring the greatest load nearer: in proportion, so that no batch waits for all. */
  #makeRoom(more: number): void {
    if (this.#words.length === 0) this.#allocate(this.#bucketsMax);
    for (;;) {
      const room = hashesAt(LOAD_MAX, this.#buckets) - this.#count;
      if (this.#target === this.#buckets) {
        if (this.#count + more <= hashesAt(GROWTH_LOAD, this.#buckets)) return;
        if (this.#doublings === 0) {
          if (this.#count === 0 && more > room) this.#startAt(more);
          return;
        }
        this.#doublings--;
        this.#target = wholeGroups(this.#bucketsMax / 2 ** this.#doublings);
      }
      const left = this.#movedFrom / GROUP;
      const due = more < room ? Math.ceil((left * more) / room) : left;
      for (let i = 0; i < due; i++) this.#moveGroup();
      if (this.#target !== this.#buckets) return;
    }
  }

  /** Of an empty table that never has room for so many. */
  #startAt(hashes: number): void {
    this.#buckets = wholeGroups(hashes / (SLOTS * LOAD_MAX)) + GROUP;
    this.#target = this.#buckets;
    this.#movedFrom = this.#buckets;
    this.#allocate(this.#buckets);
  }

  #allocate(buckets: number): void {
    this.#words = bucketWords(buckets);
    this.#bytes = bytesOf(this.#words);
    this.#reclaimed = 0;
  }

  /**
   * Moves the last group that has not moved. Ranks among more buckets are higher, so it goes to itself or to
   * groups behind it, which have moved: nothing that has still to move is overwritten.
   */
  #moveGroup(): void {
    const words = this.#words;
    const moving = this.#moving;
    const first = this.#movedFrom - GROUP;
    const start = first * BUCKET_WORDS;
    moving.set(words.subarray(start, start + GROUP_WORDS));
    for (let at = start; at < start + GROUP_WORDS; at += BUCKET_WORDS) {
      words[at] = 0;
      words[at + 1] = 0;
    }
    this.#movedFrom = first;
    for (let bucket = 0; bucket < GROUP; bucket++) {
      for (let slot = 0; slot < SLOTS; slot++) {
        const tag = this.#movingTags[bucket * BUCKET_BYTES + 1 + slot] as number;
        if (this.#alive[tag] === 0) continue;
        const at = bucket * BUCKET_WORDS + TAG_WORDS + slot * 2;
        this.#place(moving[at] as number, moving[at + 1] as number, tag);
      }
    }
    if (this.#stash.size > 0) this.#placeStashed();
    this.moves++;
    if (first > 0) return;
    this.#buckets = this.#target;
    this.#movedFrom = this.#buckets;
  }

  /** Spill tags of buckets that a stashed hash has not passed would not lead to it. */
  #placeStashed(): void {
    const stashed = [...this.#stash];
    this.#stash.clear();
    for (const [hash, tag] of stashed) {
      this.#place(Number(hash & 0xffff_ffffn) | 0, Number(hash >> 32n) | 0, tag);
    }
  }

  #place(lo: number, hi: number, tag: number): void {
    const bucket = this.#firstBucket(hi);
    if (!this.#placeIn(bucket, lo, hi, tag)) this.#spill(bucket, lo, hi, tag);
  }

  #firstBucket(hi: number): number {
    const bucket = ((hi >>> 0) * (this.#buckets * 2 ** -32)) | 0;
    if (bucket < this.#movedFrom) return bucket;
    return ((hi >>> 0) * (this.#target * 2 ** -32)) | 0;
  }

  #reclaim(): void {
    if (this.#words.length === 0) return;
    const bytes = this.#bytes;
    const part = Math.ceil(this.#target / RECLAIM_PARTS);
    const to = Math.min(this.#target, this.#reclaimed + part);
    for (let at = this.#reclaimed * BUCKET_BYTES; at < to * BUCKET_BYTES; at += BUCKET_BYTES) {
      for (let i = at; i <= at + SLOTS; i++) {
        if (this.#alive[bytes[i] as number] === 0) bytes[i] = 0;
      }
    }
    this.#reclaimed = to === this.#target ? 0 : to;
  }
}

/** Where a hash goes from a full bucket: an odd step of its own leads through all of the group. */
const nextBucket = (bucket: number, lo: number): number =>
  (bucket & -GROUP) | ((bucket + ((lo >>> 26) | 1)) & (GROUP - 1));

/**
 * Large memory comes from the C library 16 bytes behind the start of a page. Beginning 48 bytes later puts each bucket
 * into one cache line; elsewhere it costs those 48 bytes and, as without it, a second line for a bucket.
 */
const ALIGNMENT_BYTES = 48;
const bucketWords = (buckets: number): Int32Array<ArrayBuffer> =>
  new Int32Array(
    new ArrayBuffer(ALIGNMENT_BYTES + buckets * BUCKET_BYTES),
    ALIGNMENT_BYTES,
    buckets * BUCKET_WORDS,
  );
const bytesOf = (words: Int32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
  new Uint8Array(words.buffer, words.byteOffset, words.byteLength);

const wholeGroups = (buckets: number): number => Math.floor(buckets / GROUP) * GROUP;
const hashesAt = (load: number, buckets: number): number => Math.floor(buckets * SLOTS * load);

const wholeHash = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
