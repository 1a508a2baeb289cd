/**
 * Writes Parquet files (https://github.com/apache/parquet-format): uncompressed, one data page per column and row group.
 * They are read once, on this machine, by DuckDB; what stays is written by DuckDB itself.
 *
 * Only the metadata of the row groups is kept until the end, some 60 bytes per row group and column.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Chunk, Pages } from './chunks.ts';
import { ThriftWriter } from './thrift.ts';

export const PARQUET_TYPE = {
  string: 'string',
  double: 'double',
  boolean: 'boolean',
  int32: 'int32',
  int64: 'int64',
  /** Milliseconds, without a time zone. */
  timestamp: 'timestamp',
  /** Strings to strings; two leaves. */
  map: 'map',
} as const;
export type ParquetType = (typeof PARQUET_TYPE)[keyof typeof PARQUET_TYPE];

export interface ParquetColumn {
  readonly name: string;
  readonly type: ParquetType;
  readonly isOptional: boolean;
}

// parquet.thrift: Type, FieldRepetitionType, ConvertedType, Encoding, PageType, CompressionCodec
const PHYSICAL = { boolean: 0, int32: 1, int64: 2, double: 5, byteArray: 6 } as const;
const REPETITION = { required: 0, optional: 1, repeated: 2 } as const;
const CONVERTED = { utf8: 0, map: 1 } as const;
const ENCODING = { plain: 0, rle: 3, rleDictionary: 8 } as const;
const PAGE = { data: 0, dictionary: 2 } as const;
const UNCOMPRESSED = 0;
const FORMAT_VERSION = 1;
const MAGIC = Uint8Array.from('PAR1', (char) => char.charCodeAt(0));
const CREATED_BY = 'streamgauge';

/** Bytes gathered for one write: a page's parts are often a few bytes. */
const BUFFER_BYTES = 256 * 1024;
/** Of the thread, however many files are open: it is empty between two calls. */
const buffer = new Uint8Array(BUFFER_BYTES);

interface Leaf {
  readonly path: readonly string[];
  readonly physical: number;
}

export class ParquetWriter {
  readonly #columns: readonly ParquetColumn[];
  readonly #leaves: readonly Leaf[];
  readonly #descriptor: number;
  #buffered = 0;
  /** Of the file, with what is still in the buffer. */
  #position = 0;
  readonly #rowGroups = new ThriftWriter();
  readonly #header = new ThriftWriter();
  #rowGroupCount = 0;
  #rows = 0;

  /** Replaces the file at `path`. */
  constructor(path: string, columns: readonly ParquetColumn[]) {
    this.#columns = columns;
    this.#leaves = columns.flatMap(leavesOf);
    this.#descriptor = openSync(path, 'w');
    this.#write(MAGIC);
    this.#flush();
  }

  /** `chunks` in the order of the columns, each with `rows` rows. They are cleared. */
  writeRowGroup(chunks: readonly Chunk[], rows: number): void {
    const from = this.#position;
    const metadata = this.#rowGroups;
    metadata.element(() => {
      metadata.structList(1, this.#leaves.length, () => {
        let leaf = 0;
        for (const chunk of chunks) {
          for (const pages of chunk.pages()) this.#writeColumn(this.#leaves[leaf++] as Leaf, pages);
          chunk.clear();
        }
      });
      metadata.i64(2, this.#position - from);
      metadata.i64(3, rows);
    });
    this.#flush();
    this.#rowGroupCount++;
    this.#rows += rows;
  }

  /** Writes the footer; answers the length of the file. */
  finish(): number {
    const footer = new ThriftWriter();
    footer.element(() => this.#writeFileMetadata(footer));
    const { bytes } = footer;
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.length, true);
    this.#write(bytes);
    this.#write(length);
    this.#write(MAGIC);
    this.#flush();
    this.close();
    return this.#position;
  }

