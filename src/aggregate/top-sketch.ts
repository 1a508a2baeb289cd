/**
 * The heaviest values of a field: Space-Saving summaries (Metwally, Agrawal, El Abbadi, "Efficient computation of frequent
 * and top-k elements in data streams", 2005), kept and merged as in Agarwal, Cormode, Huang et al., "Mergeable summaries", 2012.
 * A value that comes anew begins with all that it may have had while it was not kept, `missed`; of more values than
 * `capacity` the heaviest stay. Blocks are taken in whole and cut at their end: a summary that was put away between two
 * goes on as if it had stayed.
 *
 * Error: with N the sum of all weights, a value's true weight lies within [count - error, count], one that is not
 * kept has at most `missed`, and error <= missed <= N / capacity: every value with more than N / capacity is kept.
 * Why: no count is less than `missed`, and all counts together are at most N. Both stay so when summaries are put together:
 * the k heaviest sums of two counts each are at most the k heaviest of either side.
 * Merge law: the bounds hold in any order of merging, and nothing is lost while there are no more values than the
 * capacity; past it entries and errors may differ, as those of a coarser bucket that is derived anew after a restart do. Up to rounding where
 * weights have fractions. Values that are cut to `TEXT_LENGTH_MAX` are one if they are cut alike.
 */
import type { TextColumn } from './block-columns.ts';
import { type ByteReader, type ByteWriter, corruptRow } from './row-bytes.ts';

export interface TopEntry {
  readonly value: string;
  /** At least what the value weighs, and at most `error` more. */
  readonly count: number;
  readonly error: number;
}

export interface TopValues {
  /** Of all values, exact. */
  readonly total: number;
  /** The heaviest first; equals by their values. */
  readonly entries: readonly TopEntry[];
}

interface Entry {
  readonly value: string;
  count: number;
  error: number;
  /** The number of the last merge that brought some of it. */
  merge: number;
}

interface Summary {
  readonly entries: Map<string, Entry>;
  total: number;
  /** The most that a value weighs that is not kept. */
  missed: number;
}

/** A character takes three bytes of UTF-8 at most. */
const TEXT_BYTES_MAX = 3 * 256;
/** What an entry takes in memory beside its text, the map's part of it included. */
const ENTRY_BYTES = 120;

/** What one begins with in UTF-8. */
const BYTE_ORDER_MARK = 0xef;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The summaries of all series of one open bucket. Slots are the bucket's. */
export class TopTable {
  readonly capacity: number;
  readonly #summaries: (Summary | undefined)[] = [];
  #memoryBytes = 0;
  #merges = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** As of the last cut of each summary; what a block adds until then is not in it. */
  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  /** Adds the values of `rows[from..to)`; `slots` is indexed from 0. Without `weights` each row weighs 1; only more than 0 counts. */
  addRows(
    { codes, text }: TextColumn,
    weights: Float64Array | undefined,
    rows: Uint32Array,
    slots: Uint32Array,
    from: number,
    to: number,
  ): void {
    const full: Summary[] = [];
    for (let j = from; j < to; j++) {
      const row = rows[j] as number;
      const code = codes[row] as number;
      const weight = weights === undefined ? 1 : (weights[row] as number);
      if (code === 0 || !(weight > 0 && weight < Number.POSITIVE_INFINITY)) continue;
      const summary = this.#at(slots[j - from] as number);
      const value = text(code);
      summary.total += weight;
      const entry = summary.entries.get(value);
      if (entry !== undefined) entry.count += weight;
      else {
        const { entries, missed } = summary;
        this.#insert(entries, { value, count: missed + weight, error: missed, merge: 0 });
        if (entries.size === this.capacity + 1) full.push(summary);
      }
    }
    for (const summary of full) this.#cut(summary);
  }

  /** Merges one series' stored summary, `reader` up to `end`. */
  mergePayload(slot: number, reader: ByteReader, end: number): void {
    const summary = this.#at(slot);
    const { entries, missed } = summary;
    const other = readPayload(reader, end, this.capacity);
    const merge = ++this.#merges;
    for (const { value, count, error } of other.entries) {
      const known = entries.get(value);
      const entry = known ?? { value, count: missed, error: missed, merge };
      entry.count += count;
      entry.error += error;
      entry.merge = merge;
      if (known === undefined) this.#insert(entries, entry);
    }
    if (other.missed > 0) {
      for (const entry of entries.values()) {
        if (entry.merge === merge) continue;
        entry.count += other.missed;
        entry.error += other.missed;
      }
    }
    summary.total += other.total;
    summary.missed += other.missed;
    if (entries.size > this.capacity) this.#cut(summary);
  }

