/** The rows of a block that were applied and not erased, column by column, in arrays that are overwritten by the next column. */
import type { Block, BlockColumn } from '../../src/model/block.ts';
import { AppError } from '../../src/model/errors.ts';
import type { Verdict } from '../state/rows.ts';

export class KeptRows {
  count = 0;
  #block: Block | undefined;
  /** Place in the block of each row. */
  #rows = new Uint32Array(1 << 12);
  #codes = new Uint32Array(1 << 12);
  #numbers = new Float64Array(1 << 12);
  #booleans = new Uint8Array(1 << 12);

  load(block: Block, verdict: Verdict | undefined): void {
    if (verdict !== undefined && verdict.rows !== block.rows) {
      const rows = `${block.rows} rows has a verdict on ${verdict.rows}`;
      throw new AppError('state_corrupt', `a block of "${block.stream}" with ${rows}`);
    }
    this.#block = block;
    this.#reserve(block.rows);
    const rows = this.#rows;
    let count = 0;
    const erased = block.erasedRows();
    if (erased !== undefined) {
      for (let row = 0; row < block.rows; row++) {
        if (erased[row] === 0 && verdict?.isDropped(row) !== true) rows[count++] = row;
      }
    } else if (verdict === undefined || verdict.dropped === 0) {
      for (; count < block.rows; count++) rows[count] = count;
    } else if (verdict.dropped < block.rows) {
      for (let row = 0; row < block.rows; row++) if (!verdict.isDropped(row)) rows[count++] = row;
    }
    this.count = count;
  }

  get rows(): Uint32Array {
    return this.#rows;
  }

  codes(column: BlockColumn): Uint32Array {
    const values = this.#codes;
    this.#loaded().readCodes(column, values);
    if (this.#isPart()) for (let i = 0; i < this.count; i++) values[i] = values[this.#rows[i]!]!;
    return values;
  }

  numbers(column: BlockColumn): Float64Array {
    const values = this.#numbers;
    this.#loaded().readNumbers(column, values);
    if (this.#isPart()) for (let i = 0; i < this.count; i++) values[i] = values[this.#rows[i]!]!;
    return values;
  }

  booleans(column: BlockColumn): Uint8Array {
    const stored = this.#loaded().booleans(column);
    if (!this.#isPart()) return stored;
    const values = this.#booleans;
    for (let i = 0; i < this.count; i++) values[i] = stored[this.#rows[i]!]!;
    return values;
  }

  /** The same number for all rows. */
  constant(value: number): Float64Array {
    return this.#numbers.fill(value, 0, this.count);
  }

  #isPart(): boolean {
    return this.count !== this.#loaded().rows;
  }

  #loaded(): Block {
    if (this.#block === undefined) throw new TypeError('no block is loaded');
    return this.#block;
  }

  #reserve(rows: number): void {
    if (rows <= this.#rows.length) return;
    this.#rows = new Uint32Array(rows * 2);
    this.#codes = new Uint32Array(rows * 2);
    this.#numbers = new Float64Array(rows * 2);
    this.#booleans = new Uint8Array(rows * 2);
  }
}
