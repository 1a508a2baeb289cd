/**
 * Labels -> series id. Ids are small integers in the order of first appearance, so that what is kept per series can be a
 * typed array. At most `seriesMax` series exist; every other combination of labels shares series 0, the overflow, and
 * adds nothing here, so that memory is bounded whatever senders put into a field.
 */
import { AppError } from '../model/errors.ts';
import type { BlockColumns, LabelColumn } from './block-columns.ts';
import { LabelTable } from './label-table.ts';

/** A label is null where the event had no such field. */
export interface SeriesLabels {
  readonly id: number;
  readonly labels: readonly (string | null)[];
}
/** What the overflow series swallowed, for an operator: which dimension has too many values, with examples. */
export interface OverflowReport {
  /** How often a combination of labels was refused; one counts once per block. */
  readonly combinations: number;
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
/** A combination that the block at hand has not met yet. */
const UNRESOLVED = -3;

interface Dimension {
  readonly name: string;
  readonly table: LabelTable;
  refused: number;
  readonly examples: Set<string>;
  /** Code of the block at hand -> label id. */
  labelOf: Int32Array;
}
/** One dimension within the block at hand. */
interface BlockDimension {
  readonly dimension: Dimension;
  readonly column: LabelColumn | undefined;
  /** How many values its codes have: 1 if no row has the field. */
  readonly span: number;
}

const decoder = new TextDecoder();

export class SeriesIndex {
  readonly #dimensions: readonly Dimension[];
  readonly #seriesMax: number;
  #count = 0;
  /** Label ids of series `id` at `(id - 1) * dimensions`. */
  #tuples = new Int32Array(64);
  /** Open addressing by the hash of the tuple: pairs of hash and series id, 0 = empty. */
  #cells = new Int32Array(128);
  #mask = 63;
  readonly #tuple: Int32Array;
  #combinations = new Uint32Array(1024);
  #lookup = new Int32Array(1024);
  #refused = 0;

