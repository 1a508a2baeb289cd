/**
 * Makes segments: Parquet as Hive 4, Spark 3 and DuckDB read it. Encodings of Parquet version 1 only (Spark does not read
 * BYTE_STREAM_SPLIT), zstd, times as TIMESTAMP in UTC without a time zone.
 *
 * A segment of the log keeps its order, which is about that of time: sorting would take half as much again of each event, while ingest
 * needs the same cores. Merged ones lie in the order of type and time where they have several row groups, which readers pass over whole,
 * so that a query about one type, or about a short time, reads few of them.
 */
import { statSync } from 'node:fs';
import { AppError } from '../../src/model/errors.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import type { Statements } from './duckdb.ts';
import { identifier, literal, segmentColumns, segmentProjection } from './segment-columns.ts';
import type { StagedFile } from './stage.ts';
import { addTextFilters } from './text-filters.ts';

/** DuckDB's own default. */
const ROW_GROUP_ROWS = 122_880;
/**
 * DuckDB holds a row group in memory when it writes one, whatever its own limit says, so that rows of long values come in
 * smaller ones. The benchmark's events need 42 MB of this for the most rows.
 */
const ROW_GROUP_BYTES = 48 * 1024 * 1024;
/**
 * Rows up to so many bytes are sorted, by an estimate: their bytes as staged and these for each value. DuckDB's sort spills
 * narrow rows, a million of them in 128 MB, but runs out of 256 MB with some ten thousand of several thousand bytes.
 */
const SORTED_ROW_BYTES_MAX = 1_024;
const VALUE_BYTES = 16;
/**
 * Distinct values of a row group up to which a column gets a dictionary. DuckDB's default (a fifth of the rows) keeps
 * nearly unique columns as dictionaries for long, which costs time and room: 18.7 bytes an event instead of 17.9
 * (load-tests/segment-bench.ts); a hundred fewer make columns like URLs larger.
 */
const DICTIONARY_VALUES_MAX = 4_096;
/** DuckDB takes this for every column of strings at once; its default of 1 MiB is too much for 200 of them. */
const STRING_DICTIONARY_BYTES = 128 * 1024;
/**
 * Of zstd. On the benchmark's events 1 gives 17.4 bytes and 1.25 us an event, 3 gives 17.9 and 1.45, 9 half as much time
 * again for 2 % less: what is left after dictionaries is mostly ids, in which there is nothing to find.
 */
const ZSTD_LEVEL = 1;
const ORDER = ['type', 'ts', '_partition', '_position', '_row'].map(identifier).join(', ');

export interface SealedFile {
  readonly rows: number;
  readonly bytes: number;
  readonly tsMinMs: number;
  readonly tsMaxMs: number;
}

/** Turns a staging file into a segment at `outPath`. `schema` may be newer than the staging file's. Rejects with `segment_failed`. */
export function sealSegment(
  duck: Statements,
  stage: StagedFile,
  schema: StreamSchema,
  outPath: string,
): Promise<SealedFile> {
  return guarded(outPath, async () => {
    await write(duck, literal(stage.path), stage, schema, outPath);
    const sealed = await describe(duck, outPath);
    checkRows(stage.rows, sealed);
    return sealed;
  });
}

/**
 * One segment of several of the same stream, with the columns that they have: written with a schema that is older than `schema`, it stays
 * one of that. Rejects with `segment_failed`.
 */
export function mergeSegments(
  duck: Statements,
  paths: readonly string[],
  schema: StreamSchema,
  outPath: string,
): Promise<SealedFile> {
  return guarded(outPath, async () => {
    const literals = paths.map(literal).join(', ');
    const files = `[${literals}], union_by_name = true`;
    const from = `read_parquet(${files}, hive_partitioning = false)`;
    const all = await sizeOf(duck, literals, from);
    const own = ownSchema(schema, all.columns);
    await write(duck, files, all, own, outPath, orderOf(all, own));
    await addTextFilters(duck, outPath, all.rows, own);
    const sealed = await describe(duck, outPath);
    checkRows(all.rows, sealed);
    return sealed;
  });
}

/** What becomes of a segment from which rows are taken. */
export interface FilteredSegment {
  /** Rows that were taken. */
  readonly taken: number;
  /** Those of them that are asked for, by their partition. */
  readonly counted: ReadonlyMap<number, number>;
  /** Undefined: nothing was written, because no row was taken, or none is left. */
  readonly left: SealedFile | undefined;
}

/**
 * A segment of the same columns without the rows for which `condition` is true: SQL for a file with these columns, never null. `counted`: SQL for those
 * that are to be counted. Rejects with `segment_failed`.
 */
