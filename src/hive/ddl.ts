/**
 * The statements of Hive that make the archive's streams tables. Pure. All of them may be repeated, apart from
 * `addColumns`, before which one asks what is there.
 *
 * Tables are external: whatever is dropped here, no file is touched. Hive's reader finds the columns of a Parquet file by
 * their names, so that files which were written with fewer of them read as null there.
 */
import type { ParquetType } from '../../storage/parquet/parquet-writer.ts';
import { segmentColumns } from '../../storage/segments/segment-columns.ts';
import type { StreamSchema } from '../model/stream-schema.ts';
import { PARTITIONS_PER_STATEMENT } from './limits.ts';
import type { HiveTable } from './table-names.ts';

/** Of the table `partitionsOf` it is in. */
export interface HivePartition {
  readonly hourMs: number;
  /** As Hive opens it: a URL, or a path of its default file system. */
  readonly location: string;
}

export interface HiveColumn {
  readonly name: string;
  readonly type: string;
}

const HIVE_TYPE: Readonly<Record<ParquetType, string>> = {
  string: 'STRING',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  int32: 'INT',
  int64: 'BIGINT',
  timestamp: 'TIMESTAMP',
  map: 'MAP<STRING,STRING>',
};

/** In the order of a new table: those that every stream has, then its fields in the order in which they came, as in one that has grown. */
export function hiveColumns(schema: StreamSchema): HiveColumn[] {
  const own = new Set(schema.columns.map(({ name }) => name));
  const columns = segmentColumns(schema).map(({ name, type }) => ({ name, type: HIVE_TYPE[type] }));
  return [
    ...columns.filter(({ name }) => !own.has(name)),
    ...columns.filter(({ name }) => own.has(name)),
  ];
}

export const createDatabase = ({ database }: HiveTable): string =>
  `CREATE DATABASE IF NOT EXISTS ${identifier(database)}`;

/** @param location of the stream's folder */
export function createTable(table: HiveTable, location: string): string {
  const { tenant, stream } = table.schema;
  const columns = hiveColumns(table.schema).map(columnDefinition);
  return [
    `CREATE EXTERNAL TABLE IF NOT EXISTS ${tableName(table)} (`,
    `  ${columns.join(',\n  ')}`,
    ')',
    `COMMENT ${literal(`Events of stream ${stream}, tenant ${tenant}. Times are UTC.`)}`,
    "PARTITIONED BY (dt STRING COMMENT 'day of arrival, UTC', hour STRING COMMENT 'hour of arrival, 00 to 23')",
    'STORED AS PARQUET',
    `LOCATION ${literal(location)}`,
    // What a cluster has for its default may be true, and then dropping a partition deletes files.
    "TBLPROPERTIES ('external.table.purge' = 'false')",
  ].join('\n');
}

/**
 * To the table, and to partitions that come later. Those that are there keep their columns (changing them all, as CASCADE does,
 * takes 12 ms each: minutes for a year), and most need no more: see `replaceColumns`.
 */
export const addColumns = (table: HiveTable, columns: readonly HiveColumn[]): string =>
  `ALTER TABLE ${tableName(table)} ADD COLUMNS (${columns.map(columnDefinition).join(', ')})`;

/**
 * Gives a partition all columns of its stream. Needed where files came into an hour that Hive knew before the column: some
 * of its readers, not all, go by the partition's own columns, and take others for null although the file has them.
 */
export const replaceColumns = (table: HiveTable, hourMs: number): string =>
  `ALTER TABLE ${tableName(table)} ${partitionSpec(hourMs)} REPLACE COLUMNS (${hiveColumns(
    table.schema,
  )
    .map(columnDefinition)
    .join(', ')})`;

export const addPartitions = (table: HiveTable, partitions: readonly HivePartition[]): string[] =>
  batches(partitions).map((batch) => {
    const list = batch.map((p) => `  ${partitionSpec(p.hourMs)} LOCATION ${literal(p.location)}`);
    return `ALTER TABLE ${tableName(table)} ADD IF NOT EXISTS\n${list.join('\n')}`;
  });

export const setLocation = (table: HiveTable, { hourMs, location }: HivePartition): string =>
  `ALTER TABLE ${tableName(table)} ${partitionSpec(hourMs)} SET LOCATION ${literal(location)}`;

export const dropPartitions = (table: HiveTable, hours: readonly number[]): string[] =>
  batches(hours).map(
    (batch) =>
      `ALTER TABLE ${tableName(table)} DROP IF EXISTS ${batch.map(partitionSpec).join(', ')}`,
  );

/** The pattern may find more: in some versions `_` is any letter. */
export const showTable = ({ database, table }: HiveTable): string =>
  `SHOW TABLES IN ${identifier(database)} LIKE ${literal(table)}`;

export const describeTable = (table: HiveTable): string => `DESCRIBE FORMATTED ${tableName(table)}`;

export const showPartitions = (table: HiveTable): string => `SHOW PARTITIONS ${tableName(table)}`;

/** A line of `SHOW PARTITIONS`, such as `dt=2026-11-21/hour=09`; undefined for a partition that is none of ours. */
export function hourOfPartition(line: string): number | undefined {
  const match = /^dt=(\d{4}-\d\d-\d\d)\/hour=(\d\d)$/.exec(line);
  const hourMs = match === null ? Number.NaN : Date.parse(`${match[1]}T${match[2]}:00:00Z`);
  return Number.isNaN(hourMs) ? undefined : hourMs;
}

export const tableName = ({ database, table }: HiveTable): string =>
  `${identifier(database)}.${identifier(table)}`;

function partitionSpec(hourMs: number): string {
  const hour = new Date(hourMs).toISOString();
  return `PARTITION (dt = '${hour.slice(0, 10)}', hour = '${hour.slice(11, 13)}')`;
}

const columnDefinition = ({ name, type }: HiveColumn): string => `${identifier(name)} ${type}`;

const identifier = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

/**
 * Everything unusual as an escape of Unicode: quotes and backslashes, but also `$`, for Hive puts variables in place of
 * `${…}` wherever they stand, and `;`, at which some of its clients cut.
 */
const literal = (text: string): string =>
  `'${text.replaceAll(/[^\w ./:=@%,+~-]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)}'`;

function batches<T>(list: readonly T[]): T[][] {
  const count = Math.ceil(list.length / PARTITIONS_PER_STATEMENT);
  return Array.from({ length: count }, (_, i) =>
    list.slice(i * PARTITIONS_PER_STATEMENT, (i + 1) * PARTITIONS_PER_STATEMENT),
  );
}
