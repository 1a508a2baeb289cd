/** Ranges of rows as they are sent: one after the other, whole, at the pace of whoever reads them. */

import { STATE_PAGE_BYTES } from '../../storage/limits.ts';
import {
  type KeyRange,
  keyAfter,
  type StateReader,
  type StateRow,
} from '../../storage/state/state.ts';
import type { ByteSource } from '../model/byte-source.ts';
import { plainFault } from '../threads/asker.ts';
import { PIECE_BYTES, RANGES_AHEAD } from './limits.ts';
import { frame, pack, packRows } from './wire.ts';

const ROWS_PER_PAGE = 1_000;

/** What a frame begins with: which range (u32), and what it is (u8): rows, the last rows of the range, or a fault that ends all. */
export const ROWS_FRAME = { headBytes: 5, rows: 0, lastRows: 1, fault: 2 } as const;

type Page = StateReader['page'];

/** One range, a page of it read ahead. */
class RangeRead {
  readonly #page: Page;
  #rest: KeyRange;
  #next: Promise<readonly StateRow[]>;
  isDone = false;

  constructor(range: KeyRange, page: Page) {
    this.#page = page;
    this.#rest = range;
    this.#next = this.#read();
  }

  async take(): Promise<readonly StateRow[]> {
    const rows = await this.#next;
    const last = rows.at(-1);
    // A page that was ended by nothing else has come to the end of the range.
    this.isDone = last === undefined || (rows.length < ROWS_PER_PAGE && isFarBelowPage(rows));
    if (last !== undefined && !this.isDone) {
      this.#rest = { from: keyAfter(last.key), to: this.#rest.to };
      this.#next = this.#read();
    }
    return rows;
  }

  #read(): Promise<readonly StateRow[]> {
    const rows = this.#page(this.#rest, ROWS_PER_PAGE);
    // It is seen when it is taken; a read that nobody takes any more must not end the process.
    rows.catch(() => {});
    return rows;
  }
}

/** RocksDB counts bytes its own way; half of the bound is below it in any. */
function isFarBelowPage(rows: readonly StateRow[]): boolean {
  let bytes = 0;
  for (const { key, value } of rows) bytes += key.length + value.length;
  return bytes < STATE_PAGE_BYTES / 2;
}

export class SentRows implements ByteSource {
  readonly #ranges: readonly KeyRange[];
  readonly #page: Page;
  /** Those that are being read, of the ranges from `#at` on. */
  readonly #reads: RangeRead[] = [];
  #at = 0;
  #isClosed = false;

  constructor(ranges: readonly KeyRange[], page: Page) {
    this.#ranges = ranges;
    this.#page = page;
  }

  async next(): Promise<Uint8Array | undefined> {
    const frames: Buffer[] = [];
    let bytes = 0;
    while (this.#at < this.#ranges.length && bytes < PIECE_BYTES && !this.#isClosed) {
      const sent = await this.#nextFrame();
      frames.push(sent);
      bytes += sent.length;
    }
    return frames.length === 0 || this.#isClosed ? undefined : Buffer.concat(frames);
  }

  close(): void {
    this.#isClosed = true;
    this.#reads.length = 0;
  }

  async #nextFrame(): Promise<Buffer> {
    while (
      this.#reads.length < RANGES_AHEAD &&
      this.#at + this.#reads.length < this.#ranges.length
    ) {
      const range = this.#ranges[this.#at + this.#reads.length] as KeyRange;
      this.#reads.push(new RangeRead(range, this.#page));
    }
    const read = this.#reads[0] as RangeRead;
    const at = this.#at;
    try {
      const rows = await read.take();
      if (read.isDone) {
        this.#reads.shift();
        this.#at++;
      }
      const kind = read.isDone ? ROWS_FRAME.lastRows : ROWS_FRAME.rows;
      return frame(headOf(at, kind), packRows(rows));
    } catch (error) {
      this.#at = this.#ranges.length;
      const { code, message } = plainFault(error);
      return frame(headOf(at, ROWS_FRAME.fault), pack([code, message]));
    }
  }
}

function headOf(range: number, kind: number): Buffer {
  const head = Buffer.alloc(ROWS_FRAME.headBytes);
  head.writeUInt32LE(range);
  head.writeUInt8(kind, 4);
  return head;
}
