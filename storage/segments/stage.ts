/**
 * Writes the rows of blocks as a Parquet file that DuckDB can read: an uncompressed file for one reading, on this
 * machine. Columns go from a block into a row group by loops over typed arrays.
 */
import { rmSync } from 'node:fs';
import type { Block, BlockColumn } from '../../src/model/block.ts';
import { COLUMN_KIND, type ColumnKind, ROLE } from '../../src/model/columns.ts';
import { AppError } from '../../src/model/errors.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import {
  BooleanChunk,
  type Chunk,
  DoubleChunk,
  Int32Chunk,
  Int64Chunk,
  MapChunk,
  RunChunk,
  StringChunk,
} from '../parquet/chunks.ts';
import { ParquetWriter } from '../parquet/parquet-writer.ts';
import type { Verdict } from '../state/rows.ts';
import { KeptRows } from './kept-rows.ts';
import { RareFields } from './rare-fields.ts';
import { segmentColumns } from './segment-columns.ts';

/**
 * Rows, and bytes of strings, from which on a row group is written. Fewer rows make DuckDB's reading dearer and
 * the footer longer; more take memory. A block, and so what comes on top, has at most 65,536 rows and 16 MiB.
 */
const ROW_GROUP_ROWS = 4_096;
const ROW_GROUP_BYTES = 4 * 1024 * 1024;

export interface StagedFile {
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  /** Event times; 0 if there is no row. */
  readonly tsMinMs: number;
  readonly tsMaxMs: number;
  /** By how much an event's time lies ahead of its arrival, at most; negative if all lie behind it, 0 if there is no row. */
  readonly aheadMaxMs: number;
  /** Their names, in order. */
  readonly columns: readonly string[];
}

type FieldChunk = StringChunk | DoubleChunk | BooleanChunk;

/** Of the thread: one block is read at a time, however many files are open. */
const kept = new KeptRows();
const rareFields = new RareFields();

export class StageWriter {
  readonly #path: string;
  readonly #columns: readonly string[];
  readonly #writer: ParquetWriter;

  readonly #id = new StringChunk();
  readonly #ts = new Int64Chunk();
  readonly #type = new StringChunk();
  readonly #fields: readonly FieldChunk[];
  /** By name, one place per kind. */
  readonly #fieldOf = new Map<string, Map<ColumnKind, number>>();
  readonly #more = new MapChunk();
  readonly #arrival = new RunChunk(64);
  readonly #partition = new RunChunk(32);
  readonly #position = new RunChunk(64);
  readonly #row = new Int32Chunk();
  readonly #chunks: readonly Chunk[];
  /** Which of `#fields` the block at hand has. */
  readonly #isFilled: Uint8Array;

  #gathered = 0;
  #rows = 0;
  #tsMinMs = Number.POSITIVE_INFINITY;
  #tsMaxMs = Number.NEGATIVE_INFINITY;
  #aheadMaxMs = Number.NEGATIVE_INFINITY;