  /** Writes one series' summary: canonical, so equal summaries are equal bytes. Writes nothing if it has no value. */
  writePayload(slot: number, out: ByteWriter): void {
    const summary = this.#summaries[slot];
    if (summary === undefined) return;
    const { total, missed } = summary;
    const entries = ordered(summary);
    const isWhole = entries.every(
      ({ count, error }) => Number.isSafeInteger(count) && Number.isSafeInteger(error),
    );
    const areVarints = isWhole && Number.isSafeInteger(total) && Number.isSafeInteger(missed);
    const number = (value: number) => (areVarints ? out.varint(value) : out.f64(value));
    out.varint((entries.length << 1) | (areVarints ? 0 : 1));
    number(total);
    number(missed);
    for (const { value, count, error } of entries) {
      const bytes = encoder.encode(value);
      out.varint(bytes.length);
      out.blob(bytes);
      number(count);
      number(error);
    }
  }

  /** The `k` heaviest; undefined if the series has no value. */
  top(slot: number, k: number): TopValues | undefined {
    const summary = this.#summaries[slot];
    if (summary === undefined) return undefined;
    const entries = ordered(summary).slice(0, k);
    return {
      total: summary.total,
      entries: entries.map(({ value, count, error }) => ({ value, count, error })),
    };
  }

  reset(): void {
    this.#summaries.length = 0;
    this.#memoryBytes = 0;
  }

  #at(slot: number): Summary {
    this.#summaries[slot] ??= { entries: new Map(), total: 0, missed: 0 };
    return this.#summaries[slot];
  }

  #insert(entries: Map<string, Entry>, entry: Entry): void {
    entries.set(entry.value, entry);
    this.#memoryBytes += bytesOf(entry);
  }

  /** To the heaviest, of more than `capacity`. Counts are sorted without their entries: with them it would be most of a merge. */
  #cut(summary: Summary): void {
    const { entries } = summary;
    const counts = sortedCounts(entries);
    const dropped = counts.length - this.capacity;
    const least = counts[dropped] as number;
    summary.missed = Math.max(summary.missed, counts[dropped - 1] as number);
    const equals: Entry[] = [];
    for (const entry of entries.values()) {
      if (entry.count === least) equals.push(entry);
      else if (entry.count < least) this.#drop(entries, entry);
    }
    const excess = entries.size - this.capacity;
    if (excess === 0) return;
    for (const entry of equals.sort(byWeight).slice(-excess)) this.#drop(entries, entry);
  }

  #drop(entries: Map<string, Entry>, entry: Entry): void {
    entries.delete(entry.value);
    this.#memoryBytes -= bytesOf(entry);
  }
}

let sorting = new Float64Array(256);

/** Ascending; good until the next call. */
function sortedCounts(entries: ReadonlyMap<string, Entry>): Float64Array {
  if (sorting.length < entries.size) sorting = new Float64Array(2 * entries.size);
  let length = 0;
  for (const { count } of entries.values()) sorting[length++] = count;
  return sorting.subarray(0, length).sort();
}

const bytesOf = ({ value }: Entry): number => ENTRY_BYTES + value.length;

const byWeight = (a: Entry, b: Entry): number => b.count - a.count || (a.value < b.value ? -1 : 1);

const ordered = ({ entries }: Summary): Entry[] => [...entries.values()].sort(byWeight);

/** In a third of the time that a decoder takes, which leaves out a byte order mark at the beginning. */
const textOf = (bytes: Buffer, from: number, to: number): string =>
  bytes[from] === BYTE_ORDER_MARK
    ? decoder.decode(bytes.subarray(from, to))
    : bytes.toString('utf8', from, to);

interface Payload {
  readonly total: number;
  readonly missed: number;
  readonly entries: readonly TopEntry[];
}

function readPayload(reader: ByteReader, end: number, capacity: number): Payload {
  const head = reader.varint();
  const number = () => ((head & 1) === 0 ? reader.varint() : reader.f64());
  const count = head >>> 1;
  if (count > capacity) throw corruptRow(`of ${capacity} heaviest values it has ${count}`);
  const [total, missed] = [number(), number()];
  const bytes = Buffer.from(reader.bytes.buffer, reader.bytes.byteOffset, reader.bytes.length);
  const entries = Array.from({ length: count }, () => {
    const length = reader.varint();
    if (length > TEXT_BYTES_MAX) throw corruptRow(`a value of ${length} bytes is too long`);
    const from = reader.skip(length, 1);
    const value = textOf(bytes, from, from + length);
    const entry = { value, count: number(), error: number() };
    if (!(entry.error >= 0 && entry.error <= entry.count && entry.count < Number.POSITIVE_INFINITY))
      throw corruptRow('a value has more error than count');
    return entry;
  });
  if (!(missed >= 0 && total >= missed)) throw corruptRow('more is missed than there was');
  if (reader.at !== end) throw corruptRow('a summary does not end where it should');
  return { total, missed, entries };
}
