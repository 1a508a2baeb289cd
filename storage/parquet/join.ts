/**
 * Several Parquet files of one schema as one file that is not compressed: their row groups one behind the other, each with the
 * statistics and filters that it had. Pages are not decoded, so that joining costs little more than decompressing them.
 */
import { type FileHandle, open, readFile, rm } from 'node:fs/promises';
import { plainBytesNow } from './column-pages.ts';
import { FOOTER_TAIL_BYTES } from './footer.ts';
import { CODEC } from './row-groups.ts';
import { ThriftWriter } from './thrift.ts';
import { ThriftReader } from './thrift-reader.ts';
import { integerIn, replaceIn, structIn, structsIn, type ThriftStruct } from './thrift-tree.ts';

// parquet.thrift: ids of FileMetaData, RowGroup, ColumnChunk, ColumnMetaData and PageHeader
const FILE = { schema: 2, rows: 3, groups: 4 } as const;
const GROUP = { columns: 1, rows: 3, offset: 5, bytes: 6, ordinal: 7 } as const;
const CHUNK = { offset: 2, metadata: 3, indexes: [4, 5, 6, 7] } as const;
const COLUMN = {
  codec: 4,
  bytes: 7,
  data: 9,
  index: 10,
  dictionary: 11,
  filter: 14,
  filterBytes: 15,
} as const;
const PAGE = { type: 1, size: 2, stored: 3, checksum: 4 } as const;
/** Of pages that are compressed as a whole: the second version of data pages is in no segment. */
const PAGE_TYPES = { data: 0, dictionary: 2 } as const;
const MAGIC = Buffer.from('PAR1');

/**
 * Writes `outPath`, which must not be there, and answers its bytes. Holds one file and its plain bytes in memory. Throws a `RangeError` if the
 * schemas differ, if it gets longer than `bytesMax`, or for a file that is no segment; then nothing is left of `outPath`.
 */
