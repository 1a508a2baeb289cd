/** The stored verdicts of partitions in the order of their blocks, a page of each in memory at a time. */
import { verdictOffset, verdictRange } from '../../storage/state/keys.ts';
import { decodeVerdict, type Verdict } from '../../storage/state/rows.ts';
import type { StateReader } from '../../storage/state/state.ts';

const PAGE_ROWS = 1_000;

export class VerdictCursor {
  readonly #store: StateReader;
  readonly #partition: number;
  #page = new Map<number, Verdict>();
  /** Verdicts of blocks in `[from, to)` are in the page, if there are any. */
  #from = 0;
  #to = 0;

  constructor(store: StateReader, partition: number) {
    this.#store = store;
    this.#partition = partition;
  }

  /** Of the block at `offset`; undefined if none of its rows was dropped. Cheap when offsets ascend. */
  async at(offset: number): Promise<Verdict | undefined> {
    if (offset < this.#from || offset >= this.#to) await this.#load(offset);
    return this.#page.get(offset);
  }

  async #load(from: number): Promise<void> {
    const range = verdictRange(this.#partition, from, Number.MAX_SAFE_INTEGER);
    const rows = await this.#store.page(range, PAGE_ROWS);
    const last = rows.at(-1);
    this.#page = new Map(rows.map(({ key, value }) => [verdictOffset(key), decodeVerdict(value)]));
    this.#from = from;
    this.#to = last === undefined ? Number.POSITIVE_INFINITY : verdictOffset(last.key) + 1;
  }
}

/** Of as many partitions as blocks are asked for. */
export class VerdictCursors {
  readonly #store: StateReader;
  readonly #cursors = new Map<number, VerdictCursor>();

  constructor(store: StateReader) {
    this.#store = store;
  }

  /** As `VerdictCursor.at`. */
  at(partition: number, offset: number): Promise<Verdict | undefined> {
    let cursor = this.#cursors.get(partition);
    if (cursor === undefined) {
      cursor = new VerdictCursor(this.#store, partition);
      this.#cursors.set(partition, cursor);
    }
    return cursor.at(offset);
  }
}
