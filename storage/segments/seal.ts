/**
 * Makes segments: Parquet as Hive 4, Spark 3 and DuckDB read it. Encodings of Parquet version 1 only (Spark does not read
 * BYTE_STREAM_SPLIT), zstd, times as TIMESTAMP in UTC without a time zone.
 *
 * Rows lie in the order of type and time, so that a query about one type passes over most row groups, and so that like
 * values lie side by side.
 */
import { statSync } from 'node:fs';
import { AppError } from '../../src/model/errors.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import type { Duck } from './duckdb.ts';
import { identifier, literal, segmentColumns, segmentProjection } from './segment-columns.ts';
import type { StagedFile } from './stage.ts';

/** DuckDB's own default: it reads a row group as a whole, and writes one from memory. */
const ROW_GROUP_ROWS = 122_880;
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
    await writeSorted(duck, literal(stage.path), stage.columns, schema, outPath);
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
    const columns = await duck.rows(`DESCRIBE SELECT * FROM ${from}`);
    const [counted] = await duck.rows(`SELECT count(*) AS rows FROM ${from}`);
    const names = columns.map((column) => String(column['column_name']));
    await writeSorted(duck, files, names, schema, outPath);
    const sealed = await describe(duck, outPath);
    checkRows(Number(counted?.['rows']), sealed);
    return sealed;
  });
}

async function writeSorted(
  duck: Duck,
  files: string,
  present: readonly string[],
  schema: StreamSchema,
  outPath: string,
): Promise<void> {
  const known = new Set(segmentColumns(schema).map(({ name }) => name));
  const lost = present.filter((name) => !known.has(name));
  if (lost.length > 0) {
    const names = lost.map((name) => `"${name}"`).join(', ');
    throw new RangeError(`version ${schema.version} of the schema has no column ${names}`);
  }
  await duck.rows(
    `COPY (SELECT ${segmentProjection(schema, present)}
      FROM read_parquet(${files}, hive_partitioning = false) ORDER BY ${ORDER})
      TO ${literal(outPath)} (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION V1,
        ROW_GROUP_SIZE ${ROW_GROUP_ROWS})`,
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
