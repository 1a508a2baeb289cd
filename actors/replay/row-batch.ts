/** Rows of one partition out of a slice, as a rollup reads them: arrays that the next batch overwrites. */
import type { DuckDBDataChunk } from '@duckdb/node-api';
import type { ColumnSource, Strings } from '../../src/aggregate/column-source.ts';
import type { Entries } from '../../src/model/columns.ts';
import { BATCH_ROWS } from './limits.ts';

/** The different texts of a slice's column; code `i + 1` stands for entry `i`. */
export interface Dictionary {
  readonly entries: Entries;
  readonly hashes: { readonly low: Uint32Array; readonly high: Uint32Array };
}

/** Where in a chunk the values of a field are; -1: it has none of that kind. */
export interface FieldPlaces {
  readonly field: string;
  readonly text: number;
  readonly number: number;
  readonly boolean: number;
  readonly dictionary: Dictionary | undefined;
}

interface Held extends FieldPlaces {
  readonly codes: Uint32Array;
  readonly numbers: Float64Array;
  readonly booleans: Uint8Array;
  hasText: boolean;
  hasNumber: boolean;
  hasBoolean: boolean;
}

const PARTITION = 0;
const TIME = 1;
/** Places of fields begin behind partition and time. */
export const FIRST_FIELD = 2;

type Vector = ReturnType<DuckDBDataChunk['getColumnVector']>;

export class RowBatch implements ColumnSource {
  readonly tenant: string;
  readonly stream: string;
  readonly times = new Float64Array(BATCH_ROWS);
  rows = 0;
  partition = -1;
  readonly #fields: readonly Held[];

  constructor(tenant: string, stream: string, fields: readonly FieldPlaces[]) {
    this.tenant = tenant;
    this.stream = stream;
    this.#fields = fields.map((places) => ({
      ...places,
      codes: new Uint32Array(places.text < 0 ? 0 : BATCH_ROWS),
      numbers: new Float64Array(places.number < 0 ? 0 : BATCH_ROWS),
      booleans: new Uint8Array(places.boolean < 0 ? 0 : BATCH_ROWS),
      hasText: false,
      hasNumber: false,
      hasBoolean: false,
    }));
  }

  /** Rows are sorted by time. */
  get tsMinMs(): number {
    return this.times[0] as number;
  }
  get tsMaxMs(): number {
    return this.times[this.rows - 1] as number;
  }

  clear(): void {
    this.rows = 0;
    for (const held of this.#fields) {
      held.hasText = false;
      held.hasNumber = false;
      held.hasBoolean = false;
    }
  }

  /**
   * Takes rows of the chunk from `from` on, as long as they are of one partition and there is room, and answers behind which it
   * stopped.
   */
  take(chunk: DuckDBDataChunk, from: number): number {
    const partitions = chunk.getColumnVector(PARTITION);
    if (this.rows === 0) this.partition = numberAt(partitions, from);
    const end = Math.min(chunk.rowCount, from + BATCH_ROWS - this.rows);
    let to = from;
    while (to < end && partitions.getItem(to) === this.partition) to++;
    if (to === from) return to;
    copy(chunk.getColumnVector(TIME), from, to, this.times, this.rows);
    for (const held of this.#fields) {
      const { text, number, boolean } = held;
      if (text >= 0) {
        const isThere = copy(chunk.getColumnVector(text), from, to, held.codes, this.rows);
        held.hasText ||= isThere;
      }
      if (number >= 0) {
        const isThere = copy(chunk.getColumnVector(number), from, to, held.numbers, this.rows);
        held.hasNumber ||= isThere;
      }
      if (boolean >= 0) {
        const isThere = copy(chunk.getColumnVector(boolean), from, to, held.booleans, this.rows);
        held.hasBoolean ||= isThere;
      }
    }
    this.rows += to - from;
    return to;
  }

  get isFull(): boolean {
    return this.rows === BATCH_ROWS;
  }

  strings(field: string): Strings | undefined {
    const held = this.#held(field);
    if (held?.dictionary === undefined || !held.hasText) return undefined;
    return { codes: held.codes, ...held.dictionary };
  }

  numbers(field: string): Float64Array | undefined {
    const held = this.#held(field);
    return held?.hasNumber ? held.numbers : undefined;
  }

  booleans(field: string): Uint8Array | undefined {
    const held = this.#held(field);
    return held?.hasBoolean ? held.booleans : undefined;
  }

  #held(field: string): Held | undefined {
    return this.#fields.find((held) => held.field === field);
  }
}

/** Answers whether some value is there: neither 0, which is an absent code, nor NaN, which is an absent number. */
function copy(
  vector: Vector,
  from: number,
  to: number,
  into: Uint32Array | Float64Array | Uint8Array,
  at: number,
): boolean {
  const isNumber = into instanceof Float64Array;
  let isThere = false;
  for (let i = from; i < to; i++) {
    const value = numberAt(vector, i);
    into[at + i - from] = value;
    if (isNumber ? !Number.isNaN(value) : value !== 0) isThere = true;
  }
  return isThere;
}

/** Every column is a number, and none is null. */
function numberAt(vector: Vector, index: number): number {
  const value = vector.getItem(index);
  return typeof value === 'number' ? value : Number.NaN;
}
