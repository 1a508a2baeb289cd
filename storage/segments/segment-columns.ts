/** What the columns of a segment are, and how a staging file or an older segment is read as one. */
import { COLUMN_KIND, type ColumnKind } from '../../src/model/columns.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import { PARQUET_TYPE, type ParquetColumn, type ParquetType } from '../parquet/parquet-writer.ts';

interface FixedColumn extends ParquetColumn {
  /** In DuckDB. */
  readonly sqlType: string;
}

const fixed = (
  name: string,
  type: ParquetType,
  sqlType: string,
  isOptional = false,
): FixedColumn => ({
  name,
  type,
  sqlType,
  isOptional,
});

/** Before and behind the columns of the schema. (`_partition`, `_position`, `_row`) names an event for ever. */
export const LEADING_COLUMNS: readonly FixedColumn[] = [
  fixed('id', PARQUET_TYPE.string, 'VARCHAR', true),
  fixed('ts', PARQUET_TYPE.timestamp, 'TIMESTAMP'),
  fixed('type', PARQUET_TYPE.string, 'VARCHAR', true),
];
export const TRAILING_COLUMNS: readonly FixedColumn[] = [
  fixed('more', PARQUET_TYPE.map, 'MAP(VARCHAR, VARCHAR)', true),
  fixed('_arrival', PARQUET_TYPE.timestamp, 'TIMESTAMP'),
  fixed('_partition', PARQUET_TYPE.int32, 'INTEGER'),
  fixed('_position', PARQUET_TYPE.int64, 'BIGINT'),
  fixed('_row', PARQUET_TYPE.int32, 'INTEGER'),
];

/** Names of the folders that a segment lies in: columns to whoever reads a whole table. */
export const FOLDER_COLUMNS = ['tenant', 'stream', 'dt', 'hour'] as const;

const OF_KIND: Readonly<Record<ColumnKind, Pick<FixedColumn, 'type' | 'sqlType'>>> = {
  [COLUMN_KIND.string]: { type: PARQUET_TYPE.string, sqlType: 'VARCHAR' },
  [COLUMN_KIND.number]: { type: PARQUET_TYPE.double, sqlType: 'DOUBLE' },
  [COLUMN_KIND.boolean]: { type: PARQUET_TYPE.boolean, sqlType: 'BOOLEAN' },
};

/** All columns of a segment of that schema, in order. */
export function segmentColumns(schema: StreamSchema): FixedColumn[] {
  const columns = schema.columns.map(({ name, kind }) => ({
    name,
    isOptional: true,
    ...OF_KIND[kind],
  }));
  return [...LEADING_COLUMNS, ...columns, ...TRAILING_COLUMNS];
}

/**
 * The list of a SELECT that reads a file with the columns `present` as a segment of that schema: columns that came
 * later are null. No column is left out, and none is added.
 */
export function segmentProjection(schema: StreamSchema, present: readonly string[]): string {
  const there = new Set(present);
  return segmentColumns(schema)
    .map(({ name, sqlType }) =>
      there.has(name) ? identifier(name) : `NULL::${sqlType} AS ${identifier(name)}`,
    )
    .join(', ');
}

export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** SQL for a list of texts. As literals hundreds of paths take DuckDB two to three times as long, which is what it takes to open as many files. */
export const listOf = (texts: readonly string[]): string =>
  texts.some((text) => text.includes('\n'))
    ? `[${texts.map(literal).join(', ')}]`
    : `string_split(${literal(texts.join('\n'))}, chr(10))`;
