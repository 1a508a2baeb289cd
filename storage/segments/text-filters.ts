/**
 * Bloom filters for the columns of texts of a segment in which DuckDB has written none: it makes them for columns with dictionaries
 * alone, and for all columns or none. Whoever reads Parquet leaves out files by them, this server before DuckDB opens any
 * (actors/cold/segment-filters.ts). A filter is that of the whole file, and of each of its row groups.
 */
import { closeSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import { COLUMN_KIND } from '../../src/model/columns.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import { type FilterPlace, type Footer, readFooter, withFilters } from '../parquet/footer.ts';
import type { Statements } from './duckdb.ts';
import { identifier, literal } from './segment-columns.ts';

/**
 * Events of a file, at most: a filter has a bit or more for each of them, and whoever asks for a value in a file with several row groups
 * reads it for each.
 */
const FILTERED_ROWS_MAX = 2 ** 20;
/** Of columns whose filters are made by one statement, which holds them in memory. */
const VALUES_AT_ONCE = 2 ** 18;
/** Bytes of a column's different texts: DuckDB holds them in memory to make the filter, and writes them beside it. */
const TEXT_BYTES_MAX = 32 * 1024 * 1024;
/** Of texts that are not there how many look as if they were. The filter's length is a power of two: mostly there are fewer. */
const FALSE_POSITIVES = 0.02;

/** Changes the file at `path`, which has `rows` and is no segment yet that anybody reads. */
export async function addTextFilters(
  duck: Statements,
  path: string,
  rows: number,
  schema: StreamSchema,
): Promise<void> {
  if (rows > FILTERED_ROWS_MAX) return;
  const footer = readFooter(path, statSync(path).size);
  const lacking = textColumns(schema).filter((column) => isLacking(footer, column));
  const together = Math.max(1, Math.floor(VALUES_AT_ONCE / rows));
  const places = new Map<string, FilterPlace>();
  const filters: Uint8Array[] = [];
  let offset = footer.offset;
  for (let from = 0; from < lacking.length; from += together) {
    const some = await filtersOf(duck, path, footer, rows, lacking.slice(from, from + together));
    for (const [column, filter] of some) {
      places.set(column, { offset, length: filter.length });
      filters.push(filter);
      offset += filter.length;
    }
  }
  if (filters.length > 0) writeEnd(path, footer.offset, filters, withFilters(footer, places));
}

const textColumns = ({ columns }: StreamSchema): string[] => [
  ...['id', 'type'],
  ...columns.filter(({ kind }) => kind === COLUMN_KIND.string).map(({ name }) => name),
];

/** A column of the file that has none in some row group, and texts of which one can be made. */
function isLacking(footer: Footer, column: string): boolean {
  const bytes = textBytes(footer, column);
  const chunks = footer.chunks.filter((chunk) => chunk.column === column);
  return bytes <= TEXT_BYTES_MAX && chunks.some(({ filter }) => filter === undefined);
}

/** At least those of its different texts. */
const textBytes = ({ chunks }: Footer, column: string): number =>
  chunks.reduce((sum, chunk) => sum + (chunk.column === column ? chunk.bytes : 0), 0);

/** By column, as DuckDB writes them for a file of these columns alone. A column without a text has none. */
async function filtersOf(
  duck: Statements,
  path: string,
  footer: Footer,
  rows: number,
  columns: readonly string[],
): Promise<[column: string, filter: Uint8Array][]> {
  const textsPath = `${path}.texts`;
  // DuckDB takes as much memory for each column as it may.
  const bytesMax = Math.max(...columns.map((column) => textBytes(footer, column)));
  try {
    await duck.rows(
      `COPY (SELECT ${columns.map(identifier).join(', ')} FROM read_parquet(${literal(path)}, hive_partitioning = false))
        TO ${literal(textsPath)} (FORMAT parquet, PARQUET_VERSION V1, COMPRESSION uncompressed,
          ROW_GROUP_SIZE ${FILTERED_ROWS_MAX}, DICTIONARY_SIZE_LIMIT ${rows},
          STRING_DICTIONARY_PAGE_SIZE_LIMIT ${bytesMax},
          BLOOM_FILTER_FALSE_POSITIVE_RATIO ${FALSE_POSITIVES})`,
    );
    const { chunks } = readFooter(textsPath, statSync(textsPath).size);
    // What is in several row groups has no filter of the whole.
    if (chunks.length !== columns.length) return [];
    return chunks.flatMap(({ column, filter }) =>
      filter === undefined ? [] : [[column, readPlace(textsPath, filter)]],
    );
  } finally {
    rmSync(textsPath, { force: true });
  }
}

function readPlace(path: string, { offset, length }: FilterPlace): Uint8Array {
  const bytes = new Uint8Array(length);
  const file = openSync(path, 'r');
  try {
    if (readSync(file, bytes, 0, length, offset) === length) return bytes;
    throw new RangeError('a Parquet file ends within a filter');
  } finally {
    closeSync(file);
  }
}

/** In the place of the old footer: the filters, and the new one. */
function writeEnd(
  path: string,
  offset: number,
  filters: readonly Uint8Array[],
  footer: Uint8Array,
): void {
  const tail = Buffer.from('    PAR1');
  tail.writeUInt32LE(footer.length);
  const bytes = Buffer.concat([...filters, footer, tail]);
  const file = openSync(path, 'r+');
  try {
    for (let at = 0; at < bytes.length; ) {
      at += writeSync(file, bytes, at, bytes.length - at, offset + at);
    }
  } finally {
    closeSync(file);
  }
}
