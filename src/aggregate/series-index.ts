/**
 * Labels -> series id. Ids are small integers in the order of first appearance, so that what is kept per series can be a
 * typed array. At most `seriesMax` series exist; every other combination of labels shares series 0, the overflow, and
 * adds nothing here, so that memory is bounded whatever senders put into a field.
 */
import { AppError } from '../model/errors.ts';
import type { BlockColumns, LabelColumn } from './block-columns.ts';
import { LabelTable } from './label-table.ts';
import { TupleTable } from './tuple-table.ts';

/** A label is null where the event had no such field. */
export interface SeriesLabels {
  readonly id: number;
  readonly labels: readonly (string | null)[];
}
/** What the overflow series swallowed since the process started: which dimension has too many values, with examples. */
export interface OverflowReport {
  readonly events: number;
  readonly dimensions: readonly {
    readonly name: string;
    /** How often a value of this field that no series has was refused; one counts once per block. */
    readonly refused: number;
    readonly examples: readonly string[];
  }[];
}

export const OVERFLOW_SERIES = 0;
/** The label of the overflow series in every dimension. */
export const OVERFLOW_LABEL = '__overflow__';
/** Longer values go to the overflow: they would cost memory in every place that shows labels. */
export const LABEL_BYTES_MAX = 1024;
const EXAMPLES_MAX = 8;
const EXAMPLE_CHARACTERS_MAX = 100;

/** Beside the ids of a `LabelTable`, and 0 = absent. Negative ones are never stored. */
const UNKNOWN = -1;
const REFUSED = -2;

interface Dimension {
  readonly name: string;
  /** Its labels are texts without the ids in them. */
  readonly isNormalized: boolean;
  readonly table: LabelTable;
  refused: number;
  readonly examples: Set<string>;
  /** Code of the block at hand -> label id. */
  labelOf: Int32Array;
}
/** One dimension within the block at hand; no column if no row has the field. */
interface BlockDimension {
  readonly dimension: Dimension;
  readonly column: LabelColumn | undefined;
}

const decoder = new TextDecoder();

export class SeriesIndex {
  readonly #dimensions: readonly Dimension[];
  readonly #seriesMax: number;
  /** Label ids of a series -> its id. */
  readonly #series: TupleTable;
  readonly #tuple: Int32Array;
  #places = new Int32Array(1024);
  #refused = 0;