  /** Without a footer, the file is no Parquet file. */
  close(): void {
    closeSync(this.#descriptor);
  }

  /** Pages into the file, ColumnChunk into the row group's metadata. */
  #writeColumn({ path, physical }: Leaf, { values, dictionary, data }: Pages): void {
    const from = this.#position;
    if (dictionary !== undefined) {
      this.#writePage(PAGE.dictionary, [dictionary.bytes], (header) => {
        header.struct(7, () => {
          header.i32(1, dictionary.count);
          header.i32(2, ENCODING.plain);
        });
      });
    }
    const dataFrom = this.#position;
    const encoding = dictionary === undefined ? ENCODING.plain : ENCODING.rleDictionary;
    this.#writePage(PAGE.data, data, (header) => {
      header.struct(5, () => {
        header.i32(1, values);
        header.i32(2, encoding);
        header.i32(3, ENCODING.rle);
        header.i32(4, ENCODING.rle);
      });
    });
    const length = this.#position - from;
    const metadata = this.#rowGroups;
    metadata.element(() => {
      metadata.i64(2, from);
      metadata.struct(3, () => {
        metadata.i32(1, physical);
        metadata.i32List(2, [...new Set([ENCODING.plain, ENCODING.rle, encoding])]);
        metadata.textList(3, path);
        metadata.i32(4, UNCOMPRESSED);
        metadata.i64(5, values);
        metadata.i64(6, length);
        metadata.i64(7, length);
        metadata.i64(9, dataFrom);
        if (dictionary !== undefined) metadata.i64(11, from);
      });
    });
  }

  #writePage(
    type: number,
    parts: readonly Uint8Array[],
    writeKind: (header: ThriftWriter) => void,
  ): void {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const header = this.#header;
    header.clear();
    header.element(() => {
      header.i32(1, type);
      header.i32(2, length);
      header.i32(3, length);
      writeKind(header);
    });
    this.#write(header.bytes);
    for (const part of parts) this.#write(part);
  }

  #writeFileMetadata(footer: ThriftWriter): void {
    const elements = this.#columns.reduce((sum, { type }) => sum + (type === 'map' ? 4 : 1), 1);
    footer.i32(1, FORMAT_VERSION);
    footer.structList(2, elements, () => {
      footer.element(() => {
        footer.text(4, 'schema');
        footer.i32(5, this.#columns.length);
      });
      for (const column of this.#columns) writeSchemaElements(footer, column);
    });
    footer.i64(3, this.#rows);
    footer.structList(4, this.#rowGroupCount, () => footer.append(this.#rowGroups.bytes));
    footer.text(6, CREATED_BY);
  }

  #write(bytes: Uint8Array): void {
    this.#position += bytes.length;
    if (this.#buffered + bytes.length > BUFFER_BYTES) this.#flush();
    if (bytes.length > BUFFER_BYTES) {
      this.#writeOut(bytes);
    } else {
      buffer.set(bytes, this.#buffered);
      this.#buffered += bytes.length;
    }
  }

  #flush(): void {
    this.#writeOut(buffer.subarray(0, this.#buffered));
    this.#buffered = 0;
  }

  /** The system may take less than it is given. */
  #writeOut(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at);
  }
}

function leavesOf({ name, type }: ParquetColumn): Leaf[] {
  if (type !== 'map') return [{ path: [name], physical: physicalOf(type) }];
  const physical = PHYSICAL.byteArray;
  return ['key', 'value'].map((leaf) => ({ path: [name, 'key_value', leaf], physical }));
}

function physicalOf(type: Exclude<ParquetType, 'map'>): number {
  switch (type) {
    case 'string':
      return PHYSICAL.byteArray;
    case 'timestamp':
      return PHYSICAL.int64;
    case 'double':
    case 'boolean':
    case 'int32':
    case 'int64':
      return PHYSICAL[type];
  }
}

/** LogicalTypes.md: the older converted type and the logical type say the same. */
function writeSchemaElements(
  footer: ThriftWriter,
  { name, type, isOptional }: ParquetColumn,
): void {
  const repetition = isOptional ? REPETITION.optional : REPETITION.required;
  if (type === 'map') {
    footer.element(() => {
      footer.i32(3, repetition);
      footer.text(4, name);
      footer.i32(5, 1);
      footer.i32(6, CONVERTED.map);
      footer.struct(10, () => footer.struct(2, () => {}));
    });
    footer.element(() => {
      footer.i32(3, REPETITION.repeated);
      footer.text(4, 'key_value');
      footer.i32(5, 2);
    });
    for (const leaf of ['key', 'value']) {
      writeSchemaElements(footer, { name: leaf, type: 'string', isOptional: false });
    }
    return;
  }
  footer.element(() => {
    footer.i32(1, physicalOf(type));
    footer.i32(3, repetition);
    footer.text(4, name);
    if (type === 'string') {
      footer.i32(6, CONVERTED.utf8);
      footer.struct(10, () => footer.struct(1, () => {}));
    } else if (type === 'timestamp') {
      footer.struct(10, () =>
        footer.struct(8, () => {
          footer.bool(1, false); // not adjusted to UTC
          footer.struct(2, () => footer.struct(1, () => {})); // milliseconds
        }),
      );
    }
  });
}
