/** Rows of one partition out of a slice, as a rollup reads them: arrays that the next batch overwrites. */
import type { ColumnSource, Strings } from '../../src/aggregate/column-source.ts';
import { BATCH_ROWS } from './limits.ts';
import { type FieldColumns, pick } from './slice-rows.ts';

interface Held {
  readonly field: string;
  readonly codes: Uint32Array;
  readonly numbers: Float64Array;
  readonly booleans: Uint8Array;
  columns: FieldColumns | undefined;
}

export class RowBatch implements ColumnSource {
  readonly tenant: string;
  readonly stream: string;
  readonly times = new Float64Array(BATCH_ROWS);
  rows = 0;
  partition = -1;
  readonly #fields: readonly Held[];

  constructor(tenant: string, stream: string, fields: readonly string[]) {
    this.tenant = tenant;
    this.stream = stream;
    this.#fields = fields.map((field) => ({
      field,
      codes: new Uint32Array(BATCH_ROWS),
      numbers: new Float64Array(BATCH_ROWS),
      booleans: new Uint8Array(BATCH_ROWS),
      columns: undefined,
    }));
  }

  /** Rows are sorted by time. */
  get tsMinMs(): number {
    return this.times[0] as number;
  }
  get tsMaxMs(): number {
    return this.times[this.rows - 1] as number;
  }

  /** The values of `order[from..to)`, at most `BATCH_ROWS`; times and partition are the caller's. */
  load(fields: readonly FieldColumns[], order: Uint32Array, from: number, to: number): void {
    this.rows = to - from;
    for (const [i, held] of this.#fields.entries()) {
      const columns = fields[i] as FieldColumns;
      const { codes, numbers, booleans } = columns;
      held.columns = columns;
      if (codes.isThere) pick(codes.values, order, from, to, held.codes, 0);
      if (numbers.isThere) pick(numbers.values, order, from, to, held.numbers, 0);
      if (booleans.isThere) pick(booleans.values, order, from, to, held.booleans, 0);
    }
  }

  strings(field: string): Strings | undefined {
    const held = this.#held(field);
    if (held?.columns?.codes.isThere !== true) return undefined;
    return { codes: held.codes, ...held.columns.texts.dictionary };
  }

  numbers(field: string): Float64Array | undefined {
    const held = this.#held(field);
    return held?.columns?.numbers.isThere ? held.numbers : undefined;
  }

  booleans(field: string): Uint8Array | undefined {
    const held = this.#held(field);
    return held?.columns?.booleans.isThere ? held.booleans : undefined;
  }

  #held(field: string): Held | undefined {
    return this.#fields.find((held) => held.field === field);
  }
}
