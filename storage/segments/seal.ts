/**
 * Makes segments: Parquet as Hive 4, Spark 3 and DuckDB read it. Encodings of Parquet version 1 only (Spark does not read
 * BYTE_STREAM_SPLIT), zstd, times as TIMESTAMP in UTC without a time zone.
 *
 * Readers pass over whole row groups. Rows of a segment that has several lie in the order of type and time, so that a
 * query about one type, or about a short time, reads few of them. A segment of one row group keeps the order of the
 * log: sorting would more than double what it costs and make it larger.
 */
import { statSync } from 'node:fs';
import { AppError } from '../../src/model/errors.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import type { Duck } from './duckdb.ts';
import { identifier, literal, segmentColumns, segmentProjection } from './segment-columns.ts';
import type { StagedFile } from './stage.ts';

/** DuckDB's own default: it reads a row group as a whole, and writes one from memory. */
const ROW_GROUP_ROWS = 122_880;
/**
 * Distinct values of a row group up to which a column gets a dictionary. DuckDB's default (a fifth of the rows) keeps
 * nearly unique columns as dictionaries for long, which costs time and room: 18.7 bytes an event instead of 17.9
 * (load-tests/segment-bench.ts); a hundred fewer make columns like URLs larger.
 */
const DICTIONARY_VALUES_MAX = 4_096;
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
  duck: Duck,
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

/** One segment of several of the same stream, written with older schemas or the same. Rejects with `segment_failed`. */
export function mergeSegments(
  duck: Duck,
  paths: readonly string[],
  schema: StreamSchema,
  outPath: string,
): Promise<SealedFile> {
  return guarded(outPath, async () => {
    const files = `[${paths.map(literal).join(', ')}], union_by_name = true`;
    const from = `read_parquet(${files}, hive_partitioning = false)`;
    const described = await duck.rows(`DESCRIBE SELECT * FROM ${from}`);
    const [counted] = await duck.rows(`SELECT count(*) AS rows FROM ${from}`);
    const columns = described.map((column) => String(column['column_name']));
    const rows = Number(counted?.['rows']);
    await write(duck, files, { rows, columns }, schema, outPath);
    const sealed = await describe(duck, outPath);
    checkRows(rows, sealed);
    return sealed;
  });
}

async function write(
  duck: Duck,
  files: string,
  { rows, columns }: Pick<StagedFile, 'rows' | 'columns'>,
  schema: StreamSchema,
  outPath: string,
): Promise<void> {
  const known = new Set(segmentColumns(schema).map(({ name }) => name));
  const lost = columns.filter((name) => !known.has(name));
  if (lost.length > 0) {
    const names = lost.map((name) => `"${name}"`).join(', ');
    throw new RangeError(`version ${schema.version} of the schema has no column ${names}`);
  }
  const order = rows > ROW_GROUP_ROWS ? `ORDER BY ${ORDER}` : '';
  await duck.rows(
    `COPY (SELECT ${segmentProjection(schema, columns)}
      FROM read_parquet(${files}, hive_partitioning = false) ${order})
      TO ${literal(outPath)} (FORMAT parquet, PARQUET_VERSION V1, COMPRESSION zstd,
        COMPRESSION_LEVEL ${ZSTD_LEVEL}, ROW_GROUP_SIZE ${ROW_GROUP_ROWS}, DICTIONARY_SIZE_LIMIT ${DICTIONARY_VALUES_MAX})`,
  );
}

/** Reads the file back, as far as its times go. */
async function describe(duck: Duck, path: string): Promise<SealedFile> {
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