  constructor(dimensions: readonly string[], seriesMax: number) {
    this.#dimensions = dimensions.map((name) => ({
      name,
      table: new LabelTable(),
      refused: 0,
      examples: new Set<string>(),
      labelOf: new Int32Array(16),
    }));
    this.#seriesMax = seriesMax;
    this.#tuple = new Int32Array(dimensions.length);
  }

  /** Series exist as 1..count. */
  get count(): number {
    return this.#count;
  }

  /** Writes the series of each of `rows[0..count)` to `out[row]`, allocating new ones in this order. */
  resolve(columns: BlockColumns, rows: Uint32Array, count: number, out: Uint32Array): void {
    const dimensions = this.#dimensions.map((dimension) => {
      const column = columns.labels(dimension.name);
      const span = column === undefined ? 1 : column.entries.count + 1;
      if (dimension.labelOf.length < span) dimension.labelOf = new Int32Array(span * 2);
      if (column === undefined) dimension.labelOf[0] = 0;
      else lookUpAll(dimension, column);
      return { dimension, column, span };
    });
    let product = 1;
    for (const { span } of dimensions) product *= span;
    // Few combinations: each is looked up once. Many (two wide dimensions): every row by itself.
    const once = product <= Math.max(4096, 4 * count);
    if (once) this.#resolveOnce(dimensions, product, rows, count, out);
    else this.#resolveEach(dimensions, rows, count, out);
  }

  labels(id: number): SeriesLabels {
    const width = this.#dimensions.length;
    const labels = this.#dimensions.map(({ table }, d) => {
      const label = this.#tuples[(id - 1) * width + d] as number;
      return label === 0 ? null : table.text(label);
    });
    return { id, labels };
  }

  /** Takes back committed series into an empty index. Throws `state_corrupt` if they are not 1..n. */
  restore(series: readonly SeriesLabels[]): void {
    for (const { id, labels } of [...series].sort((a, b) => a.id - b.id)) {
      if (id !== this.#count + 1 || labels.length !== this.#dimensions.length) {
        throw new AppError(
          'state_corrupt',
          `expected series ${this.#count + 1} with ${this.#dimensions.length} labels, received series ${id} with ${labels.length}`,
        );
      }
      labels.forEach((label, d) => {
        const { table } = this.#dimensions[d] as Dimension;
        this.#tuple[d] = label === null ? 0 : table.intern(label);
      });
      this.#add();
    }
  }

  /** Undefined while everything has its own series. Counted since the start of the process. */
  overflow(): OverflowReport | undefined {
    if (this.#refused === 0) return undefined;
    return {
      combinations: this.#refused,
      dimensions: this.#dimensions.map(({ name, refused, examples }) => ({
        name,
        refused,
        examples: [...examples],
      })),
    };
  }

  #resolveOnce(
    dimensions: readonly BlockDimension[],
    product: number,
    rows: Uint32Array,
    count: number,
    out: Uint32Array,
  ): void {
    if (this.#combinations.length < count) this.#combinations = new Uint32Array(count * 2);
    if (this.#lookup.length < product) this.#lookup = new Int32Array(product * 2);
    const combinations = this.#combinations.fill(0, 0, count);
    let stride = 1;
    for (const { column, span } of dimensions) {
      if (column === undefined) continue;
      const { codes } = column;
      for (let j = 0; j < count; j++) {
        combinations[j] =
          (combinations[j] as number) + (codes[rows[j] as number] as number) * stride;
      }
      stride *= span;
    }
    const lookup = this.#lookup.fill(UNRESOLVED, 0, product);
    for (let j = 0; j < count; j++) {
      const combination = combinations[j] as number;
      let series = lookup[combination] as number;
      if (series < 0) {
        series = this.#find(dimensions, rows[j] as number);
        lookup[combination] = series;
      }
      out[rows[j] as number] = series;
    }
  }

  #resolveEach(
    dimensions: readonly BlockDimension[],
    rows: Uint32Array,
    count: number,
    out: Uint32Array,
  ): void {
    for (let j = 0; j < count; j++) {
      const row = rows[j] as number;
      out[row] = this.#find(dimensions, row);
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
    return (known && this.#seriesOf(hashTuple(tuple))) || this.#allocate(dimensions, row);
  }

  #lookUpAgain(dimensions: readonly BlockDimension[], row: number): boolean {
    let known = true;
    for (let d = 0; d < dimensions.length; d++) {
      const { column, dimension } = dimensions[d] as BlockDimension;
      if (column === undefined || (this.#tuple[d] as number) >= 0) continue;
      const code = codeAt(column, row);
      const label = dimension.table.find(column.entries, code - 1, column.low[code - 1] as number);
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
    const full = this.#count >= this.#seriesMax;
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
    return this.#add();
  }

  /** Appends `#tuple` as the next series. */
  #add(): number {
    const width = this.#dimensions.length;
    const id = ++this.#count;
    if (id * width > this.#tuples.length) {
      const grown = new Int32Array(this.#tuples.length * 2 + width);
      grown.set(this.#tuples);
      this.#tuples = grown;
    }
    this.#tuples.set(this.#tuple, (id - 1) * width);
    if (id * 2 > this.#mask) this.#grow();
    this.#place(id, hashTuple(this.#tuple));
    return id;
  }

  #grow(): void {
    const old = this.#cells;
    this.#cells = new Int32Array(old.length * 2);
    this.#mask = old.length - 1;
    for (let i = 0; i < old.length; i += 2) {
      if (old[i + 1] !== 0) this.#place(old[i + 1] as number, old[i] as number);
    }
  }

  #place(id: number, hash: number): void {
    let at = hash & this.#mask;
    while (this.#cells[2 * at + 1] !== 0) at = (at + 1) & this.#mask;
    this.#cells[2 * at] = hash;
    this.#cells[2 * at + 1] = id;
  }

  /** The series of `#tuple`, or 0. */
  #seriesOf(hash: number): number {
    const cells = this.#cells;
    const mask = this.#mask;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const id = cells[2 * at + 1] as number;
      if (id === 0 || (cells[2 * at] === hash && this.#isTuple(id))) return id;
    }
  }

  #isTuple(id: number): boolean {
    const tuple = this.#tuple;
    const start = (id - 1) * tuple.length;
    for (let d = 0; d < tuple.length; d++) {
      if (this.#tuples[start + d] !== tuple[d]) return false;
    }
    return true;
  }
}

function hashTuple(tuple: Int32Array): number {
  let hash = 0;
  for (let d = 0; d < tuple.length; d++) {
    hash = Math.imul(hash ^ (tuple[d] as number), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash;
}

function codeAt(column: LabelColumn | undefined, row: number): number {
  return column === undefined ? 0 : (column.codes[row] as number);
}

/** Fills `labelOf` for every code of the block. A value that is too long is never in the table. */
function lookUpAll({ table, labelOf }: Dimension, { entries, low }: LabelColumn): void {
  labelOf[0] = 0;
  for (let i = 0; i < entries.count; i++) {
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
