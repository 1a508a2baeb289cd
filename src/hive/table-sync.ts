/** Brings one table of Hive to what the manifest says of its stream. All of it may be repeated, at any point. */
import { hourFolder, streamFolder } from '../../storage/archive/segment-path.ts';
import { AppError } from '../model/errors.ts';
import {
  addColumns,
  addPartitions,
  createDatabase,
  createTable,
  describeTable,
  dropPartitions,
  hiveColumns,
  hourOfPartition,
  replaceColumns,
  setLocation,
  showPartitions,
  showTable,
  tableName,
} from './ddl.ts';
import type { HiveConnection, HiveRow } from './hive-client.ts';
import type { PendingHours } from './pending.ts';
import type { HiveTable } from './table-names.ts';
import type { WantedPartition } from './wanted-partitions.ts';

type Run = HiveConnection['run'];

/**
 * Makes the table, or adds the columns that it lacks. Answers whether it was there. Rejects with `hive_refused` if
 * somebody else's table has its name.
 */
export async function ensureTable(
  run: Run,
  table: HiveTable,
  archiveUrl: string,
): Promise<boolean> {
  const location = `${archiveUrl}/${streamFolder(table.schema)}`;
  await run(createDatabase(table));
  const tables = await run(showTable(table));
  const wasThere = tables.some((row) => Object.values(row).includes(table.table));
  await run(createTable(table, location));
  const there = parseDescription(await run(describeTable(table)));
  if (there.location === undefined || pathOf(there.location) !== pathOf(location)) {
    throw new AppError(
      'hive_refused',
      `Hive has ${tableName(table)} at ${there.location}, and it should be at ${location}: drop that table (an external one leaves its files), or set another archive.hive.databasePrefix`,
    );
  }
  const missing = hiveColumns(table.schema).filter(({ name }) => !there.columns.has(name));
  if (missing.length > 0) await run(addColumns(table, missing));
  return wasThere;
}

/**
 * @param asked the hours that may have changed, or all
 * @param wanted those of them that have files; others have none any more
 */
export async function syncPartitions(
  run: Run,
  table: HiveTable,
  asked: PendingHours,
  wanted: ReadonlyMap<number, WantedPartition>,
  archiveUrl: string,
): Promise<void> {
  const there = asked === 'all' ? await partitionsThere(run, table) : undefined;
  const sorted = Array.from(wanted, ([hourMs, { folder, isMixed }]) => ({
    hourMs,
    location: `${archiveUrl}/${folder}`,
    isMoved: folder !== hourFolder({ ...table.schema, hourMs }),
    isMixed,
  })).sort((a, b) => a.hourMs - b.hourMs);
  const missing = sorted.filter(({ hourMs }) => there?.has(hourMs) !== true);
  for (const statement of addPartitions(table, missing)) await run(statement);
  // One that was there keeps its location and its columns until it is told of others.
  for (const partition of sorted) {
    if (there?.has(partition.hourMs) === false) continue;
    if (partition.isMoved) await run(setLocation(table, partition));
    if (partition.isMoved || partition.isMixed) await run(replaceColumns(table, partition.hourMs));
  }
  const dropped = [...(there ?? (asked === 'all' ? [] : asked))]
    .filter((hourMs) => !wanted.has(hourMs))
    .sort((a, b) => a - b);
  for (const statement of dropPartitions(table, dropped)) await run(statement);
}

async function partitionsThere(run: Run, table: HiveTable): Promise<Set<number>> {
  const rows = await run(showPartitions(table));
  const hours = rows.map((row) => hourOfPartition(text(Object.values(row)[0])));
  return new Set(hours.filter((hourMs) => hourMs !== undefined));
}

/** Columns come first, below a header that not every version has; what follows begins with an empty line. */
function parseDescription(rows: readonly HiveRow[]): {
  readonly columns: ReadonlySet<string>;
  readonly location: string | undefined;
} {
  const names = rows.map((row) => text(row['col_name']));
  const first = names.findIndex((name) => name !== '' && !name.startsWith('#'));
  const end = names.findIndex((name, i) => i > first && (name === '' || name.startsWith('#')));
  const at = names.findIndex((name) => /^location:?$/i.test(name));
  return {
    columns: new Set(first < 0 ? [] : names.slice(first, end < 0 ? undefined : end)),
    location: at < 0 ? undefined : text(rows[at]?.['data_type']),
  };
}

/** Hive writes `file:/x` for `file:///x`, and puts in the NameNode where none was named. */
const pathOf = (url: string): string => url.replace(/^[a-z0-9+.-]+:(?:\/\/[^/]*)?/i, '');

const text = (value: unknown): string => (typeof value === 'string' ? value.trim() : '');