export function filterSegment(
  duck: Statements,
  path: string,
  schema: StreamSchema,
  condition: (columns: readonly string[]) => string,
  outPath: string,
  counted = 'true',
): Promise<FilteredSegment> {
  return guarded(outPath, async () => {
    const from = `read_parquet(${literal(path)}, hive_partitioning = false)`;
    const { rows, bytes, columns } = await sizeOf(duck, literal(path), from);
    const where = condition(columns);
    const found = await duck.rows(
      `SELECT _partition AS "partition", count(*) AS rows, count(*) FILTER (WHERE ${counted}) AS counted
        FROM ${from} WHERE ${where} GROUP BY 1 ORDER BY 1`,
    );
    const taken = {
      taken: found.reduce((sum, row) => sum + Number(row['rows']), 0),
      counted: new Map(found.map((row) => [Number(row['partition']), Number(row['counted'])])),
    };
    const left = rows - taken.taken;
    if (left === rows || left === 0) return { ...taken, left: undefined };
    const all = { rows, bytes, columns };
    const own = ownSchema(schema, columns);
    await write(duck, literal(path), all, own, outPath, `WHERE NOT (${where})`);
    await addTextFilters(duck, outPath, left, own);
    const sealed = await describe(duck, outPath);
    checkRows(left, sealed);
    return { ...taken, left: sealed };
  });
}

/** Rows for which `condition` is true, as `filterSegment` has it. Rejects with `segment_failed`. */
export function countRows(
  duck: Statements,
  path: string,
  condition: (columns: readonly string[]) => string,
): Promise<number> {
  return guarded(path, async () => {
    const from = `read_parquet(${literal(path)}, hive_partitioning = false)`;
    const { columns } = await sizeOf(duck, literal(path), from);
    const [counted] = await duck.rows(
      `SELECT count(*) AS rows FROM ${from} WHERE ${condition(columns)}`,
    );
    return Number(counted?.['rows']);
  });
}

/** `paths`: literals of the files that `from` reads. */
async function sizeOf(
  duck: Statements,
  paths: string,
  from: string,
): Promise<Pick<StagedFile, 'rows' | 'bytes' | 'columns'>> {
  const described = await duck.rows(`DESCRIBE SELECT * FROM ${from}`);
  const [counted] = await duck.rows(`SELECT count(*) AS rows FROM ${from}`);
  const [measured] = await duck.rows(
    `SELECT sum(total_uncompressed_size)::DOUBLE AS bytes FROM parquet_metadata([${paths}])`,
  );
  return {
    rows: Number(counted?.['rows']),
    bytes: Number(measured?.['bytes'] ?? 0),
    columns: described.map((column) => String(column['column_name'])),
  };
}

/** What a file has no column for stays in the map of rare fields: with an empty column it would be looked for in that. */
const ownSchema = (schema: StreamSchema, columns: readonly string[]): StreamSchema => ({
  ...schema,
  columns: schema.columns.filter(({ name }) => columns.includes(name)),
});

/** Nothing where rows stay in the order that they have. */
function orderOf(
  { rows, bytes }: Pick<StagedFile, 'rows' | 'bytes'>,
  schema: StreamSchema,
): string {
  const rowBytes = bytes / rows + segmentColumns(schema).length * VALUE_BYTES;
  const isSorted = rows > ROW_GROUP_ROWS && rowBytes <= SORTED_ROW_BYTES_MAX;
  return isSorted ? `ORDER BY ${ORDER}` : '';
}

/** `clause`: which of the rows, or in which order; else all, as they come. */
async function write(
  duck: Statements,
  files: string,
  { columns }: Pick<StagedFile, 'columns'>,
  schema: StreamSchema,
  outPath: string,
  clause = '',
): Promise<void> {
  const wanted = segmentColumns(schema);
  const known = new Set(wanted.map(({ name }) => name));
  const lost = columns.filter((name) => !known.has(name));
  if (lost.length > 0) {
    const names = lost.map((name) => `"${name}"`).join(', ');
    throw new RangeError(`version ${schema.version} of the schema has no column ${names}`);
  }
  await duck.rows(
    `COPY (SELECT ${segmentProjection(schema, columns)}
      FROM read_parquet(${files}, hive_partitioning = false) ${clause})
      TO ${literal(outPath)} (FORMAT parquet, PARQUET_VERSION V1,
        COMPRESSION zstd, COMPRESSION_LEVEL ${ZSTD_LEVEL},
        ROW_GROUP_SIZE ${ROW_GROUP_ROWS}, ROW_GROUP_SIZE_BYTES ${ROW_GROUP_BYTES},
        DICTIONARY_SIZE_LIMIT ${DICTIONARY_VALUES_MAX},
        STRING_DICTIONARY_PAGE_SIZE_LIMIT ${STRING_DICTIONARY_BYTES})`,
  );
}

/** Reads the file back, as far as its times go. */
async function describe(duck: Statements, path: string): Promise<SealedFile> {
  const [row] = await duck.rows(
    `SELECT count(*) AS rows, epoch_ms(min(ts)) AS "from", epoch_ms(max(ts)) AS "to"
      FROM read_parquet(${literal(path)}, hive_partitioning = false)`,
  );
  return {
    rows: Number(row?.['rows']),
    bytes: statSync(path).size,
    tsMinMs: Number(row?.['from'] ?? 0),
    tsMaxMs: Number(row?.['to'] ?? 0),
  };
}

function checkRows(wanted: number, { rows }: SealedFile): void {
  if (rows !== wanted) throw new RangeError(`${rows} rows were written of ${wanted}`);
}

async function guarded<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    throw new AppError('segment_failed', 'a segment cannot be written', { path }, cause);
  }
}
