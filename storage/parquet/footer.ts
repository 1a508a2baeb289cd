/**
 * The footer of a Parquet file (parquet-format, parquet.thrift, `FileMetaData`), as far as Bloom filters are concerned: where those
 * of a column are, and the footer that it becomes when some are added.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { ThriftWriter } from './thrift.ts';
import { ThriftReader } from './thrift-reader.ts';

/** Of a filter in the file, its header included. */
export interface FilterPlace {
  readonly offset: number;
  readonly length: number;
}

/** A column in a row group. */
export interface ColumnChunk {
  /** Names of the column and of what it lies in, with dots between. */
  readonly column: string;
  readonly filter: FilterPlace | undefined;
  /** Of its pages, before they are compressed. */
  readonly bytes: number;
  /** In the footer, where its metadata ends. */
  readonly end: number;
}

export interface Footer {
  readonly bytes: Uint8Array;
  /** In the file. */
  readonly offset: number;
  readonly chunks: readonly ColumnChunk[];
}

/** Its length, and the four letters behind it. */
export const FOOTER_TAIL_BYTES = 8;
/** Mostly the footer is in it, so that it takes one reading. */
const FIRST_READ_BYTES = 8 * 1024;

// parquet.thrift: the ids of FileMetaData, RowGroup, ColumnChunk and ColumnMetaData
const FIELD = {
  rowGroups: 4,
  columns: 1,
  metadata: 3,
  path: 3,
  bytes: 6,
  filterOffset: 14,
  filterLength: 15,
} as const;

/** Throws a `RangeError` if it is none, and as the file system does. */
export function readFooter(path: string, fileBytes: number): Footer {
  const file = openSync(path, 'r');
  try {
    const end = readEnd(file, fileBytes, Math.min(fileBytes, FIRST_READ_BYTES));
    const length = end.readUInt32LE(end.length - FOOTER_TAIL_BYTES);
    const wanted = length + FOOTER_TAIL_BYTES;
    const all = wanted <= end.length ? end.subarray(-wanted) : readEnd(file, fileBytes, wanted);
    const bytes = all.subarray(0, length);
    return { bytes, offset: fileBytes - wanted, chunks: chunksOf(bytes) };
  } finally {
    closeSync(file);
  }
}

/** The footer of the same file with filters of these columns, in every row group. Those that have one keep it. */
export function withFilters(
  { bytes, chunks }: Footer,
  places: ReadonlyMap<string, FilterPlace>,
): Uint8Array {
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const { column, filter, end } of chunks) {
    const place = places.get(column);
    if (place === undefined || filter !== undefined) continue;
    parts.push(bytes.subarray(from, end), fieldsOf(place));
    from = end;
  }
  return Buffer.concat([...parts, bytes.subarray(from)]);
}

/** Behind all other fields of a struct, whatever their ids are. */
function fieldsOf({ offset, length }: FilterPlace): Uint8Array {
  const writer = new ThriftWriter();
  writer.i64Behind(FIELD.filterOffset, offset);
  writer.i32(FIELD.filterLength, length);
  return writer.bytes;
}

function readEnd(file: number, fileBytes: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const isWhole =
    length <= fileBytes && readSync(file, bytes, 0, length, fileBytes - length) === length;
  if (isWhole && bytes.toString('latin1', length - 4) === 'PAR1') return bytes;
  throw new RangeError('the file does not end as a Parquet file does');
}

function chunksOf(bytes: Uint8Array): ColumnChunk[] {
  const reader = new ThriftReader(bytes);
  const chunks: ColumnChunk[] = [];
  const readMetadata = () => {
    const path: string[] = [];
    let bytes = 0;
    let offset: number | undefined;
    let length: number | undefined;
    const end = reader.struct({
      [FIELD.path]: () => reader.list(() => path.push(reader.text())),
      [FIELD.bytes]: () => {
        bytes = reader.integer();
      },
      [FIELD.filterOffset]: () => {
        offset = reader.integer();
      },
      [FIELD.filterLength]: () => {
        length = reader.integer();
      },
    });
    const filter = offset === undefined || length === undefined ? undefined : { offset, length };
    chunks.push({ column: path.join('.'), filter, bytes, end });
  };
  const readChunk = () => void reader.struct({ [FIELD.metadata]: readMetadata });
  const readGroup = () => void reader.struct({ [FIELD.columns]: () => reader.list(readChunk) });
  reader.struct({ [FIELD.rowGroups]: () => reader.list(readGroup) });
  return chunks;
}