export async function joinParquet(
  paths: readonly string[],
  outPath: string,
  bytesMax: number,
): Promise<number> {
  const file = await open(outPath, 'wx');
  try {
    const joined = new JoinedFile(file, bytesMax);
    for (const path of paths) await joined.add(await readFile(path));
    return await joined.finish();
  } catch (error) {
    await rm(outPath, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

class JoinedFile {
  readonly #file: FileHandle;
  readonly #bytesMax: number;
  readonly #groups: ThriftStruct[] = [];
  #footer: ThriftStruct | undefined;
  #parts: Uint8Array[] = [MAGIC];
  #length = MAGIC.length;

  constructor(file: FileHandle, bytesMax: number) {
    this.#file = file;
    this.#bytesMax = bytesMax;
  }

  async add(bytes: Buffer): Promise<void> {
    const footer = footerOf(bytes);
    this.#footer ??= footer;
    if (!schemaOf(footer).equals(schemaOf(this.#footer))) {
      throw new RangeError('files of different schemas cannot be joined');
    }
    for (const group of structsIn(footer, FILE.groups)) this.#addGroup(bytes, group);
    await this.#flush();
  }

  async finish(): Promise<number> {
    if (this.#footer === undefined) throw new RangeError('no files to be joined');
    const rows = this.#groups.reduce((sum, group) => sum + integerIn(group, GROUP.rows), 0);
    replaceIn(this.#footer, FILE.rows, rows);
    replaceIn(this.#footer, FILE.groups, { wire: WIRE_STRUCT, items: this.#groups });
    const footer = encoded(this.#footer);
    const tail = Buffer.alloc(FOOTER_TAIL_BYTES);
    tail.writeUInt32LE(footer.length);
    MAGIC.copy(tail, FOOTER_TAIL_BYTES - MAGIC.length);
    this.#push(footer, tail);
    await this.#flush();
    return this.#length;
  }

  #addGroup(bytes: Buffer, group: ThriftStruct): void {
    const from = this.#length;
    for (const chunk of structsIn(group, GROUP.columns)) this.#addChunk(bytes, chunk);
    replaceIn(group, GROUP.offset, from);
    replaceIn(group, GROUP.bytes, this.#length - from);
    replaceIn(group, GROUP.ordinal, this.#groups.length);
    this.#groups.push(group);
  }

  #addChunk(bytes: Buffer, chunk: ThriftStruct): void {
    const column = structIn(chunk, CHUNK.metadata);
    const begin = this.#length;
    const moved = this.#addPages(bytes, column);
    replaceIn(column, COLUMN.codec, CODEC.none);
    replaceIn(column, COLUMN.bytes, this.#length - begin);
    for (const field of [COLUMN.data, COLUMN.dictionary]) {
      const at = column.has(field) ? moved.get(integerIn(column, field)) : undefined;
      if (at === undefined) column.delete(field);
      else replaceIn(column, field, at);
    }
    this.#moveFilter(bytes, column);
    // Where pages lie within the chunk has changed; nothing needs these.
    column.delete(COLUMN.index);
    for (const field of CHUNK.indexes) chunk.delete(field);
    replaceIn(chunk, CHUNK.offset, begin);
  }

  /** Where each page was, and where it is now. */
  #addPages(bytes: Buffer, column: ThriftStruct): ReadonlyMap<number, number> {
    const codec = integerIn(column, COLUMN.codec);
    const data = integerIn(column, COLUMN.data);
    const from = column.has(COLUMN.dictionary)
      ? Math.min(data, integerIn(column, COLUMN.dictionary))
      : data;
    const to = from + integerIn(column, COLUMN.bytes);
    const moved = new Map<number, number>();
    for (let at = from; at < to; ) {
      const reader = new ThriftReader(bytes.subarray(at, to));
      const header = reader.tree();
      const type = integerIn(header, PAGE.type);
      if (type !== PAGE_TYPES.data && type !== PAGE_TYPES.dictionary) {
        throw new RangeError(`a page of type ${type}`);
      }
      const body = at + reader.position;
      const end = body + integerIn(header, PAGE.stored);
      if (end > to) throw new RangeError('a page ends too late');
      const size = integerIn(header, PAGE.size);
      if (this.#length + size > this.#bytesMax) throw new RangeError('the files are too long');
      const plain = plainBytesNow(bytes.subarray(body, end), codec, size);
      replaceIn(header, PAGE.stored, plain.length);
      header.delete(PAGE.checksum);
      moved.set(at, this.#length);
      this.#push(encoded(header), plain);
      at = end;
    }
    return moved;
  }

  /** One without a length is not taken along. */
  #moveFilter(bytes: Buffer, column: ThriftStruct): void {
    if (!column.has(COLUMN.filter) || !column.has(COLUMN.filterBytes)) {
      column.delete(COLUMN.filter);
      return;
    }
    const from = integerIn(column, COLUMN.filter);
    const to = from + integerIn(column, COLUMN.filterBytes);
    if (to > bytes.length) throw new RangeError('a filter ends too late');
    replaceIn(column, COLUMN.filter, this.#length);
    this.#push(bytes.subarray(from, to));
  }

  #push(...parts: readonly Uint8Array[]): void {
    for (const part of parts) {
      this.#parts.push(part);
      this.#length += part.length;
    }
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#parts.splice(0));
    await this.#file.appendFile(bytes);
  }
}

const WIRE_STRUCT = 12;

function footerOf(bytes: Buffer): ThriftStruct {
  const end = bytes.length - FOOTER_TAIL_BYTES;
  const isParquet = end >= 0 && bytes.subarray(-MAGIC.length).equals(MAGIC);
  const from = isParquet ? end - bytes.readUInt32LE(end) : -1;
  if (from < 0) throw new RangeError('the file does not end as a Parquet file does');
  return new ThriftReader(bytes.subarray(from, end)).tree();
}

/** To be compared. */
const schemaOf = (footer: ThriftStruct): Buffer => {
  const elements = structsIn(footer, FILE.schema).map(encoded);
  return Buffer.concat(elements);
};

function encoded(struct: ThriftStruct): Uint8Array {
  const writer = new ThriftWriter();
  writer.tree(struct);
  return writer.bytes;
}
