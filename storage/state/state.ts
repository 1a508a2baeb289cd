/** The state store as its users see it: an ordered map of bytes. RocksDB is one, the simulation's map another. */

/** Keys in `[from, to)`, in byte order. */
export interface KeyRange {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

export interface StateRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** One change; a value of undefined deletes. */
export interface StateOp {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

export interface StateReader {
  /** Undefined where there is no row. */
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>;
  /** The first rows of the range, at most `rowsMax` and about 1 MiB: a caller goes on behind the last key. */
  page(range: KeyRange, rowsMax: number): Promise<readonly StateRow[]>;
  /** Where whole ranges are read better than page by page; rows from afar are all on their way then. Whoever reads ranges uses `readRanges`. */
  ranges?(ranges: readonly KeyRange[]): RangesRead;
}

/** Ranges that are read once each, in their order, page by page. */
export interface RangesRead {
  rows(place: number): AsyncIterable<readonly StateRow[]>;
  /** No more of them are wanted. */
  close(): void;
}

/**
 * Writes survive a crash of the process; a power cut may lose the last ones, but never one that came before a
 * write that it kept. Whoever commits a log offset with its changes only has to read the log again from there.
 */
export interface StateStore extends StateReader {
  /**
   * All changes or none. Rejects with `state_io`. `synced`: it also survives a power cut, and so does every commit
   * before it; the thread waits for the disk.
   */
  commit(ops: readonly StateOp[], durability?: 'synced'): Promise<void>;
  /** Deletes a range at the cost of one write, ordered among the commits. */
  clear(range: KeyRange): Promise<void>;
}

/** A store that is also read from the newest row to the oldest. */
export interface ListingStore extends StateStore {
  /** As `page`, from the end of the range backwards. */
  pageDown(range: KeyRange, rowsMax: number): Promise<readonly StateRow[]>;
}

export const ROWS_PER_PAGE = 1_000;

/** All rows of a range in order, page by page. */
export async function* scan(
  reader: StateReader,
  range: KeyRange,
  rowsPerPage = ROWS_PER_PAGE,
): AsyncGenerator<StateRow> {
  for await (const rows of pages(reader, range, rowsPerPage)) yield* rows;
}

/** Several ranges of which each is read once, in their order: where they come from afar they are on their way from now on. */
export function readRanges(reader: StateReader, ranges: readonly KeyRange[]): RangesRead {
  return (
    reader.ranges?.(ranges) ?? {
      rows: (place) => pages(reader, ranges[place] as KeyRange, ROWS_PER_PAGE),
      close: () => {},
    }
  );
}

async function* pages(
  reader: StateReader,
  range: KeyRange,
  rowsPerPage: number,
): AsyncGenerator<readonly StateRow[]> {
  let from = range.from;
  for (;;) {
    const rows = await reader.page({ from, to: range.to }, rowsPerPage);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    from = keyAfter(last.key);
  }
}

/** The least key that is greater. */
export function keyAfter(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