  constructor(dimensions: readonly string[], seriesMax: number, normalize: readonly string[] = []) {
    this.#dimensions = dimensions.map((name) => ({
      name,
      isNormalized: normalize.includes(name),
      table: new LabelTable(),
      refused: 0,
      examples: new Set<string>(),
      labelOf: new Int32Array(16),
    }));
    this.#seriesMax = seriesMax;
    this.#series = new TupleTable(dimensions.length);
    this.#tuple = new Int32Array(dimensions.length);
  }

  /** Series exist as 1..count. */
  get count(): number {
    return this.#series.count;
  }

  /** Writes the series of each of `rows[0..count)` to `out[row]`, allocating new ones in this order. */
  resolve(columns: BlockColumns, rows: Uint32Array, count: number, out: Uint32Array): void {
    const dimensions = this.#dimensions.map((dimension) => {
      const column = dimension.isNormalized
        ? columns.normalized(dimension.name, rows, count)
        : columns.labels(dimension.name);
      lookUpAll(dimension, column);
      return { dimension, column };
    });
    const { dense } = this.#series;
    if (dense !== undefined) this.#placeRows(dimensions, rows, count);
    const places = this.#places;
    for (let j = 0; j < count; j++) {
      const row = rows[j] as number;
      const place = dense === undefined ? -1 : (places[j] as number);
      // What this very block brings up is not in the places: it is found the long way until the next one.
      out[row] = (place >= 0 && dense?.[place]) || this.#find(dimensions, row);
    }
  }

  labels(id: number): SeriesLabels {
    const labels = this.#dimensions.map(({ table }, d) => {
      const label = this.#series.at(id, d);
      return label === 0 ? null : table.text(label);
    });
    return { id, labels };
  }

  /** Takes back committed series into an empty index. Throws `state_corrupt` if they are not 1..n. */
  restore(series: readonly SeriesLabels[]): void {
    for (const { id, labels } of [...series].sort((a, b) => a.id - b.id)) {
      if (id !== this.count + 1 || labels.length !== this.#dimensions.length) {
        throw new AppError(
          'state_corrupt',
          `expected series ${this.count + 1} with ${this.#dimensions.length} labels, received series ${id} with ${labels.length}`,
        );
      }
      labels.forEach((label, d) => {
        const { table } = this.#dimensions[d] as Dimension;
        this.#tuple[d] = label === null ? 0 : table.intern(label);
      });
      this.#series.add(this.#tuple);
    }
  }

  /** Undefined while everything has its own series. Counted since the start of the process. */
  overflow(): OverflowReport | undefined {
    if (this.#refused === 0) return undefined;
    return {
      events: this.#refused,
      dimensions: this.#dimensions.map(({ name, refused, examples }) => ({
        name,
        refused,
        examples: [...examples],
      })),
    };
  }

  /** Fills `#places` with the place in `dense` of each row's labels: negative if one of them is not known. */
  #placeRows(dimensions: readonly BlockDimension[], rows: Uint32Array, count: number): void {
    if (this.#places.length < count) this.#places = new Int32Array(count * 2);
    const places = this.#places.fill(0, 0, count);
    for (let d = 0; d < dimensions.length; d++) {
      const { dimension, column } = dimensions[d] as BlockDimension;
      if (column === undefined) continue;
      const { labelOf } = dimension;
      const { codes } = column;
      const shift = this.#series.shifts[d] as number;
      for (let j = 0; j < count; j++) {
        const label = labelOf[codes[rows[j] as number] as number] as number;
        places[j] = (places[j] as number) | (label << shift);
      }
    }
  }

  /** The series of one row's labels; allocates it if there is room. */
  #find(dimensions: readonly BlockDimension[], row: number): number {
    const tuple = this.#tuple;
    let known = true;
    for (let d = 0; d < tuple.length; d++) {
      const { column, dimension } = dimensions[d] as BlockDimension;
      const label = dimension.labelOf[codeAt(column, row)] as number;
      if (label < 0) known = false;
      tuple[d] = label;
    }
    // Another entry with the same bytes may have become known since the block's entries were looked up.
    if (!known) known = this.#lookUpAgain(dimensions, row);
    return (known && this.#series.find(tuple)) || this.#allocate(dimensions, row);
  }

  #lookUpAgain(dimensions: readonly BlockDimension[], row: number): boolean {
    let known = true;
    for (let d = 0; d < dimensions.length; d++) {
      const { column, dimension } = dimensions[d] as BlockDimension;
      if (column === undefined || (this.#tuple[d] as number) >= 0) continue;
      const code = codeAt(column, row);
      const hash = column.low[code - 1] as number;
      // What was refused is either too long or came when all series were taken: it stays unknown.
      const label =
        this.#tuple[d] === REFUSED ? 0 : dimension.table.find(column.entries, code - 1, hash);
      if (label === 0) {
        known = false;
      } else {
        dimension.labelOf[code] = label;
        this.#tuple[d] = label;
      }
    }
    return known;
  }

  /** `#tuple` is no series yet. */
  #allocate(dimensions: readonly BlockDimension[], row: number): number {
    const full = this.count >= this.#seriesMax;
    if (full || dimensions.some(({ column }) => tooLong(column, codeAt(column, row)))) {
      this.#refused++;
      for (const dimension of dimensions) noteRefusal(dimension, row, full);
      return OVERFLOW_SERIES;
    }
    for (let d = 0; d < dimensions.length; d++) {
      const { column, dimension } = dimensions[d] as BlockDimension;
      if (column === undefined || (this.#tuple[d] as number) >= 0) continue;
      const code = codeAt(column, row);
      const label = dimension.table.add(column.entries, code - 1, column.low[code - 1] as number);
      dimension.labelOf[code] = label;
      this.#tuple[d] = label;
    }
    return this.#series.add(this.#tuple);
  }
}

function codeAt(column: LabelColumn | undefined, row: number): number {
  return column === undefined ? 0 : (column.codes[row] as number);
}

/** Fills `labelOf` for every code of the block. A value that is too long is never in the table. */
function lookUpAll(dimension: Dimension, column: LabelColumn | undefined): void {
  const count = column === undefined ? 0 : column.entries.count;
  if (dimension.labelOf.length <= count) dimension.labelOf = new Int32Array(count * 2);
  const { labelOf, table } = dimension;
  labelOf[0] = 0;
  if (column === undefined) return;
  const { entries, low } = column;
  for (let i = 0; i < count; i++) {
    labelOf[i + 1] = table.find(entries, i, low[i] as number) || UNKNOWN;
  }
}

function tooLong(column: LabelColumn | undefined, code: number): boolean {
  if (column === undefined || code === 0) return false;
  const { offsets } = column.entries;
  return (offsets[code] as number) - (offsets[code - 1] as number) > LABEL_BYTES_MAX;
}

/** With room for more series only a value that is too long is to blame, else every value that no series has. */
function noteRefusal({ dimension, column }: BlockDimension, row: number, full: boolean): void {
  const code = codeAt(column, row);
  if (column === undefined || dimension.labelOf[code] !== UNKNOWN) return;
  if (!full && !tooLong(column, code)) return;
  dimension.labelOf[code] = REFUSED;
  dimension.refused++;
  if (dimension.examples.size >= EXAMPLES_MAX) return;
  const { bytes, offsets } = column.entries;
  const text = decoder.decode(bytes.subarray(offsets[code - 1], offsets[code]));
  dimension.examples.add(text.slice(0, EXAMPLE_CHARACTERS_MAX));
}
