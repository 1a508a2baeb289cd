/**
 * Which events of a partition were there before. Exact within a window: of equal ids the first one counts, and
 * an id is known at least until `idsMax` others have come after it, unless memory or the log's size end the window
 * sooner.
 *
 * The window is a chain of generations, oldest first. A block's new ids all go into the newest one; when that is full,
 * or spans too much of the log, the next block begins another. Only the oldest is ever dropped, and as a whole:
 * forgetting costs nothing. What a commit stores is where each generation began, so that reading the ids of those
 * blocks again rebuilds the same chain, and with it the same verdicts for whatever comes next.
 *
 * Ids are 64-bit hashes with a secret seed, scoped by tenant and stream: at 16 million ids the chance that a new one
 * is taken for a known one is 16e6 / 2^64, one in 10^12.
 */
import assert from 'node:assert/strict';
import type { LabelColumn } from '../../src/aggregate/block-columns.ts';
import { IdTable, TAGS } from './id-table.ts';

export interface DedupBounds {
  /** Ids that the window must hold. */
  readonly idsMax: number;
  /** Memory of all generations together; ends the window before `idsMax` is reached if it is too small for it. */
  readonly bytesMax: number;
  /** Offsets that the window may span: the log is kept, or read again, from its start. */
  readonly offsetsMax: number;
}

/** A generation as a commit stores it. */
export interface GenerationMark {
  /** Offset of its first block, and of its last one so far. */
  readonly from: number;
  readonly to: number;
  /** Arrival time of that block. */
  readonly sinceMs: number;
}

export interface DedupWindow {
  readonly ids: number;
  readonly bytes: number;
  readonly sinceMs: number;
}

interface Generation extends GenerationMark {
  to: number;
  /** Of its ids in the table. */
  readonly tag: number;
}

/**
 * Generations in a full window, by ids and by offsets: what is remembered beyond the window is at most one of
 * them. Together far fewer than there are tags.
 */
const GENERATIONS_FULL = 16;
/** Salts of (tenant, stream) that are kept; recomputing one is cheap. */
const SALTS_MAX = 4_096;

export class Dedup {
  readonly #bounds: DedupBounds;
  readonly #seed: readonly [number, number];
  readonly #table: IdTable;
  readonly #generations: Generation[] = [];
  #lastTag = 0;
  /** Generations that the rebuild has not reached yet, oldest first. */
  readonly #toRebuild: GenerationMark[];
  readonly #salts = new Map<string, readonly [number, number]>();
  #low = new Uint32Array(8_192);
  #high = new Uint32Array(8_192);
  #fresh = new Uint8Array(8_192);
  #rows = new Uint32Array(8_192);

  /** `marks`: as committed; the blocks from the first one on must be `relearn`ed before the first `judge`. */
  constructor(
    bounds: DedupBounds,
    seed: readonly [number, number],
    marks: readonly GenerationMark[] = [],
  ) {
    this.#bounds = bounds;
    this.#seed = seed;
    this.#table = new IdTable(bounds.bytesMax);
    this.#toRebuild = [...marks];
  }

  /** The log is needed from here to rebuild the window; undefined while it is empty. */
  get from(): number | undefined {
    return this.#generations[0]?.from ?? this.#toRebuild[0]?.from;
  }