  /** Replaces the file at `path`. Throws `segment_failed`, as do all its methods. */
  constructor({ path, schema }: { readonly path: string; readonly schema: StreamSchema }) {
    this.#path = path;
    const columns = segmentColumns(schema);
    this.#columns = columns.map(({ name }) => name);
    this.#fields = schema.columns.map(({ kind }) => chunkFor(kind));
    this.#isFilled = new Uint8Array(schema.columns.length);
    schema.columns.forEach(({ field, kind }, i) => {
      const places = this.#fieldOf.get(field);
      if (places === undefined) this.#fieldOf.set(field, new Map([[kind, i]]));
      else places.set(kind, i);
    });
    this.#chunks = [
      ...[this.#id, this.#ts, this.#type],
      ...this.#fields,
      ...[this.#more, this.#arrival, this.#partition, this.#position, this.#row],
    ];
    this.#writer = this.#guarded(() => new ParquetWriter(path, columns));
  }

  /** So far. */
  get rows(): number {
    return this.#rows;
  }

  /** `offset` is the block's place in the log. Rows that the verdict drops are left out. */
  add(block: Block, offset: number, verdict: Verdict | undefined): void {
    kept.load(block, verdict);
    if (kept.count === 0) return;
    this.#addRoles(block);
    this.#addFields(block);
    this.#arrival.add(block.arrivalMs, kept.count);
    this.#partition.add(block.partition, kept.count);
    this.#position.add(offset, kept.count);
    this.#row.add(kept.rows, kept.count);
    this.#gathered += kept.count;
    this.#rows += kept.count;
    if (this.#gathered >= ROW_GROUP_ROWS || this.#stringBytes() >= ROW_GROUP_BYTES) this.#flush();
  }

  finish(): StagedFile {
    if (this.#gathered > 0) this.#flush();
    const bytes = this.#guarded(() => this.#writer.finish());
    return {
      path: this.#path,
      rows: this.#rows,
      bytes,
      tsMinMs: this.#rows === 0 ? 0 : this.#tsMinMs,
      tsMaxMs: this.#rows === 0 ? 0 : this.#tsMaxMs,
      aheadMaxMs: this.#rows === 0 ? 0 : this.#aheadMaxMs,
      columns: this.#columns,
    };
  }

  /** Gives up: the file is removed. */
  abort(): void {
    this.#guarded(() => {
      this.#writer.close();
      rmSync(this.#path, { force: true });
    });
  }

  #addRoles(block: Block): void {
    addTo(this.#id, block, block.byRole(ROLE.id));
    addTo(this.#type, block, block.byRole(ROLE.type));
    const column = block.byRole(ROLE.ts);
    const ts = column === undefined ? kept.constant(block.arrivalMs) : kept.numbers(column);
    this.#ts.add(ts, kept.count);
    let min = this.#tsMinMs;
    let max = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < kept.count; i++) {
      const value = ts[i] as number;
      if (value < min) min = value;
      if (value > max) max = value;
    }
    this.#tsMinMs = min;
    this.#tsMaxMs = Math.max(this.#tsMaxMs, max);
    this.#aheadMaxMs = Math.max(this.#aheadMaxMs, max - block.arrivalMs);
  }

  #addFields(block: Block): void {
    this.#isFilled.fill(0);
    const rare: BlockColumn[] = [];
    for (const column of block.columns) {
      if (column.role !== ROLE.field) continue;
      const place = this.#fieldOf.get(column.name)?.get(column.kind);
      if (place === undefined) {
        rare.push(column);
      } else {
        this.#isFilled[place] = 1;
        addTo(this.#fields[place] as FieldChunk, block, column);
      }
    }
    for (let i = 0; i < this.#fields.length; i++) {
      if (this.#isFilled[i] === 0) (this.#fields[i] as FieldChunk).addAbsent(kept.count);
    }
    rareFields.add(block, rare, kept, this.#more);
  }

  #stringBytes(): number {
    let bytes = this.#id.bytes + this.#type.bytes + this.#more.bytes;
    for (const chunk of this.#fields) if (chunk instanceof StringChunk) bytes += chunk.bytes;
    return bytes;
  }

  #flush(): void {
    this.#guarded(() => this.#writer.writeRowGroup(this.#chunks, this.#gathered));
    this.#gathered = 0;
  }

  #guarded<T>(write: () => T): T {
    try {
      return write();
    } catch (cause) {
      throw new AppError(
        'segment_failed',
        'a staging file cannot be written',
        { path: this.#path },
        cause,
      );
    }
  }
}

function chunkFor(kind: ColumnKind): FieldChunk {
  switch (kind) {
    case COLUMN_KIND.string:
      return new StringChunk();
    case COLUMN_KIND.number:
      return new DoubleChunk();
    case COLUMN_KIND.boolean:
      return new BooleanChunk();
  }
}

/** The kept rows of a column that is of the chunk's kind. */
function addTo(chunk: FieldChunk, block: Block, column: BlockColumn | undefined): void {
  if (column === undefined) chunk.addAbsent(kept.count);
  else if (chunk instanceof StringChunk) {
    chunk.add(kept.codes(column), kept.count, block.entries(column));
  } else if (chunk instanceof DoubleChunk) chunk.add(kept.numbers(column), kept.count);
  else chunk.add(kept.booleans(column), kept.count);
}