  marks(): GenerationMark[] {
    const built = this.#generations.map(({ tag: _, ...mark }) => mark);
    return [...built, ...this.#toRebuild];
  }

  window(): DedupWindow {
    const { count: ids, bytes } = this.#table;
    return { ids, bytes, sinceMs: this.#generations[0]?.sinceMs ?? 0 };
  }

  /** True if a block at `offset` would end the oldest part of the window: an idle partition then asks for a heartbeat. */
  isOverdueAt(offset: number): boolean {
    const oldest = this.#generations[0];
    return oldest !== undefined && offset - oldest.to >= this.#bounds.offsetsMax;
  }

  /** To be called with every block of the partition, before its rows: what lies too far back in the log is forgotten. */
  moveTo(offset: number): void {
    while (this.isOverdueAt(offset)) this.#forgetOldest();
  }

  /**
   * Clears `keep[row]` for each row whose id was there before, in the window or in an earlier row; answers how many.
   * Rows with `keep[row]` 0 are not looked at, and their ids not learned.
   */
  judge(
    scope: string,
    ids: LabelColumn,
    rows: number,
    keep: Uint8Array,
    offset: number,
    nowMs: number,
  ): number {
    assert(this.#toRebuild.length === 0, 'the window of duplicates has not been rebuilt');
    const count = this.#hash(scope, ids, rows, keep);
    if (count === 0) return 0;
    const newest = this.#makeRoom(count, offset, nowMs);
    newest.to = offset;
    const fresh = this.#fresh;
    fresh.fill(1, 0, count);
    this.#table.add({ low: this.#low, high: this.#high }, count, fresh, newest.tag);
    let dropped = 0;
    for (let i = 0; i < count; i++) {
      if (fresh[i] !== 0) continue;
      keep[this.#rows[i] as number] = 0;
      dropped++;
    }
    return dropped;
  }

  /**
   * Learns again the ids of a block that was applied before the commit, without the rows that were dropped then
   * (`keep[row]` 0). Blocks must come in their order, from the first mark on.
   */
  relearn(scope: string, ids: LabelColumn, rows: number, keep: Uint8Array, offset: number): void {
    this.#beginRebuilt(offset);
    const generation = this.#generations.at(-1);
    if (generation === undefined) return;
    const count = this.#hash(scope, ids, rows, keep);
    this.#fresh.fill(1, 0, count);
    this.#table.add({ low: this.#low, high: this.#high }, count, this.#fresh, generation.tag);
  }

  /** All blocks before the committed position have been relearned. */
  rebuilt(position: number): void {
    this.#beginRebuilt(position);
    assert(
      this.#toRebuild.length === 0,
      'a generation of ids begins behind the committed position',
    );
  }

  #beginRebuilt(offset: number): void {
    for (;;) {
      const next = this.#toRebuild[0];
      if (next === undefined || next.from > offset) return;
      this.#toRebuild.shift();
      this.#begin(next);
    }
  }

  /** The newest generation; another one if it has its share, and then drops what the window can do without. */
  #makeRoom(count: number, offset: number, nowMs: number): Generation {
    const table = this.#table;
    const idsMax = Math.min(this.#bounds.idsMax, table.capacity);
    const { offsetsMax } = this.#bounds;
    const newest = this.#generations.at(-1);
    const isDone =
      newest === undefined ||
      table.countOf(newest.tag) >= idsMax / GENERATIONS_FULL ||
      offset - newest.from >= offsetsMax / GENERATIONS_FULL;
    while (table.count + count > table.capacity && this.#generations.length > 0) {
      this.#forgetOldest();
    }
    while (isDone && this.#isOldestSpare()) this.#forgetOldest();
    const current = this.#generations.at(-1);
    if (!isDone && current !== undefined) return current;
    return this.#begin({ from: offset, to: offset, sinceMs: nowMs });
  }

  #isOldestSpare(): boolean {
    const [oldest] = this.#generations;
    if (oldest === undefined) return false;
    return this.#table.count - this.#table.countOf(oldest.tag) >= this.#bounds.idsMax;
  }

  #begin(mark: GenerationMark): Generation {
    this.#lastTag = (this.#lastTag % TAGS) + 1;
    const begun = { ...mark, tag: this.#lastTag };
    this.#table.begin(begun.tag);
    this.#generations.push(begun);
    return begun;
  }

  #forgetOldest(): void {
    const oldest = this.#generations.shift();
    if (oldest !== undefined) this.#table.retire(oldest.tag);
  }

  /** Hashes of the kept rows that have an id, with their row numbers; answers how many. */
  #hash(scope: string, ids: LabelColumn, rows: number, keep: Uint8Array): number {
    this.#reserve(rows);
    const [saltLow, saltHigh] = this.#saltOf(scope);
    const { codes, low, high } = ids;
    let count = 0;
    for (let row = 0; row < rows; row++) {
      const code = codes[row] as number;
      if (code === 0 || keep[row] === 0) continue;
      // One-to-one: ids whose hashes differed still do, but where they lie in a table only the seed knows.
      const a = mixed((low[code - 1] as number) ^ saltLow);
      const b = mixed((high[code - 1] as number) ^ saltHigh ^ a);
      const c = (a ^ mixed(b)) >>> 0;
      this.#low[count] = (b | c) === 0 ? 1 : c;
      this.#high[count] = b;
      this.#rows[count++] = row;
    }
    return count;
  }

  #saltOf(scope: string): readonly [number, number] {
    let salt = this.#salts.get(scope);
    if (salt === undefined) {
      let [low, high] = this.#seed;
      for (const unit of Buffer.from(scope)) {
        low = mixed(low ^ unit);
        high = mixed((high + Math.imul(unit, 0x9e3779b1)) ^ low);
      }
      salt = [low, high];
      if (this.#salts.size >= SALTS_MAX) this.#salts.clear();
      this.#salts.set(scope, salt);
    }
    return salt;
  }

  #reserve(rows: number): void {
    if (rows <= this.#low.length) return;
    this.#low = new Uint32Array(rows * 2);
    this.#high = new Uint32Array(rows * 2);
    this.#fresh = new Uint8Array(rows * 2);
    this.#rows = new Uint32Array(rows * 2);
  }
}

/** MurmurHash3's finalizer: one-to-one on 32 bits, every input bit reaches every output bit. */
function mixed(h: number): number {
  let x = h ^ (h >>> 16);
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
